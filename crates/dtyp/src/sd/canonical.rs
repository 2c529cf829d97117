//! The order of entries in which a list means what its author thinks it means.

use super::{Ace, AceKind, Acl};

impl Acl {
    /// Puts the entries in canonical order: own before inherited; in each, refusals before grants; in each, those for the whole object
    /// before those for a property or class. MS-DTYP 2.4.5.1, MS-ADTS 6.1.3.1. Entries of the same rank keep their order.
    pub fn sort_canonically(&mut self) {
        self.aces.sort_by_key(rank);
    }

    /// Whether the entries are in canonical order.
    #[must_use]
    pub fn is_canonical(&self) -> bool {
        self.aces.is_sorted_by_key(rank)
    }
}

fn rank(ace: &Ace) -> (bool, u8, bool) {
    let effect = match ace.kind {
        AceKind::Deny | AceKind::DenyCallback => 0,
        AceKind::Allow | AceKind::AllowCallback => 1,
        _ => 2,
    };
    // Inherited entries of several ancestors come nearest first; sorting each by effect would mix them, so their order is kept.
    if ace.is_inherited() { (true, 0, false) } else { (false, effect, ace.scope.is_some()) }
}
