//! Managed passwords over months, under a clock of the test's own.
