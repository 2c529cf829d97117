//! LDAP as bytes: for tests that must know exactly what was acknowledged, or send what no client would.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use asn1::{Reader, Tag, Writer};

/// A connection that speaks raw LDAP.
pub struct Wire {
    stream: TcpStream,
    received: Vec<u8>,
    next_id: i64,
}

/// The answer to one request.
#[derive(Debug)]
pub struct Answer {
    /// The message it answers.
    pub id: i64,
    /// The LDAP result code.
    pub code: i64,
    /// The diagnostic message.
    pub message: String,
}

impl Wire {
    /// Connects.
    pub fn connect(address: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, received: Vec::new(), next_id: 1 })
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Sends one request and returns its message id.
    pub fn request(&mut self, fill: impl FnOnce(&mut Writer)) -> std::io::Result<i64> {
        let id = self.next_id;
        self.next_id += 1;
        let mut writer = Writer::der();
        writer.nest(Tag::SEQUENCE, |message| {
            message.integer(Tag::INTEGER, id);
            fill(message);
        });
        self.send(writer.as_bytes())?;
        Ok(id)
    }

    /// Simple bind; waits for its answer.
    pub fn bind(&mut self, name: &str, password: &str) -> std::io::Result<Answer> {
        self.request(|message| {
            message.nest(Tag::application_constructed(0), |bind| {
                bind.integer(Tag::INTEGER, 3);
                bind.value(Tag::OCTET_STRING, name.as_bytes());
                bind.value(Tag::context(0), password.as_bytes());
            });
        })?;
        self.answer()
    }

    /// Sends an add of a user, without waiting.
    pub fn add_user(&mut self, dn: &str, name: &str) -> std::io::Result<i64> {
        self.request(|message| {
            message.nest(Tag::application_constructed(8), |add| {
                add.value(Tag::OCTET_STRING, dn.as_bytes());
                add.nest(Tag::SEQUENCE, |attributes| {
                    attribute(attributes, "objectClass", b"user");
                    attribute(attributes, "sAMAccountName", name.as_bytes());
                    attribute(attributes, "description", name.repeat(8).as_bytes());
                });
            });
        })
    }

    /// Waits for one whole message that carries a result.
    pub fn answer(&mut self) -> std::io::Result<Answer> {
        loop {
            match asn1::frame(&self.received, 1 << 20) {
                Ok(Some(length)) => {
                    let message: Vec<u8> = self.received.drain(..length).collect();
                    return parse(&message).map_err(|error| std::io::Error::new(ErrorKind::InvalidData, error));
                }
                Ok(None) => self.fill()?,
                Err(error) => return Err(std::io::Error::new(ErrorKind::InvalidData, error)),
            }
        }
    }

    /// Reads until the peer closes; how many bytes it said before. An error when it does not close.
    pub fn until_closed(&mut self) -> std::io::Result<usize> {
        loop {
            match self.fill() {
                Ok(()) => {}
                Err(error) if matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => {
                    return Ok(self.received.len());
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// No more is sent; the peer sees the end of the stream.
    pub fn finish_sending(&self) -> std::io::Result<()> {
        self.stream.shutdown(std::net::Shutdown::Write)
    }

    fn fill(&mut self) -> std::io::Result<()> {
        let mut chunk = [0; 4096];
        match self.stream.read(&mut chunk)? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            n => {
                self.received.extend_from_slice(&chunk[..n]);
                Ok(())
            }
        }
    }
}

fn attribute(writer: &mut Writer, name: &str, value: &[u8]) {
    writer.nest(Tag::SEQUENCE, |attribute| {
        attribute.value(Tag::OCTET_STRING, name.as_bytes());
        attribute.nest(Tag::SET, |values| values.value(Tag::OCTET_STRING, value));
    });
}

fn parse(message: &[u8]) -> Result<Answer, asn1::Error> {
    let mut envelope = Reader::new(message).enter(Tag::SEQUENCE)?;
    let id = envelope.integer(Tag::INTEGER)?;
    let mut result = Reader::new(envelope.any()?.value);
    let code = result.integer(Tag::ENUMERATED)?;
    result.value(Tag::OCTET_STRING)?;
    let message = String::from_utf8_lossy(result.value(Tag::OCTET_STRING)?).into_owned();
    Ok(Answer { id, code, message })
}
