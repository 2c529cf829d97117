//! The TGS exchange. RFC 4120 3.3.

use ::kerberos::ccache::Credential;
use ::kerberos::crypto::{Etype, Key};
use ::kerberos::messages::{
    ApReq, Authenticator, Checksum, EncKdcRepPart, EncryptedData, KdcReqBody, KrbError, PaData, TgsRep, TgsReq, Ticket,
    kdc_options, pa, usage,
};
use ::kerberos::{KerberosTime, PrincipalName};

use super::answer::{Answer, check};
use super::{Error, Options, Step, answer, nonce, refusal, transport};
use crate::Domain;

pub(super) async fn exchange(
    domain: &Domain,
    tgt: &Credential,
    service: PrincipalName,
    step: Step,
    options: &Options,
) -> Result<Credential, Error> {
    let now = options.clock.now();
    if tgt.is_expired(now) {
        return Err(Error::TicketExpired { service: tgt.server.to_string(), ended: tgt.end_time });
    }
    let body = body(domain, tgt, service, step, options);
    let bad = |server: &str, what: String| Error::BadAnswer { server: server.to_owned(), step, what };
    let subkey = Key::random(tgt.key.etype(), &*options.random);
    let proof = proof(tgt, &body, &subkey, options).map_err(|what| bad("the credential cache", what))?;
    let request = TgsReq { padata: vec![proof], body: body.clone() }.encode();
    let (server, reply) = transport::exchange(domain, step, &request, options).await?;
    if let Ok(error) = KrbError::decode(&reply) {
        let service = body.service.as_ref().map(ToString::to_string).unwrap_or_default();
        let client = format!("{}@{}", tgt.client, tgt.client_realm);
        return Err(refusal::of(&server, step, &error, &client, &service, options));
    }
    let reply = TgsRep::decode(&reply).map_err(|error| bad(&server, error.to_string()))?;
    let opened = subkey
        .decrypt(usage::TGS_REP_ENC_PART_SUBKEY, &reply.enc_part.cipher)
        .or_else(|_| tgt.key.decrypt(usage::TGS_REP_ENC_PART_SESSION, &reply.enc_part.cipher))
        .map_err(|_| bad(&server, "the reply does not decrypt under the ticket's key".to_owned()))?;
    let part = EncKdcRepPart::decode(&opened).map_err(|error| bad(&server, error.to_string()))?;
    check(Answer {
        server: &server,
        step,
        body: &body,
        client: (&tgt.client, &tgt.client_realm),
        named: (&reply.client, &reply.client_realm),
        ticket: reply.ticket,
        part,
        now,
    })
}

fn body(domain: &Domain, tgt: &Credential, service: PrincipalName, step: Step, options: &Options) -> KdcReqBody {
    let now = options.clock.now();
    let renew = if step == Step::Renewal { kdc_options::RENEW } else { 0 };
    KdcReqBody {
        options: (answer::kdc_options(options) & !if step == Step::Renewal { 0 } else { kdc_options::RENEWABLE })
            | renew,
        client: None,
        realm: domain.realm.clone(),
        service: Some(service),
        from: None,
        // Not beyond the ticket-granting ticket: the KDC would not give more.
        till: KerberosTime::from(match step {
            Step::Renewal => now.saturating_add(options.lifetime),
            _ => tgt.end_time,
        }),
        renew_till: None,
        nonce: nonce(options),
        etypes: vec![Etype::Aes256 as i32, Etype::Aes128 as i32],
        ..KdcReqBody::default()
    }
}

/// PA-TGS-REQ: the ticket, and an authenticator that signs the request. RFC 4120 5.2.7.1.
fn proof(tgt: &Credential, body: &KdcReqBody, subkey: &Key, options: &Options) -> Result<PaData, String> {
    let now = options.clock.now();
    let authenticator = Authenticator {
        realm: tgt.client_realm.clone(),
        name: tgt.client.clone(),
        checksum: Some(Checksum::keyed(&tgt.key, usage::TGS_REQ_CHECKSUM, &body.encode())),
        cusec: now.subsec_nanos() / 1000,
        ctime: KerberosTime::from(now),
        subkey: Some(subkey.clone()),
        sequence: None,
        authorization_data: Vec::new(),
    };
    let sealed = tgt.key.encrypt(usage::TGS_REQ_AUTHENTICATOR, &authenticator.encode(), &*options.random);
    let request = ApReq {
        mutual_required: false,
        ticket: Ticket::decode(&tgt.ticket).map_err(|error| error.to_string())?,
        authenticator: EncryptedData::new(tgt.key.etype(), None, sealed),
    };
    Ok(PaData { kind: pa::TGS_REQ, value: request.encode() })
}
