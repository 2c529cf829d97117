//! Load generators and paired benchmarks.
