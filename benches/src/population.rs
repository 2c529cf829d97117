//! Who is in every server: the same users, by number, with the same attributes and passwords.

use std::fmt::Write;

use base64::{Engine, engine::general_purpose::STANDARD};
use sha1::{Digest, Sha1};

/// The service identity that searches as an application would: an ordinary user.
pub const SERVICE: &str = "svc-login";

/// The login name of user `number`.
pub fn name(number: u32) -> String {
    format!("user{number:06}")
}

/// The password of the account called `name`. The name itself may not stand in it (MS-SAMR 3.1.1.7.2): backwards it may.
pub fn password(name: &str) -> String {
    format!("P4ss-of-{}", name.chars().rev().collect::<String>())
}

/// Everybody's login name: the users, then the service identity.
pub fn everybody(users: u32) -> impl Iterator<Item = String> {
    (0..users).map(name).chain([SERVICE.to_owned()])
}

/// The entries for an Active Directory.
pub fn active_directory_ldif(
    names: impl Iterator<Item = String>,
    people: &str,
    domain: &str,
    passwords: bool,
) -> String {
    let mut ldif = String::new();
    for name in names {
        if !passwords && name != SERVICE {
            let _ = write!(
                ldif,
                "dn: CN={name},{people}\nobjectClass: user\nsAMAccountName: {name}\nuserPrincipalName: {name}@{domain}\n\
                 sn: Family\ngivenName: Given\nmail: {name}@{domain}\ndescription: one of many\nuserAccountControl: 514\n\n"
            );
            continue;
        }
        let quoted: Vec<u8> = format!("\"{}\"", password(&name)).encode_utf16().flat_map(u16::to_le_bytes).collect();
        let _ = write!(
            ldif,
            "dn: CN={name},{people}\nobjectClass: user\nsAMAccountName: {name}\nuserPrincipalName: {name}@{domain}\n\
             sn: Family\ngivenName: Given\nmail: {name}@{domain}\ndescription: one of many\nuserAccountControl: 512\n\
             unicodePwd:: {}\n\n",
            STANDARD.encode(quoted)
        );
    }
    ldif
}

/// The entries for slapd, with salted SHA-1 passwords.
pub fn inet_org_person_ldif(
    names: impl Iterator<Item = String>,
    people: &str,
    domain: &str,
    passwords: bool,
) -> String {
    let mut ldif = String::new();
    for name in names {
        let _ = write!(
            ldif,
            "dn: uid={name},{people}\nobjectClass: inetOrgPerson\nuid: {name}\ncn: {name}\nsn: Family\n\
             givenName: Given\nmail: {name}@{domain}\ndescription: one of many\n"
        );
        if passwords || name == SERVICE {
            let _ = writeln!(ldif, "userPassword: {}", salted_sha1(&password(&name), name.as_bytes()));
        }
        ldif.push('\n');
    }
    ldif
}

fn salted_sha1(password: &str, salt: &[u8]) -> String {
    let digest = Sha1::new().chain_update(password).chain_update(salt).finalize();
    format!("{{SSHA}}{}", STANDARD.encode([digest.as_slice(), salt].concat()))
}

/// A sequence that looks random and is the same in every run.
pub struct Sequence(u64);

impl Sequence {
    /// The sequence of one worker.
    pub fn of(worker: usize) -> Self {
        Self(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(worker as u64 + 1) | 1)
    }

    /// The next number below `limit`.
    pub fn below(&mut self, limit: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        u32::try_from((self.0 >> 11) % u64::from(limit.max(1))).unwrap_or(0)
    }
}
