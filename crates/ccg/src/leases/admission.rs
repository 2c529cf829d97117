//! How many leases may be on their way at the same time: those being fetched count like those that are held.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::Holder;

/// Leases that are being made, by who will have them.
#[derive(Clone, Default)]
pub(super) struct Admission(Arc<Mutex<BTreeMap<Holder, usize>>>);

/// The place of one of them, until it is dropped.
pub(super) struct Place {
    admission: Admission,
    holder: Holder,
}

impl Admission {
    /// Takes a place, if `judge` agrees: it hears how many are on their way in all, and how many for this holder, and nobody comes between.
    pub fn enter<E>(&self, holder: Holder, judge: impl FnOnce(usize, usize) -> Result<(), E>) -> Result<Place, E> {
        let mut adding = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        judge(adding.values().sum(), adding.get(&holder).copied().unwrap_or(0))?;
        *adding.entry(holder.clone()).or_default() += 1;
        Ok(Place { admission: self.clone(), holder })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut adding = self.admission.0.lock().unwrap_or_else(PoisonError::into_inner);
        let left = adding.remove(&self.holder).unwrap_or(0).saturating_sub(1);
        if left > 0 {
            adding.insert(self.holder.clone(), left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_for_many_at_once_gets_no_more_than_who_asks_one_by_one() {
        let admission = Admission::default();
        let enter = |uid| {
            admission.enter(Holder::User(uid), |all, own| if all < 3 && own < 2 { Ok(()) } else { Err((all, own)) })
        };
        let (one, two) = (enter(1).ok().unwrap(), enter(1).ok().unwrap());
        assert_eq!(enter(1).err(), Some((2, 2)));
        let other = enter(2).ok().unwrap();
        assert_eq!(enter(3).err(), Some((3, 0)));
        drop((one, two, other));
        assert!(enter(1).is_ok() && admission.0.lock().unwrap().is_empty());
    }
}
