//! An established context: signing, sealing and the order of messages. RFC 4121 4.2.

use dtyp::Random;

use crate::crypto::{CryptoError, Key};

use super::GssError;
use super::window::Window;

/// The header of a Wrap or MIC token. RFC 4121 4.2.2.
const HEADER: usize = 16;
/// The length of an HMAC-SHA1-96 checksum.
const CHECKSUM: usize = 12;

const SENT_BY_ACCEPTOR: u8 = 1;
const SEALED: u8 = 2;
const ACCEPTOR_SUBKEY: u8 = 4;

/// By how much sealed messages are rotated: any number would do (RFC 4121 4.2.5), but this is the one that Windows has (MS-KILE 3.4.5.4.1)
/// and that clients made for it look for.
const ROTATION: u16 = 28;

const WRAP: [u8; 2] = [5, 4];
const MIC: [u8; 2] = [4, 4];

/// Which side this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Began.
    Initiator,
    /// Was begun with.
    Acceptor,
}

/// What was agreed when the context was made.
pub(super) struct Agreed {
    pub(super) role: Role,
    pub(super) key: Key,
    pub(super) acceptor_subkey: bool,
    pub(super) send_sequence: u64,
    pub(super) receive_sequence: u64,
    pub(super) in_order: bool,
}

/// A context over which messages are signed and sealed.
pub struct Context {
    role: Role,
    key: Key,
    acceptor_subkey: bool,
    send_sequence: u64,
    window: Window,
}

/// A message that was taken out of its Wrap token.
pub struct Unwrapped {
    /// The message.
    pub message: Vec<u8>,
    /// Whether it was encrypted, not only signed.
    pub sealed: bool,
}

struct Header {
    bytes: [u8; HEADER],
    flags: u8,
    extra: u16,
    rotation: u16,
    sequence: u64,
}

impl Context {
    pub(super) fn new(agreed: Agreed) -> Self {
        Self {
            role: agreed.role,
            key: agreed.key,
            acceptor_subkey: agreed.acceptor_subkey,
            send_sequence: agreed.send_sequence,
            window: Window::new(agreed.receive_sequence, agreed.in_order),
        }
    }

    /// Which side this is.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// How many bytes [`wrap`](Self::wrap) adds to a message.
    #[must_use]
    pub const fn overhead(sealed: bool) -> usize {
        // Sealed: header, confounder, the encrypted copy of the header, checksum.
        if sealed { HEADER + 16 + HEADER + CHECKSUM } else { HEADER + CHECKSUM }
    }

    /// Signs, and seals when asked to, one message. RFC 4121 4.2.6.2.
    #[must_use]
    pub fn wrap(&mut self, message: &[u8], seal: bool, random: &dyn Random) -> Vec<u8> {
        let header = self.next_header(WRAP, if seal { SEALED } else { 0 });
        let usage = self.usage(true, true);
        let mut signed = Vec::with_capacity(message.len() + HEADER);
        signed.extend_from_slice(message);
        signed.extend_from_slice(&header);
        let mut token = Vec::with_capacity(message.len() + Self::overhead(seal));
        token.extend_from_slice(&header);
        if seal {
            let sealed = self.key.encrypt(usage, &signed, random);
            let (front, back) = sealed.split_at(sealed.len().saturating_sub(usize::from(ROTATION)));
            token.extend_from_slice(back);
            token.extend_from_slice(front);
            // The copy of the header inside says no rotation (4.2.4).
            if let Some(rotation) = token.get_mut(6..8) {
                rotation.copy_from_slice(&ROTATION.to_be_bytes());
            }
        } else {
            let checksum = self.key.checksum(usage, &signed);
            token.extend_from_slice(message);
            token.extend_from_slice(&checksum);
            // The checksum's length goes into the header after the checksum was made over zeros (4.2.4).
            if let Some(extra) = token.get_mut(4..6) {
                extra.copy_from_slice(&(checksum.len() as u16).to_be_bytes());
            }
        }
        token
    }

    /// Checks one message, and opens it when it is sealed.
    ///
    /// # Errors
    /// When it is not the peer's, was changed, repeated or (where the order was agreed on) is out of order.
    pub fn unwrap(&mut self, token: &[u8]) -> Result<Unwrapped, GssError> {
        let (header, body) = self.header(WRAP, token)?;
        let sealed = header.flags & SEALED != 0;
        let mut body = body.to_vec();
        if !body.is_empty() {
            let left = usize::from(header.rotation) % body.len();
            body.rotate_left(left);
        }
        let message = if sealed { self.open(&header, &body)? } else { self.check(&header, body)? };
        self.window.accept(header.sequence)?;
        Ok(Unwrapped { message, sealed })
    }

