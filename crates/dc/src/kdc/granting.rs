//! The TGS exchange: a ticket-granting ticket gives others. RFC 4120 3.3; MS-KILE 3.3.5.7.

use kerberos::PrincipalName;
use kerberos::crypto::{Etype, Key};
use kerberos::messages::{
    ApReq, Authenticator, AuthorizationData, EncTicketPart, EncryptedData, TgsRep, TgsReq, body_of, flags, kdc_options,
    pa, usage,
};

use super::issue::{Issue, is_krbtgt, session_key, supported_etypes, told};
use super::lifetime::{Bounds, Span, renewed};
use super::principals::control;
use super::{Account, Kdc, Moment, Refusal, authorization, restrictions};

/// Options that need what is not spoken here: user-to-user, delegation; and postdated tickets, which are never given.
const NEVER: u32 = kdc_options::VALIDATE | kdc_options::ENC_TKT_IN_SKEY | kdc_options::CNAME_IN_ADDL_TKT;

/// What a client has shown.
struct Shown {
    /// Its ticket-granting ticket.
    ticket: EncTicketPart,
    /// Under which key it was.
    key: Key,
    authenticator: Authenticator,
}

/// Answers a request; `bytes` are the request's own.
pub(super) fn answer(kdc: &Kdc, request: &TgsReq, bytes: &[u8], at: &Moment<'_>) -> Result<Vec<u8>, Refusal> {
    let krbtgt = kdc.principals.krbtgt(at.now)?;
    let shown = match shown(kdc, request, bytes, &krbtgt, at)? {
        First::Time(shown) => shown,
        First::Again(reply) => return Ok(reply),
    };
    let client = kdc.principals.client(&shown.ticket.client, at.now)?.ok_or(Refusal::TicketRevoked)?;
    let verified = authorization::verified(&shown.ticket, &shown.key, &client)?;
    restrictions::check(&client, at.now)?;

    let body = &request.body;
    let realm = kdc.principals.realm();
    if body.options & kdc_options::POSTDATED != 0 {
        return Err(Refusal::Postdated);
    }
    if body.options & NEVER != 0 {
        return Err(Refusal::Option);
    }
    if !realm.is(&body.realm) {
        return Err(Refusal::UnknownService);
    }
    let name = body.service.clone().ok_or(Refusal::UnknownService)?;
    let service = kdc.service(&name, &krbtgt, at.now)?;
    let (span, granted) = terms(kdc, request, &shown.ticket, &name, &service, at)?;
    let part = EncTicketPart {
        flags: granted,
        key: session_key(&service, &body.etypes, at.random)?,
        client_realm: shown.ticket.client_realm.clone(),
        client: shown.ticket.client.clone(),
        transited: shown.ticket.transited.clone(),
        auth_time: shown.ticket.auth_time,
        start_time: Some(span.start),
        end_time: span.end,
        renew_till: span.renew_till,
        authorization_data: more_authorization(&shown, request)?,
    };
    let pac = if is_krbtgt(&name) {
        Some(verified.same())
    } else if service.has(control::NO_AUTH_DATA_REQUIRED) {
        None
    } else {
        verified.for_service(&client, &service)?
    };
    let mut told = told(&part, realm, &name, body.nonce);
    told.encrypted_padata.push(supported_etypes(&service));
    let ticket = Issue { realm, name: &name, service: &service, krbtgt: &krbtgt, part, pac }.seal(at.random)?;
    let (key, used_for) = match &shown.authenticator.subkey {
        Some(subkey) => (subkey, usage::TGS_REP_ENC_PART_SUBKEY),
        None => (&shown.ticket.key, usage::TGS_REP_ENC_PART_SESSION),
    };
    let sealed = key.encrypt(used_for, &told.encode_tgs(), at.random);
    let reply = TgsRep {
        padata: Vec::new(),
        client_realm: shown.ticket.client_realm.clone(),
        client: shown.ticket.client,
        ticket,
        enc_part: EncryptedData::new(key.etype(), None, sealed),
    };
    let reply = reply.encode();
    kdc.replays.remember(bytes, &reply, at.now);
    Ok(reply)
}

