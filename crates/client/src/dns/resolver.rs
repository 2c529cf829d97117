//! Questions to the DNS servers of this machine.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use dtyp::{Random, SystemRandom};
use simple_dns::{CLASS, Name, QCLASS, QTYPE, Question, RCODE, SimpleDnsError, TYPE};

use super::answer::{self, Server};
use super::exchange::ask;
use super::{Error, Via};

/// More servers than anybody has.
const MOST_SERVERS: usize = 8;

/// Asks DNS servers, one after the other.
#[derive(Clone)]
pub struct Resolver {
    servers: Vec<SocketAddr>,
    patience: Duration,
    random: Arc<dyn Random>,
}

impl Resolver {
    /// Asks these servers.
    #[must_use]
    pub fn new(servers: impl IntoIterator<Item = SocketAddr>) -> Self {
        let servers = servers.into_iter().take(MOST_SERVERS).collect();
        Self { servers, patience: Duration::from_secs(3), random: Arc::new(SystemRandom) }
    }

    /// Asks the servers of this machine.
    #[must_use]
    pub fn system() -> Self {
        Self::new(name_servers(&std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default()))
    }

    /// Whom it asks.
    #[must_use]
    pub fn servers(&self) -> &[SocketAddr] {
        &self.servers
    }

    /// The servers of a service, in no order, and who said so.
    pub(super) async fn service(&self, name: &str, via: Via) -> Result<(SocketAddr, Vec<Server>), Error> {
        let (server, answer) = self.question(name, TYPE::SRV, "SRV", via).await?;
        let servers = answer::servers(&answer).map_err(damaged(server, name))?;
        match servers.is_empty() {
            true => Err(Error::NotFound { server, kind: "SRV", name: name.to_owned() }),
            false => Ok((server, servers)),
        }
    }

    /// The addresses of a host.
    pub(super) async fn addresses(&self, host: &str, via: Via) -> Result<Vec<IpAddr>, Error> {
        let mut found = Vec::new();
        let mut last = None;
        for kind in [TYPE::A, TYPE::AAAA] {
            match self.question(host, kind, "A or AAAA", via).await {
                Ok((server, answer)) => {
                    found.extend(answer::addresses(&answer).map_err(damaged(server, host))?);
                    let name = host.to_owned();
                    last = Some(Error::NotFound { server, kind: "A or AAAA", name });
                }
                Err(error) => last = Some(error),
            }
        }
        match (found.is_empty(), last) {
            (true, Some(error)) => Err(error),
            _ => Ok(found),
        }
    }

    async fn question(
        &self,
        name: &str,
        kind: TYPE,
        kind_name: &'static str,
        via: Via,
    ) -> Result<(SocketAddr, Vec<u8>), Error> {
        let bad = |_| Error::Name(name.chars().take(128).collect());
        let question = Question::new(Name::new(name).map_err(bad)?, QTYPE::TYPE(kind), QCLASS::CLASS(CLASS::IN), false);
        let (mut tried, mut refused) = (Vec::new(), None);
        for &server in &self.servers {
            let mut id = [0; 2];
            self.random.fill(&mut id);
            match ask(server, u16::from_be_bytes(id), &question, via, self.patience).await {
                // What one server cannot or will not say, the next one may.
                Ok(answer) => match said(server, name, kind_name, answer) {
                    Err(error @ Error::Refused { .. }) => refused = Some(error),
                    said => return said,
                },
                Err(error) => tried.push(format!("{server}: {error}")),
            }
        }
        match refused {
            Some(error) => Err(error),
            None if tried.is_empty() => Err(Error::NoServer),
            None => Err(Error::Unreachable { name: name.to_owned(), via, tried: tried.join("; ") }),
        }
    }

    pub(super) fn random_below(&self, limit: u32) -> u32 {
        let mut bytes = [0; 8];
        self.random.fill(&mut bytes);
        let limit = u64::from(limit.max(1));
        u32::try_from(u64::from_be_bytes(bytes) % limit).unwrap_or(0)
    }
}

fn said(server: SocketAddr, name: &str, kind: &'static str, answer: Vec<u8>) -> Result<(SocketAddr, Vec<u8>), Error> {
    let code = answer::code(&answer).map_err(damaged(server, name))?;
    let name = name.to_owned();
    match code {
        RCODE::NoError => Ok((server, answer)),
        RCODE::NameError => Err(Error::NotFound { server, kind, name }),
        code => Err(Error::Refused { server, name, code: format!("{code:?}") }),
    }
}

