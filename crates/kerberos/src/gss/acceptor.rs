//! The side that is begun with: the ticket is opened, the client proves that it knows its session key. RFC 4120 3.2.3; RFC 4121 4.1.

use dtyp::{FileTime, Random};

use crate::PrincipalName;
use crate::crypto::{Etype, Key};
use crate::messages::{
    ApRep, ApReq, Authenticator, EncApRepPart, EncTicketPart, EncryptedData, flags as ticket_flags, usage,
};
use crate::pac::Pac;

use super::context::{Agreed, Context, Role};
use super::initiator::sequence_number;
use super::token::{self, TokenId};
use super::{CLOCK_SKEW, ChannelBindings, GssError, ReplayCache, checksum, flags};

/// The keys of a service: its name and realm, the encryption type, and the version when the ticket says it.
pub type KeyLookup<'a> = dyn Fn(&PrincipalName, &str, Etype, Option<u32>) -> Vec<Key> + 'a;

/// What an acceptor brings.
pub struct AcceptOptions<'a> {
    /// The keys of every account that has the service's name, also the previous ones while they hold.
    pub keys: &'a KeyLookup<'a>,
    /// Which authenticators came before.
    pub replay: &'a ReplayCache,
    /// The TLS connection beneath, if there is one.
    pub bindings: Option<ChannelBindings>,
    /// Whether a client must say on which TLS connection it is.
    pub require_bindings: bool,
    /// The time.
    pub now: FileTime,
    /// For keys and sequence numbers.
    pub random: &'a dyn Random,
}

/// A client that proved who it is.
#[derive(Debug)]
pub struct Accepted {
    /// For messages from now on.
    pub context: Context,
    /// The token for the client, when it asked for mutual authentication.
    pub reply: Option<Vec<u8>>,
    /// Who the client is.
    pub client: PrincipalName,
    /// In which realm.
    pub client_realm: String,
    /// The service that the ticket is for.
    pub service: PrincipalName,
    /// The PAC of the ticket, its server signature verified.
    pub pac: Option<Vec<u8>>,
    /// The ticket's session key.
    pub session_key: Key,
    /// What the client asked the context to do: see [`flags`].
    pub flags: u32,
    /// When the client's ticket ends.
    pub end_time: FileTime,
}

impl crate::spnego::Accepted for Accepted {
    fn reply(&self) -> Option<&[u8]> {
        self.reply.as_deref()
    }

    fn context(&mut self) -> &mut Context {
        &mut self.context
    }
}

/// Takes a client's first token.
///
/// # Errors
/// See [`GssError`]; none of them tells the client more than that it failed.
pub fn accept(token: &[u8], options: &AcceptOptions<'_>) -> Result<Accepted, GssError> {
    let (message, framed) = token::request(token)?;
    let request = ApReq::decode(message).map_err(malformed)?;
    let (ticket, ticket_key) = open_ticket(&request, options)?;
    check_times(&ticket, options.now)?;
    let authenticator = open_authenticator(&request, &ticket, options)?;
    let asked = check_checksum(&authenticator, options)?;
    let pac = verified_pac(&ticket, &ticket_key)?;

    let own_sequence = sequence_number(options.random);
    let mutual = asked & flags::MUTUAL != 0;
    let acceptor_subkey =
        mutual.then(|| Key::random(authenticator.subkey.as_ref().unwrap_or(&ticket.key).etype(), options.random));
    let reply = acceptor_subkey
        .as_ref()
        .map(|subkey| mutual_reply(&ticket.key, &authenticator, subkey, own_sequence, options.random))
        .map(|reply| if framed { token::frame(TokenId::ApRep, &reply) } else { reply });
    let theirs = authenticator.sequence.unwrap_or(0);
    let context = Context::new(Agreed {
        role: Role::Acceptor,
        acceptor_subkey: mutual,
        key: acceptor_subkey.or(authenticator.subkey).unwrap_or_else(|| ticket.key.clone()),
        // Without an answer the client cannot know a number of ours: it counts from its own (RFC 4121 4.2.6).
        send_sequence: u64::from(if mutual { own_sequence } else { theirs }),
        receive_sequence: u64::from(theirs),
        in_order: asked & flags::SEQUENCE != 0,
    });
    Ok(Accepted {
        context,
        reply,
        client: ticket.client,
        client_realm: ticket.client_realm,
        service: request.ticket.service,
        pac,
        session_key: ticket.key,
        flags: asked,
        end_time: FileTime::from(ticket.end_time),
    })
}

