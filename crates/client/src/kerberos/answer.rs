//! What every answer of a KDC must be, and the ticket it carries. RFC 4120 3.1.5, 3.3.4.

use dtyp::FileTime;

use ::kerberos::PrincipalName;
use ::kerberos::ccache::Credential;
use ::kerberos::gss::CLOCK_SKEW;
use ::kerberos::messages::{EncKdcRepPart, KdcReqBody, Ticket, kdc_options};

use super::{Error, Options, Step};

pub(super) struct Answer<'a> {
    pub(super) server: &'a str,
    pub(super) step: Step,
    pub(super) body: &'a KdcReqBody,
    /// Who asked.
    pub(super) client: (&'a PrincipalName, &'a str),
    /// Who the answer says that it is for.
    pub(super) named: (&'a PrincipalName, &'a str),
    pub(super) ticket: Ticket,
    pub(super) part: EncKdcRepPart,
    pub(super) now: FileTime,
}

/// Takes the ticket if the answer is the answer to what was asked.
pub(super) fn check(answer: Answer<'_>) -> Result<Credential, Error> {
    let bad =
        |what: &str| Error::BadAnswer { server: answer.server.to_owned(), step: answer.step, what: what.to_owned() };
    let part = answer.part;
    if part.nonce != answer.body.nonce {
        return Err(bad("it answers another request"));
    }
    if !same(answer.named.0, answer.client.0) || answer.named.1 != answer.client.1 {
        return Err(bad("it is for another client"));
    }
    let asked = answer.body.service.as_ref();
    if !asked.is_some_and(|asked| same(&part.service, asked)) {
        let referral = part.service.components.first().is_some_and(|first| first == "krbtgt");
        return Err(bad(if referral { "the service is in another realm" } else { "it is for another service" }));
    }
    if part.realm != answer.body.realm {
        return Err(bad("it is for another realm"));
    }
    let end_time = FileTime::from(part.end_time);
    if end_time <= answer.now {
        return Err(bad("the ticket has already ended"));
    }
    let auth_time = FileTime::from(part.auth_time);
    Ok(Credential {
        client: answer.named.0.clone(),
        client_realm: answer.named.1.to_owned(),
        server: part.service,
        server_realm: part.realm,
        key: part.key,
        auth_time,
        start_time: part.start_time.map_or(auth_time, FileTime::from),
        end_time,
        renew_till: part.renew_till.map(FileTime::from),
        flags: part.flags,
        ticket: answer.ticket.encode(),
    })
}

/// Names match whatever their case: Active Directory answers in its own spelling.
fn same(a: &PrincipalName, b: &PrincipalName) -> bool {
    a.components.len() == b.components.len()
        && a.components.iter().zip(&b.components).all(|(a, b)| a.eq_ignore_ascii_case(b))
}

/// Whether two clocks differ by more than Kerberos allows.
pub(super) fn is_skewed(a: FileTime, b: FileTime) -> bool {
    a.since(b).max(b.since(a)) > CLOCK_SKEW
}

pub(super) fn kdc_options(options: &Options) -> u32 {
    let forwardable = if options.forwardable { kdc_options::FORWARDABLE } else { 0 };
    let renewable = if options.renewable.is_some() { kdc_options::RENEWABLE } else { 0 };
    forwardable | renewable
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::kerberos::KerberosTime;
    use ::kerberos::crypto::{Etype, Key};
    use dtyp::SystemRandom;

    const NOW: i64 = 1_700_000_000;

    fn checked(change: impl FnOnce(&mut EncKdcRepPart, &mut PrincipalName)) -> Result<Credential, Error> {
        let service = PrincipalName::service("ldap/dc1.contoso.com");
        let client = PrincipalName::user("Alice");
        let realm = "CONTOSO.COM".to_owned();
        let body =
            KdcReqBody { service: Some(service.clone()), realm: realm.clone(), nonce: 7, ..KdcReqBody::default() };
        let mut part = EncKdcRepPart {
            key: Key::random(Etype::Aes256, &SystemRandom),
            nonce: 7,
            auth_time: KerberosTime::from_unix(NOW),
            end_time: KerberosTime::from_unix(NOW + 60),
            realm: realm.clone(),
            service,
            last_req: Vec::new(),
            key_expiration: None,
            flags: 0,
            start_time: None,
            renew_till: None,
            encrypted_padata: Vec::new(),
        };
        let mut named = PrincipalName::user("alice");
        change(&mut part, &mut named);
        check(Answer {
            server: "kdc",
            step: Step::ServiceTicket,
            body: &body,
            client: (&client, &realm),
            named: (&named, &realm),
            ticket: Ticket::default(),
            part,
            now: FileTime::from_unix(NOW, 0),
        })
    }

    #[test]
    fn only_the_answer_to_what_was_asked_is_taken() {
        let credential = checked(|_, _| {}).unwrap();
        assert_eq!((credential.client.to_string().as_str(), credential.start_time), ("alice", credential.auth_time));
        let changes: [fn(&mut EncKdcRepPart, &mut PrincipalName); 5] = [
            |part, _| part.nonce = 8,
            |_, named| *named = PrincipalName::user("bob"),
            |part, _| part.service = PrincipalName::service("ldap/dc2.contoso.com"),
            |part, _| part.realm = "FABRIKAM.COM".into(),
            |part, _| part.end_time = KerberosTime::from_unix(NOW),
        ];
        for change in changes {
            assert!(matches!(checked(change), Err(Error::BadAnswer { .. })));
        }
    }

    #[test]
    fn clocks_may_differ_by_five_minutes() {
        let at = |seconds| FileTime::from_unix(NOW + seconds, 0);
        assert!(!is_skewed(at(0), at(300)) && !is_skewed(at(300), at(0)));
        assert!(is_skewed(at(0), at(301)) && is_skewed(at(301), at(0)));
    }
}
