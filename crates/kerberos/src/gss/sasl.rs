//! SASL's GSSAPI mechanism: agreeing on a security layer, and the layer. RFC 4752.
//!
//! The server [offers](Server::offer) layers when the context is made; the client [chooses](Client::choose) one; from then on both send
//! frames of four length octets and a Wrap token, which [`SecurityLayer`] makes and opens.

use dtyp::Random;

use super::{Context, GssError};

/// What happens to every message after the bind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// Nothing.
    None,
    /// Signed.
    Integrity,
    /// Signed and encrypted.
    Confidentiality,
}

impl Layer {
    /// Its bit in an offer. RFC 4752 3.3.
    #[must_use]
    pub const fn bit(self) -> u8 {
        match self {
            Self::None => 1,
            Self::Integrity => 2,
            Self::Confidentiality => 4,
        }
    }
}

/// The largest size that three octets say.
const LARGEST: u32 = 0x00ff_ffff;
/// The length of an offer or a choice.
const NEGOTIATION: usize = 4;

/// The server while it waits for the client's choice.
pub struct Server {
    context: Context,
    offered: u8,
    max_receive: u32,
}

impl Server {
    /// Offers `layers` (at least one), and to receive frames of up to `max_receive` bytes; gives the token for the client.
    #[must_use]
    pub fn offer(mut context: Context, layers: &[Layer], max_receive: u32, random: &dyn Random) -> (Self, Vec<u8>) {
        let offered = layers.iter().fold(0, |bits, layer| bits | layer.bit());
        let max_receive = max_receive.min(LARGEST);
        // Only a client that sends through a layer needs a size (3.1).
        let size = if offered == Layer::None.bit() { 0 } else { max_receive };
        let token = context.wrap(&message(offered, size, &[]), false, random);
        (Self { context, offered, max_receive }, token)
    }

    /// Reads the client's choice: the layer, and the identity it asks to act as (empty: its own).
    ///
    /// # Errors
    /// When the choice was not offered, or the token is not the client's.
    pub fn chosen(mut self, token: &[u8]) -> Result<(SecurityLayer, Vec<u8>), GssError> {
        let choice = self.context.unwrap(token)?.message;
        let (head, identity) = choice
            .split_first_chunk::<NEGOTIATION>()
            .ok_or(GssError::Malformed("the choice of a layer is cut short"))?;
        let [bits, size @ ..] = *head;
        let layer = [Layer::None, Layer::Integrity, Layer::Confidentiality]
            .into_iter()
            .find(|layer| layer.bit() == bits && self.offered & bits != 0)
            .ok_or(GssError::Layer("the client chose a security layer that was not offered"))?;
        let layer = SecurityLayer::agreed(self.context, layer, self.max_receive, three(size))?;
        Ok((layer, identity.to_vec()))
    }
}

/// The client once its context is made.
pub struct Client;

impl Client {
    /// Chooses `wanted` from the server's offer; gives the answer for the server.
    ///
    /// # Errors
    /// When the server does not offer it, or the token is not the server's.
    pub fn choose(
        mut context: Context,
        offer: &[u8],
        wanted: Layer,
        max_receive: u32,
        random: &dyn Random,
    ) -> Result<(SecurityLayer, Vec<u8>), GssError> {
        let offer = context.unwrap(offer)?.message;
        let [bits, size @ ..] =
            *offer.first_chunk::<NEGOTIATION>().ok_or(GssError::Malformed("the offer of layers is cut short"))?;
        if bits & wanted.bit() == 0 {
            return Err(GssError::Layer("the server does not offer the security layer that is wanted"));
        }
        let max_receive = max_receive.min(LARGEST);
        let own = if wanted == Layer::None { 0 } else { max_receive };
        let token = context.wrap(&message(wanted.bit(), own, &[]), false, random);
        Ok((SecurityLayer::agreed(context, wanted, max_receive, three(size))?, token))
    }
}

fn message(bits: u8, size: u32, identity: &[u8]) -> Vec<u8> {
    let [_, size @ ..] = size.to_be_bytes();
    [&[bits], &size[..], identity].concat()
}

fn three([a, b, c]: [u8; 3]) -> u32 {
    u32::from_be_bytes([0, a, b, c])
}

/// The layer that was agreed on.
#[derive(Debug)]
pub struct SecurityLayer {
    context: Context,
    layer: Layer,
    max_receive: usize,
    /// How much of a message fits one frame.
    max_message: usize,
}

impl SecurityLayer {
    fn agreed(context: Context, layer: Layer, max_receive: u32, peer_max: u32) -> Result<Self, GssError> {
        let overhead = Context::overhead(layer == Layer::Confidentiality);
        let max_message = usize::try_from(peer_max).unwrap_or(0).saturating_sub(overhead);
        if layer != Layer::None && max_message < 512 {
            return Err(GssError::Layer("the peer wants frames too small to use"));
        }
        let max_receive = usize::try_from(max_receive).unwrap_or(usize::MAX);
        Ok(Self { context, layer, max_receive, max_message })
    }

