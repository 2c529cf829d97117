//! The AS exchange: a client proves who it is and gets its first ticket. RFC 4120 3.1; MS-KILE 3.3.5.6.

use kerberos::crypto::{Etype, Key};
use kerberos::messages::{
    AsRep, AsReq, Checksum, EncTicketPart, EncryptedData, EtypeInfo2Entry, PaData, decode_pa_enc_timestamp,
    decode_pac_request, encode_etype_info2, encode_method_data, flags, kdc_options, pa, usage,
};
use kerberos::{KerberosTime, PrincipalName};

use super::issue::{Issue, is_krbtgt, session_key, supported_etypes, told};
use super::lifetime::{Bounds, delegation_flags};
use super::principals::control;
use super::{Account, Kdc, Moment, Refusal, authorization, restrictions};

/// Options that belong to other requests.
const NEVER: u32 = kdc_options::RENEW
    | kdc_options::VALIDATE
    | kdc_options::FORWARDED
    | kdc_options::PROXY
    | kdc_options::ENC_TKT_IN_SKEY
    | kdc_options::CNAME_IN_ADDL_TKT;

/// Answers a request; `bytes` are the request's own.
pub(super) fn answer(kdc: &Kdc, request: &AsReq, bytes: &[u8], at: &Moment<'_>) -> Result<Vec<u8>, Refusal> {
    let realm = kdc.principals.realm();
    let body = &request.body;
    if body.options & kdc_options::POSTDATED != 0 {
        return Err(Refusal::Postdated);
    }
    if body.options & NEVER != 0 {
        return Err(Refusal::Option);
    }
    if !realm.is(&body.realm) {
        return Err(Refusal::WrongRealm);
    }
    let asked = body.client.as_ref().ok_or(Refusal::UnknownClient)?;
    let client = kdc.principals.client(asked, at.now)?.ok_or(Refusal::UnknownClient)?;
    let krbtgt = kdc.principals.krbtgt(at.now)?;
    let wanted = body.service.clone().ok_or(Refusal::UnknownService)?;
    let service = kdc.service(&wanted, &krbtgt, at.now)?;
    restrictions::check(&client, at.now)?;
    let proof = prove(&client, request, kdc, at)?;
    if !changes_password(&wanted) {
        restrictions::check_password(&client, at.now)?;
    }

    let canonical = body.options & kdc_options::CANONICALIZE != 0;
    let name = if canonical { PrincipalName::user(&client.name) } else { asked.clone() };
    let service_name = if canonical && is_krbtgt(&wanted) { realm.krbtgt() } else { wanted };
    let span = Bounds::of_client(&client, &kdc.policy, at.stamp).give(body, &kdc.policy, at.stamp)?;
    let padata_checked = request.padata.iter().any(|data| data.kind == pa::REQ_ENC_PA_REP);
    let mut granted = flags::INITIAL | delegation_flags(body.options, &client);
    for (flag, set) in [
        (flags::PRE_AUTHENT, proof.proved),
        (flags::RENEWABLE, span.renew_till.is_some()),
        (flags::ENC_PA_REP, padata_checked),
        (flags::OK_AS_DELEGATE, service.has(control::TRUSTED_FOR_DELEGATION)),
    ] {
        granted |= if set { flag } else { 0 };
    }
    let part = EncTicketPart {
        flags: granted,
        key: session_key(&service, &body.etypes, at.random)?,
        client_realm: realm.name.clone(),
        client: name.clone(),
        transited: Vec::new(),
        auth_time: at.stamp,
        start_time: Some(span.start),
        end_time: span.end,
        renew_till: span.renew_till,
        authorization_data: Vec::new(),
    };
    let pac_wanted = pac_wanted(&request.padata)?;
    let pac = if is_krbtgt(&service_name) {
        Some(authorization::first(&client, &name, at.stamp, pac_wanted))
    } else if pac_wanted == Some(false) || service.has(control::NO_AUTH_DATA_REQUIRED) {
        None
    } else {
        Some(authorization::direct(&client, &name, at.stamp, &service)?)
    };

    let mut told = told(&part, realm, &service_name, body.nonce);
    told.key_expiration = client.password_expires.map(KerberosTime::from);
    told.encrypted_padata.push(supported_etypes(&service));
    if padata_checked {
        let checksum = Checksum::keyed(proof.key, usage::AS_REQ_CHECKSUM, bytes);
        told.encrypted_padata.push(PaData { kind: pa::REQ_ENC_PA_REP, value: checksum.encode() });
    }
    let issue = Issue { realm, name: &service_name, service: &service, krbtgt: &krbtgt, part, pac };
    let ticket = issue.seal(at.random)?;
    let sealed = proof.key.encrypt(usage::AS_REP_ENC_PART, &told.encode_as(), at.random);
    let reply = AsRep {
        padata: vec![etype_info(&client, [proof.key.etype()])],
        client_realm: realm.name.clone(),
        client: name,
        ticket,
        enc_part: EncryptedData::new(proof.key.etype(), Some(proof.kvno), sealed),
    };
    Ok(reply.encode())
}

