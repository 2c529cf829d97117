//! Tickets for and to a gMSA, with the keys that its readers make of its password.

use std::ops::ControlFlow;

use directory::{Base, EntrySink, Scope, Search};
use dtyp::sddl;
use gkdi::{KeyId, ManagedPassword, ManagedPasswordBlob};
use kerberos::KerberosTime;
use kerberos::crypto::{Etype, Key};
use kerberos::messages::{
    AsRep, AsReq, EncKdcRepPart, EncryptedData, KdcReqBody, KrbError, PaData, code, decode_etype_info2,
    decode_method_data, pa, pa_enc_timestamp, usage,
};
use secrecy::ExposeSecret;

use super::*;
use crate::kdc::{Kdc, Policy};

const WEBAPP: &str = "CN=webapp,CN=Managed Service Accounts,DC=contoso,DC=com";
const SALT: &str = "CONTOSO.COMhostwebapp.contoso.com";
const HOUR: Duration = Duration::from_secs(3600);
const MINUTE: Duration = Duration::from_secs(60);

/// A domain with a gMSA whose password lasts twenty hours, at the beginning of a slot.
struct Scene {
    domain: Domain,
    kdc: Kdc,
    start: FileTime,
}

/// Takes the one value it is given.
#[derive(Default)]
struct Value(Vec<u8>);

impl EntrySink for Value {
    fn begin(&mut self, _: &str) {}
    fn attribute(&mut self, _: &str) {}
    fn value(&mut self, value: &[u8]) {
        self.0 = value.to_vec();
    }
    fn end(&mut self) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

impl Scene {
    fn new() -> Self {
        let domain = Domain::new();
        let start = KeyId::at(domain.now()).plus(1).start();
        domain.clock.set(start);
        let nobody = Sid::domain_of(1, 2, 3);
        let readers = sddl::parse("O:SYD:(A;;RP;;;AU)", &nobody, &nobody).unwrap().to_bytes().unwrap();
        let attributes = vec![
            Attribute::new("objectClass", ["msDS-GroupManagedServiceAccount"]),
            Attribute::new("sAMAccountName", ["webapp$"]),
            Attribute::new("servicePrincipalName", ["HTTP/webapp.contoso.com"]),
            Attribute::new("msDS-ManagedPasswordInterval", ["1"]),
            Attribute::new("msDS-GroupMSAMembership", [readers]),
        ];
        domain.apply(Update::Add { dn: WEBAPP.parse().unwrap(), attributes });
        Self { kdc: kdc(&domain), domain, start }
    }

    fn go_to(&self, hours: u32, and: Duration) {
        self.domain.clock.set(self.start.saturating_add(HOUR * hours).saturating_add(and));
    }

    fn blob(&self) -> ManagedPasswordBlob {
        let filter: ldap::FilterBuf = "(objectClass=*)".parse().unwrap();
        let (base, filter) = (WEBAPP.parse().unwrap(), filter.as_filter());
        let search = Search::new(Base::Dn(&base), Scope::Base, &filter, &["msDS-ManagedPassword"]);
        let token = Token::new(Sid::domain_of(1, 2, 3).with_rid(4711).unwrap(), [Sid::AUTHENTICATED_USERS]);
        let mut value = Value::default();
        self.domain.directory.read().unwrap().search(&Caller::new(Arc::new(token), true), &search, &mut value).unwrap();
        ManagedPasswordBlob::decode(&value.0).unwrap()
    }

    /// An AS exchange as the gMSA: the version of the key of the reply, or the refusal.
    fn log_on(&self, password: &ManagedPassword, etype: Etype) -> Result<Option<u32>, Box<KrbError>> {
        // The client's clock is the KDC's.
        let now = self.domain.now();
        let key = key_of(password, etype);
        let sealed = key.encrypt(usage::PA_ENC_TIMESTAMP, &pa_enc_timestamp(now.into(), 0), &SystemRandom);
        let proof = PaData { kind: pa::ENC_TIMESTAMP, value: EncryptedData::new(etype, None, sealed).encode() };
        let reply = self.ask_at(now, vec![proof], etype);
        if let Ok(error) = KrbError::decode(&reply) {
            return Err(Box::new(error));
        }
        let reply = AsRep::decode(&reply).unwrap();
        let part =
            EncKdcRepPart::decode(&key.decrypt(usage::AS_REP_ENC_PART, &reply.enc_part.cipher).unwrap()).unwrap();
        assert_eq!(part.nonce, 4711);
        Ok(reply.enc_part.kvno)
    }

    fn ask(&self, padata: Vec<PaData>, etype: Etype) -> Vec<u8> {
        self.ask_at(self.domain.now(), padata, etype)
    }