/// Whether a request comes for the first time.
enum First {
    Time(Box<Shown>),
    /// The client did not get the answer and asks again, word for word: it gets the same answer.
    Again(Vec<u8>),
}

/// Opens ticket and authenticator, and checks that they belong to each other and to this request. RFC 4120 3.3.2.
fn shown(kdc: &Kdc, request: &TgsReq, bytes: &[u8], krbtgt: &Account, at: &Moment<'_>) -> Result<First, Refusal> {
    let proof = request.padata.iter().find(|data| data.kind == pa::TGS_REQ).ok_or(Refusal::NoTicket)?;
    let proof = ApReq::decode(&proof.value)?;
    let realm = kdc.principals.realm();
    let for_us = matches!(proof.ticket.service.components.as_slice(), [_, second] if realm.is(second));
    if !realm.is(&proof.ticket.realm) || !is_krbtgt(&proof.ticket.service) || !for_us {
        return Err(Refusal::NotUs);
    }
    let (ticket, key) = open_ticket(&proof.ticket.enc_part, krbtgt)?;
    check_times(&ticket, request, kdc, at)?;
    let sealed = &proof.authenticator.cipher;
    let opened = ticket.key.decrypt(usage::TGS_REQ_AUTHENTICATOR, sealed).map_err(|_| Refusal::Integrity)?;
    let authenticator = Authenticator::decode(&opened)?;
    if authenticator.name.components != ticket.client.components || authenticator.realm != ticket.client_realm {
        return Err(Refusal::Mismatch);
    }
    if !at.is_near(authenticator.ctime, &kdc.policy) {
        return Err(Refusal::ClockSkew);
    }
    let checksum = authenticator.checksum.as_ref().ok_or(Refusal::ChecksumKind)?;
    match checksum.verifies(&ticket.key, usage::TGS_REQ_CHECKSUM, body_of(bytes)?) {
        Some(true) => {}
        Some(false) => return Err(Refusal::Modified("request")),
        None => return Err(Refusal::ChecksumKind),
    }
    if !kdc.replays.is_new(sealed, at.now) {
        return kdc.replays.answer_to(bytes, at.now).map(First::Again).ok_or(Refusal::Repeat);
    }
    Ok(First::Time(Box::new(Shown { ticket, key, authenticator })))
}

/// The ticket-granting ticket, also one from before its key was changed.
fn open_ticket(sealed: &EncryptedData, krbtgt: &Account) -> Result<(EncTicketPart, Key), Refusal> {
    let etype = Etype::from_i32(sealed.etype).ok_or(Refusal::KeyVersion)?;
    let mut fits = false;
    for (kvno, key) in krbtgt.keys.candidates(etype) {
        if sealed.kvno.is_some_and(|said| said != kvno) {
            continue;
        }
        fits = true;
        if let Ok(opened) = key.decrypt(usage::TICKET, &sealed.cipher) {
            return Ok((EncTicketPart::decode(&opened)?, key.clone()));
        }
    }
    Err(if fits { Refusal::Modified("ticket") } else { Refusal::KeyVersion })
}

/// A ticket that has ended gives none; nor can it be renewed (RFC 4120 3.3.3.1).
fn check_times(ticket: &EncTicketPart, request: &TgsReq, kdc: &Kdc, at: &Moment<'_>) -> Result<(), Refusal> {
    let start = ticket.start_time.unwrap_or(ticket.auth_time);
    if ticket.flags & flags::INVALID != 0 && request.body.options & kdc_options::VALIDATE == 0 {
        return Err(Refusal::NotYet);
    }
    if start > at.stamp && !at.is_near(start, &kdc.policy) {
        return Err(Refusal::NotYet);
    }
    if ticket.end_time <= at.stamp {
        return Err(Refusal::Expired);
    }
    Ok(())
}

