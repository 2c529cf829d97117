//! Rights, as bits.

use std::ops::{BitAnd, BitOr, BitOrAssign, Not};

/// A set of rights. MS-DTYP 2.4.3; the lower half means what MS-ADTS 5.1.3.2 says for directory objects.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct AccessMask(pub u32);

impl AccessMask {
    /// No right.
    pub const NONE: Self = Self(0);
    /// Create a child (of a class, when the entry names one).
    pub const CREATE_CHILD: Self = Self(0x1);
    /// Delete a child (of a class, when the entry names one).
    pub const DELETE_CHILD: Self = Self(0x2);
    /// See the children.
    pub const LIST_CONTENTS: Self = Self(0x4);
    /// Validated write (`RIGHT_DS_WRITE_PROPERTY_EXTENDED`).
    pub const SELF_WRITE: Self = Self(0x8);
    /// Read attributes.
    pub const READ_PROPERTY: Self = Self(0x10);
    /// Write attributes.
    pub const WRITE_PROPERTY: Self = Self(0x20);
    /// Delete the object and everything beneath it.
    pub const DELETE_TREE: Self = Self(0x40);
    /// See the object even where the parent's children cannot be listed.
    pub const LIST_OBJECT: Self = Self(0x80);
    /// A control access right (an extended right), such as Reset Password.
    pub const CONTROL_ACCESS: Self = Self(0x100);
    /// Delete the object.
    pub const DELETE: Self = Self(0x1_0000);
    /// Read the descriptor (but its audit list).
    pub const READ_CONTROL: Self = Self(0x2_0000);
    /// Write the access list.
    pub const WRITE_DAC: Self = Self(0x4_0000);
    /// Write the owner.
    pub const WRITE_OWNER: Self = Self(0x8_0000);
    /// Wait for the object; means nothing for directory objects.
    pub const SYNCHRONIZE: Self = Self(0x10_0000);
    /// Read and write the audit list.
    pub const ACCESS_SYSTEM_SECURITY: Self = Self(0x100_0000);
    /// In a request: whatever is allowed.
    pub const MAXIMUM_ALLOWED: Self = Self(0x200_0000);
    /// Generic: everything.
    pub const GENERIC_ALL: Self = Self(0x1000_0000);
    /// Generic: execute.
    pub const GENERIC_EXECUTE: Self = Self(0x2000_0000);
    /// Generic: write.
    pub const GENERIC_WRITE: Self = Self(0x4000_0000);
    /// Generic: read.
    pub const GENERIC_READ: Self = Self(0x8000_0000);

    /// Everything a directory object knows: what [`GENERIC_ALL`](Self::GENERIC_ALL) stands for. MS-ADTS 5.1.3.2.
    pub const DS_ALL: Self = Self(0xF_01FF);
    const DS_READ: Self = Self(0x2_0094);
    const DS_WRITE: Self = Self(0x2_0028);
    const DS_EXECUTE: Self = Self(0x2_0004);
    const GENERIC: u32 = 0xF000_0000;

    /// Whether all of `other` is here.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any of `other` is here.
    #[must_use]
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether there is nothing here.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// This without `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether a generic right is here.
    #[must_use]
    pub const fn has_generic(self) -> bool {
        self.0 & Self::GENERIC != 0
    }

    /// Generic rights replaced by what they stand for on a directory object. MS-ADTS 5.1.3.2 (GENERIC_READ, …), MS-DTYP 2.5.3.1.
    #[must_use]
    pub const fn mapped(self) -> Self {
        let mut bits = self.0 & !Self::GENERIC;
        if self.0 & Self::GENERIC_ALL.0 != 0 {
            bits |= Self::DS_ALL.0;
        }
        if self.0 & Self::GENERIC_READ.0 != 0 {
            bits |= Self::DS_READ.0;
        }
        if self.0 & Self::GENERIC_WRITE.0 != 0 {
            bits |= Self::DS_WRITE.0;
        }
        if self.0 & Self::GENERIC_EXECUTE.0 != 0 {
            bits |= Self::DS_EXECUTE.0;
        }
        Self(bits)
    }
}

impl std::fmt::Debug for AccessMask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl BitOr for AccessMask {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for AccessMask {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl BitAnd for AccessMask {
    type Output = Self;
    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl Not for AccessMask {
    type Output = Self;
    fn not(self) -> Self {
        Self(!self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generic_rights_become_those_of_the_directory() {
        assert_eq!(AccessMask::GENERIC_ALL.mapped(), AccessMask::DS_ALL);
        assert_eq!(
            AccessMask::GENERIC_READ.mapped(),
            AccessMask::READ_CONTROL | AccessMask::LIST_CONTENTS | AccessMask::READ_PROPERTY | AccessMask::LIST_OBJECT
        );
        assert_eq!(AccessMask::DELETE.mapped(), AccessMask::DELETE);
        assert!(!AccessMask(0xFFFF_FFFF).mapped().has_generic());
    }
}
