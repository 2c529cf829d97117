//! LDAP: search by name, simple bind, and both together as an application's login.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use asn1::{Reader, Tag};
use ldap::Filter;
use ldap::client::{Request, Search, encode};
use ldap::message::Scope;

use super::{Side, take_turns};
use crate::load::Worker;
use crate::population::{self, Sequence};
use crate::process::Meter;
use crate::report::Report;
use crate::{Arguments, BenchError, What, while_doing};

/// An LDAP server with everybody in it.
#[derive(Clone, Copy)]
pub struct LdapServer<'a> {
    /// Its process.
    pub meter: &'a Meter,
    /// Where it listens.
    pub address: SocketAddr,
    /// Where searches start.
    pub base: &'a str,
    /// What of a user's entry holds the login name.
    pub login: &'a str,
    /// The attribute that names an entry, and the container of all users.
    pub rdn: (&'a str, &'a str),
}

impl LdapServer<'_> {
    fn dn(&self, name: &str) -> String {
        let (rdn, people) = self.rdn;
        format!("{rdn}={name},{people}")
    }
}

/// Measures `what` on each of the servers.
pub fn compare(
    what: What,
    arguments: &Arguments,
    servers: [LdapServer<'_>; 2],
    report: &mut Report,
) -> Result<(), BenchError> {
    let sides = servers.iter().map(|server| side(what, arguments, server)).collect::<Result<_, _>>()?;
    let name = match what {
        What::Search => "search",
        What::Bind => "bind",
        _ => "login",
    };
    take_turns(name, arguments, sides, report)
}

fn side<'a>(what: What, arguments: &Arguments, server: &LdapServer<'a>) -> Result<Side<'a>, BenchError> {
    let worker = |number| -> Result<Box<dyn Worker>, BenchError> {
        let mut service = Connection::open(server.address)?;
        service.bind(&server.dn(population::SERVICE), &population::password(population::SERVICE))?;
        Ok(Box::new(Client {
            service,
            user: Connection::open(server.address)?,
            what,
            base: server.base.to_owned(),
            login: server.login.to_owned(),
            dns: (0..arguments.users).map(|number| server.dn(&population::name(number))).collect(),
            sequence: Sequence::of(number),
        }))
    };
    let workers = (0..arguments.connections).map(worker).collect::<Result<_, _>>()?;
    Ok(Side { meter: server.meter, workers })
}

/// An application: a connection of its service identity, and one on which its users bind.
struct Client {
    service: Connection,
    user: Connection,
    what: What,
    base: String,
    login: String,
    dns: Vec<String>,
    sequence: Sequence,
}

impl Worker for Client {
    fn operation(&mut self) -> Result<(), BenchError> {
        let number = self.sequence.below(u32::try_from(self.dns.len()).unwrap_or(u32::MAX));
        let name = population::name(number);
        let expected = self.dns.get(number as usize).map_or("", String::as_str);
        match self.what {
            What::Bind => self.user.bind(expected, &population::password(&name)),
            what => {
                let found = self.service.find(&self.base, &self.login, &name)?;
                if !found.eq_ignore_ascii_case(expected) {
                    return Err(BenchError::Answer(format!("{name} is {found}, not {expected}")));
                }
                if what == What::Login { self.user.bind(&found, &population::password(&name)) } else { Ok(()) }
            }
        }
    }
}

/// One LDAP connection with one request under way.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    next_id: i32,
}

/// No answer here is larger.
const LIMIT: usize = 1 << 20;

impl Connection {
    /// Connects.
    pub fn open(address: SocketAddr) -> Result<Self, BenchError> {
        let stream = TcpStream::connect(address).map_err(while_doing(format!("connecting to {address}")))?;
        stream.set_nodelay(true).map_err(while_doing("setting TCP_NODELAY"))?;
        Ok(Self { stream, buffer: Vec::with_capacity(4096), next_id: 1 })
    }

    fn ask(&mut self, request: &Request<'_>) -> Result<(), BenchError> {
        self.next_id = self.next_id.wrapping_add(1).max(1);
        self.stream.write_all(&encode(self.next_id, request, &[])).map_err(while_doing("sending a request"))
    }

    /// Simple bind, which must succeed.
    pub fn bind(&mut self, dn: &str, password: &str) -> Result<(), BenchError> {
        self.ask(&Request::BindSimple { name: dn, password: password.as_bytes() })?;
        self.message(|operation, mut body| match operation {
            Tag(0x61) => succeeded(&mut body),
            other => Err(unexpected(other)),
        })
    }

    /// Finds the one entry with this login name; its DN.
    pub fn find(&mut self, base: &str, login: &str, name: &str) -> Result<String, BenchError> {
        let filter = Filter::Equality(login, name.as_bytes());
        let search = Search {
            base,
            scope: Scope::Subtree,
            size_limit: 2,
            time_limit: 10,
            filter: &filter,
            attributes: &["cn", "mail"],
        };
        self.ask(&Request::Search(search))?;
        let mut dn = None;
        while !self.message(|operation, mut body| match operation {
            Tag(0x64) => {
                dn = Some(String::from_utf8_lossy(body.value(Tag::OCTET_STRING)?).into_owned());
                Ok(false)
            }
            Tag(0x65) => succeeded(&mut body).map(|()| true),
            Tag(0x73) => Ok(false),
            other => Err(unexpected(other)),
        })? {}
        dn.ok_or_else(|| BenchError::Answer(format!("{login}={name} was not found")))
    }

    /// Waits for one message and has it read.
    fn message<T>(&mut self, read: impl FnOnce(Tag, Reader<'_>) -> Result<T, BenchError>) -> Result<T, BenchError> {
        let length = loop {
            if let Some(length) = asn1::frame(&self.buffer, LIMIT)? {
                break length;
            }
            let mut chunk = [0; 8192];
            let received = self.stream.read(&mut chunk).map_err(while_doing("waiting for an answer"))?;
            match chunk.get(..received) {
                Some(bytes) if received > 0 => self.buffer.extend_from_slice(bytes),
                _ => return Err(BenchError::Answer("the server closed the connection".to_owned())),
            }
        };
        let message = self.buffer.get(..length).unwrap_or_default();
        let mut envelope = Reader::new(message).enter(Tag::SEQUENCE)?;
        envelope.integer(Tag::INTEGER)?;
        let operation = envelope.any()?;
        let read = read(operation.tag, Reader::new(operation.value));
        self.buffer.drain(..length);
        read
    }
}

fn succeeded(result: &mut Reader<'_>) -> Result<(), BenchError> {
    let code = result.integer(Tag::ENUMERATED)?;
    result.value(Tag::OCTET_STRING)?;
    let said = String::from_utf8_lossy(result.value(Tag::OCTET_STRING)?);
    if code == 0 { Ok(()) } else { Err(BenchError::Answer(format!("LDAP result {code}: {said}"))) }
}

fn unexpected(operation: Tag) -> BenchError {
    BenchError::Answer(format!("unexpected operation {:#04x}", operation.0))
}
