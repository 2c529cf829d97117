//! The accepting side of GSS-API, its SASL layer and SPNEGO, with MIT's and Cyrus's initiators: `ldapsearch` binds to a server made here
//! of nothing but those rooms, with tickets of MIT krb5's KDC.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod mit;

use std::sync::Arc;

use client::kerberos::{Options, Secret, initial};
use client::{Ccache, Keytab, PrincipalName};
use dtyp::{Clock, SystemClock, SystemRandom};
use kerberos::crypto::{Etype, Key};
use kerberos::gss::sasl::{Layer, SecurityLayer, Server};
use kerberos::gss::{AcceptOptions, Accepted, GssError, ReplayCache, accept};
use kerberos::pac::Pac;
use kerberos::spnego::{Acceptor, Step};
use ldap::ResultCode;
use ldap::message::{Authentication, Bind, Message, Request};
use ldap::response::{self, Kind, Outcome};
use mit::{PASSWORD, REALM, Realm, run};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Longer than any frame that Cyrus takes.
const VALUE: usize = 300_000;

struct Service {
    keytab: Keytab,
    replay: ReplayCache,
}

impl Service {
    fn accept(&self, token: &[u8]) -> Result<Accepted, GssError> {
        let keys = |name: &PrincipalName, realm: &str, etype: Etype, _: Option<u32>| -> Vec<Key> {
            let entries = self.keytab.keys(name, realm);
            entries.iter().filter(|entry| entry.key.etype() == etype).map(|entry| entry.key.clone()).collect()
        };
        let now = SystemClock.now();
        let options = AcceptOptions {
            keys: &keys,
            replay: &self.replay,
            bindings: None,
            require_bindings: false,
            now,
            random: &SystemRandom,
        };
        let accepted = accept(token, &options)?;
        assert_eq!((accepted.client.to_string().as_str(), accepted.client_realm.as_str()), ("alice", REALM));
        // MIT's KDC of today puts a PAC into tickets; its server signature was verified.
        let pac = accepted.pac.as_deref().expect("a PAC");
        assert_eq!(Pac::decode(pac).unwrap().client_info().unwrap().unwrap().name, "alice");
        Ok(accepted)
    }
}

/// How far a bind has come.
enum Progress {
    Start,
    /// The context is made, the client has to ask for the offer.
    Made(Accepted),
    Offered(Server),
}

async fn serve(mut stream: TcpStream, service: Arc<Service>) {
    let (mut progress, mut layer): (Progress, Option<SecurityLayer>) = (Progress::Start, None);
    let (mut received, mut opened) = (Vec::new(), Vec::new());
    while stream.read_buf(&mut received).await.unwrap_or(0) > 0 {
        match &mut layer {
            None => opened.append(&mut received),
            Some(layer) => {
                while let Some(length) = layer.frame(&received).unwrap().filter(|length| *length <= received.len()) {
                    opened.extend(layer.open(&received[..length]).unwrap());
                    received.drain(..length);
                }
            }
        }
        while let Some(length) = ldap::frame(&opened, 1 << 20).unwrap().filter(|length| *length <= opened.len()) {
            let request: Vec<u8> = opened.drain(..length).collect();
            let message = Message::decode(&request).unwrap();
            let mut out = Vec::new();
            let mut then = None;
            match &message.request {
                Request::Bind(Bind { authentication: Authentication::Sasl { mechanism, credentials }, .. }) => {
                    let token = credentials.unwrap_or_default();
                    let (code, answer);
                    (code, answer, then) = match *mechanism {
                        "GSSAPI" => gssapi(&mut progress, token, &service),
                        _ => spnego(token, &service),
                    };
                    response::bind(&mut out, message.id, &Outcome::new(code, ""), answer.as_deref());
                }
                Request::Search(_) => {
                    let mut entry = response::Entry::begin(out, message.id, "");
                    entry.attribute("description");
                    entry.value(&[b'x'; VALUE]);
                    out = entry.end();
                    response::result(
                        &mut out,
                        message.id,
                        Kind::SearchDone,
                        &Outcome::new(ResultCode::SUCCESS, ""),
                        &[],
                    );
                }
                _ => return,
            }
            let mut wire = Vec::new();
            match &mut layer {
                None => wire = out,
                Some(layer) => layer.seal_into(&out, &mut wire, &SystemRandom),
            }
            stream.write_all(&wire).await.unwrap();
            layer = then.or(layer);
        }
    }
}

