//! Slots of ten hours, and their numbers. MS-GKDI 3.1.4.1.

use dtyp::FileTime;

/// How long a key is used: ten hours, in ticks of 100 ns. MS-GKDI 3.1.4.1.
pub(crate) const CYCLE: u64 = 360_000_000_000;

/// When a key is used: one of 32 x 32 slots of ten hours inside an L0 interval.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct KeyId {
    l0: i32,
    l1: u8,
    l2: u8,
}

impl KeyId {
    /// A slot by its three numbers; nothing when one is out of range.
    #[must_use]
    pub const fn new(l0: i32, l1: u8, l2: u8) -> Option<Self> {
        if l0 >= 0 && l1 < 32 && l2 < 32 { Some(Self { l0, l1, l2 }) } else { None }
    }

    /// The slot that `at` falls in. MS-GKDI 3.1.4.1.
    #[must_use]
    pub fn at(at: FileTime) -> Self {
        let slot = at.0 / CYCLE;
        // 2^64 ticks are fewer than 2^26 slots: neither cast loses anything.
        Self { l0: (slot / 1024) as i32, l1: (slot / 32 % 32) as u8, l2: (slot % 32) as u8 }
    }

    /// When the slot begins.
    #[must_use]
    pub const fn start(self) -> FileTime {
        FileTime((self.l0 as u64 * 1024 + self.l1 as u64 * 32 + self.l2 as u64).saturating_mul(CYCLE))
    }

    /// The slot that begins `slots` slots later.
    #[must_use]
    pub fn plus(self, slots: u64) -> Self {
        Self::at(FileTime(self.start().0.saturating_add(slots.saturating_mul(CYCLE))))
    }

    /// The number of the interval of 1024 slots.
    #[must_use]
    pub const fn l0(self) -> i32 {
        self.l0
    }
    /// The number of the interval of 32 slots in it.
    #[must_use]
    pub const fn l1(self) -> u8 {
        self.l1
    }
    /// The number of the slot in that.
    #[must_use]
    pub const fn l2(self) -> u8 {
        self.l2
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_time_lies_in_its_slot(at in 0u64..9_000_000_000_000_000_000) {
            let start = KeyId::at(FileTime(at)).start().0;
            prop_assert!(start <= at && at - start < CYCLE);
            prop_assert_eq!(KeyId::at(FileTime(at)).plus(1).start().0, start + CYCLE);
        }
    }

    /// Slots and their beginnings as Samba's tests list them (`lib/crypto/test_gkdi.c`).
    #[test]
    fn known_times_lie_in_known_slots() {
        let slots = [
            (CYCLE - 1, (0, 0, 0)),
            (31 * CYCLE, (0, 0, 31)),
            (32 * CYCLE, (0, 1, 0)),
            ((31 * 32 + 3) * CYCLE, (0, 31, 3)),
            (1024 * CYCLE, (1, 0, 0)),
            (((1234 * 32 + 8) * 32 + 13) * CYCLE, (1234, 8, 13)),
            (i64::MAX as u64, (25019, 31, 29)),
            (u64::MAX, (50039, 31, 27)),
        ];
        for (at, (l0, l1, l2)) in slots {
            assert_eq!(Some(KeyId::at(FileTime(at))), KeyId::new(l0, l1, l2));
        }
        assert_eq!(KeyId::new(123, 18, 2).unwrap().start(), FileTime(126_530 * CYCLE));
        assert_eq!(KeyId::new(50039, 31, 27).unwrap().start(), FileTime(51_240_955 * CYCLE));
    }

    #[test]
    fn numbers_out_of_range_are_no_slot() {
        assert!(KeyId::new(1, 31, 31).is_some());
        assert!(KeyId::new(-1, 0, 0).is_none() && KeyId::new(0, 32, 0).is_none() && KeyId::new(0, 0, 32).is_none());
    }
}
