//! From this machine to the domain's controllers: DNS, ports, clocks, and what a controller says of itself.

use std::net::SocketAddr;
use std::time::Duration;

use ccg::Guard;
use client::dns::{self, Resolver, Via};
use client::ldap::{Connection, Entry};
use client::{Domain, Endpoint, kerberos};
use dtyp::FileTime;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::finding::Findings;

/// Clocks that differ by more are still good enough, but not well kept.
const LOOSE: Duration = Duration::from_secs(60);
/// Kerberos refuses what differs by more. RFC 4120 8.2.
const SKEWED: Duration = Duration::from_secs(300);
const PATIENCE: Duration = Duration::from_secs(3);

/// Finds the domain's servers, and looks at each way to them. The domain, if it can be talked to.
pub async fn examine(domain: &Domain, guard: &Guard, findings: &mut Findings) -> Option<Domain> {
    let options = guard.options();
    let placed = match domain.is_placed {
        true => {
            findings.holds("DNS", "not asked: the command says where the servers are");
            domain.clone()
        }
        false => locate(domain, &options.resolver, findings).await?,
    };
    let kdc = kerberos_ports(&placed, &options.kerberos, findings).await;
    let directory = directory(&placed, guard, findings).await;
    (kdc && directory).then_some(placed)
}

async fn locate(domain: &Domain, resolver: &Resolver, findings: &mut Findings) -> Option<Domain> {
    for (link, via) in [("DNS by UDP", Via::Udp), ("DNS by TCP", Via::Tcp)] {
        match dns::controllers(&domain.dns_name, resolver, via).await {
            Ok((server, controllers)) => {
                let names: Vec<_> = controllers.iter().take(5).map(|controller| controller.host.as_str()).collect();
                findings.holds(link, format!("{server} names {}", names.join(", ")));
            }
            Err(error) => findings.broken(link, error.to_string(), Some(dns_fix(&error, via))),
        }
    }
    match dns::locate(domain, resolver).await {
        Ok(found) => {
            findings.holds("a controller that answers", found.domain.dc_host.clone());
            Some(found.domain)
        }
        Err(error) => {
            findings.broken("a controller that answers", error.to_string(), Some(dns_fix(&error, Via::Udp)));
            None
        }
    }
}

fn dns_fix(error: &dns::Error, via: Via) -> String {
    match (error, via) {
        (dns::Error::NoServer, _) => "name a DNS server of the domain in /etc/resolv.conf, or with --dns",
        (dns::Error::Unreachable { .. }, Via::Tcp) => {
            "let TCP port 53 through to the DNS server too: answers that do not fit into a datagram need it"
        }
        (dns::Error::Unreachable { .. }, Via::Udp) => {
            "let UDP port 53 through to the DNS server, or ask another with --dns"
        }
        (dns::Error::NoneAnswers { .. }, _) => {
            "let TCP port 389 through to the domain controllers, and see that they run"
        }
        _ => {
            "ask a DNS server that knows the domain's _msdcs records (a domain controller does): with --dns, or in \
             /etc/resolv.conf; or say where the servers are with --kdc, --ldap and --dc-host"
        }
    }
    .to_owned()
}

async fn addresses(endpoint: &Endpoint) -> Result<SocketAddr, String> {
    let found = tokio::net::lookup_host((endpoint.host.as_str(), endpoint.port)).await;
    let mut found = found.map_err(|error| format!("{endpoint}: {error}"))?;
    found.next().ok_or_else(|| format!("{endpoint}: the name has no address"))
}

