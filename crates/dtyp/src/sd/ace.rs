//! One entry of a list: somebody, some rights, allowed, denied or audited.

use super::AccessMask;
use crate::{Error, Guid, Sid};

/// An access control entry. MS-DTYP 2.4.4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ace {
    /// What the entry does.
    pub kind: AceKind,
    /// How it is inherited and audited.
    pub flags: AceFlags,
    /// Which rights.
    pub mask: AccessMask,
    /// For which property, class or extended right; present in object entries only (even when it names nothing).
    pub scope: Option<ObjectScope>,
    /// Whose rights.
    pub trustee: Sid,
    /// What follows the SID: the condition of a callback entry, the value of a resource attribute. Empty in all others.
    pub data: Vec<u8>,
}

/// What an entry does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AceKind {
    /// Grants.
    Allow,
    /// Refuses.
    Deny,
    /// Records use.
    Audit,
    /// Raises an alarm (reserved).
    Alarm,
    /// Grants when a condition holds.
    AllowCallback,
    /// Refuses when a condition holds.
    DenyCallback,
    /// Records use when a condition holds.
    AuditCallback,
    /// Reserved.
    AlarmCallback,
    /// The integrity label.
    MandatoryLabel,
    /// A claim about the object.
    ResourceAttribute,
    /// A central access policy.
    ScopedPolicy,
}

/// What an object entry is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct ObjectScope {
    /// The property, property set, child class, extended right or validated write that the rights are about; all when absent.
    pub object_type: Option<Guid>,
    /// The class of objects that inherit the entry; all when absent.
    pub inherited_object_type: Option<Guid>,
}

/// How an entry is inherited and audited. MS-DTYP 2.4.4.1.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct AceFlags(pub u8);

impl AceFlags {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// Children that are no containers inherit it.
    pub const OBJECT_INHERIT: Self = Self(0x01);
    /// Containers inherit it; every directory object is one.
    pub const CONTAINER_INHERIT: Self = Self(0x02);
    /// Only direct children inherit it.
    pub const NO_PROPAGATE: Self = Self(0x04);
    /// It does not count for the object that carries it.
    pub const INHERIT_ONLY: Self = Self(0x08);
    /// It came from the parent.
    pub const INHERITED: Self = Self(0x10);
    /// Audit success.
    pub const SUCCESSFUL_ACCESS: Self = Self(0x40);
    /// Audit failure.
    pub const FAILED_ACCESS: Self = Self(0x80);

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

impl std::fmt::Debug for AceFlags {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:#04x}", self.0)
    }
}

/// (type on the wire, what it does, whether it has GUIDs). MS-DTYP 2.4.4.1.
const TYPES: [(u8, AceKind, bool); 19] = [
    (0x00, AceKind::Allow, false),
    (0x01, AceKind::Deny, false),
    (0x02, AceKind::Audit, false),
    (0x03, AceKind::Alarm, false),
    (0x05, AceKind::Allow, true),
    (0x06, AceKind::Deny, true),
    (0x07, AceKind::Audit, true),
    (0x08, AceKind::Alarm, true),
    (0x09, AceKind::AllowCallback, false),
    (0x0A, AceKind::DenyCallback, false),
    (0x0B, AceKind::AllowCallback, true),
    (0x0C, AceKind::DenyCallback, true),
    (0x0D, AceKind::AuditCallback, false),
    (0x0E, AceKind::AlarmCallback, false),
    (0x0F, AceKind::AuditCallback, true),
    (0x10, AceKind::AlarmCallback, true),
    (0x11, AceKind::MandatoryLabel, false),
    (0x12, AceKind::ResourceAttribute, false),
    (0x13, AceKind::ScopedPolicy, false),
];

const OBJECT_TYPE_PRESENT: u32 = 1;
const INHERITED_OBJECT_TYPE_PRESENT: u32 = 2;

impl Ace {
    /// An entry that grants `mask` to `trustee`, on this object only.
    #[must_use]
    pub const fn allow(trustee: Sid, mask: AccessMask) -> Self {
        Self::plain(AceKind::Allow, trustee, mask)
    }

    /// An entry that refuses `mask` to `trustee`, on this object only.
    #[must_use]
    pub const fn deny(trustee: Sid, mask: AccessMask) -> Self {
        Self::plain(AceKind::Deny, trustee, mask)
    }

    const fn plain(kind: AceKind, trustee: Sid, mask: AccessMask) -> Self {
        Self { kind, flags: AceFlags::NONE, mask, scope: None, trustee, data: Vec::new() }
    }

    /// The same for one property, class or extended right.
    #[must_use]
    pub fn about(mut self, object_type: Guid) -> Self {
        self.scope.get_or_insert_default().object_type = Some(object_type);
        self
    }

