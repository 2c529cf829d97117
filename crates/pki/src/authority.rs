//! The certificate authority: it makes itself, keeps itself in a folder, and issues certificates for one purpose each.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use dtyp::{Clock, FileTime, Random, SystemRandom};
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints, PKCS_ECDSA_P256_SHA256, SanType,
    SerialNumber,
};
use rustls_pki_types::CertificateDer;
use zeroize::Zeroizing;

use crate::file::{self, Readers};
use crate::identity::certificates;
use crate::{Certificate, Error, Identity, Roots};

/// How long a certificate is valid from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity(pub Duration);

impl Validity {
    /// A day: for what is renewed by itself.
    pub const DAY: Self = Self(Duration::from_secs(86_400));
    /// 90 days.
    pub const DAYS_90: Self = Self(Duration::from_secs(90 * 86_400));
    /// Ten years: for an authority whose certificate people copy to other machines.
    pub const YEARS_10: Self = Self(Duration::from_secs(3_650 * 86_400));
    /// Clocks differ: a certificate is valid this much before it was made.
    const BACKDATE: Duration = Duration::from_secs(300);
}

/// What a certificate is for; it is good for nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To be a server of these names and addresses (`serverAuth` only).
    Server(Vec<String>),
    /// To be a client of this name (`clientAuth` only). The name is the certificate's subject; it is no host.
    Client(String),
}

impl Purpose {
    /// To be a server of these names and addresses.
    pub fn server<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Self {
        Self::Server(names.into_iter().map(Into::into).collect())
    }

    /// To be a client of this name.
    pub fn client(name: impl Into<String>) -> Self {
        Self::Client(name.into())
    }
}

/// For which servers an authority can vouch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Any.
    AnyHost,
    /// Those of the machine itself, by its loopback names: who trusts the authority trusts it for nothing else. RFC 5280 4.2.1.10.
    ThisHost,
}

/// A certificate authority with an ECDSA P-256 key.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    pem: String,
    not_after: FileTime,
}

impl Authority {
    /// The certificate's file in the folder of an authority.
    pub const CERTIFICATE: &'static str = "ca.crt";
    /// The key's file in the folder of an authority.
    pub const KEY: &'static str = "ca.key";

    /// Makes a new authority. `purpose` and a few random digits make its name, so that no two authorities share one.
    ///
    /// # Errors
    /// [`Error::Name`] or [`Error::Issue`].
    pub fn create(purpose: &str, validity: Validity, clock: &dyn Clock) -> Result<Self, Error> {
        Self::create_for(Scope::AnyHost, purpose, validity, clock)
    }

    /// The same, for these servers only.
    ///
    /// # Errors
    /// The same.
    pub fn create_for(scope: Scope, purpose: &str, validity: Validity, clock: &dyn Clock) -> Result<Self, Error> {
        Self::create_with_key(scope, purpose, validity, clock).map(|(authority, _)| authority)
    }

    fn create_with_key(
        scope: Scope,
        purpose: &str,
        validity: Validity,
        clock: &dyn Clock,
    ) -> Result<(Self, Zeroizing<String>), Error> {
        let mut tail = [0; 4];
        SystemRandom.fill(&mut tail);
        let name = format!("Pando {purpose} CA {:08x}", u32::from_be_bytes(tail));
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(Error::Issue)?;
        let key_pem = Zeroizing::new(key.serialize_pem());
        let mut params = authority_params(&name)?;
        params.name_constraints = match scope {
            Scope::AnyHost => None,
            Scope::ThisHost => Some(loopback()),
        };
        validate_for(&mut params, clock.now(), validity);
        let certificate = params.self_signed(&key).map_err(Error::Issue)?;
        let pem = certificate.pem();
        let authority = Self::assemble(certificate.der().clone(), pem, key)?;
        Ok((authority, key_pem))
    }

    /// The authority in `folder`, made if it is not there or has expired. The folder is closed to others (0700), the key is 0600.
    ///
    /// # Errors
    /// [`Error::HalfAnAuthority`] when one of its two files is missing: what peers trust does not change by accident.
    pub fn load_or_create(folder: &Path, purpose: &str, validity: Validity, clock: &dyn Clock) -> Result<Self, Error> {
        Self::load_or_create_for(Scope::AnyHost, folder, purpose, validity, clock)
    }

