//! `pando domain`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub enum Domain {
    /// Create the first domain of a new forest in an empty folder.
    Provision(Provision),
    /// Print the certificate of the built-in authority, by which clients know the domain controller.
    Ca(DomainCa),
    /// Make a directory of a backup again.
    Restore(DomainRestore),
    /// Restore the newest backup into a folder that is thrown away, and look through all of it.
    VerifyBackup(DomainVerify),
}

#[derive(Args, Debug)]
pub struct Provision {
    /// The folder that will hold the directory.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// The domain's DNS name, such as contoso.com.
    #[arg(long, value_name = "DNS NAME")]
    pub domain: String,
    /// The domain's NetBIOS name; the first label of the DNS name in upper case if not given.
    #[arg(long, value_name = "NAME")]
    pub netbios: Option<String>,
    /// The host name of its first domain controller.
    #[arg(long, value_name = "NAME", default_value = "dc1")]
    pub dc_name: String,
    /// A file with the password of Administrator: its first line.
    #[arg(long, value_name = "FILE")]
    pub admin_password_file: PathBuf,
    /// Give the domain controller the service principal names of `localhost` too. For development.
    #[arg(long)]
    pub loopback: bool,
    /// Create a KDS root key that is effective at once, so that gMSAs can be made. Leave it away in a forest with several domain
    /// controllers, and create the key ten hours ahead.
    #[arg(long)]
    pub kds_root_key: bool,
    /// Where the key to its secrets is, or is made; directory.key in --data if not given. A key that is there is used.
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// Succeed without doing anything if there is a directory in --data; and begin again where an earlier attempt was interrupted.
    #[arg(long)]
    pub if_missing: bool,
}

#[derive(Args, Debug)]
pub struct DomainCa {
    /// The folder with the directory.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
}

#[derive(Args, Debug)]
pub struct DomainRestore {
    /// A backup, or a folder of them, as `pando dc run --backup-dir` makes them: the newest.
    #[arg(long, value_name = "PATH")]
    pub backup: PathBuf,
    /// The folder that will hold the directory.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// The key of the directory, which is not in its backups; directory.key in --data if not given.
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct DomainVerify {
    /// A backup, or a folder of them: the newest.
    #[arg(long, value_name = "PATH")]
    pub backup: PathBuf,
    /// The key of the directory.
    #[arg(long, value_name = "FILE")]
    pub key_file: PathBuf,
    /// Fail if the backup is older than this.
    #[arg(long, value_name = "HOURS")]
    pub newer_than: Option<u64>,
    /// Where to restore it for the time being; the system's folder for temporary files if not given.
    #[arg(long, value_name = "DIR")]
    pub scratch: Option<PathBuf>,
}
