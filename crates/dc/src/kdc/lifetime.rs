//! From when until when a ticket holds, and what it may be used for. RFC 4120 3.1.3, 3.3.3; MS-KILE 3.3.5.6.

use std::time::Duration;

use kerberos::KerberosTime;
use kerberos::messages::{EncTicketPart, KdcReqBody, flags, kdc_options};

use super::principals::control;
use super::{Account, Policy, Refusal};

/// The times of a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: KerberosTime,
    pub(super) end: KerberosTime,
    pub(super) renew_till: Option<KerberosTime>,
}

/// The latest times that may be given.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    end: KerberosTime,
    /// Nothing: the ticket may not be renewable.
    renewal: Option<KerberosTime>,
}

impl Bounds {
    /// For a client that has just proved who it is.
    pub(super) fn of_client(client: &Account, policy: &Policy, now: KerberosTime) -> Self {
        let (lifetime, renewal) = if client.protected {
            (policy.protected_lifetime, policy.protected_lifetime)
        } else {
            (policy.max_lifetime, policy.max_renewal)
        };
        let last = client.expires.map(KerberosTime::from);
        let until = |span: Duration| last.map_or(after(now, span), |last| last.min(after(now, span)));
        Self { end: until(lifetime.min(policy.max_lifetime)), renewal: Some(until(renewal)) }
    }

    /// For a ticket that another one gives.
    pub(super) fn of_ticket(ticket: &EncTicketPart, policy: &Policy, now: KerberosTime) -> Self {
        let renewal = ticket.renew_till.filter(|_| ticket.flags & flags::RENEWABLE != 0);
        Self { end: ticket.end_time.min(after(now, policy.max_lifetime)), renewal }
    }

    /// The times that are asked for, as far as they may be given.
    pub(super) fn give(&self, body: &KdcReqBody, policy: &Policy, now: KerberosTime) -> Result<Span, Refusal> {
        if body.from.is_some_and(|from| from > after(now, policy.max_skew)) {
            return Err(Refusal::Postdated);
        }
        let end = asked(Some(body.till)).map_or(self.end, |till| till.min(self.end));
        if end <= now {
            return Err(Refusal::NeverValid);
        }
        let longer = asked(Some(body.till)).is_none_or(|till| till > end);
        let latest = if body.options & kdc_options::RENEWABLE != 0 {
            self.renewal.map(|most| asked(body.renew_till).map_or(most, |wanted| wanted.min(most)))
        } else if body.options & kdc_options::RENEWABLE_OK != 0 && longer {
            self.renewal.map(|most| asked(Some(body.till)).map_or(most, |till| till.min(most)))
        } else {
            None
        };
        Ok(Span { start: now, end, renew_till: latest.filter(|latest| *latest > end) })
    }
}

/// The times of a renewed ticket: it holds as long as it did, but not beyond its last time. RFC 4120 3.3.3.
pub(super) fn renewed(ticket: &EncTicketPart, policy: &Policy, now: KerberosTime) -> Result<Span, Refusal> {
    let last = ticket.renew_till.filter(|_| ticket.flags & flags::RENEWABLE != 0).ok_or(Refusal::Option)?;
    if last <= now {
        return Err(Refusal::Expired);
    }
    let start = ticket.start_time.unwrap_or(ticket.auth_time);
    let length = ticket.end_time.unix().saturating_sub(start.unix()).max(0);
    let end = KerberosTime::from_unix(now.unix().saturating_add(length));
    Ok(Span { start: now, end: end.min(last).min(after(now, policy.max_lifetime)), renew_till: Some(last) })
}

/// The flags of forwarding and proxies that a client's first ticket gets of those asked for.
pub(super) fn delegation_flags(options: u32, client: &Account) -> u32 {
    if client.protected || client.has(control::NOT_DELEGATED) {
        return 0;
    }
    // Options and flags of these two have the same bits.
    options & (kdc_options::FORWARDABLE | kdc_options::PROXIABLE)
}

/// The beginning of 1970 stands for "as late as may be". RFC 4120 5.4.1.
fn asked(time: Option<KerberosTime>) -> Option<KerberosTime> {
    time.filter(|time| time.unix() != 0)
}

/// A time after another.
pub(super) fn after(time: KerberosTime, span: Duration) -> KerberosTime {
    KerberosTime::from_unix(time.unix().saturating_add(i64::try_from(span.as_secs()).unwrap_or(i64::MAX)))
}
