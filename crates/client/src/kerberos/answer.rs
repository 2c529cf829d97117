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