    /// The same with these flags.
    #[must_use]
    pub const fn flagged(mut self, flags: AceFlags) -> Self {
        self.flags = flags;
        self
    }

    /// The property, class or extended right that it is about, if it names one.
    #[must_use]
    pub fn object_type(&self) -> Option<&Guid> {
        self.scope.as_ref()?.object_type.as_ref()
    }

    /// The class that inherits it, if it names one.
    #[must_use]
    pub fn inherited_object_type(&self) -> Option<&Guid> {
        self.scope.as_ref()?.inherited_object_type.as_ref()
    }

    /// Whether it came from the parent.
    #[must_use]
    pub const fn is_inherited(&self) -> bool {
        self.flags.contains(AceFlags::INHERITED)
    }

    /// Whether it counts for the object that carries it.
    #[must_use]
    pub const fn is_effective(&self) -> bool {
        !self.flags.contains(AceFlags::INHERIT_ONLY)
    }

    pub(super) fn read(bytes: &[u8]) -> Result<(Self, &[u8]), Error> {
        let (&[wire_type, flags, low, high], _) =
            bytes.split_first_chunk::<4>().ok_or(Error::Descriptor("an entry ends inside its header"))?;
        let size = usize::from(u16::from_le_bytes([low, high]));
        let (entry, rest) =
            bytes.split_at_checked(size).ok_or(Error::Descriptor("an entry is longer than its list"))?;
        let (_, kind, is_object) = *TYPES
            .iter()
            .find(|(value, ..)| *value == wire_type)
            .ok_or(Error::Descriptor("an entry has an unknown type"))?;
        let body = entry.get(4..).ok_or(Error::Descriptor("an entry is shorter than its header"))?;
        let (mask, body) = u32_le(body)?;
        let (scope, body) = if is_object { read_scope(body)? } else { (None, body) };
        let (trustee, data) = Sid::split_from(body)?;
        let ace = Self { kind, flags: AceFlags(flags), mask: AccessMask(mask), scope, trustee, data: data.to_vec() };
        Ok((ace, rest))
    }

    /// How long the binary form is.
    pub(super) fn byte_len(&self) -> usize {
        let guids = self.scope.map_or(0, |scope| {
            4 + 16 * usize::from(scope.object_type.is_some()) + 16 * usize::from(scope.inherited_object_type.is_some())
        });
        (8 + guids + self.trustee.byte_len() + self.data.len()).next_multiple_of(4)
    }

    pub(super) fn write_to(&self, out: &mut Vec<u8>) -> Result<(), Error> {
        let size = self.byte_len();
        let start = out.len();
        let wire_type = TYPES
            .iter()
            .find(|(_, kind, is_object)| *kind == self.kind && *is_object == self.scope.is_some())
            .map(|(wire_type, ..)| *wire_type)
            .ok_or(Error::Descriptor("an entry of this kind cannot name an object type"))?;
        out.extend_from_slice(&[wire_type, self.flags.0]);
        out.extend_from_slice(&u16::try_from(size).map_err(|_| Error::AclTooLong(size))?.to_le_bytes());
        out.extend_from_slice(&self.mask.0.to_le_bytes());
        if let Some(scope) = self.scope {
            let present = u32::from(scope.object_type.is_some()) * OBJECT_TYPE_PRESENT
                + u32::from(scope.inherited_object_type.is_some()) * INHERITED_OBJECT_TYPE_PRESENT;
            out.extend_from_slice(&present.to_le_bytes());
            for guid in [scope.object_type, scope.inherited_object_type].into_iter().flatten() {
                out.extend_from_slice(guid.as_bytes());
            }
        }
        self.trustee.write_to(out);
        out.extend_from_slice(&self.data);
        out.resize(start + size, 0);
        Ok(())
    }
}

fn read_scope(body: &[u8]) -> Result<(Option<ObjectScope>, &[u8]), Error> {
    let (present, mut body) = u32_le(body)?;
    let mut guid = |bit: u32| {
        if present & bit == 0 {
            return Ok(None);
        }
        let (bytes, rest) =
            body.split_first_chunk::<16>().ok_or(Error::Descriptor("an entry ends inside an object type"))?;
        body = rest;
        Ok(Some(Guid(*bytes)))
    };
    let scope = ObjectScope {
        object_type: guid(OBJECT_TYPE_PRESENT)?,
        inherited_object_type: guid(INHERITED_OBJECT_TYPE_PRESENT)?,
    };
    Ok((Some(scope), body))
}

fn u32_le(bytes: &[u8]) -> Result<(u32, &[u8]), Error> {
    let (four, rest) = bytes.split_first_chunk::<4>().ok_or(Error::Descriptor("an entry ends inside its fields"))?;
    Ok((u32::from_le_bytes(*four), rest))
}