/// Both ways to the KDC, and its clock.
async fn kerberos_ports(domain: &Domain, options: &kerberos::Options, findings: &mut Findings) -> bool {
    let Some(kdc) = domain.kdcs.first() else {
        findings.broken("Kerberos", "no KDC is known", None);
        return false;
    };
    let address = match addresses(kdc).await {
        Ok(address) => address,
        Err(what) => {
            findings.broken("Kerberos", what, Some("correct --kdc, or the name in DNS".to_owned()));
            return false;
        }
    };
    let by_udp = kerberos::clock(domain, address, true, options).await;
    let by_tcp = kerberos::clock(domain, address, false, options).await;
    let answered = by_udp.is_ok() || by_tcp.is_ok();
    for (link, answer, way) in [("Kerberos by UDP", &by_udp, "UDP"), ("Kerberos by TCP", &by_tcp, "TCP")] {
        match answer {
            Ok(_) => findings.holds(link, format!("the KDC {address} answers")),
            Err(error) if answered => {
                findings.warning(
                    link,
                    format!("{address}: {error}"),
                    &format!("let {way} port {} through; the other way works", kdc.port),
                );
            }
            Err(error) => {
                let fix =
                    format!("let {way} port {} through to the domain controller, and see that its KDC runs", kdc.port);
                findings.broken(link, format!("{address}: {error}"), Some(fix));
            }
        }
    }
    match by_udp.or(by_tcp) {
        Ok(theirs) => clocks(theirs, options.clock.now(), findings),
        Err(_) => findings.not_reached("the clocks"),
    }
    answered
}

fn clocks(theirs: FileTime, ours: FileTime, findings: &mut Findings) {
    let apart = theirs.since(ours).max(ours.since(theirs));
    let seen = format!("they differ by {} s", apart.as_secs());
    const FIX: &str = "set both by NTP; Kerberos refuses clocks that differ by more than five minutes";
    match apart {
        apart if apart > SKEWED => findings.broken("the clocks", seen, Some(FIX.to_owned())),
        apart if apart > LOOSE => findings.warning("the clocks", seen, FIX),
        _ => findings.holds("the clocks", seen),
    }
}

/// What the controller says of itself before anybody has logged on. MS-ADTS 3.1.1.3.2.
async fn directory(domain: &Domain, guard: &Guard, findings: &mut Findings) -> bool {
    let options = guard.options();
    let asked = async {
        let mut connection = Connection::connect_any(&domain.ldap, &options.transport, &options.limits).await?;
        let attributes = ["dnsHostName", "supportedSASLMechanisms", "isSynchronized"];
        let root = connection.read("", &attributes).await?;
        connection.unbind().await;
        Ok::<_, client::ldap::Error>(root)
    };
    let holds = match asked.await {
        Ok(Some(root)) => names(&root, domain, findings),
        Ok(None) => {
            findings.broken("LDAP", "the server has no rootDSE: it is no domain controller", None);
            false
        }
        Err(error) => {
            let fix = "let TCP port 389 through to the domain controller, and see that it runs";
            findings.broken("LDAP", error.to_string(), Some(fix.to_owned()));
            false
        }
    };
    ldaps(domain, findings).await;
    holds
}

fn names(root: &Entry, domain: &Domain, findings: &mut Findings) -> bool {
    let host = root.text("dnsHostName").unwrap_or_default();
    if !host.eq_ignore_ascii_case(&domain.dc_host) {
        let fix = format!("its tickets are for ldap/{host}: say --dc-host {host}");
        findings.broken("LDAP", format!("the server calls itself {host}, not {}", domain.dc_host), Some(fix));
        return false;
    }
    let gssapi = root.values("supportedSASLMechanisms").iter().any(|mechanism| mechanism == b"GSSAPI");
    match gssapi {
        true => findings.holds("LDAP", format!("{host} answers, and can encrypt with Kerberos")),
        false => findings.broken("LDAP", format!("{host} does not offer SASL GSSAPI"), None),
    }
    gssapi
}

/// The guard can do without; administrators' commands cannot.
async fn ldaps(domain: &Domain, findings: &mut Findings) {
    let Some(ldap) = domain.ldap.first().filter(|ldap| ldap.port == Endpoint::LDAP) else { return };
    let endpoint = Endpoint::new(ldap.host.clone(), Endpoint::LDAPS);
    let connected = match addresses(&endpoint).await {
        Ok(address) => timeout(PATIENCE, TcpStream::connect(address)).await.is_ok_and(|connected| connected.is_ok()),
        Err(_) => false,
    };
    match connected {
        true => findings.holds("LDAPS", format!("{endpoint} takes connections")),
        false => findings.warning(
            "LDAPS",
            format!("{endpoint} takes no connections"),
            "the guard does without it; `pando gmsa` and `pando credspec new` need TCP port 636",
        ),
    }
}
