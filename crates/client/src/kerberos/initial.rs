//! The AS exchange. RFC 4120 3.1, with PA-ENC-TIMESTAMP (5.2.7.2).

use dtyp::FileTime;

use ::kerberos::ccache::Credential;
use ::kerberos::crypto::{Etype, Key};
use ::kerberos::messages::{
    AsRep, AsReq, EncKdcRepPart, EncryptedData, KdcReqBody, KrbError, PaData, code, decode_method_data, pa,
    pa_enc_timestamp, usage,
};
use ::kerberos::{KerberosTime, PrincipalName};

use super::answer::{Answer, check};
use super::parameters::KeyParameters;
use super::{Error, Options, Secret, Step, answer, nonce, refusal, transport};
use crate::Domain;

/// Who asks whom for what.
struct Logon<'a> {
    domain: &'a Domain,
    who: &'a PrincipalName,
    options: &'a Options,
}

pub(super) async fn initial(
    domain: &Domain,
    who: &PrincipalName,
    secret: &Secret,
    options: &Options,
) -> Result<Credential, Error> {
    let logon = Logon { domain, who, options };
    // The first request says nothing secret: the KDC answers with how to prove who we are.
    let body = logon.body();
    let (server, reply) = logon.exchange(&body, Vec::new()).await?;
    let error = match KrbError::decode(&reply) {
        Err(_) => return logon.open(&server, &body, &reply, secret, &[]),
        Ok(error) if error.code == code::PREAUTH_REQUIRED => error,
        Ok(error) => return Err(logon.refused(&server, &error)),
    };
    let parameters = logon.parameters(&server, &error)?;
    let key = secret.key(&parameters).ok_or_else(|| logon.no_common_encryption(&server))?;

    let body = logon.body();
    let (server, reply) = logon.exchange(&body, vec![logon.proof(&key)]).await?;
    match KrbError::decode(&reply) {
        Ok(error) => Err(logon.refused(&server, &error)),
        Err(_) => logon.open(&server, &body, &reply, secret, &parameters),
    }
}

/// Asks the KDC, without proving anything, how passwords of `who` become keys.
pub(super) async fn parameters(
    domain: &Domain,
    who: &PrincipalName,
    options: &Options,
) -> Result<Vec<KeyParameters>, Error> {
    let logon = Logon { domain, who, options };
    let (server, reply) = logon.exchange(&logon.body(), Vec::new()).await?;
    match KrbError::decode(&reply) {
        Ok(error) if error.code == code::PREAUTH_REQUIRED => logon.parameters(&server, &error),
        Ok(error) => Err(logon.refused(&server, &error)),
        Err(_) => {
            let reply = AsRep::decode(&reply).map_err(|error| logon.bad(&server, error.to_string()))?;
            KeyParameters::of(&reply.padata, &logon.default_salt()).map_err(|what| logon.bad(&server, what))
        }
    }
}

/// Asks one KDC, by datagram or by stream, who it is no secret for: any answer of its shows that it is there, and what its clock says.
pub(super) async fn clock(
    domain: &Domain,
    address: std::net::SocketAddr,
    by_datagram: bool,
    options: &Options,
) -> std::io::Result<FileTime> {
    let who = PrincipalName::krbtgt(&domain.realm);
    let body = Logon { domain, who: &who, options }.body();
    let request = AsReq { padata: Vec::new(), body }.encode();
    let reply = transport::ask_only(address, by_datagram, &request, options.timeout).await?;
    let error = KrbError::decode(&reply);
    let error = error.map_err(|_| std::io::Error::new(std::io::ErrorKind::InvalidData, "what answers is no KDC"))?;
    Ok(FileTime::from(error.stime).saturating_add(std::time::Duration::from_micros(error.susec.into())))
}

