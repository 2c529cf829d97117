//! Pods made at a real API server, with the chart's webhook and policy in it.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "only tests here; failing is their job"
)]

mod pods;
mod service;
mod shop;
