//! The rate limiter as a program of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    rate_limiter::main_from_args(std::env::args_os())
}
