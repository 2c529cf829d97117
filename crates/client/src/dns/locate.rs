//! The controllers of a domain, in the order to try them, and the first that answers.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

use super::answer::Server;
use super::{Error, Resolver, Via};
use crate::{Domain, Endpoint};

/// How many controllers are tried.
const MOST_TRIED: usize = 8;
/// How long each has to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// A domain controller, as DNS names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainController {
    /// Its DNS name.
    pub host: String,
    /// Its LDAP port.
    pub port: u16,
}

/// What was found, and who said so.
#[derive(Clone, Debug)]
pub struct Found {
    /// The domain with its servers.
    pub domain: Domain,
    /// The DNS server that named them.
    pub dns: SocketAddr,
    /// The controllers it named, in the order to try them.
    pub controllers: Vec<DomainController>,
}

/// The controllers that DNS names, in the order to try them: by priority, and by chance as their weights say.
///
/// # Errors
/// When DNS does not answer, or names none.
pub async fn controllers(
    dns_name: &str,
    resolver: &Resolver,
    via: Via,
) -> Result<(SocketAddr, Vec<DomainController>), Error> {
    let (dns, servers) = resolver.service(&format!("_ldap._tcp.dc._msdcs.{dns_name}"), via).await?;
    let ordered = order(servers, |limit| resolver.random_below(limit));
    Ok((dns, ordered.into_iter().map(|server| DomainController { host: server.host, port: server.port }).collect()))
}

/// Finds the domain's servers: the first controller that answers for LDAP, and the controllers' KDCs, that one's first.
///
/// # Errors
/// When DNS names none, or none answers.
pub async fn locate(domain: &Domain, resolver: &Resolver) -> Result<Found, Error> {
    let (via, (dns, controllers)) = match controllers(&domain.dns_name, resolver, Via::Udp).await {
        // Some networks let only one of the two through.
        Err(Error::Unreachable { .. }) => (Via::Tcp, controllers(&domain.dns_name, resolver, Via::Tcp).await?),
        found => (Via::Udp, found?),
    };
    let kdcs = resolver.service(&format!("_kerberos._tcp.dc._msdcs.{}", domain.dns_name), via).await;
    let kdcs = order(kdcs.map(|(_, kdcs)| kdcs).unwrap_or_default(), |limit| resolver.random_below(limit));
    let mut tried = Vec::new();
    for controller in controllers.iter().take(MOST_TRIED) {
        match answering(controller, resolver, via).await {
            Ok(address) => {
                let ldap = Endpoint::from(address);
                let kdc = kdcs.iter().find(|kdc| kdc.host.eq_ignore_ascii_case(&controller.host));
                let kdc = Endpoint::new(ldap.host.clone(), kdc.map_or(Endpoint::KERBEROS, |kdc| kdc.port));
                let others = kdcs.iter().filter(|kdc| !kdc.host.eq_ignore_ascii_case(&controller.host));
                let others = others.take(MOST_TRIED).map(|kdc| Endpoint::new(kdc.host.clone(), kdc.port));
                let all = std::iter::once(kdc).chain(others);
                let domain = domain.clone().with_kdcs(all).with_ldap(&controller.host, [ldap]);
                return Ok(Found { domain, dns, controllers });
            }
            Err(error) => tried.push(format!("{}: {error}", controller.host)),
        }
    }
    Err(Error::NoneAnswers { domain: domain.dns_name.clone(), tried: tried.join("; ") })
}

/// The address at which it answers.
async fn answering(controller: &DomainController, resolver: &Resolver, via: Via) -> Result<SocketAddr, String> {
    let addresses = resolver.addresses(&controller.host, via).await.map_err(|error| error.to_string())?;
    let mut last = "it has no address".to_owned();
    for address in addresses.into_iter().take(MOST_TRIED) {
        let address = SocketAddr::new(address, controller.port);
        match timeout(PATIENCE, TcpStream::connect(address)).await {
            Ok(Ok(_)) => return Ok(address),
            Ok(Err(error)) => last = format!("{address}: {error}"),
            Err(_) => last = format!("{address}: no answer in time"),
        }
    }
    Err(last)
}

/// RFC 2782: lower priorities first; among equals each is next with a chance by its weight.
fn order(mut servers: Vec<Server>, mut below: impl FnMut(u32) -> u32) -> Vec<Server> {
    servers.sort_by_key(|server| (server.priority, server.weight));
    let mut ordered = Vec::with_capacity(servers.len());
    while let Some(priority) = servers.first().map(|server| server.priority) {
        let same = servers.iter().take_while(|server| server.priority == priority).count();
        let weights = servers.iter().take(same).map(|server| u32::from(server.weight));
        let mut left = below(weights.clone().sum::<u32>() + 1);
        let mut chosen = 0;
        for (place, weight) in weights.enumerate() {
            chosen = place;
            if left <= weight {
                break;
            }
            left -= weight;
        }
        ordered.push(servers.remove(chosen));
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(priority: u16, weight: u16, host: &str) -> Server {
        Server { priority, weight, port: 389, host: host.into() }
    }

    fn hosts(servers: Vec<Server>) -> Vec<String> {
        servers.into_iter().map(|server| server.host).collect()
    }

    #[test]
    fn lower_priorities_come_first_and_weights_decide_among_equals() {
        let all = || vec![server(10, 100, "far"), server(0, 100, "heavy"), server(0, 0, "light")];
        assert_eq!(hosts(order(all(), |_| 0)), ["light", "heavy", "far"]);
        assert_eq!(hosts(order(all(), |limit| limit - 1)), ["heavy", "light", "far"]);
    }

    #[test]
    fn the_heaviest_weights_do_not_overflow() {
        let all = (0..64).map(|n| server(0, u16::MAX, &n.to_string())).collect();
        assert_eq!(order(all, |limit| limit - 1).len(), 64);
    }
}
