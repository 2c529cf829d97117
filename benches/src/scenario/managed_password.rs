//! Reads of `msDS-ManagedPassword` over a connection that a Kerberos ticket has sealed, as a container's host makes them.
//! MS-ADTS 3.1.1.4.5.39, RFC 4752.

use client::ldap::{Connection, Search};
use tokio::runtime::{Builder, Runtime};

use super::{Side, sealed, take_turns};
use crate::load::Worker;
use crate::population::Sequence;
use crate::report::Report;
use crate::server::Pando;
use crate::{Arguments, BenchError, while_doing};

/// How many gMSAs there are to be read.
const ACCOUNTS: u32 = 32;
/// What is read.
const PASSWORD: &str = "msDS-ManagedPassword";
/// A blob without a previous password. MS-ADTS 2.2.19.
const SHORTEST: usize = 290;

/// Measures it on Pando alone: nobody else here has such accounts.
pub fn measure(arguments: &Arguments, pando: &Pando, report: &mut Report) -> Result<(), BenchError> {
    let names = pando.managed_accounts(ACCOUNTS)?;
    let domain = pando.domain();
    let worker = |number| -> Result<Box<dyn Worker>, BenchError> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(while_doing("starting a runtime"))?;
        let connection = runtime.block_on(sealed::connect(&domain))?;
        let (base, sequence) = (domain.base_dn(), Sequence::of(number));
        Ok(Box::new(Host { runtime, connection, base, names: names.clone(), sequence }))
    };
    let workers = (0..arguments.connections).map(worker).collect::<Result<_, _>>()?;
    take_turns("managed-password", arguments, vec![Side { meter: pando.meter(), workers }], report)
}

struct Host {
    runtime: Runtime,
    connection: Connection,
    base: String,
    names: Vec<String>,
    sequence: Sequence,
}

impl Worker for Host {
    fn operation(&mut self) -> Result<(), BenchError> {
        let name = &self.names[self.sequence.below(ACCOUNTS) as usize % self.names.len()];
        let search = Search::subtree(&self.base, &format!("(sAMAccountName={name}$)"), &[PASSWORD]);
        let found = self.runtime.block_on(self.connection.search(&search))?;
        match found.as_slice() {
            [one] if one.first(PASSWORD).is_some_and(|blob| blob.len() >= SHORTEST) => Ok(()),
            _ => Err(BenchError::Answer(format!("the password of {name} was not released"))),
        }
    }
}