    /// The same; one that is made is for these servers only.
    ///
    /// # Errors
    /// The same.
    pub fn load_or_create_for(
        scope: Scope,
        folder: &Path,
        purpose: &str,
        validity: Validity,
        clock: &dyn Clock,
    ) -> Result<Self, Error> {
        file::private_folder(folder)?;
        let (certificate, key) = (folder.join(Self::CERTIFICATE), folder.join(Self::KEY));
        match (certificate.exists(), key.exists()) {
            (true, true) => {
                let loaded = Self::load(&certificate, &key)?;
                if clock.now() < loaded.not_after {
                    return Ok(loaded);
                }
            }
            (true, false) => return Err(Error::HalfAnAuthority { missing: key }),
            (false, true) => return Err(Error::HalfAnAuthority { missing: certificate }),
            (false, false) => {}
        }
        let (made, key_pem) = Self::create_with_key(scope, purpose, validity, clock)?;
        file::write(&key, key_pem.as_bytes(), Readers::Owner)?;
        file::write(&certificate, made.pem.as_bytes(), Readers::Everyone)?;
        Ok(made)
    }

    /// Reads an authority that this room made.
    ///
    /// # Errors
    /// When a file is missing or damaged, or the two do not belong together.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, Error> {
        let identity = Identity::load(certificate, key)?;
        identity.certified()?;
        let key_text = file::read(key)?;
        let key_text = std::str::from_utf8(&key_text)
            .map_err(|_| Error::Pem { what: key.display().to_string(), expected: "private key" })?;
        let pair = KeyPair::from_pem(key_text).map_err(Error::Issue)?;
        Self::assemble(identity.certificate().clone(), identity.chain_pem().to_owned(), pair)
    }

    /// Reads an authority that this room made, from where its two texts were kept.
    ///
    /// # Errors
    /// When a text is damaged, or the two do not belong together.
    pub fn from_pem(certificate: &str, key: &str) -> Result<Self, Error> {
        let identity = Identity::from_pem(certificate.as_bytes(), key.as_bytes())?;
        identity.certified()?;
        let pair = KeyPair::from_pem(key).map_err(Error::Issue)?;
        Self::assemble(identity.certificate().clone(), certificate.to_owned(), pair)
    }

    /// Its private key in PEM, for whoever keeps it elsewhere than in a folder.
    #[must_use]
    pub fn key_pem(&self) -> Zeroizing<String> {
        Zeroizing::new(self.issuer.key().serialize_pem())
    }

    fn assemble(certificate: CertificateDer<'static>, pem: String, key: KeyPair) -> Result<Self, Error> {
        let facts = Certificate::read(&certificate)?;
        let name = facts.common_name.ok_or_else(|| Error::Certificate("the authority has no common name".into()))?;
        Ok(Self { issuer: Issuer::new(authority_params(&name)?, key), certificate, pem, not_after: facts.not_after })
    }

    /// Issues a certificate with a key of its own. It never outlives the authority.
    ///
    /// # Errors
    /// [`Error::Name`] when a name cannot stand in a certificate.
    pub fn issue(&self, purpose: &Purpose, validity: Validity, clock: &dyn Clock) -> Result<Identity, Error> {
        let now = clock.now();
        let mut params = match purpose {
            Purpose::Server(names) => server_params(names)?,
            Purpose::Client(name) => client_params(name)?,
        };
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        validate_for(&mut params, now, Validity(validity.0.min(self.not_after.since(now))));
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(Error::Issue)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(Error::Issue)?;
        let key_pem = Zeroizing::new(key.serialize_pem());
        Identity::from_pem(certificate.pem().as_bytes(), key_pem.as_bytes())
    }

    /// Its own certificate.
    #[must_use]
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// Its own certificate in PEM: what peers are given to trust.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.pem
    }

    /// When it stops being valid.
    #[must_use]
    pub fn not_after(&self) -> FileTime {
        self.not_after
    }

    /// Whom a peer trusts that trusts this authority and no other.
    #[must_use]
    pub fn roots(&self) -> Roots {
        Roots::one(self.certificate.clone())
    }

    /// Whether `identity` is one that this authority issued for `purpose` and that is valid at `at`: if not, issue another.
    #[must_use]
    pub fn vouches_for(&self, identity: &Identity, purpose: &Purpose, at: FileTime) -> bool {
        identity.certified().is_ok() && self.roots().accept(identity, purpose, at)
    }
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").field("not_after", &self.not_after).finish_non_exhaustive()
    }
}

