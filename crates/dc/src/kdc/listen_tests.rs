//! The sockets: ports, lengths, silence, stopping.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;

use directory::Environment;
use dtyp::SystemRandom;
use kerberos::messages::{KrbError, code};
use tokio::runtime::Runtime;
use tokio::sync::watch;

use super::listen::Bound;
use super::memory::Memory;
use super::{Kdc, Policy};

struct Served {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    runtime: Runtime,
}

fn serve() -> Served {
    let runtime = Runtime::new().unwrap();
    let (stop, shutdown) = watch::channel(false);
    let kdc = Arc::new(Kdc::new(Box::new(Memory::new("contoso.com", &SystemRandom)), Policy::default()));
    let address = runtime.block_on(async {
        let bound = Bound::bind(([127, 0, 0, 1], 0).into()).unwrap();
        let address = bound.address;
        bound.serve(&kdc, &Environment::system(), &shutdown).unwrap();
        address
    });
    Served { address, stop, runtime }
}

fn read_frame(stream: &mut TcpStream) -> Vec<u8> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).unwrap();
    let mut frame = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut frame).unwrap();
    frame
}

/// Begins like a request and is none.
const MALFORMED: [u8; 4] = [0x6a, 0x02, 0x30, 0x00];

#[test]
fn one_port_answers_over_both_transports() {
    let served = serve();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    udp.connect(served.address).unwrap();
    // Nothing comes back for what is no request: the first answer is the second datagram's.
    udp.send(b"hello").unwrap();
    udp.send(&MALFORMED).unwrap();
    let mut answer = [0; 2048];
    let length = udp.recv(&mut answer).unwrap();
    assert_eq!(KrbError::decode(&answer[..length]).unwrap().code, code::GENERIC);

    let mut tcp = TcpStream::connect(served.address).unwrap();
    for _ in 0..2 {
        tcp.write_all(&4u32.to_be_bytes()).unwrap();
        tcp.write_all(&MALFORMED).unwrap();
        assert_eq!(KrbError::decode(&read_frame(&mut tcp)).unwrap().code, code::GENERIC);
    }
}

#[test]
fn a_length_beyond_all_requests_is_refused_before_it_is_read() {
    let served = serve();
    for length in [u32::MAX, 1 << 31, (super::MOST_REQUEST + 1) as u32] {
        let mut tcp = TcpStream::connect(served.address).unwrap();
        tcp.write_all(&length.to_be_bytes()).unwrap();
        assert_eq!(KrbError::decode(&read_frame(&mut tcp)).unwrap().code, code::FIELD_TOOLONG);
        // A connection that was not taken up yet is reset; any other ends in order.
        match tcp.read(&mut [0; 1]) {
            Ok(read) => assert_eq!(read, 0),
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
        }
    }
}

#[test]
fn a_connection_that_says_nonsense_or_ends_early_is_closed() {
    let served = serve();
    let mut tcp = TcpStream::connect(served.address).unwrap();
    tcp.write_all(b"\0\0\0\x05hello").unwrap();
    // A connection that was not taken up yet is reset; any other ends in order.
    match tcp.read(&mut [0; 1]) {
        Ok(read) => assert_eq!(read, 0),
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
    }
    let mut tcp = TcpStream::connect(served.address).unwrap();
    tcp.write_all(&[0, 0, 1, 0, 0x6a]).unwrap();
    tcp.shutdown(std::net::Shutdown::Write).unwrap();
    // A connection that was not taken up yet is reset; any other ends in order.
    match tcp.read(&mut [0; 1]) {
        Ok(read) => assert_eq!(read, 0),
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
    }
}

#[test]
fn a_port_that_is_taken_for_either_transport_is_refused() {
    let served = serve();
    let _inside = served.runtime.enter();
    let error = Bound::bind(served.address).err().unwrap();
    assert!(error.to_string().contains(&served.address.to_string()), "{error}");
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    assert!(Bound::bind(udp.local_addr().unwrap()).is_err());
}

#[test]
fn when_told_to_stop_everything_ends_and_the_port_is_free() {
    let served = serve();
    let mut tcp = TcpStream::connect(served.address).unwrap();
    served.stop.send(true).unwrap();
    // A connection that was not taken up yet is reset; any other ends in order.
    match tcp.read(&mut [0; 1]) {
        Ok(read) => assert_eq!(read, 0),
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
    }
    served.runtime.block_on(served.stop.closed());
    UdpSocket::bind(served.address).unwrap();
}
