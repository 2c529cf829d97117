//! MIT's krb5kdc with its own database: AES-256 keys, nothing written on a logon (last success and lockout are off).

use std::fmt::Write;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::process::Command;

use tempfile::TempDir;

use super::{Running, free_address, system_command};
use crate::process::{Meter, run, run_with_input};
use crate::scenario::as_req::Kdc;
use crate::{BenchError, population, while_doing};

const REALM: &str = "BENCH.EXAMPLE";

/// A running krb5kdc.
pub struct Krb5Kdc {
    meter: Meter,
    address: SocketAddr,
    _process: Running,
    _folder: TempDir,
}

impl Krb5Kdc {
    /// With everybody in it; every account needs pre-authentication.
    pub fn with_users(users: u32) -> Result<Self, BenchError> {
        let folder = TempDir::new().map_err(while_doing("making a temporary folder"))?;
        let address = free_address()?;
        let profile = format!(
            "[libdefaults]\n default_realm = {REALM}\n dns_lookup_kdc = false\n dns_lookup_realm = false\n rdns = false\n\
             [kdcdefaults]\n kdc_listen = {port}\n kdc_tcp_listen = {port}\n\
             [realms]\n {REALM} = {{\n  database_module = db\n  key_stash_file = {folder}/stash\n  acl_file = {folder}/acl\n  \
             master_key_type = aes256-cts-hmac-sha1-96\n  supported_enctypes = aes256-cts-hmac-sha1-96:normal\n  \
             default_principal_flags = +preauth\n }}\n\
             [dbmodules]\n db = {{\n  db_library = db2\n  database_name = {folder}/principal\n  \
             disable_last_success = true\n  disable_lockout = true\n }}\n\
             [logging]\n kdc = FILE:/dev/null\n admin_server = FILE:/dev/null\n",
            port = address.port(),
            folder = folder.path().display()
        );
        let path = folder.path().join("krb5.conf");
        std::fs::write(&path, profile).map_err(while_doing("writing krb5.conf"))?;
        let with_profile = |program: &str| -> Command {
            let mut command = system_command(program);
            command.env("KRB5_CONFIG", &path).env("KRB5_KDC_PROFILE", &path).current_dir(folder.path());
            command
        };
        run(with_profile("kdb5_util").args(["create", "-s", "-W", "-r", REALM, "-P", "bench-master-key"]))?;
        let mut commands = String::new();
        for name in population::everybody(users) {
            let _ = writeln!(commands, "addprinc -pw {} {name}", population::password(&name));
        }
        run_with_input(&mut with_profile("kadmin.local"), commands.as_bytes())?;
        let mut process = Running::spawn(with_profile("krb5kdc").arg("-n"))?;
        process.until("krb5kdc", || TcpStream::connect(address).ok())?;
        Ok(Self { meter: Meter::new("krb5kdc", process.id()), address, _process: process, _folder: folder })
    }

    /// Its process.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// Its Kerberos side.
    pub fn kdc(&self) -> Kdc<'_> {
        Kdc { meter: &self.meter, address: self.address, realm: REALM }
    }
}
