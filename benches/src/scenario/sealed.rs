//! The search of [`super::ldap`] over a connection that a Kerberos ticket has sealed. RFC 4752; MS-ADTS 5.1.1.1.2.

use client::Domain;
use client::kerberos::{Options, Secret};
use client::ldap::{Connection, Limits, Sealing, Search, Transport};
use kerberos::PrincipalName;
use tokio::runtime::{Builder, Runtime};

use super::{Side, take_turns};
use crate::load::Worker;
use crate::population::{self, Sequence};
use crate::report::Report;
use crate::server::Pando;
use crate::{Arguments, BenchError, while_doing};

/// Measures it on Pando alone: slapd has no tickets here.
pub fn measure(arguments: &Arguments, pando: &Pando, report: &mut Report) -> Result<(), BenchError> {
    let domain = pando.domain();
    let worker = |number| -> Result<Box<dyn Worker>, BenchError> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(while_doing("starting a runtime"))?;
        let connection = runtime.block_on(connect(&domain))?;
        let (base, sequence) = (domain.base_dn(), Sequence::of(number));
        Ok(Box::new(Client { runtime, connection, base, users: arguments.users, sequence }))
    };
    let workers = (0..arguments.connections).map(worker).collect::<Result<_, _>>()?;
    take_turns("sealed-search", arguments, vec![Side { meter: pando.meter(), workers }], report)
}

/// A connection of the service identity's, sealed.
pub async fn connect(domain: &Domain) -> Result<Connection, BenchError> {
    let options = Options::default();
    let secret = Secret::password(population::password(population::SERVICE));
    let who = PrincipalName::user(population::SERVICE);
    let ticket = client::kerberos::initial(domain, &who, &secret, &options).await?;
    let mut connection = Connection::connect_any(&domain.ldap, &Transport::Plain, &Limits::default()).await?;
    connection.bind_gssapi(domain, &ticket, &domain.dc_host, Sealing::Confidential, &options).await?;
    Ok(connection)
}

struct Client {
    runtime: Runtime,
    connection: Connection,
    base: String,
    users: u32,
    sequence: Sequence,
}

impl Worker for Client {
    fn operation(&mut self) -> Result<(), BenchError> {
        let name = population::name(self.sequence.below(self.users));
        let search = Search::subtree(&self.base, &format!("(sAMAccountName={name})"), &["cn", "mail"]);
        let found = self.runtime.block_on(self.connection.search(&search))?;
        match found.as_slice() {
            [one] if one.text("cn") == Some(&name) => Ok(()),
            _ => Err(BenchError::Answer(format!("{name} was found {} times", found.len()))),
        }
    }
}
