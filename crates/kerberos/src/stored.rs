//! Reading the big-endian counted fields of keytabs and credential caches.

use crate::PrincipalName;

/// The bytes end early, or a name in them is no text.
pub(crate) struct Damaged;

pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Fields<'a> {
    pub(crate) fn bytes(&mut self, count: usize) -> Result<&'a [u8], Damaged> {
        let (bytes, rest) = self.0.split_at_checked(count).ok_or(Damaged)?;
        self.0 = rest;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Damaged> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or(Damaged)?;
        self.0 = rest;
        Ok(*bytes)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Damaged> {
        self.array().map(u8::from_be_bytes)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Damaged> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Damaged> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn counted16(&mut self) -> Result<&'a [u8], Damaged> {
        let count = self.u16()?;
        self.bytes(usize::from(count))
    }

    pub(crate) fn counted32(&mut self) -> Result<&'a [u8], Damaged> {
        let count = self.u32()?;
        self.bytes(usize::try_from(count).map_err(|_| Damaged)?)
    }
}

pub(crate) fn text(bytes: &[u8]) -> Result<String, Damaged> {
    String::from_utf8(bytes.to_vec()).map_err(|_| Damaged)
}

pub(crate) fn principal(name_type: u32, components: Vec<String>) -> PrincipalName {
    PrincipalName { name_type: i32::from_be_bytes(name_type.to_be_bytes()), components }
}

pub(crate) fn counted16(out: &mut Vec<u8>, bytes: &[u8]) {
    let count = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&count.to_be_bytes());
    out.extend_from_slice(bytes.get(..usize::from(count)).unwrap_or(bytes));
}

pub(crate) fn counted32(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(bytes);
}
