//! Debian's slapd as its keepers would tune it for this: mdb, the searched attributes indexed, no log, a thread a core.

use std::net::{SocketAddr, TcpStream};
use std::process::Command;

use tempfile::TempDir;

use super::{Running, free_address, system_command};
use crate::process::{Meter, run};
use crate::scenario::ldap::LdapServer;
use crate::{BenchError, population, while_doing};

const BASE: &str = "dc=bench,dc=example";
const PEOPLE: &str = "ou=people,dc=bench,dc=example";

/// A running slapd.
pub struct Slapd {
    meter: Meter,
    address: SocketAddr,
    _process: Running,
    _folder: TempDir,
}

impl Slapd {
    /// With everybody in it, and an access list that lets users read and nobody read passwords.
    pub fn with_users(users: u32, passwords: bool) -> Result<Self, BenchError> {
        let folder = TempDir::new().map_err(while_doing("making a temporary folder"))?;
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir(path("db")).map_err(while_doing("making slapd's folder"))?;
        let threads = std::thread::available_parallelism().map_or(2, usize::from).max(2);
        let configuration = format!(
            "include /etc/ldap/schema/core.schema\ninclude /etc/ldap/schema/cosine.schema\n\
             include /etc/ldap/schema/inetorgperson.schema\nmodulepath /usr/lib/ldap\nmoduleload back_mdb\n\
             pidfile {folder}/pid\nargsfile {folder}/args\nloglevel none\nthreads {threads}\n\
             database mdb\nsuffix {BASE}\ndirectory {folder}/db\nmaxsize 4294967296\nindex objectClass,uid,cn,mail eq\n\
             access to attrs=userPassword by anonymous auth by * none\naccess to * by users read by anonymous auth\n",
            folder = folder.path().display()
        );
        std::fs::write(path("slapd.conf"), configuration).map_err(while_doing("writing slapd.conf"))?;
        let tree = format!(
            "dn: {BASE}\nobjectClass: dcObject\nobjectClass: organization\no: bench\ndc: bench\n\n\
             dn: {PEOPLE}\nobjectClass: organizationalUnit\nou: people\n\n"
        );
        let people = population::inet_org_person_ldif(population::everybody(users), PEOPLE, "bench.example", passwords);
        std::fs::write(path("people.ldif"), tree + &people).map_err(while_doing("writing slapd's entries"))?;
        run(system_command("slapadd").arg("-q").arg("-f").arg(path("slapd.conf")).arg("-l").arg(path("people.ldif")))?;
        let address = free_address()?;
        let mut slapd: Command = system_command("slapd");
        slapd.arg("-f").arg(path("slapd.conf")).args(["-d", "0", "-h", &format!("ldap://{address}")]);
        let mut process = Running::spawn(&mut slapd)?;
        process.until("slapd", || TcpStream::connect(address).ok())?;
        Ok(Self { meter: Meter::new("slapd", process.id()), address, _process: process, _folder: folder })
    }

    /// Its process.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// Its LDAP side.
    pub fn ldap(&self) -> LdapServer<'_> {
        LdapServer { meter: &self.meter, address: self.address, base: BASE, login: "uid", rdn: ("uid", PEOPLE) }
    }
}
