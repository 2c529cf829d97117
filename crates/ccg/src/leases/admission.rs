//! How many leases may be on their way at the same time: those being fetched count like those that are held.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Leases that are being made, by the user who asks.
#[derive(Clone, Default)]
pub(super) struct Admission(Arc<Mutex<BTreeMap<u32, usize>>>);

/// The place of one of them, until it is dropped.
pub(super) struct Place {
    admission: Admission,
    uid: u32,
}

impl Admission {
    /// Takes a place, if `judge` agrees: it hears how many are on their way in all, and how many for this user, and nobody comes between.
    pub fn enter<E>(&self, uid: u32, judge: impl FnOnce(usize, usize) -> Result<(), E>) -> Result<Place, E> {
        let mut adding = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        judge(adding.values().sum(), adding.get(&uid).copied().unwrap_or(0))?;
        *adding.entry(uid).or_default() += 1;
        Ok(Place { admission: self.clone(), uid })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut adding = self.admission.0.lock().unwrap_or_else(PoisonError::into_inner);
        let left = adding.remove(&self.uid).unwrap_or(0).saturating_sub(1);
        if left > 0 {
            adding.insert(self.uid, left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_for_many_at_once_gets_no_more_than_who_asks_one_by_one() {
        let admission = Admission::default();
        let enter = |uid| admission.enter(uid, |all, own| if all < 3 && own < 2 { Ok(()) } else { Err((all, own)) });
        let (one, two) = (enter(1).ok().unwrap(), enter(1).ok().unwrap());
        assert_eq!(enter(1).err(), Some((2, 2)));
        let other = enter(2).ok().unwrap();
        assert_eq!(enter(3).err(), Some((3, 0)));
        drop((one, two, other));
        assert!(enter(1).is_ok() && admission.0.lock().unwrap().is_empty());
    }
}
