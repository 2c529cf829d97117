//! Which sequence numbers may still come. RFC 4121 4.2.6.

use super::GssError;

/// The next number due, and which of the 64 before it have come.
#[derive(Debug)]
pub(super) struct Window {
    next: u64,
    seen: u64,
    in_order: bool,
}

impl Window {
    /// `in_order` accepts exactly the next number each time.
    pub(super) const fn new(next: u64, in_order: bool) -> Self {
        Self { next, seen: u64::MAX, in_order }
    }

    /// Takes a number in, or says why not. Numbers wrap around.
    pub(super) fn accept(&mut self, sequence: u64) -> Result<(), GssError> {
        let ahead = sequence.wrapping_sub(self.next);
        if ahead < 1 << 63 {
            if self.in_order && ahead != 0 {
                return Err(GssError::OutOfOrder);
            }
            self.next = sequence.wrapping_add(1);
            // Bit 0 stands for the newest number that came.
            self.seen = if ahead >= 63 { 1 } else { self.seen << (ahead + 1) | 1 };
            return Ok(());
        }
        let behind = self.next.wrapping_sub(sequence).wrapping_sub(1);
        if self.in_order || behind >= 64 || self.seen >> behind & 1 == 1 {
            return Err(GssError::Replay);
        }
        self.seen |= 1 << behind;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn in_order_accepts_each_number_once_and_no_gap() {
        let mut window = Window::new(u64::MAX, true);
        assert!(window.accept(u64::MAX).is_ok());
        assert!(matches!(window.accept(1), Err(GssError::OutOfOrder)));
        assert!(window.accept(0).is_ok());
        assert!(matches!(window.accept(0), Err(GssError::Replay)));
    }

    proptest! {
        #[test]
        fn no_number_is_accepted_twice(start in any::<u64>(), steps in proptest::collection::vec(0u64..100, 1..200)) {
            let mut window = Window::new(start, false);
            let mut taken = std::collections::HashSet::new();
            for step in steps {
                let number = start.wrapping_add(step);
                if window.accept(number).is_ok() {
                    prop_assert!(taken.insert(number));
                }
            }
            prop_assert!(!taken.is_empty());
        }
    }
}
