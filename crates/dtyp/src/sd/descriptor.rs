//! The descriptor: owner, group, access list, audit list.

use super::Acl;
use crate::{Error, Sid};

/// A security descriptor. MS-DTYP 2.4.6.
///
/// **No access list means that everybody may do everything**; an empty one, that nobody may. [`SecurityDescriptor::default`] has neither
/// owner nor lists: give it a list before you use it.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct SecurityDescriptor {
    /// Flags; those that say what is present are recomputed on writing.
    pub control: Control,
    /// The owner, who may always read the descriptor and write the access list.
    pub owner: Option<Sid>,
    /// The primary group.
    pub group: Option<Sid>,
    /// The audit list.
    pub sacl: Option<Acl>,
    /// The access list.
    pub dacl: Option<Acl>,
}

/// The flags of a descriptor. MS-DTYP 2.4.6.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Control(pub u16);

impl Control {
    /// The owner came from a default.
    pub const OWNER_DEFAULTED: Self = Self(0x0001);
    /// The group came from a default.
    pub const GROUP_DEFAULTED: Self = Self(0x0002);
    /// There is an access list, or it is said that there is none.
    pub const DACL_PRESENT: Self = Self(0x0004);
    /// The access list came from a default.
    pub const DACL_DEFAULTED: Self = Self(0x0008);
    /// There is an audit list.
    pub const SACL_PRESENT: Self = Self(0x0010);
    /// The audit list came from a default.
    pub const SACL_DEFAULTED: Self = Self(0x0020);
    /// The access list should be inherited by existing children.
    pub const DACL_AUTO_INHERIT_REQUIRED: Self = Self(0x0100);
    /// The audit list should be inherited by existing children.
    pub const SACL_AUTO_INHERIT_REQUIRED: Self = Self(0x0200);
    /// Inherited entries of the access list are marked as such.
    pub const DACL_AUTO_INHERITED: Self = Self(0x0400);
    /// Inherited entries of the audit list are marked as such.
    pub const SACL_AUTO_INHERITED: Self = Self(0x0800);
    /// The access list takes nothing from the parent.
    pub const DACL_PROTECTED: Self = Self(0x1000);
    /// The audit list takes nothing from the parent.
    pub const SACL_PROTECTED: Self = Self(0x2000);
    /// The resource manager's byte means something.
    pub const RM_CONTROL_VALID: Self = Self(0x4000);
    /// The self-relative form.
    pub const SELF_RELATIVE: Self = Self(0x8000);

    /// Whether all of `other` are here.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both sets together.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// This without `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl std::fmt::Debug for Control {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:#06x}", self.0)
    }
}

const HEADER: usize = 20;

impl SecurityDescriptor {
    /// Reads the self-relative form.
    ///
    /// # Errors
    /// When the bytes are no descriptor: a wrong revision, an offset or size that leads outside, an entry of an unknown type.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let (header, _) = bytes.split_first_chunk::<HEADER>().ok_or(Error::Descriptor("fewer than twenty bytes"))?;
        let [revision, _, control_low, control_high, offsets @ ..] = header;
        if *revision != 1 {
            return Err(Error::Descriptor("its revision is not 1"));
        }
        let control = Control(u16::from_le_bytes([*control_low, *control_high]));
        if !control.contains(Control::SELF_RELATIVE) {
            return Err(Error::Descriptor("it is not in the self-relative form"));
        }
        let [owner, group, sacl, dacl] = [0, 4, 8, 12].map(|at| part(bytes, offsets, at));
        let sid = |part: Option<&[u8]>| part.map(|bytes| Sid::split_from(bytes).map(|(sid, _)| sid)).transpose();
        let acl = |part: Option<&[u8]>, present| part.filter(|_| control.contains(present)).map(Acl::read).transpose();
        Ok(Self {
            control,
            owner: sid(owner?)?,
            group: sid(group?)?,
            sacl: acl(sacl?, Control::SACL_PRESENT)?,
            dacl: acl(dacl?, Control::DACL_PRESENT)?,
        })
    }

    /// The self-relative form: header, audit list, access list, owner, group.
    ///
    /// # Errors
    /// When a list needs more than the 65535 bytes it can have.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let mut out = vec![0; HEADER];
        let place = |out: &mut Vec<u8>, acl: &Option<Acl>| match acl {
            None => Ok(0),
            Some(acl) => {
                let at = out.len();
                acl.write_to(out).map(|()| at)
            }
        };
        let sacl = place(&mut out, &self.sacl)?;
        let dacl = place(&mut out, &self.dacl)?;
        let sid = |out: &mut Vec<u8>, sid: &Option<Sid>| match sid {
            None => 0,
            Some(sid) => {
                let at = out.len();
                sid.write_to(out);
                at
            }
        };
        let owner = sid(&mut out, &self.owner);
        let group = sid(&mut out, &self.group);
        let mut header = vec![1, 0];
        header.extend_from_slice(&self.written_control().0.to_le_bytes());
        for offset in [owner, group, sacl, dacl] {
            // Two lists of at most 64 KiB and two SIDs: far below 32 bits.
            header.extend_from_slice(&u32::try_from(offset).map_err(|_| Error::AclTooLong(offset))?.to_le_bytes());
        }
        out.splice(..HEADER, header);
        Ok(out)
    }

    /// The flags with those recomputed that say what is present. A descriptor that was told "there is no access list" keeps saying so.
    pub(crate) fn written_control(&self) -> Control {
        let mut control = self.control.with(Control::SELF_RELATIVE);
        if self.dacl.is_some() {
            control = control.with(Control::DACL_PRESENT);
        }
        if self.sacl.is_some() {
            control = control.with(Control::SACL_PRESENT);
        }
        control
    }
}

