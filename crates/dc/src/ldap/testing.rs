//! A server in memory, and peers that talk to its sessions in real bytes.

use std::sync::Arc;
use std::time::Duration;

use directory::{Attribute, Caller, CreateOptions, Directory, Environment, OpenOptions, Update};
use dtyp::sd::{AceFlags, AceKind};
use dtyp::{AccessMask, Ace, Acl, FileTime, ManualClock, SecurityDescriptor, Sid, SystemRandom, Token};
use kerberos::PrincipalName;
use kerberos::ccache::Credential;
use kerberos::crypto::{Etype, Key};
use kerberos::gss::Accepted;
use kerberos::messages::{EncTicketPart, EncryptedData, Ticket, usage};
use kerberos::pac::{Extra, LogonInfo, PacBuilder};
use ldap::client::{self, Request, Response};
use ldap::message::Scope;
use ldap::{Control, FilterBuf};

use super::logon::{Logon, LogonFailure, Principal};
use super::{Channel, Facts, Finished, LongSearch, Server, Session, Submit, Then};
use crate::{Config, Limits};

pub(crate) const DOMAIN: &str = "DC=contoso,DC=com";
pub(crate) const PEOPLE: &str = "OU=People,DC=contoso,DC=com";
pub(crate) const ADMIN: (&str, &str) = ("admin@contoso.com", "Admin-1s-here");

pub(crate) const LOCAL: Channel = Channel { tls: false, loopback: true };
pub(crate) const REMOTE: Channel = Channel { tls: false, loopback: false };
pub(crate) const TLS: Channel = Channel { tls: true, loopback: false };

fn domain_sid() -> Sid {
    Sid::domain_of(1, 2, 3)
}

/// Who is known: the administrator, by password and by ticket.
struct Known {
    service_key: Key,
}

impl Logon for Known {
    fn simple(&self, name: &str, password: &[u8]) -> Result<Principal, LogonFailure> {
        match name.eq_ignore_ascii_case(ADMIN.0) {
            true if password == ADMIN.1.as_bytes() => Ok(admin()),
            true => Err(LogonFailure::WRONG),
            false => Err(LogonFailure::NO_SUCH_USER),
        }
    }

    fn ticket(&self, accepted: &Accepted) -> Result<Principal, LogonFailure> {
        if accepted.client.to_string() == "admin" { Ok(admin()) } else { Err(LogonFailure::NO_SUCH_USER) }
    }

    fn service_keys(&self, service: &PrincipalName, _: &str, _: Etype, _: Option<u32>) -> Vec<Key> {
        if service.to_string() == "ldap/dc1.contoso.com" { vec![self.service_key.clone()] } else { Vec::new() }
    }
}

/// The administrator.
pub(crate) fn administrator(sealed: bool) -> Caller {
    let user = domain_sid().with_rid(500).unwrap();
    let token = Token::new(user, [Sid::BUILTIN_ADMINISTRATORS, Sid::AUTHENTICATED_USERS, Sid::EVERYONE]);
    Caller::new(Arc::new(token), sealed)
}

fn admin() -> Principal {
    Principal { caller: administrator(false), name: r"CONTOSO\admin".into() }
}

/// A server over a small domain.
pub(crate) struct TestServer {
    pub(crate) server: Arc<Server>,
    pub(crate) clock: Arc<ManualClock>,
    service_key: Key,
    _folder: tempfile::TempDir,
}