fn authority_params(name: &str) -> Result<CertificateParams, Error> {
    let mut params = CertificateParams::default();
    params.distinguished_name = common_name(name)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

fn loopback() -> NameConstraints {
    let permitted = [
        GeneralSubtree::DnsName("localhost".to_owned()),
        GeneralSubtree::IpAddress(CidrSubnet::V4([127, 0, 0, 0], [255, 0, 0, 0])),
        GeneralSubtree::IpAddress(CidrSubnet::V6([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], [255; 16])),
    ];
    NameConstraints { permitted_subtrees: permitted.to_vec(), excluded_subtrees: Vec::new() }
}

fn server_params(names: &[String]) -> Result<CertificateParams, Error> {
    let mut params = CertificateParams::default();
    let first = names
        .first()
        .ok_or_else(|| Error::Name { name: String::new(), reason: "a server needs at least one name".into() })?;
    params.distinguished_name = common_name(first)?;
    params.subject_alt_names = names.iter().map(|name| server_name(name)).collect::<Result<_, _>>()?;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.serial_number = Some(serial());
    Ok(params)
}

fn client_params(name: &str) -> Result<CertificateParams, Error> {
    let mut params = CertificateParams::default();
    params.distinguished_name = common_name(name)?;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.serial_number = Some(serial());
    Ok(params)
}

/// A host name or an address, as it stands among a server's alternative names.
fn server_name(name: &str) -> Result<SanType, Error> {
    if let Ok(address) = name.parse::<IpAddr>() {
        return Ok(SanType::IpAddress(address));
    }
    let wrong = |reason: &str| Error::Name { name: name.chars().take(300).collect(), reason: reason.to_owned() };
    rustls_pki_types::DnsName::try_from(name.trim_start_matches("*."))
        .map_err(|_| wrong("it is neither a DNS name nor an address"))?;
    Ok(SanType::DnsName(name.try_into().map_err(|_| wrong("it is not ASCII"))?))
}

/// RFC 5280 A.1 gives a common name 64 characters.
fn common_name(name: &str) -> Result<DistinguishedName, Error> {
    if name.is_empty() || name.chars().any(char::is_control) {
        return Err(Error::Name {
            name: name.chars().take(300).collect(),
            reason: "a subject is text without control characters".into(),
        });
    }
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name.chars().take(64).collect::<String>());
    Ok(subject)
}

/// 127 random bits: positive and never the same twice. RFC 5280 4.1.2.2.
fn serial() -> SerialNumber {
    let mut bytes = [0; 16];
    SystemRandom.fill(&mut bytes);
    bytes[0] = (bytes[0] & 0x7f) | 0x40;
    SerialNumber::from_slice(&bytes)
}

fn validate_for(params: &mut CertificateParams, now: FileTime, validity: Validity) {
    let at = |time: FileTime| {
        let seconds = u64::try_from(time.unix_seconds()).unwrap_or(0);
        rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds)
    };
    // The last second that X.509 can write, long before the arithmetic ends.
    let last = FileTime::from_unix(253_402_300_799, 0);
    params.not_before = at(now.saturating_sub(Validity::BACKDATE));
    params.not_after = at(now.saturating_add(validity.0).min(last));
}

impl Roots {
    /// The authorities in a PEM text.
    ///
    /// # Errors
    /// [`Error::Pem`] when it holds none.
    pub fn from_pem(pem: &[u8]) -> Result<Self, Error> {
        Self::of(certificates(pem, "the trusted certificates")?)
    }

    /// The authorities in a PEM file.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::TooLarge`] or [`Error::Pem`].
    pub fn load(path: &Path) -> Result<Self, Error> {
        Self::of(certificates(&file::read(path)?, &path.display().to_string())?)
    }
}

#[cfg(test)]
mod tests {
    use dtyp::{ManualClock, SystemClock};

    use super::*;

    fn authority() -> Authority {
        Authority::create("test", Validity::DAYS_90, &SystemClock).unwrap()
    }

