//! The service's own connection: who the application is.

use client::ldap::{Connection, Sealing, Transport};
use client::{Ccache, Credential};
use dtyp::FileTime;

use crate::pool::Pooled;
use crate::{Config, LoginError, ServiceIdentity};

/// Connects and binds as the service. The credential cache is read anew each time: whoever renews its tickets need not tell us.
pub(crate) async fn connect(config: &Config) -> Result<Pooled, LoginError> {
    match &config.service {
        ServiceIdentity::Ccache(path) => {
            let path = path.clone();
            let cache = tokio::task::spawn_blocking(move || Ccache::read(path))
                .await
                .map_err(|error| LoginError::Identity(error.to_string()))?
                .map_err(|error| LoginError::Identity(error.to_string()))?;
            let ticket = usable(&cache, config)?;
            let mut connection = open(config).await?;
            // Active Directory refuses a second layer inside TLS.
            let sealing =
                if matches!(config.transport, Transport::Plain) { Sealing::Confidential } else { Sealing::None };
            let domain = &config.domain;
            connection.bind_gssapi(domain, ticket, &domain.dc_host, sealing, &config.kerberos).await?;
            Ok(Pooled { connection, until: ticket.end_time })
        }
        ServiceIdentity::Simple { name, password } => {
            let mut connection = open(config).await?;
            connection.bind_simple(name, password).await?;
            Ok(Pooled { connection, until: FileTime::NEVER })
        }
    }
}

async fn open(config: &Config) -> Result<Connection, LoginError> {
    Ok(Connection::connect_any(&config.domain.ldap, &config.transport, &config.limits).await?)
}

/// The ticket to bind with: a ticket-granting one, or one for the directory itself.
fn usable<'a>(cache: &'a Ccache, config: &Config) -> Result<&'a Credential, LoginError> {
    let ticket = cache.ticket_granting().or_else(|| cache.service(&config.domain.ldap_spn()));
    let who = format!("{}@{}", cache.principal, cache.realm);
    let ticket =
        ticket.ok_or_else(|| LoginError::Identity(format!("the credential cache of {who} holds no ticket")))?;
    if ticket.is_expired(config.kerberos.clock.now()) {
        let ended = ticket.end_time.generalized();
        return Err(LoginError::Identity(format!("the ticket of {who} ended at {ended}: nobody renews it")));
    }
    Ok(ticket)
}