fn malformed(error: impl std::fmt::Display) -> GssError {
    GssError::Message(error.to_string())
}

fn open_ticket(request: &ApReq, options: &AcceptOptions<'_>) -> Result<(EncTicketPart, Key), GssError> {
    let sealed = &request.ticket.enc_part;
    let no_key = || GssError::NoKey { service: format!("{}@{}", request.ticket.service, request.ticket.realm) };
    let etype = Etype::from_i32(sealed.etype).ok_or_else(no_key)?;
    for key in (options.keys)(&request.ticket.service, &request.ticket.realm, etype, sealed.kvno) {
        if key.etype() != etype {
            continue;
        }
        if let Ok(opened) = key.decrypt(usage::TICKET, &sealed.cipher) {
            return Ok((EncTicketPart::decode(&opened).map_err(malformed)?, key));
        }
    }
    Err(no_key())
}

fn check_times(ticket: &EncTicketPart, now: FileTime) -> Result<(), GssError> {
    let start = FileTime::from(ticket.start_time.unwrap_or(ticket.auth_time));
    let end = FileTime::from(ticket.end_time);
    let invalid = ticket.flags & ticket_flags::INVALID != 0;
    if invalid || start > now.saturating_add(CLOCK_SKEW) || end.saturating_add(CLOCK_SKEW) < now {
        return Err(GssError::TicketTime);
    }
    Ok(())
}

fn open_authenticator(
    request: &ApReq,
    ticket: &EncTicketPart,
    options: &AcceptOptions<'_>,
) -> Result<Authenticator, GssError> {
    let sealed = &request.authenticator.cipher;
    let opened = ticket.key.decrypt(usage::AP_REQ_AUTHENTICATOR, sealed).map_err(|_| GssError::Integrity)?;
    let authenticator = Authenticator::decode(&opened).map_err(malformed)?;
    if !is_client_of(&authenticator, ticket) {
        return Err(GssError::Integrity);
    }
    let at = FileTime::from(authenticator.ctime);
    if at > options.now.saturating_add(CLOCK_SKEW) || at.saturating_add(CLOCK_SKEW) < options.now {
        return Err(GssError::ClockSkew);
    }
    if !options.replay.is_new(sealed, options.now) {
        return Err(GssError::Replay);
    }
    Ok(authenticator)
}

/// The names in a domain have no case (MS-KILE 3.1.5.7). Whose ticket it is, the ticket says.
fn is_client_of(authenticator: &Authenticator, ticket: &EncTicketPart) -> bool {
    let (named, client) = (&authenticator.name.components, &ticket.client.components);
    authenticator.realm.eq_ignore_ascii_case(&ticket.client_realm)
        && named.len() == client.len()
        && named.iter().zip(client).all(|(named, client)| named.eq_ignore_ascii_case(client))
}

/// Checks the bindings and gives the flags.
fn check_checksum(authenticator: &Authenticator, options: &AcceptOptions<'_>) -> Result<u32, GssError> {
    let field = authenticator.checksum.as_ref().filter(|field| field.kind == checksum::TYPE);
    let field = field.ok_or(GssError::Malformed("the authenticator carries no GSS-API checksum"))?;
    let (sent, asked) = checksum::decode(&field.value)?;
    if options.bindings.is_some_and(|own| !own.admit(&sent, options.require_bindings)) {
        return Err(GssError::ChannelBindings);
    }
    if asked & flags::DCE_STYLE != 0 {
        return Err(GssError::Unsupported("a handshake of three tokens (DCE style)"));
    }
    Ok(asked)
}

fn verified_pac(ticket: &EncTicketPart, key: &Key) -> Result<Option<Vec<u8>>, GssError> {
    let Some(bytes) = ticket.pac() else { return Ok(None) };
    Pac::decode(bytes)?.verify_server(key)?;
    Ok(Some(bytes.to_vec()))
}

fn mutual_reply(
    session_key: &Key,
    authenticator: &Authenticator,
    subkey: &Key,
    sequence: u32,
    random: &dyn Random,
) -> Vec<u8> {
    let part = EncApRepPart {
        ctime: authenticator.ctime,
        cusec: authenticator.cusec,
        subkey: Some(subkey.clone()),
        sequence: Some(sequence),
    };
    let sealed = session_key.encrypt(usage::AP_REP_ENC_PART, &part.encode(), random);
    ApRep { enc_part: EncryptedData::new(session_key.etype(), None, sealed) }.encode()
}
