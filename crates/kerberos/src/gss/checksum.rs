//! The checksum field of the first token's authenticator, which is no checksum: bindings and flags. RFC 4121 4.1.1.

use super::{ChannelBindings, GssError};

/// The checksum type of the field.
pub(super) const TYPE: i32 = 0x8003;
const LENGTH_OF_BINDINGS: u32 = 16;

pub(super) fn encode(bindings: Option<&ChannelBindings>, flags: u32) -> Vec<u8> {
    let bindings = bindings.map_or([0; 16], |bindings| *bindings.bytes());
    [&LENGTH_OF_BINDINGS.to_le_bytes(), &bindings[..], &flags.to_le_bytes()].concat()
}

/// The bindings and the flags. Delegated credentials and extensions may follow them; both are ignored.
pub(super) fn decode(field: &[u8]) -> Result<([u8; 16], u32), GssError> {
    let short = GssError::Malformed("the authenticator's checksum field is malformed");
    let (length, rest) =
        field.split_first_chunk().ok_or(GssError::Malformed("the authenticator's checksum field is cut short"))?;
    if u32::from_le_bytes(*length) != LENGTH_OF_BINDINGS {
        return Err(short);
    }
    let Some((bindings, rest)) = rest.split_first_chunk::<16>() else { return Err(short) };
    let Some(flags) = rest.first_chunk() else { return Err(short) };
    Ok((*bindings, u32::from_le_bytes(*flags)))
}