type Answer = (ResultCode, Option<Vec<u8>>, Option<SecurityLayer>);

fn gssapi(progress: &mut Progress, token: &[u8], service: &Service) -> Answer {
    match std::mem::replace(progress, Progress::Start) {
        Progress::Start => {
            let mut accepted = service.accept(token).unwrap();
            let reply = accepted.reply.take();
            *progress = Progress::Made(accepted);
            (ResultCode::SASL_BIND_IN_PROGRESS, reply, None)
        }
        Progress::Made(accepted) => {
            assert!(token.is_empty());
            let all = [Layer::None, Layer::Integrity, Layer::Confidentiality];
            let (server, offer) = Server::offer(accepted.context, &all, 65_536, &SystemRandom);
            *progress = Progress::Offered(server);
            (ResultCode::SASL_BIND_IN_PROGRESS, Some(offer), None)
        }
        Progress::Offered(server) => {
            let (layer, _) = server.chosen(token).unwrap();
            (ResultCode::SUCCESS, None, Some(layer).filter(|layer| layer.layer() != Layer::None))
        }
    }
}

fn spnego(token: &[u8], service: &Service) -> Answer {
    let Step::Done { reply, result } = Acceptor::new().step(token, |token| service.accept(token)).unwrap() else {
        panic!()
    };
    let layer = SecurityLayer::from_flags(result.context, result.flags, 1 << 20).unwrap();
    (ResultCode::SUCCESS, reply, Some(layer).filter(|layer| layer.layer() != Layer::None))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ldapsearch_binds_with_every_mechanism_and_layer() {
    let realm = Realm::start();
    let tgt = initial(&realm.domain(), &PrincipalName::user("alice"), &Secret::password(PASSWORD), &Options::default())
        .await
        .unwrap();
    let cache = realm.dir.path().join("cc");
    Ccache::of(tgt).write(&cache).unwrap();
    let keytab = Keytab::read(realm.dir.path().join("ldap.keytab")).unwrap();
    let service = Arc::new(Service { keytab, replay: ReplayCache::default() });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ldap://localhost:{}", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        loop {
            tokio::spawn(serve(listener.accept().await.unwrap().0, Arc::clone(&service)));
        }
    });
    // The strength factor that Cyrus reports: 1 is signed, more is sealed.
    for (mechanism, properties, strength) in [
        ("GSSAPI", "minssf=56", "SASL SSF: 256"),
        ("GSSAPI", "minssf=1,maxssf=1", "SASL SSF: 1"),
        ("GSSAPI", "maxssf=0", "SASL SSF: 0"),
        ("GSS-SPNEGO", "minssf=56", "SASL SSF: 256"),
    ] {
        let mut search = realm.command("ldapsearch");
        search.env("KRB5CCNAME", &cache).args(["-N", "-H", &url, "-Y", mechanism, "-O", properties]);
        search.args(["-s", "base", "-b", "", "-o", "ldif_wrap=no"]);
        let said = tokio::task::spawn_blocking(move || run(&mut search)).await.unwrap();
        let told: Vec<&str> = said.lines().filter(|line| line.starts_with("SASL")).collect();
        assert!(said.contains(strength), "{mechanism} {properties}: {told:?}");
        assert!(said.contains(&"x".repeat(VALUE)), "{mechanism} {properties}");
    }
}