/// From when until when the new ticket holds, and with which flags.
fn terms(
    kdc: &Kdc,
    request: &TgsReq,
    ticket: &EncTicketPart,
    name: &PrincipalName,
    service: &Account,
    at: &Moment<'_>,
) -> Result<(Span, u32), Refusal> {
    let asked = request.body.options;
    if asked & kdc_options::RENEW != 0 {
        if !is_krbtgt(name) {
            return Err(Refusal::Option);
        }
        return Ok((renewed(ticket, &kdc.policy, at.stamp)?, ticket.flags & !flags::INITIAL));
    }
    let may_forward = ticket.flags & flags::FORWARDABLE != 0;
    let may_proxy = ticket.flags & flags::PROXIABLE != 0;
    if (asked & kdc_options::FORWARDED != 0 && !may_forward)
        || (asked & kdc_options::PROXY != 0 && (!may_proxy || is_krbtgt(name)))
    {
        return Err(Refusal::Option);
    }
    let span = Bounds::of_ticket(ticket, &kdc.policy, at.stamp).give(&request.body, &kdc.policy, at.stamp)?;
    let mut granted = ticket.flags & (flags::PRE_AUTHENT | flags::FORWARDED | flags::PROXY);
    for (flag, set) in [
        (flags::FORWARDABLE, may_forward && asked & kdc_options::FORWARDABLE != 0),
        (flags::PROXIABLE, may_proxy && asked & kdc_options::PROXIABLE != 0),
        (flags::FORWARDED, asked & kdc_options::FORWARDED != 0),
        (flags::PROXY, asked & kdc_options::PROXY != 0),
        (flags::RENEWABLE, span.renew_till.is_some()),
        (flags::OK_AS_DELEGATE, service.has(control::TRUSTED_FOR_DELEGATION)),
    ] {
        granted |= if set { flag } else { 0 };
    }
    Ok((span, granted))
}

/// Authorization data besides the PAC: what the ticket had, and what the client adds. RFC 4120 3.3.3.
fn more_authorization(shown: &Shown, request: &TgsReq) -> Result<Vec<AuthorizationData>, Refusal> {
    let mut all = shown.ticket.authorization_data.clone();
    if let Some(sealed) = &request.body.enc_authorization_data {
        let (key, used_for) = match &shown.authenticator.subkey {
            Some(subkey) => (subkey, usage::TGS_REQ_AUTH_DATA_SUBKEY),
            None => (&shown.ticket.key, usage::TGS_REQ_AUTH_DATA_SESSION),
        };
        let opened = key.decrypt(used_for, &sealed.cipher).map_err(|_| Refusal::Integrity)?;
        all.extend(AuthorizationData::decode_all(&opened)?);
    }
    all.retain(|element| !is_issued_by_kdc(element, 0));
    // A client cannot make its tickets grow from one to the next.
    all.truncate(MOST_AUTHORIZATION_DATA);
    Ok(all)
}

const MOST_AUTHORIZATION_DATA: usize = 16;
/// How deep elements stand in each other at most.
const MOST_WRAPPED: u32 = 4;

/// Whether only a KDC may have put this into a ticket: a PAC, a ticket signature, AD-KDC-ISSUED; or nobody knows what it is.
fn is_issued_by_kdc(element: &AuthorizationData, depth: u32) -> bool {
    const KDC_ISSUED: i32 = 4;
    const AND_OR: i32 = 5;
    const SIGNED_TICKET: i32 = 512;
    match element.kind {
        AuthorizationData::WIN2K_PAC | KDC_ISSUED | AND_OR | SIGNED_TICKET => true,
        AuthorizationData::IF_RELEVANT => {
            let inner = AuthorizationData::decode_all(&element.data).ok().filter(|_| depth < MOST_WRAPPED);
            inner.is_none_or(|inner| inner.iter().any(|element| is_issued_by_kdc(element, depth + 1)))
        }
        _ => false,
    }
}
