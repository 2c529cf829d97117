//! The installer on a computer that fails at the step that `FAULTY_AT` counts: for the tests, to see a real one put back as it was.
#![forbid(unsafe_code)]

#[cfg(windows)]
mod faulty;

#[cfg(windows)]
fn main() -> std::process::ExitCode {
    faulty::main()
}

#[cfg(not(windows))]
fn main() {}
