//! Who is in a test's domain: the people, groups and service accounts of the story.

use base64::{Engine, engine::general_purpose::STANDARD};
use dtyp::{Sid, sddl};

use crate::{Domain, Transport};

/// The domain's naming context.
pub const BASE: &str = "DC=contoso,DC=com";
/// The password of Administrator.
pub const ADMIN_PASSWORD: &str = "Root-0f-all-Trust!";
/// alice is in `rate-limit-admins`.
pub const ALICE_PASSWORD: &str = "Wonder-land-1865";
/// bob is in `staff` only.
pub const BOB_PASSWORD: &str = "Builds-it-all-7";
/// mallory is disabled.
pub const MALLORY_PASSWORD: &str = "In-the-middle-9";
/// The impersonation account that may retrieve the password of `webapp01$`.
pub const GUARD_PASSWORD: &str = "Keeps-the-door-5";

/// The LDIF line that sets a password: UTF-16LE, in quotes, in base64. MS-ADTS 3.1.1.3.1.5.
pub fn unicode_pwd(password: &str) -> String {
    let quoted: Vec<u8> = format!("\"{password}\"").encode_utf16().flat_map(u16::to_le_bytes).collect();
    format!("unicodePwd:: {}", STANDARD.encode(quoted))
}

fn user(name: &str, container: &str, control: u32, password: &str) -> String {
    format!(
        "dn: CN={name},{container},{BASE}\nobjectClass: user\nsAMAccountName: {name}\n\
         userPrincipalName: {name}@contoso.com\nuserAccountControl: {control}\n{}\n\n",
        unicode_pwd(password)
    )
}

fn group(name: &str, member: &[&str]) -> String {
    let member: String = member.iter().map(|name| format!("member: CN={name},OU=Engineering,{BASE}\n")).collect();
    format!("dn: CN={name},OU=Engineering,{BASE}\nobjectClass: group\nsAMAccountName: {name}\n{member}\n")
}

/// Adds everybody over LDAPS, as an administrator would.
pub(crate) fn add_all(domain: &Domain) {
    let people = [
        format!("dn: OU=Engineering,{BASE}\nobjectClass: organizationalUnit\n\n"),
        user("alice", "OU=Engineering", 512, ALICE_PASSWORD),
        user("bob", "OU=Engineering", 512, BOB_PASSWORD),
        user("mallory", "OU=Engineering", 514, MALLORY_PASSWORD),
        user("svc-guard", "CN=Users", 512, GUARD_PASSWORD),
        group("rate-limit-admins", &["alice"]),
        group("staff", &["bob", "rate-limit-admins"]),
    ];
    domain.as_admin("ldapadd", Transport::Ldaps).input(people.concat()).ok();
    let may_retrieve = STANDARD.encode(readable_by(domain.sid_of("svc-guard")));
    let gmsa = format!(
        "dn: CN=webapp01,CN=Managed Service Accounts,{BASE}\nobjectClass: msDS-GroupManagedServiceAccount\n\
         sAMAccountName: webapp01$\ndNSHostName: webapp01.contoso.com\nmsDS-ManagedPasswordInterval: 30\n\
         msDS-SupportedEncryptionTypes: 24\nservicePrincipalName: HTTP/webapp01.contoso.com\n\
         msDS-GroupMSAMembership:: {may_retrieve}\n\n"
    );
    domain.as_admin("ldapadd", Transport::Ldaps).input(gmsa).ok();
}

/// The security descriptor that lets `reader` retrieve a managed password. MS-ADTS 3.1.1.4.4.
fn readable_by(reader: Sid) -> Vec<u8> {
    let text = format!("O:BAD:(A;;0xf01ff;;;{reader})");
    let descriptor = sddl::parse(&text, &reader.domain().unwrap_or(reader), &reader).expect("the text is SDDL");
    descriptor.to_bytes().expect("a small descriptor fits")
}