impl Logon<'_> {
    fn body(&self) -> KdcReqBody {
        let now = self.options.clock.now();
        KdcReqBody {
            options: answer::kdc_options(self.options),
            client: Some(self.who.clone()),
            realm: self.domain.realm.clone(),
            service: Some(PrincipalName::krbtgt(&self.domain.realm)),
            from: None,
            till: KerberosTime::from(now.saturating_add(self.options.lifetime)),
            renew_till: self.options.renewable.map(|renewable| KerberosTime::from(now.saturating_add(renewable))),
            nonce: nonce(self.options),
            etypes: vec![Etype::Aes256 as i32, Etype::Aes128 as i32],
            ..KdcReqBody::default()
        }
    }

    async fn exchange(&self, body: &KdcReqBody, mut padata: Vec<PaData>) -> Result<(String, Vec<u8>), Error> {
        padata.push(PaData::pac_request(true));
        let request = AsReq { padata, body: body.clone() }.encode();
        transport::exchange(self.domain, Step::Initial, &request, self.options).await
    }

    /// The time, under the client's key.
    fn proof(&self, key: &Key) -> PaData {
        let now = self.options.clock.now();
        let stamp = pa_enc_timestamp(KerberosTime::from(now), now.subsec_nanos() / 1000);
        let sealed = key.encrypt(usage::PA_ENC_TIMESTAMP, &stamp, &*self.options.random);
        PaData { kind: pa::ENC_TIMESTAMP, value: EncryptedData::new(key.etype(), None, sealed).encode() }
    }

    fn parameters(&self, server: &str, error: &KrbError) -> Result<Vec<KeyParameters>, Error> {
        let data = error.data.as_deref().unwrap_or_default();
        let padata = decode_method_data(data).map_err(|error| self.bad(server, error.to_string()))?;
        let parameters = KeyParameters::of(&padata, &self.default_salt()).map_err(|what| self.bad(server, what))?;
        if parameters.is_empty() { Err(self.no_common_encryption(server)) } else { Ok(parameters) }
    }

    fn open(
        &self,
        server: &str,
        body: &KdcReqBody,
        reply: &[u8],
        secret: &Secret,
        parameters: &[KeyParameters],
    ) -> Result<Credential, Error> {
        let reply = AsRep::decode(reply).map_err(|error| self.bad(server, error.to_string()))?;
        let said = KeyParameters::of(&reply.padata, &self.default_salt()).map_err(|what| self.bad(server, what))?;
        let parameters = if said.is_empty() { parameters } else { &said };
        let key = Etype::from_i32(reply.enc_part.etype)
            .and_then(|etype| secret.key_of(etype, parameters, &self.default_salt()))
            .ok_or_else(|| self.no_common_encryption(server))?;
        // An account without pre-authentication: only now does it show that the password is wrong.
        let opened =
            key.decrypt(usage::AS_REP_ENC_PART, &reply.enc_part.cipher).map_err(|_| self.wrong_secret(server))?;
        let part = EncKdcRepPart::decode(&opened).map_err(|error| self.bad(server, error.to_string()))?;
        let now = self.options.clock.now();
        let authenticated = FileTime::from(part.auth_time);
        if answer::is_skewed(authenticated, now) {
            return Err(Error::ClockSkew { server: server.to_owned(), server_time: authenticated, local_time: now });
        }
        check(Answer {
            server,
            step: Step::Initial,
            body,
            client: (self.who, &self.domain.realm),
            named: (&reply.client, &reply.client_realm),
            ticket: reply.ticket,
            part,
            now,
        })
    }

    fn default_salt(&self) -> String {
        format!("{}{}", self.domain.realm, self.who.components.concat())
    }

    fn principal(&self) -> String {
        format!("{}@{}", self.who, self.domain.realm)
    }

    fn refused(&self, server: &str, error: &KrbError) -> Error {
        refusal::of(
            server,
            Step::Initial,
            error,
            &self.principal(),
            &format!("krbtgt/{}", self.domain.realm),
            self.options,
        )
    }

    fn bad(&self, server: &str, what: String) -> Error {
        Error::BadAnswer { server: server.to_owned(), step: Step::Initial, what }
    }

    fn wrong_secret(&self, server: &str) -> Error {
        Error::WrongSecret { server: server.to_owned(), principal: self.principal() }
    }

    fn no_common_encryption(&self, server: &str) -> Error {
        Error::NoCommonEncryption { server: server.to_owned(), principal: self.principal() }
    }
}