fn damaged(server: SocketAddr, name: &str) -> impl FnOnce(SimpleDnsError) -> Error {
    move |error| Error::Refused { server, name: name.to_owned(), code: format!("a damaged answer: {error}") }
}

/// The servers in a resolv.conf(5).
fn name_servers(text: &str) -> Vec<SocketAddr> {
    let addresses = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let address = words.next().filter(|word| *word == "nameserver").and(words.next())?;
        // `fe80::1%eth0` has a zone, which only matters for link-local addresses.
        address.split('%').next()?.parse::<IpAddr>().ok()
    });
    addresses.map(|address| SocketAddr::new(address, 53)).collect()
}

#[cfg(test)]
mod tests {
    use simple_dns::Packet;
    use tokio::net::UdpSocket;

    use super::*;

    /// Answers one question by UDP with this code.
    async fn answers_once(server: &UdpSocket, code: RCODE) {
        let mut query = vec![0; 512];
        let (count, from) = server.recv_from(&mut query).await.unwrap();
        let mut reply = Packet::parse(&query[..count]).unwrap().into_reply();
        *reply.rcode_mut() = code;
        server.send_to(&reply.build_bytes_vec().unwrap(), from).await.unwrap();
    }

    #[tokio::test]
    async fn a_server_that_fails_is_passed_over_and_named_when_nobody_knows_better() {
        let failing = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let knowing = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let (first, second) = (failing.local_addr().unwrap(), knowing.local_addr().unwrap());
        let both = Resolver::new([first, second]);
        let answering = async {
            answers_once(&failing, RCODE::ServerFailure).await;
            answers_once(&knowing, RCODE::NameError).await;
        };
        let (asked, ()) = tokio::join!(both.service("_ldap._tcp.contoso.com", Via::Udp), answering);
        assert!(matches!(asked, Err(Error::NotFound { server, .. }) if server == second), "{asked:?}");
        let alone = Resolver::new([first]);
        let answering = answers_once(&failing, RCODE::Refused);
        let (asked, ()) = tokio::join!(alone.service("_ldap._tcp.contoso.com", Via::Udp), answering);
        assert!(matches!(asked, Err(Error::Refused { server, .. }) if server == first), "{asked:?}");
    }

    #[test]
    fn the_machines_servers_are_read() {
        let text = "# x\nsearch contoso.com\nnameserver 10.0.0.1\n  nameserver\t2001:db8::1 \nnameserver nonsense\noptions rotate\n";
        let servers: Vec<_> = name_servers(text).iter().map(ToString::to_string).collect();
        assert_eq!(servers, ["10.0.0.1:53", "[2001:db8::1]:53"]);
    }

    #[tokio::test]
    async fn without_a_server_that_is_what_is_said() {
        let error = Resolver::new([]).service("_ldap._tcp.contoso.com", Via::Udp).await.unwrap_err();
        assert!(matches!(error, Error::NoServer), "{error}");
    }

    #[tokio::test]
    async fn answers_to_other_questions_are_not_taken() {
        let server = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let resolver = Resolver::new([server.local_addr().unwrap()]);
        let answering = async {
            let mut query = vec![0; 512];
            let (count, from) = server.recv_from(&mut query).await.unwrap();
            let query = Packet::parse(&query[..count]).unwrap().into_reply();
            let mut other_id = query.clone();
            other_id.set_id(query.id().wrapping_add(1));
            let mut other_name = query.clone();
            other_name.questions[0].qname = Name::new_unchecked("evil.test");
            for packet in [&other_id, &other_name] {
                server.send_to(&packet.build_bytes_vec().unwrap(), from).await.unwrap();
            }
            server.send_to(b"nonsense", from).await.unwrap();
            let mut right = query.clone();
            *right.rcode_mut() = RCODE::NameError;
            server.send_to(&right.build_bytes_vec().unwrap(), from).await.unwrap();
        };
        let (asked, ()) = tokio::join!(resolver.service("_ldap._tcp.contoso.com", Via::Udp), answering);
        assert!(matches!(asked, Err(Error::NotFound { .. })), "{asked:?}");
    }
}
