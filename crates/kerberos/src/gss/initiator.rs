//! The side that begins: a service ticket becomes a token, the answer a context. RFC 4121 4.1; RFC 4120 3.2.

use dtyp::{FileTime, Random};

use crate::KerberosTime;
use crate::ccache::Credential;
use crate::crypto::Key;
use crate::messages::{ApRep, ApReq, Authenticator, Checksum, EncApRepPart, EncryptedData, KrbError, Ticket, usage};

use super::context::{Agreed, Context, Role};
use super::token::{self, TokenId};
use super::{ChannelBindings, GssError, checksum, flags};

/// What the context is to do.
#[derive(Clone, Copy, Debug)]
pub struct InitiatorOptions {
    /// See [`flags`].
    pub flags: u32,
    /// The TLS connection beneath, if there is one.
    pub bindings: Option<ChannelBindings>,
}

impl Default for InitiatorOptions {
    /// Mutual authentication, order, signing and sealing.
    fn default() -> Self {
        Self {
            flags: flags::MUTUAL | flags::REPLAY | flags::SEQUENCE | flags::INTEGRITY | flags::CONFIDENTIALITY,
            bindings: None,
        }
    }
}

/// The initiator while it waits for the acceptor's answer.
pub struct Initiator {
    session_key: Key,
    subkey: Key,
    ctime: KerberosTime,
    cusec: u32,
    sequence: u32,
    flags: u32,
}

impl Initiator {
    /// Makes the first token for the service that `credential` is a ticket for.
    ///
    /// # Errors
    /// When the ticket in the credential is malformed.
    pub fn start(
        credential: &Credential,
        options: InitiatorOptions,
        now: FileTime,
        random: &dyn Random,
    ) -> Result<(Self, Vec<u8>), GssError> {
        let malformed = |error: &dyn std::fmt::Display| GssError::Message(error.to_string());
        let ticket = Ticket::decode(&credential.ticket).map_err(|error| malformed(&error))?;
        let initiator = Self {
            session_key: credential.key.clone(),
            subkey: Key::random(credential.key.etype(), random),
            ctime: KerberosTime::from(now),
            cusec: now.subsec_nanos() / 1000,
            sequence: sequence_number(random),
            flags: options.flags,
        };
        let authenticator = Authenticator {
            realm: credential.client_realm.clone(),
            name: credential.client.clone(),
            checksum: Some(Checksum {
                kind: checksum::TYPE,
                value: checksum::encode(options.bindings.as_ref(), options.flags),
            }),
            cusec: initiator.cusec,
            ctime: initiator.ctime,
            subkey: Some(initiator.subkey.clone()),
            sequence: Some(initiator.sequence),
            authorization_data: Vec::new(),
        };
        let sealed = initiator.session_key.encrypt(usage::AP_REQ_AUTHENTICATOR, &authenticator.encode(), random);
        let request = ApReq {
            mutual_required: options.flags & flags::MUTUAL != 0,
            ticket,
            authenticator: EncryptedData::new(initiator.session_key.etype(), None, sealed),
        };
        let token = token::frame(TokenId::ApReq, &request.encode());
        Ok((initiator, token))
    }

    /// Takes the acceptor's answer. Without mutual authentication there is none, and the context is ready at once.
    ///
    /// # Errors
    /// When the answer is a refusal, or not the service's.
    pub fn finish(self, answer: Option<&[u8]>) -> Result<Context, GssError> {
        let Some(answer) = answer else {
            if self.flags & flags::MUTUAL != 0 {
                return Err(GssError::Malformed("the service did not prove itself"));
            }
            let sequence = self.sequence;
            return Ok(self.context(None, sequence));
        };
        let (id, message) = token::unframe(answer)?;
        match id {
            TokenId::ApRep => self.mutual(message),
            TokenId::Error => Err(refused(message)),
            TokenId::ApReq => Err(GssError::Malformed("the service answers with a request")),
        }
    }

    fn mutual(self, message: &[u8]) -> Result<Context, GssError> {
        let malformed = |error: &dyn std::fmt::Display| GssError::Message(error.to_string());
        let reply = ApRep::decode(message).map_err(|error| malformed(&error))?;
        let opened = self
            .session_key
            .decrypt(usage::AP_REP_ENC_PART, &reply.enc_part.cipher)
            .map_err(|_| GssError::Integrity)?;
        let part = EncApRepPart::decode(&opened).map_err(|error| malformed(&error))?;
        if part.ctime != self.ctime || part.cusec != self.cusec {
            return Err(GssError::Integrity);
        }
        let theirs = part.sequence.unwrap_or(0);
        Ok(self.context(part.subkey, theirs))
    }

    fn context(self, acceptor_subkey: Option<Key>, theirs: u32) -> Context {
        Context::new(Agreed {
            role: Role::Initiator,
            acceptor_subkey: acceptor_subkey.is_some(),
            key: acceptor_subkey.unwrap_or(self.subkey),
            send_sequence: u64::from(self.sequence),
            receive_sequence: u64::from(theirs),
            in_order: self.flags & flags::SEQUENCE != 0,
        })
    }
}

impl std::fmt::Debug for Initiator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Initiator").field("flags", &self.flags).finish_non_exhaustive()
    }
}

fn refused(message: &[u8]) -> GssError {
    match KrbError::decode(message) {
        Ok(error) => {
            let text = error.text.map(|text| format!(": {text}")).unwrap_or_default();
            GssError::Refused { code: error.code, text }
        }
        Err(error) => GssError::Message(error.to_string()),
    }
}

/// A first sequence number: of 30 bits, since some peers take the 32nd for a sign (RFC 4120 5.5.1).
pub(super) fn sequence_number(random: &dyn Random) -> u32 {
    let mut bytes = [0; 4];
    random.fill(&mut bytes);
    u32::from_be_bytes(bytes) & 0x3fff_ffff
}