    fn open(&self, header: &Header, body: &[u8]) -> Result<Vec<u8>, GssError> {
        let plain = self.key.decrypt(self.usage(false, true), body).map_err(|_: CryptoError| GssError::Integrity)?;
        let end = plain.len().checked_sub(HEADER + usize::from(header.extra)).ok_or(GssError::Integrity)?;
        let copy = plain.get(plain.len().saturating_sub(HEADER)..).ok_or(GssError::Integrity)?;
        // The copy has no rotation; everything else must agree (4.2.4).
        let mut expected = header.bytes;
        expected[6..8].fill(0);
        if copy != expected {
            return Err(GssError::Integrity);
        }
        plain.get(..end).map(<[u8]>::to_vec).ok_or(GssError::Integrity)
    }

    fn check(&self, header: &Header, mut body: Vec<u8>) -> Result<Vec<u8>, GssError> {
        let end = body.len().checked_sub(usize::from(header.extra)).ok_or(GssError::Integrity)?;
        let checksum = body.split_off(end);
        let mut zeroed = header.bytes;
        zeroed[4..8].fill(0);
        body.extend_from_slice(&zeroed);
        if !self.key.verify_checksum(self.usage(false, true), &body, &checksum) {
            return Err(GssError::Integrity);
        }
        body.truncate(end);
        Ok(body)
    }

    /// Signs a message that travels on its own. RFC 4121 4.2.6.1.
    #[must_use]
    pub fn mic(&mut self, message: &[u8]) -> Vec<u8> {
        let mut token = self.next_header(MIC, 0).to_vec();
        let checksum = self.key.checksum(self.usage(true, false), &[message, &token].concat());
        token.extend_from_slice(&checksum);
        token
    }

    /// Checks the signature of a message that travelled on its own.
    ///
    /// # Errors
    /// As [`unwrap`](Self::unwrap).
    pub fn verify_mic(&mut self, message: &[u8], token: &[u8]) -> Result<(), GssError> {
        let (header, checksum) = self.header(MIC, token)?;
        let signed = [message, &header.bytes].concat();
        if !self.key.verify_checksum(self.usage(false, false), &signed, checksum) {
            return Err(GssError::Integrity);
        }
        self.window.accept(header.sequence)
    }

    /// The key usage numbers of RFC 4121 2: sealing or signing, and whose message it is.
    fn usage(&self, own: bool, wrap: bool) -> u32 {
        let by_acceptor = (self.role == Role::Acceptor) == own;
        match (by_acceptor, wrap) {
            (true, true) => 22,
            (true, false) => 23,
            (false, true) => 24,
            (false, false) => 25,
        }
    }

    fn own_flags(&self) -> u8 {
        let by_acceptor = if self.role == Role::Acceptor { SENT_BY_ACCEPTOR } else { 0 };
        by_acceptor | if self.acceptor_subkey { ACCEPTOR_SUBKEY } else { 0 }
    }

    fn next_header(&mut self, id: [u8; 2], flags: u8) -> [u8; HEADER] {
        let filler = if id == MIC { 0xff } else { 0 };
        let mut header = [0; HEADER];
        header[..2].copy_from_slice(&id);
        header[2] = self.own_flags() | flags;
        header[3] = 0xff;
        header[4..8].fill(filler);
        header[8..].copy_from_slice(&self.send_sequence.to_be_bytes());
        self.send_sequence = self.send_sequence.wrapping_add(1);
        header
    }

