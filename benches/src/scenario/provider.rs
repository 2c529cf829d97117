//! Calls of the account provider, one after the other: what the plugin waits for once the handshake is through. The provider takes one request
//! a connection, so what it costs includes the handshakes.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use pki::{Identity, Roots};

use crate::load::Sample;
use crate::report::Report;
use crate::server::AccountProvider;
use crate::{Arguments, BenchError, while_doing};

/// Measures as many turns as are wanted.
pub fn measure(arguments: &Arguments, report: &mut Report) -> Result<(), BenchError> {
    eprintln!("Measuring provider ...");
    let provider = AccountProvider::start()?;
    let folder = provider.host_dir().join("bench");
    let file = |name: &str| folder.join(name);
    let roots = Roots::load(&file("ssl/ca/ca.crt"))?;
    let identity = Identity::load(&file("ssl/client/tls.crt"), &file("ssl/client/tls.key"))?;
    let tls = pki::client_config(&roots, Some(&identity))?;
    let port = std::fs::read_to_string(file("port.txt")).map_err(while_doing("reading the provider's port"))?;
    let mut sample = Sample::default();
    for _ in 0..arguments.rounds {
        let (cpu, began, mut latencies) = (provider.meter().cpu()?, Instant::now(), Vec::new());
        while began.elapsed() < arguments.turn() {
            let took = call(&tls, &port)?;
            latencies.push(u32::try_from(took.as_nanos()).unwrap_or(u32::MAX));
        }
        sample.add(latencies, began.elapsed(), provider.meter().cpu()?.saturating_sub(cpu));
    }
    report.load("provider, after the handshake", provider.meter().server(), sample);
    report.memory(provider.meter())
}

fn call(tls: &std::sync::Arc<rustls::ClientConfig>, port: &str) -> Result<Duration, BenchError> {
    let doing = || while_doing("calling the account provider");
    let mut socket = TcpStream::connect(format!("127.0.0.1:{port}")).map_err(doing())?;
    socket.set_nodelay(true).map_err(doing())?;
    let name =
        rustls::pki_types::ServerName::try_from("localhost").map_err(|error| BenchError::Answer(error.to_string()))?;
    let wrong = |error: rustls::Error| BenchError::Answer(error.to_string());
    let mut connection = rustls::ClientConnection::new(std::sync::Arc::clone(tls), name).map_err(wrong)?;
    while connection.is_handshaking() {
        connection.complete_io(&mut socket).map_err(doing())?;
    }
    let began = Instant::now();
    let mut stream = rustls::Stream::new(&mut connection, &mut socket);
    stream.write_all(b"GET /provider HTTP/1.1\r\nhost: localhost\r\nobject: creds\r\n\r\n").map_err(doing())?;
    let mut answer = Vec::with_capacity(1_024);
    while !answer.ends_with(b"}") {
        let mut more = [0; 1_024];
        let read = stream.read(&mut more).map_err(doing())?;
        if read == 0 {
            return Err(BenchError::Answer(String::from_utf8_lossy(&answer).into_owned()));
        }
        answer.extend_from_slice(more.get(..read).unwrap_or_default());
    }
    Ok(began.elapsed())
}