    #[test]
    fn a_server_certificate_is_no_client_certificate_and_the_other_way_round() {
        let authority = authority();
        let now = SystemClock.now();
        let (server, client) = (Purpose::server(["localhost", "127.0.0.1"]), Purpose::client("x"));
        let as_server = authority.issue(&server, Validity::DAY, &SystemClock).unwrap();
        let as_client = authority.issue(&client, Validity::DAY, &SystemClock).unwrap();
        assert!(authority.vouches_for(&as_server, &server, now));
        assert!(authority.vouches_for(&as_client, &client, now));
        assert!(!authority.vouches_for(&as_server, &client, now));
        assert!(!authority.vouches_for(&as_client, &server, now));
        assert!(!authority.vouches_for(&as_server, &Purpose::server(["localhost", "dc1.contoso.com"]), now));
        assert!(!authority.vouches_for(&as_client, &Purpose::client("y"), now));
    }

    #[test]
    fn an_authority_does_not_vouch_for_anothers_certificates() {
        let (one, other) = (authority(), authority());
        let purpose = Purpose::client("x");
        let foreign = other.issue(&purpose, Validity::DAY, &SystemClock).unwrap();
        assert!(!one.vouches_for(&foreign, &purpose, SystemClock.now()));
    }

    #[test]
    fn an_authority_of_this_host_is_believed_for_this_host_only() {
        let authority = Authority::create_for(Scope::ThisHost, "test", Validity::DAY, &SystemClock).unwrap();
        let now = SystemClock.now();
        let vouches = |purpose: &Purpose| {
            let issued = authority.issue(purpose, Validity::DAY, &SystemClock).unwrap();
            authority.vouches_for(&issued, purpose, now)
        };
        assert!(
            vouches(&Purpose::server(["localhost", "127.0.0.1", "::1"])) && vouches(&Purpose::client("ccg-plugin"))
        );
        for name in ["www.example.com", "10.0.0.1", "::2"] {
            assert!(!vouches(&Purpose::server([name])) && !vouches(&Purpose::server(["localhost", name])), "{name}");
        }
    }

    #[test]
    fn a_certificate_ends_when_it_should_and_never_after_its_authority() {
        let authority = authority();
        let purpose = Purpose::client("x");
        let now = SystemClock.now();
        let day = authority.issue(&purpose, Validity::DAY, &SystemClock).unwrap();
        assert!(!authority.vouches_for(&day, &purpose, now + Duration::from_secs(86_401)));
        let long = authority.issue(&purpose, Validity::YEARS_10, &SystemClock).unwrap();
        assert!(long.facts().unwrap().not_after <= authority.not_after());
    }

    #[test]
    fn the_same_folder_gives_the_same_authority_until_it_expires() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("ca");
        let clock = ManualClock::new(SystemClock.now());
        let load = || Authority::load_or_create(&folder, "test", Validity::DAY, &clock).unwrap();
        let (first, again) = (load(), load());
        assert_eq!(first.certificate(), again.certificate());
        let purpose = Purpose::client("x");
        let issued = again.issue(&purpose, Validity::DAY, &clock).unwrap();
        assert!(first.vouches_for(&issued, &purpose, clock.now()));
        clock.advance(Duration::from_secs(2 * 86_400));
        assert_ne!(load().certificate(), first.certificate());
    }

    #[test]
    fn half_an_authority_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        Authority::load_or_create(dir.path(), "test", Validity::DAY, &SystemClock).unwrap();
        std::fs::remove_file(dir.path().join(Authority::KEY)).unwrap();
        let again = Authority::load_or_create(dir.path(), "test", Validity::DAY, &SystemClock);
        assert!(matches!(again, Err(Error::HalfAnAuthority { .. })));
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_reads_the_authoritys_key() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("ca");
        Authority::load_or_create(&folder, "test", Validity::DAY, &SystemClock).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700);
        assert_eq!(mode(&folder.join(Authority::KEY)), 0o600);
        assert_eq!(mode(&folder.join(Authority::CERTIFICATE)), 0o644);
    }

    #[test]
    fn names_that_no_certificate_may_carry_are_refused() {
        let authority = authority();
        for name in ["", "a b", "täst", "-x", "a..b", "a\nb"] {
            let result = authority.issue(&Purpose::server([name]), Validity::DAY, &SystemClock);
            assert!(matches!(result, Err(Error::Name { .. })), "{name:?}");
        }
        assert!(authority.issue(&Purpose::Server(vec![]), Validity::DAY, &SystemClock).is_err());
        assert!(authority.issue(&Purpose::client(""), Validity::DAY, &SystemClock).is_err());
        assert!(authority.issue(&Purpose::client("plug-in of ns \u{1F332}"), Validity::DAY, &SystemClock).is_ok());
    }
}
