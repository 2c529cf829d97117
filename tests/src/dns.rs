//! A real DNS server with the records of a domain, as its own DNS would have them.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::{Domain, address};

/// On an address of the server's own, where no connection can have it.
const PORT: u16 = 10_053;

/// A running dnsmasq on loopback.
pub struct DnsServer {
    process: Child,
    address: SocketAddr,
}

impl DnsServer {
    /// Names the domain's one controller, dc1, at its ports.
    pub fn for_domain(domain: &Domain) -> Self {
        let ports = domain.ports();
        let service = |name: &str, port: u16| {
            format!("--srv-host={name}._tcp.dc._msdcs.contoso.com,dc1.contoso.com,{port},0,100")
        };
        let records = [service("_ldap", ports.ldap.port()), service("_kerberos", ports.kerberos.port())];
        Self::start(&[&records[0], &records[1], "--address=/dc1.contoso.com/127.0.0.1"])
    }

    /// Knows nothing of the domain.
    pub fn stranger() -> Self {
        Self::start(&[])
    }

    fn start(records: &[&str]) -> Self {
        let address = SocketAddr::from((address::own(), PORT));
        let process = Command::new("dnsmasq")
            .args(["--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--bind-interfaces"])
            .args(["--user=root", "--group=root", "--pid-file="])
            .args([format!("--listen-address={}", address.ip()), format!("--port={}", address.port())])
            .args(records)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("`cargo xtask test` installs dnsmasq-base");
        let mut server = Self { process, address };
        server.await_ready();
        server
    }

    fn await_ready(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while std::net::TcpStream::connect(self.address).is_err() {
            let ended = self.process.try_wait().expect("the server can be asked after");
            assert!(ended.is_none() && Instant::now() < deadline, "dnsmasq does not run: {ended:?}");
            std::thread::yield_now();
        }
    }

    /// Where it answers.
    pub fn address(&self) -> String {
        self.address.to_string()
    }
}

impl Drop for DnsServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