/// What begins at the offset stored at `at` of the four offsets; nothing when it is zero.
fn part<'a>(bytes: &'a [u8], offsets: &[u8], at: usize) -> Result<Option<&'a [u8]>, Error> {
    let stored = offsets.get(at..).and_then(|rest| rest.first_chunk::<4>()).ok_or(Error::Descriptor("no offset"))?;
    let offset =
        usize::try_from(u32::from_le_bytes(*stored)).map_err(|_| Error::Descriptor("an offset leads outside"))?;
    match offset {
        0 => Ok(None),
        1..HEADER => Err(Error::Descriptor("an offset leads into the header")),
        _ => bytes.get(offset..).map(Some).ok_or(Error::Descriptor("an offset leads outside")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sddl;

    const TEXT: &str =
        "O:DAG:DUD:PAI(OD;;RP;4c164200-20c0-11d0-a768-00aa006e0529;;AU)(A;CI;GR;;;WD)S:(AU;SAFA;WP;;;WD)";

    fn sample() -> SecurityDescriptor {
        sddl::parse(TEXT, &Sid::domain_of(1, 2, 3), &Sid::domain_of(1, 2, 3)).unwrap()
    }

    #[test]
    fn bytes_cut_anywhere_are_refused() {
        let bytes = sample().to_bytes().unwrap();
        for cut in 0..bytes.len() {
            assert!(SecurityDescriptor::from_bytes(&bytes[..cut]).is_err(), "{cut}");
        }
    }

    #[test]
    fn no_list_and_an_empty_list_are_not_the_same() {
        let of = |text| sddl::parse(text, &Sid::NULL, &Sid::NULL).unwrap().to_bytes().unwrap();
        let read = |bytes: Vec<u8>| SecurityDescriptor::from_bytes(&bytes).unwrap().dacl;
        assert_eq!(read(of("D:NO_ACCESS_CONTROL")), None);
        assert_eq!(read(of("D:")), Some(Acl::default()));
    }

    #[test]
    fn a_list_beyond_its_sixteen_bits_is_refused() {
        let aces = std::iter::repeat_n(crate::Ace::allow(Sid::EVERYONE, crate::AccessMask(1)), 4000);
        let descriptor = SecurityDescriptor { dacl: Some(Acl::new(aces)), ..sample() };
        assert_eq!(descriptor.to_bytes(), Err(Error::AclTooLong(8 + 20 * 4000)));
    }

    proptest! {
        #[test]
        fn damaged_bytes_are_read_or_refused(at in 0usize..200, with: u8, more in proptest::collection::vec(any::<u8>(), 0..8)) {
            let mut bytes = sample().to_bytes().unwrap();
            let length = bytes.len();
            bytes[at % length] = with;
            bytes.extend(more);
            if let Ok(read) = SecurityDescriptor::from_bytes(&bytes) {
                let written = read.to_bytes().unwrap();
                prop_assert_eq!(SecurityDescriptor::from_bytes(&written).unwrap().dacl.map(|acl| acl.aces), read.dacl.map(|acl| acl.aces));
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            let _ = SecurityDescriptor::from_bytes(&bytes);
        }
    }
}