    /// The layer that SPNEGO's mechanism GSS-SPNEGO starts with, without a negotiation of its own: what the context's flags say.
    /// MS-ADTS 5.1.1.1.2.
    ///
    /// # Errors
    /// Never with the sizes used here.
    pub fn from_flags(context: Context, flags: u32, max_receive: u32) -> Result<Self, GssError> {
        let layer = if flags & super::flags::CONFIDENTIALITY != 0 {
            Layer::Confidentiality
        } else if flags & super::flags::INTEGRITY != 0 {
            Layer::Integrity
        } else {
            Layer::None
        };
        Self::agreed(context, layer, max_receive.min(LARGEST), LARGEST)
    }

    /// Which layer it is.
    #[must_use]
    pub const fn layer(&self) -> Layer {
        self.layer
    }

    /// How many bytes the first frame in `bytes` takes, its length octets included; `None` while those are not all there.
    ///
    /// # Errors
    /// When the frame would be larger than what was agreed on.
    pub fn frame(&self, bytes: &[u8]) -> Result<Option<usize>, GssError> {
        let Some(length) = bytes.first_chunk() else { return Ok(None) };
        match usize::try_from(u32::from_be_bytes(*length)) {
            Ok(length) if length <= self.max_receive => Ok(Some(4 + length)),
            _ => Err(GssError::Layer("the peer sends a larger frame than was agreed on")),
        }
    }

    /// Makes frames of a message, as many as it takes, behind what `out` already holds.
    pub fn seal_into(&mut self, message: &[u8], out: &mut Vec<u8>, random: &dyn Random) {
        if self.layer == Layer::None {
            out.extend_from_slice(message);
            return;
        }
        for part in message.chunks(self.max_message) {
            let token = self.context.wrap(part, self.layer == Layer::Confidentiality, random);
            out.extend_from_slice(&u32::try_from(token.len()).unwrap_or(u32::MAX).to_be_bytes());
            out.extend_from_slice(&token);
        }
    }

    /// Opens one whole frame, its length octets included.
    ///
    /// # Errors
    /// When it is not the peer's, was changed, repeated, or is not encrypted where encryption was agreed on.
    pub fn open(&mut self, frame: &[u8]) -> Result<Vec<u8>, GssError> {
        let token = frame.get(4..).ok_or(GssError::Malformed("the frame is cut short"))?;
        let unwrapped = self.context.unwrap(token)?;
        if self.layer == Layer::Confidentiality && !unwrapped.sealed {
            return Err(GssError::Layer("the peer sends unencrypted what was to be encrypted"));
        }
        Ok(unwrapped.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gss::context::tests::pair;
    use dtyp::SystemRandom;

    fn agree(layers: &[Layer], wanted: Layer, sizes: (u32, u32)) -> Result<(SecurityLayer, SecurityLayer), GssError> {
        let (initiator, acceptor) = pair(true);
        let (server, offer) = Server::offer(acceptor, layers, sizes.0, &SystemRandom);
        let (client, choice) = Client::choose(initiator, &offer, wanted, sizes.1, &SystemRandom)?;
        let (server, identity) = server.chosen(&choice)?;
        assert!(identity.is_empty());
        Ok((client, server))
    }

    const ALL: [Layer; 3] = [Layer::None, Layer::Integrity, Layer::Confidentiality];

    #[test]
    fn each_layer_carries_messages_longer_than_a_frame() {
        for layer in [Layer::Integrity, Layer::Confidentiality] {
            let (mut client, mut server) = agree(&ALL, layer, (1000, 4096)).unwrap();
            let message: Vec<u8> = (0..10_000u32).map(|n| n as u8).collect();
            let mut wire = Vec::new();
            client.seal_into(&message, &mut wire, &SystemRandom);
            let mut got = Vec::new();
            let mut rest = &wire[..];
            while !rest.is_empty() {
                let size = server.frame(rest).unwrap().unwrap();
                assert!(size <= 1004);
                got.extend(server.open(&rest[..size]).unwrap());
                rest = &rest[size..];
            }
            assert_eq!(got, message);
        }
    }

    #[test]
    fn a_layer_that_is_not_offered_cannot_be_chosen() {
        assert!(agree(&[Layer::Confidentiality], Layer::Integrity, (65_536, 65_536)).is_err());
        assert!(agree(&[Layer::None], Layer::None, (65_536, 65_536)).is_ok());
    }

    #[test]
    fn a_signed_frame_does_not_pass_for_a_sealed_one() {
        let (mut client, mut server) = agree(&ALL, Layer::Confidentiality, (65_536, 65_536)).unwrap();
        client.layer = Layer::Integrity;
        let mut wire = Vec::new();
        client.seal_into(b"readable", &mut wire, &SystemRandom);
        assert!(server.open(&wire).is_err());
    }

    #[test]
    fn a_frame_larger_than_agreed_is_refused_by_its_length() {
        let (client, _) = agree(&ALL, Layer::Integrity, (65_536, 4096)).unwrap();
        assert!(client.frame(&4097u32.to_be_bytes()).is_err());
        assert_eq!(client.frame(&4096u32.to_be_bytes()).unwrap(), Some(4100));
        assert_eq!(client.frame(&[0, 0]).unwrap(), None);
    }
}