impl TestServer {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(limits: impl FnOnce(&mut Limits)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(FileTime::from_unix(1_767_225_600, 0)));
        let environment = Environment { clock: clock.clone(), random: Arc::new(SystemRandom) };
        let open = OpenOptions { map_size: 1 << 28, ..OpenOptions::default() };
        let directory = Directory::create(folder.path(), CreateOptions { open }, environment).unwrap();
        directory.apply(&Caller::system(), Update::Load(seed())).unwrap();
        let service_key = Key::random(Etype::Aes256, &SystemRandom);
        let mut config = Config::default();
        limits(&mut config.limits);
        let facts = Arc::new(Facts::gather(&directory).unwrap());
        let mut server = Server::new(directory, Box::new(Known { service_key: service_key.clone() }), facts, &config);
        server.tls = true;
        Self { server: Arc::new(server), clock, service_key, _folder: folder }
    }

    pub(crate) fn connect(&self, channel: Channel) -> Peer {
        Peer {
            session: Session::new(Arc::clone(&self.server), channel),
            server: Arc::clone(&self.server),
            next: 0,
            closed: false,
            tls_asked: false,
            waiting: None,
            writes: 0,
        }
    }

    /// A peer that has bound as the administrator.
    pub(crate) fn admin(&self) -> Peer {
        let mut peer = self.connect(LOCAL);
        assert_eq!(peer.bind(ADMIN.0, ADMIN.1).code(), 0);
        peer
    }

    /// An account in People that can log on.
    pub(crate) fn account(&self, name: &str, class: &str, password: &str) {
        let quoted: Vec<u8> = format!("\"{password}\"").encode_utf16().flat_map(u16::to_le_bytes).collect();
        let control = if class == "computer" { "8192" } else { "512" };
        let add = Update::Add {
            dn: format!("CN={name},{PEOPLE}").parse().unwrap(),
            attributes: vec![
                attribute("objectClass", &[class]),
                attribute("sAMAccountName", &[name]),
                attribute("userAccountControl", &[control]),
                Attribute::new("unicodePwd", [quoted]),
            ],
        };
        self.server.directory.apply(&administrator(true), add).unwrap();
    }

    /// Users `u0`, `u1`, … in People.
    pub(crate) fn users(&self, count: u32) {
        let users = (0..count).map(|n| {
            let name = format!("u{n}");
            let more =
                vec![attribute("sAMAccountName", &[&name]), attribute("description", &["x".repeat(200).as_str()])];
            object(&format!("CN={name},{PEOPLE}"), "user", more)
        });
        self.server.directory.apply(&Caller::system(), Update::Load(users.collect())).unwrap();
    }

    /// A ticket of the administrator for this server.
    pub(crate) fn ticket(&self, client: &str) -> Credential {
        self.ticket_under(client, &self.service_key, None)
    }

    /// What a KDC says of an account, for a service with this key.
    pub(crate) fn pac(&self, rid: u32, service_key: &Key) -> Vec<u8> {
        let info = LogonInfo { user_id: rid, logon_domain_id: Some(domain_sid()), ..LogonInfo::default() };
        let kdc_key = Key::random(Etype::Aes256, &SystemRandom);
        PacBuilder::new().logon_info(&info).sign(service_key, &kdc_key, Extra::default())
    }

    /// The same, sealed under a key of the service.
    pub(crate) fn ticket_under(&self, client: &str, service_key: &Key, pac: Option<Vec<u8>>) -> Credential {
        let now = FileTime::from_unix(1_767_225_600, 0);
        let end = now.saturating_add(Duration::from_secs(36_000));
        let key = Key::random(Etype::Aes256, &SystemRandom);
        let (client, server) = (PrincipalName::user(client), PrincipalName::service("ldap/dc1.contoso.com"));
        let realm = || "CONTOSO.COM".to_owned();
        let part = EncTicketPart {
            flags: 0,
            key: key.clone(),
            client_realm: realm(),
            client: client.clone(),
            transited: Vec::new(),
            auth_time: now.into(),
            start_time: None,
            end_time: end.into(),
            renew_till: None,
            authorization_data: pac.map(EncTicketPart::wrap_pac).unwrap_or_default(),
        };
        let sealed = service_key.encrypt(usage::TICKET, &part.encode(), &SystemRandom);
        let enc_part = EncryptedData::new(Etype::Aes256, Some(1), sealed);
        let ticket = Ticket { realm: realm(), service: server.clone(), enc_part }.encode();
        Credential {
            client,
            client_realm: realm(),
            server,
            server_realm: realm(),
            key,
            auth_time: now,
            start_time: now,
            end_time: end,
            renew_till: None,
            flags: 0,
            ticket,
        }
    }
}

fn attribute(name: &str, values: &[&str]) -> Attribute {
    Attribute::new(name, values.iter().map(|value| value.as_bytes()))
}

fn object(name: &str, class: &str, more: Vec<Attribute>) -> (ldap::Dn, Vec<Attribute>) {
    let mut attributes = vec![attribute("objectClass", &[class])];
    attributes.extend(more);
    (name.parse().unwrap(), attributes)
}