/// The client's key for the answer.
struct Proof<'a> {
    key: &'a Key,
    kvno: u32,
    /// Whether the client has shown that it knows it.
    proved: bool,
}

/// Takes the encrypted timestamp. What else a client offers is left alone, as RFC 4120 5.2.7 wants.
fn prove<'a>(client: &'a Account, request: &AsReq, kdc: &Kdc, at: &Moment<'_>) -> Result<Proof<'a>, Refusal> {
    let offered = &request.body.etypes;
    let etype = client.keys.common(offered).next().ok_or(Refusal::Etype)?;
    let proof = match request.padata.iter().find(|data| data.kind == pa::ENC_TIMESTAMP) {
        Some(stamp) => {
            let (key, kvno) = open_timestamp(client, &stamp.value, offered, kdc, at)?;
            Proof { key, kvno, proved: true }
        }
        None if client.has(control::DONT_REQUIRE_PREAUTH) => {
            let key = client.keys.of(etype).ok_or(Refusal::Etype)?;
            Proof { key, kvno: client.keys.kvno, proved: false }
        }
        None => return Err(Refusal::PreauthRequired(methods(client, offered))),
    };
    if client.has(control::SMARTCARD_REQUIRED) {
        return Err(Refusal::SmartcardRequired);
    }
    Ok(proof)
}

/// PA-ENC-TIMESTAMP. RFC 4120 5.2.7.2.
fn open_timestamp<'a>(
    client: &'a Account,
    value: &[u8],
    offered: &[i32],
    kdc: &Kdc,
    at: &Moment<'_>,
) -> Result<(&'a Key, u32), Refusal> {
    let sealed = EncryptedData::decode(value)?;
    let etype = Etype::from_i32(sealed.etype).filter(|_| offered.contains(&sealed.etype)).ok_or(Refusal::Etype)?;
    for (kvno, key) in client.keys.candidates(etype) {
        let Ok(opened) = key.decrypt(usage::PA_ENC_TIMESTAMP, &sealed.cipher) else { continue };
        let (stamp, _) = decode_pa_enc_timestamp(&opened)?;
        return if at.is_near(stamp, &kdc.policy) { Ok((key, kvno)) } else { Err(Refusal::ClockSkew) };
    }
    Err(Refusal::PreauthFailed(methods(client, offered)))
}

/// METHOD-DATA: how the client may prove who it is.
fn methods(client: &Account, offered: &[i32]) -> Vec<u8> {
    let timestamp = PaData { kind: pa::ENC_TIMESTAMP, value: Vec::new() };
    encode_method_data(&[etype_info(client, client.keys.common(offered)), timestamp])
}

/// ETYPE-INFO2: how the client's password becomes its key.
fn etype_info(client: &Account, etypes: impl IntoIterator<Item = Etype>) -> PaData {
    let entry = |etype| EtypeInfo2Entry { etype: etype as i32, salt: Some(client.salt.clone()), s2kparams: None };
    // A client may name a kind as often as it likes.
    let entries: Vec<EtypeInfo2Entry> = etypes.into_iter().take(2).map(entry).collect();
    PaData { kind: pa::ETYPE_INFO2, value: encode_etype_info2(&entries) }
}

fn pac_wanted(padata: &[PaData]) -> Result<authorization::Wanted, Refusal> {
    let request = padata.iter().find(|data| data.kind == pa::PAC_REQUEST);
    Ok(request.map(|data| decode_pac_request(&data.value)).transpose()?)
}

/// The service at which an expired password can be changed. RFC 3244.
fn changes_password(service: &PrincipalName) -> bool {
    matches!(service.components.as_slice(), [first, second] if first.eq_ignore_ascii_case("kadmin") && second.eq_ignore_ascii_case("changepw"))
}