    fn header<'a>(&self, id: [u8; 2], token: &'a [u8]) -> Result<(Header, &'a [u8]), GssError> {
        let (bytes, body) =
            token.split_first_chunk::<HEADER>().ok_or(GssError::Malformed("the message is cut short"))?;
        let [a, b, flags, filler, e0, e1, r0, r1, sequence @ ..] = *bytes;
        if [a, b] != id || filler != 0xff {
            return Err(GssError::Malformed("the message is of another kind"));
        }
        // A message of our own that comes back, or one under another key than agreed, is not the peer's.
        // Where the acceptor gave no key there is only one, whatever a peer calls it: impacket always sets the bit.
        let expected = self.own_flags() ^ SENT_BY_ACCEPTOR;
        let named = if self.acceptor_subkey { flags } else { flags & !ACCEPTOR_SUBKEY };
        if named & (SENT_BY_ACCEPTOR | ACCEPTOR_SUBKEY) != expected {
            return Err(GssError::Integrity);
        }
        let header = Header {
            bytes: *bytes,
            flags,
            extra: u16::from_be_bytes([e0, e1]),
            rotation: u16::from_be_bytes([r0, r1]),
            sequence: u64::from_be_bytes(sequence),
        };
        Ok((header, body))
    }
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("role", &self.role).finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::crypto::Etype;
    use dtyp::SystemRandom;
    use proptest::prelude::*;

    pub(crate) fn pair(in_order: bool) -> (Context, Context) {
        let key = Key::random(Etype::Aes256, &SystemRandom);
        let side = |role, send, receive| {
            Context::new(Agreed {
                role,
                key: key.clone(),
                acceptor_subkey: true,
                send_sequence: send,
                receive_sequence: receive,
                in_order,
            })
        };
        (side(Role::Initiator, 7, u64::from(u32::MAX)), side(Role::Acceptor, u64::from(u32::MAX), 7))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn what_one_side_wraps_the_other_unwraps(message in proptest::collection::vec(any::<u8>(), 0..300), seal in any::<bool>(), rotate in 0..=u16::MAX - ROTATION) {
            let (mut a, mut b) = pair(true);
            for (from, to) in [(0, 1), (1, 0)] {
                let sides = [&mut a, &mut b];
                let [x, y] = sides;
                let (from, to) = if (from, to) == (0, 1) { (x, y) } else { (y, x) };
                let mut token = from.wrap(&message, seal, &SystemRandom);
                prop_assert_eq!(token.len(), message.len() + Context::overhead(seal));
                // Any sender may rotate the body as it likes (RFC 4121 4.2.5).
                let body = token.len() - HEADER;
                token[HEADER..].rotate_right(usize::from(rotate) % body);
                let rotate = rotate + u16::from_be_bytes([token[6], token[7]]);
                token[6..8].copy_from_slice(&rotate.to_be_bytes());
                let back = to.unwrap(&token).unwrap();
                prop_assert_eq!(&back.message, &message);
                prop_assert_eq!(back.sealed, seal);
            }
        }

        #[test]
        fn a_changed_bit_is_noticed(at in any::<prop::sample::Index>(), bit in 0u8..8, seal in any::<bool>()) {
            let (mut a, mut b) = pair(true);
            let mut token = a.wrap(b"modify unicodePwd", seal, &SystemRandom);
            let at = at.index(token.len());
            token[at] ^= 1 << bit;
            prop_assert!(b.unwrap(&token).is_err());
        }

        #[test]
        fn any_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let (mut a, _) = pair(true);
            prop_assert!(a.unwrap(&bytes).is_err());
            prop_assert!(a.unwrap(&[&[5, 4, 7, 0xff], &bytes[..]].concat()).is_err());
            prop_assert!(a.unwrap(&[&[5, 4, 5, 0xff], &bytes[..]].concat()).is_err());
            prop_assert!(a.verify_mic(b"", &[&[4, 4, 5, 0xff], &bytes[..]].concat()).is_err());
        }
    }

    #[test]
    fn a_repeated_message_and_one_sent_back_are_refused() {
        let (mut a, mut b) = pair(true);
        let token = a.wrap(b"x", true, &SystemRandom);
        assert!(b.unwrap(&token).is_ok());
        assert!(matches!(b.unwrap(&token), Err(GssError::Replay)));
        assert!(matches!(a.unwrap(&token), Err(GssError::Integrity)));
    }

    /// impacket says so of every message it seals. There is one key only, so nothing can be taken for anything else.
    #[test]
    fn a_message_may_claim_the_acceptor_s_key_where_there_is_none_but_not_deny_it_where_there_is() {
        let key = Key::random(Etype::Aes256, &SystemRandom);
        let side = |role, acceptor_subkey| {
            let key = key.clone();
            let (send_sequence, receive_sequence) = (7, 7);
            Context::new(Agreed { role, key, acceptor_subkey, send_sequence, receive_sequence, in_order: true })
        };
        let sealed_by = |mut from: Context| from.wrap(b"x", true, &SystemRandom);
        let claims = sealed_by(side(Role::Initiator, true));
        assert_eq!(side(Role::Acceptor, false).unwrap(&claims).unwrap().message, b"x");
        let denies = sealed_by(side(Role::Initiator, false));
        assert!(matches!(side(Role::Acceptor, true).unwrap(&denies), Err(GssError::Integrity)));
    }

    /// msldap and bloodyAD look for nothing else in what a server seals.
    #[test]
    fn a_sealed_message_is_rotated_as_windows_does() {
        let (mut a, mut b) = pair(true);
        for message in [&b""[..], &[7; 12], &[7; 500]] {
            let token = b.wrap(message, true, &SystemRandom);
            assert_eq!(token.get(6..8), Some(&[0, 28][..]));
            assert_eq!(a.unwrap(&token).unwrap().message, message);
        }
    }

    #[test]
    fn signatures_of_messages_hold_for_these_messages_only() {
        let (mut a, mut b) = pair(true);
        let mic = a.mic(b"mechanisms");
        assert!(b.verify_mic(b"mechanism", &mic).is_err());
        assert!(b.verify_mic(b"mechanisms", &mic).is_ok());
        assert!(b.verify_mic(b"mechanisms", &mic).is_err());
    }
}