fn seed() -> Vec<(ldap::Dn, Vec<Attribute>)> {
    let ace = |mask, trustee| Ace {
        kind: AceKind::Allow,
        flags: AceFlags(AceFlags::CONTAINER_INHERIT.0),
        mask,
        scope: None,
        trustee,
        data: Vec::new(),
    };
    let aces = [
        ace(AccessMask::DS_ALL, Sid::BUILTIN_ADMINISTRATORS),
        ace(AccessMask::GENERIC_READ.mapped(), Sid::AUTHENTICATED_USERS),
    ];
    let (owner, group) = (Some(Sid::BUILTIN_ADMINISTRATORS), Some(Sid::BUILTIN_ADMINISTRATORS));
    let descriptor = SecurityDescriptor { owner, group, dacl: Some(Acl::new(aces)), ..SecurityDescriptor::default() };
    let deleted = "CN=Deleted Objects,DC=contoso,DC=com";
    let domain = vec![
        attribute("instanceType", &["5"]),
        Attribute::new("objectSid", [domain_sid().to_bytes()]),
        Attribute::new("nTSecurityDescriptor", [descriptor.to_bytes().unwrap()]),
        attribute("wellKnownObjects", &[&format!("B:32:18E2EA80684F11D2B9AA00C04F79F805:{deleted}")]),
    ];
    vec![
        object(DOMAIN, "domainDNS", domain),
        object(deleted, "container", vec![attribute("isCriticalSystemObject", &["TRUE"])]),
        object(PEOPLE, "organizationalUnit", vec![]),
        object("CN=Configuration,DC=contoso,DC=com", "configuration", vec![attribute("instanceType", &["5"])]),
        object(
            "CN=Schema,CN=Configuration,DC=contoso,DC=com",
            "dMD",
            vec![attribute("instanceType", &["5"]), attribute("objectVersion", &["88"])],
        ),
    ]
}

/// One end of a connection, without a socket between.
pub(crate) struct Peer {
    pub(crate) session: Session,
    server: Arc<Server>,
    next: i32,
    pub(crate) closed: bool,
    pub(crate) tls_asked: bool,
    /// Where updates are kept back, when they are.
    pub(crate) waiting: Option<Vec<Submit>>,
    /// How often the shell would have written to its socket.
    pub(crate) writes: u32,
}

/// An answer, with what it holds copied out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) id: i32,
    pub(crate) what: What,
    pub(crate) cookie: Option<Vec<u8>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Entry { dn: String, attributes: Vec<(String, Vec<Vec<u8>>)> },
    Result { code: u32, diagnostic: String, token: Option<Vec<u8>> },
}

impl Answer {
    pub(crate) fn code(&self) -> u32 {
        match &self.what {
            What::Result { code, .. } => *code,
            What::Entry { dn, .. } => panic!("an entry: {dn}"),
        }
    }

    pub(crate) fn diagnostic(&self) -> &str {
        match &self.what {
            What::Result { diagnostic, .. } => diagnostic,
            What::Entry { dn, .. } => panic!("an entry: {dn}"),
        }
    }

    pub(crate) fn token(&self) -> &[u8] {
        match &self.what {
            What::Result { token: Some(token), .. } => token,
            other => panic!("no token: {other:?}"),
        }
    }

    pub(crate) fn values(&self, name: &str) -> Vec<String> {
        let What::Entry { attributes, .. } = &self.what else { panic!("no entry: {self:?}") };
        let found = attributes.iter().find(|(have, _)| have.eq_ignore_ascii_case(name));
        let text = |value: &Vec<u8>| String::from_utf8_lossy(value).into_owned();
        found.map(|(_, values)| values.iter().map(text).collect()).unwrap_or_default()
    }
}