    fn ask_at(&self, now: FileTime, padata: Vec<PaData>, etype: Etype) -> Vec<u8> {
        let body = KdcReqBody {
            client: Some(PrincipalName::user("webapp$")),
            realm: "CONTOSO.COM".to_owned(),
            service: Some(PrincipalName::krbtgt("CONTOSO.COM")),
            till: KerberosTime::from_unix(0),
            nonce: 4711,
            etypes: vec![etype as i32],
            ..KdcReqBody::default()
        };
        let request = AsReq { padata, body }.encode();
        self.kdc.answer(&request, usize::MAX, now, &SystemRandom).unwrap()
    }

    fn opens(&self, password: &ManagedPassword) -> bool {
        match self.log_on(password, Etype::Aes256) {
            Ok(_) => true,
            Err(error) if error.code == code::PREAUTH_FAILED => false,
            Err(error) => panic!("{error:?}"),
        }
    }
}

fn kdc(domain: &Domain) -> Kdc {
    let facts = Facts::gather(&domain.directory).unwrap();
    let principals = DirectoryPrincipals::new(domain.directory.clone(), &facts).unwrap();
    Kdc::new(Box::new(principals), Policy::default())
}

fn key_of(password: &ManagedPassword, etype: Etype) -> Key {
    Key::from_password(etype, password.kerberos_utf8().expose_secret().as_bytes(), SALT.as_bytes(), 4096)
}

#[test]
fn a_gmsa_logs_on_with_the_keys_that_its_password_makes() {
    let scene = Scene::new();
    let error = KrbError::decode(&scene.ask(Vec::new(), Etype::Aes256)).unwrap();
    let methods = decode_method_data(&error.data.unwrap()).unwrap();
    let info = methods.iter().find(|method| method.kind == pa::ETYPE_INFO2).unwrap();
    assert_eq!(decode_etype_info2(&info.value).unwrap()[0].salt.as_deref(), Some(SALT));
    let blob = scene.blob();
    for etype in [Etype::Aes256, Etype::Aes128] {
        assert_eq!(scene.log_on(&blob.current, etype).unwrap(), Some(1), "{etype:?}");
    }
    assert!(!scene.opens(&ManagedPassword::new(&[65; 256])));
}

#[test]
fn around_a_rollover_whoever_has_read_the_password_gets_in() {
    let mut scene = Scene::new();
    let first = scene.blob().current;
    assert!(scene.opens(&first));
    // Readers have the next password already, and it opens; the one in force comes with it, as the one before.
    scene.go_to(19, 55 * MINUTE);
    let early = scene.blob();
    assert!(early.previous.as_ref() == Some(&first));
    assert_eq!(scene.log_on(&early.current, Etype::Aes256).unwrap(), Some(2), "the version to come");
    assert_eq!(scene.log_on(&first, Etype::Aes256).unwrap(), Some(1));
    scene.go_to(19, 55 * MINUTE - Duration::from_secs(1));
    scene.kdc = kdc(&scene.domain);
    assert!(scene.blob().current == first && !scene.opens(&early.current), "and not a second sooner");
    // Nobody has changed the directory since: what the KDC remembers ends by itself.
    scene.go_to(20, Duration::ZERO);
    assert_eq!(scene.log_on(&early.current, Etype::Aes256).unwrap(), Some(2));
    assert_eq!(scene.log_on(&first, Etype::Aes256).unwrap(), Some(1), "the version before");
    scene.go_to(20, 5 * MINUTE - Duration::from_secs(1));
    assert!(scene.opens(&early.current) && scene.opens(&first));
    scene.go_to(20, 5 * MINUTE);
    assert!(scene.opens(&early.current) && !scene.opens(&first));
    scene.go_to(200, Duration::ZERO);
    let late = scene.blob();
    assert!(scene.opens(&late.current) && scene.opens(&late.previous.unwrap()));
    assert!(!scene.opens(&early.current) && !scene.opens(&first), "the ones before the one before");
}

#[test]
fn a_ticket_for_its_service_is_of_the_password_in_force() {
    let scene = Scene::new();
    let keys = || {
        let service = PrincipalName::service("HTTP/webapp.contoso.com");
        let account = scene.domain.principals.service(&service, scene.domain.now()).unwrap().unwrap();
        (account.keys.kvno, account.keys.strongest().unwrap().clone())
    };
    assert_eq!(keys(), (1, key_of(&scene.blob().current, Etype::Aes256)));
    scene.go_to(20, Duration::ZERO);
    assert_eq!(keys(), (2, key_of(&scene.blob().current, Etype::Aes256)));
    scene.go_to(100, Duration::ZERO);
    let (kvno, key) = keys();
    assert_eq!((key, kvno > 2), (key_of(&scene.blob().current, Etype::Aes256), true));
}

#[test]
fn a_gmsa_is_remembered_until_its_password_changes() {
    let scene = Scene::new();
    let look = || scene.domain.client(&PrincipalName::user("webapp$")).unwrap();
    let just_made = look();
    assert!(Arc::ptr_eq(&just_made, &look()));
    scene.go_to(0, 5 * MINUTE);
    let first = look();
    assert!(!Arc::ptr_eq(&just_made, &first));
    scene.go_to(19, 54 * MINUTE);
    assert!(Arc::ptr_eq(&first, &look()));
    let versions = |account: &Account| account.keys.others.iter().map(|(version, _)| *version).collect::<Vec<_>>();
    scene.go_to(19, 55 * MINUTE);
    assert_eq!((look().keys.kvno, versions(&look())), (1, vec![2, 2]));
    scene.go_to(20, Duration::ZERO);
    assert_eq!((look().keys.kvno, versions(&look())), (2, vec![1, 1]));
    scene.go_to(20, 5 * MINUTE);
    assert!(look().keys.others.is_empty());
}

#[test]
fn a_gmsa_is_not_locked_out_but_disabled() {
    let scene = Scene::new();
    let password = scene.blob().current;
    let locked = Attribute::new("lockoutTime", [scene.start.0.to_string()]);
    let changes = vec![Modification { kind: ModificationKind::Replace, attribute: locked }];
    let update = Update::Modify { dn: WEBAPP.parse().unwrap(), changes, permissive: false, sd_flags: None };
    scene.domain.directory.apply(&Caller::system(), update).unwrap();
    assert!(scene.opens(&password));
    scene.domain.set(WEBAPP, "userAccountControl", "4098");
    assert_eq!(scene.log_on(&password, Etype::Aes256).unwrap_err().code, code::CLIENT_REVOKED);
}

/// The directory, the KDC and their readers' threads share a clock that moves under them: from minutes before a rollover, when they all get
/// the present password, to the last second in which that one still counts.
#[test]
fn many_who_read_the_password_while_it_changes_all_get_one_that_logs_on() {
    const READERS: usize = 8;
    let scene = Scene::new();
    scene.go_to(19, 50 * MINUTE);
    let first = scene.blob().current;
    let steps = std::sync::Barrier::new(READERS + 1);
    let seconds: Vec<u64> = (0..15 * 60).step_by(29).collect();
    let seen: Vec<(ManagedPassword, Option<u32>)> = std::thread::scope(|scope| {
        let reader = || {
            let mut seen = Vec::new();
            for _ in &seconds {
                steps.wait();
                // Between the two the clock may be moved.
                let blob = scene.blob();
                let kvno = scene.log_on(&blob.current, Etype::Aes256).expect("what was just released logs on");
                seen.push((blob.current, kvno));
            }
            seen
        };
        let readers: Vec<_> = (0..READERS).map(|_| scope.spawn(reader)).collect();
        for second in &seconds {
            steps.wait();
            scene.go_to(19, 50 * MINUTE + Duration::from_secs(*second));
        }
        readers.into_iter().flat_map(|reader| reader.join().unwrap()).collect()
    });
    scene.go_to(20, 5 * MINUTE - Duration::from_secs(1));
    let second = scene.blob().current;
    assert!(second != first);
    for (password, kvno) in &seen {
        let expected = if *password == first { 1 } else { 2 };
        assert!(*password == first || *password == second);
        assert_eq!(*kvno, Some(expected));
    }
    for password in [&first, &second] {
        assert!(seen.iter().any(|(seen, _)| seen == password), "the rollover was in the middle");
    }
    let account = scene.domain.client(&PrincipalName::user("webapp$")).unwrap();
    assert_eq!(account.keys.kvno, 2, "it was stored once, whoever found it due");
}

/// As a host does: it asks again when the password may have changed, and meanwhile logs on with what it has.
#[test]
fn a_host_that_reads_when_the_blob_says_so_never_holds_a_password_that_fails() {
    let scene = Scene::new();
    let mut blob = scene.blob();
    for _ in 0..12 {
        let again = scene.domain.now().saturating_add(blob.unchanged_interval);
        scene.domain.clock.set(again.saturating_sub(Duration::from_secs(1)));
        assert!(scene.opens(&blob.current));
        scene.domain.clock.set(again);
        let next = scene.blob();
        assert!(next.current != blob.current && next.previous.as_ref() == Some(&blob.current));
        assert!(scene.opens(&next.current) && scene.opens(&blob.current));
        blob = next;
    }
    assert_eq!(scene.domain.now(), scene.start.saturating_add(12 * 20 * HOUR - 5 * MINUTE));
}
