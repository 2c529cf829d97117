//! Who is in the demo's domain.

use client::ldap::Connection;
use client::{Endpoint, ldap};
use dtyp::{Random, Sid, SystemRandom, sddl};
use secrecy::{ExposeSecret, SecretString};

use crate::commands::Failed;

/// The domain.
pub const DOMAIN: &str = "contoso.com";
/// Its naming context.
pub const BASE: &str = "DC=contoso,DC=com";
/// Its domain controller.
pub const DC_HOST: &str = "dc1.contoso.com";
/// The gMSA of the story, and another that the impersonation account has nothing to do with.
pub const GMSAS: [&str; 2] = ["webapp01", "payroll01"];
/// Who may retrieve the password of the first gMSA.
pub const RETRIEVERS: &str = "webapp01-hosts";
/// The impersonation account: it is in that group.
pub const IMPERSONATION: &str = "svc-ccg";
/// An account like it, but of no group.
pub const STRANGER: &str = "svc-other";
/// The users of the example.
pub const USERS: [&str; 3] = ["alice", "bob", "mallory"];
/// Whose members may change limits.
pub const ADMINS: &str = "rate-limit-admins";

/// The passwords of one run; they are made up anew each time.
pub struct Passwords(Vec<(&'static str, SecretString)>);

impl Passwords {
    /// One for everybody.
    pub fn new() -> Self {
        let everybody = ["Administrator", IMPERSONATION, STRANGER].into_iter().chain(USERS);
        Self(everybody.map(|name| (name, random_password())).collect())
    }

    /// Somebody's.
    pub fn of(&self, name: &str) -> &str {
        self.0.iter().find(|(of, _)| *of == name).map_or("", |(_, password)| password.expose_secret())
    }
}

/// Sixteen letters and digits in groups of four, with all kinds of characters that the domain's policy asks for.
fn random_password() -> SecretString {
    const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyzACDEFHKMN";
    let mut random = [0; 16];
    SystemRandom.fill(&mut random);
    let letters: Vec<char> = random.iter().map(|byte| LETTERS[usize::from(byte % 32)].into()).collect();
    let groups: Vec<String> = letters.chunks(4).map(|group| group.iter().collect()).collect();
    format!("{}-7X", groups.join("-")).into()
}

/// Adds everybody, as an administrator does over LDAP.
pub async fn add_all(connection: &mut Connection, passwords: &Passwords) -> Result<(), ldap::Error> {
    add(connection, &format!("OU=Engineering,{BASE}"), "organizationalUnit", vec![]).await?;
    for user in USERS {
        add_user(connection, user, "OU=Engineering", passwords).await?;
    }
    for service in [IMPERSONATION, STRANGER] {
        add_user(connection, service, "CN=Users", passwords).await?;
    }
    add_group(connection, ADMINS, &format!("CN=alice,OU=Engineering,{BASE}")).await?;
    add_group(connection, RETRIEVERS, &format!("CN={IMPERSONATION},CN=Users,{BASE}")).await
}

/// Adds both gMSAs. The first lets the members of its group retrieve its password; the second nobody of the demo.
pub async fn add_gmsas(connection: &mut Connection) -> Result<(), Failed> {
    let retrievers = sid_of(connection, RETRIEVERS).await?;
    let administrators = sid_of(connection, "Domain Admins").await?;
    for (name, reader) in GMSAS.into_iter().zip([retrievers, administrators]) {
        let text = format!("O:BAD:(A;;0xf01ff;;;{reader})");
        let may_retrieve = sddl::parse(&text, &reader.domain().unwrap_or(reader), &reader)?.to_bytes()?;
        let attributes = vec![
            ("sAMAccountName", format!("{name}$").into_bytes()),
            ("dNSHostName", format!("{name}.{DOMAIN}").into_bytes()),
            ("msDS-ManagedPasswordInterval", b"30".to_vec()),
            ("msDS-SupportedEncryptionTypes", b"24".to_vec()),
            ("servicePrincipalName", format!("HTTP/{name}.{DOMAIN}").into_bytes()),
            ("msDS-GroupMSAMembership", may_retrieve),
        ];
        let dn = format!("CN={name},CN=Managed Service Accounts,{BASE}");
        add(connection, &dn, "msDS-GroupManagedServiceAccount", attributes).await?;
    }
    Ok(())
}

async fn add_user(
    connection: &mut Connection,
    name: &str,
    container: &str,
    passwords: &Passwords,
) -> Result<(), ldap::Error> {
    let quoted = format!("\"{}\"", passwords.of(name)).encode_utf16().flat_map(u16::to_le_bytes).collect();
    let attributes = vec![
        ("sAMAccountName", name.as_bytes().to_vec()),
        ("userPrincipalName", format!("{name}@{DOMAIN}").into_bytes()),
        ("userAccountControl", b"512".to_vec()),
        ("unicodePwd", quoted),
    ];
    add(connection, &format!("CN={name},{container},{BASE}"), "user", attributes).await
}

async fn add_group(connection: &mut Connection, name: &str, member: &str) -> Result<(), ldap::Error> {
    let attributes = vec![("sAMAccountName", name.as_bytes().to_vec()), ("member", member.as_bytes().to_vec())];
    add(connection, &format!("CN={name},OU=Engineering,{BASE}"), "group", attributes).await
}

async fn add(
    connection: &mut Connection,
    dn: &str,
    class: &str,
    attributes: Vec<(&str, Vec<u8>)>,
) -> Result<(), ldap::Error> {
    let mut all = vec![("objectClass", vec![class.as_bytes().to_vec()])];
    all.extend(attributes.into_iter().map(|(name, value)| (name, vec![value])));
    connection.add(dn, &all).await
}

async fn sid_of(connection: &mut Connection, name: &str) -> Result<Sid, Failed> {
    let search = ldap::Search::subtree(BASE, &format!("(sAMAccountName={name})"), &["objectSid"]);
    let found = connection.search(&search).await?;
    let sid = found.first().and_then(|entry| entry.first("objectSid")).ok_or_else(|| format!("{name} is not there"))?;
    Ok(Sid::from_bytes(sid)?)
}

/// Where the demo's servers answer, as a client is told.
pub fn domain(kdc: &str, ldap: &str) -> Result<client::Domain, Failed> {
    let domain = client::Domain::new(DOMAIN).with_kdcs([Endpoint::parse(kdc, Endpoint::KERBEROS)?]);
    Ok(domain.with_ldap(DC_HOST, [Endpoint::parse(ldap, Endpoint::LDAP)?]))
}