/// Reads every message in `bytes`.
pub(crate) fn answers(mut bytes: &[u8]) -> Vec<Answer> {
    let mut all = Vec::new();
    while let Ok(Some(length)) = ldap::frame(bytes, usize::MAX) {
        let message = client::Message::decode(&bytes[..length]).unwrap();
        let result = |outcome: &client::Outcome<'_>, token: Option<&[u8]>| What::Result {
            code: outcome.code.0,
            diagnostic: outcome.diagnostic.to_owned(),
            token: token.map(<[u8]>::to_vec),
        };
        let what = match &message.response {
            Response::Entry { dn, attributes } => What::Entry {
                dn: (*dn).to_owned(),
                attributes: attributes
                    .iter()
                    .map(|(name, values)| ((*name).to_owned(), values.iter().map(|value| value.to_vec()).collect()))
                    .collect(),
            },
            Response::Bind(outcome, token) => result(outcome, *token),
            Response::Done(outcome) => result(outcome, None),
            Response::Extended(outcome, _, value) => result(outcome, *value),
            other => panic!("{other:?}"),
        };
        let page = message.controls.iter().find_map(|control| control.paged_results().ok());
        all.push(Answer { id: message.id, what, cookie: page.map(|page| page.cookie.to_vec()) });
        bytes = &bytes[length..];
    }
    assert!(bytes.is_empty(), "bytes behind the last answer");
    all
}

impl Peer {
    /// Sends bytes, and gives the bytes that come back.
    pub(crate) fn exchange(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut back = Vec::new();
        self.session.space().extend_from_slice(bytes);
        while !self.closed {
            match self.session.advance() {
                Then::Receive => break,
                Then::Send => self.collect(&mut back),
                Then::Submit(submit) => match &mut self.waiting {
                    Some(waiting) => waiting.push(*submit),
                    None => self.apply(*submit),
                },
                Then::Await => break,
                Then::Search(long) => self.long(long, &mut back),
                Then::StartTls => {
                    self.tls_asked = true;
                    break;
                }
                Then::Close => self.closed = true,
            }
        }
        self.collect(&mut back);
        back
    }

    fn long(&mut self, mut long: Box<LongSearch>, back: &mut Vec<u8>) {
        loop {
            self.collect(back);
            long.run();
            match self.session.searched(long) {
                Some(more) => long = more,
                None => return,
            }
        }
    }

    fn collect(&mut self, back: &mut Vec<u8>) {
        let output = self.session.output();
        if !output.is_empty() {
            back.extend_from_slice(output);
            self.writes += 1;
        }
        self.session.sent();
    }

    pub(crate) fn apply(&mut self, submit: Submit) {
        let Submit { id, kind, caller, update } = submit;
        let result = self.server.directory.apply(&caller, update);
        self.session.finished(Finished { id, kind, result });
    }

    /// The next request's bytes.
    pub(crate) fn encode(&mut self, request: &Request<'_>, controls: &[Control<'_>]) -> Vec<u8> {
        self.next += 1;
        client::encode(self.next, request, controls)
    }

    pub(crate) fn ask(&mut self, request: &Request<'_>) -> Vec<Answer> {
        self.ask_with(request, &[])
    }

    pub(crate) fn ask_with(&mut self, request: &Request<'_>, controls: &[Control<'_>]) -> Vec<Answer> {
        let bytes = self.encode(request, controls);
        answers(&self.exchange(&bytes))
    }

    /// The one answer to a request.
    pub(crate) fn one(&mut self, request: &Request<'_>) -> Answer {
        let mut answers = self.ask(request);
        assert_eq!(answers.len(), 1, "{answers:?}");
        answers.remove(0)
    }

    pub(crate) fn bind(&mut self, name: &str, password: &str) -> Answer {
        self.one(&Request::BindSimple { name, password: password.as_bytes() })
    }

    pub(crate) fn who_am_i(&mut self) -> String {
        String::from_utf8(self.one(&Request::Extended(ldap::oid::WHO_AM_I, None)).token().to_vec()).unwrap()
    }

    pub(crate) fn search(&mut self, base: &str, scope: Scope, filter: &str, attributes: &[&str]) -> Vec<Answer> {
        self.search_with(base, scope, filter, attributes, (0, 0), &[])
    }

    pub(crate) fn search_with(
        &mut self,
        base: &str,
        scope: Scope,
        filter: &str,
        attributes: &[&str],
        (size_limit, time_limit): (u32, u32),
        controls: &[Control<'_>],
    ) -> Vec<Answer> {
        let filter: FilterBuf = filter.parse().unwrap();
        let filter = filter.as_filter();
        let search = client::Search { base, scope, size_limit, time_limit, filter: &filter, attributes };
        self.ask_with(&Request::Search(search), controls)
    }
}
