//! A real DNS server with the records of a domain, as its own DNS would have them.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Domain;

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
        let address = free_port();
        let process = Command::new("dnsmasq")
            .args(["--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--bind-interfaces"])
            .args(["--listen-address=127.0.0.1", "--user=root", "--group=root", "--pid-file="])
            .arg(format!("--port={}", address.port()))
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

/// A port that is free for both, a moment ago.
fn free_port() -> SocketAddr {
    loop {
        let tcp = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = tcp.local_addr().expect("it has an address");
        if UdpSocket::bind(address).is_ok() {
            return address;
        }
    }
}
