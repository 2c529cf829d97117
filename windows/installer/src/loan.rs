//! A key that is somebody else's is taken for one step and given back.
//!
//! What it was like is noted before it is taken. While there is a note, what the key is like now does not count: it is what an earlier step
//! left, which could not give it back.

use std::io;

use crate::registry::KeyPath;

/// Keys that can be taken, and the notes of what they were like. What a key is like is a descriptor: whose it is, and who may do what with it.
pub trait Lender {
    /// What it is like now.
    ///
    /// # Errors
    /// The system's.
    fn descriptor(&self, key: &KeyPath) -> io::Result<Vec<u8>>;

    /// What is noted of it.
    ///
    /// # Errors
    /// When that cannot be read.
    fn noted(&self, key: &KeyPath) -> io::Result<Option<Vec<u8>>>;

    /// Notes it, so that it is there even if the machine stops.
    ///
    /// # Errors
    /// The system's.
    fn note(&self, key: &KeyPath, descriptor: &[u8]) -> io::Result<()>;

    /// Takes the note away.
    fn forget(&self, key: &KeyPath);

    /// Takes the key, acts, and makes it what it was `before`. What came of acting, and of giving it back.
    ///
    /// # Errors
    /// When it cannot be taken: then nothing has been done.
    fn lend(
        &self,
        key: &KeyPath,
        before: &[u8],
        act: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<(io::Result<()>, io::Result<()>)>;
}

/// Does something to a key that lets only its owner do it.
///
/// # Errors
/// The system's; the note stays while the key is not what it was.
pub fn with(lender: &impl Lender, key: &KeyPath, act: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    let noted = lender.noted(key)?;
    let is_as_it_was = noted.is_none();
    let before = match noted {
        Some(before) => before,
        None => {
            let before = lender.descriptor(key)?;
            lender.note(key, &before)?;
            before
        }
    };
    let lent = lender.lend(key, &before, act).inspect_err(|_| {
        if is_as_it_was {
            lender.forget(key);
        }
    });
    let (acted, given_back) = lent?;
    given_back?;
    lender.forget(key);
    acted
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use super::*;

    const THEIRS: &[u8] = b"the installer of Windows";
    const OURS: &[u8] = b"administrators";

    struct Fake {
        key: RefCell<Vec<u8>>,
        note: RefCell<Option<Vec<u8>>>,
        lends: Cell<bool>,
        takes_back: Cell<bool>,
    }

    impl Lender for Fake {
        fn descriptor(&self, _: &KeyPath) -> io::Result<Vec<u8>> {
            Ok(self.key.borrow().clone())
        }

        fn noted(&self, _: &KeyPath) -> io::Result<Option<Vec<u8>>> {
            Ok(self.note.borrow().clone())
        }

        fn note(&self, _: &KeyPath, descriptor: &[u8]) -> io::Result<()> {
            *self.note.borrow_mut() = Some(descriptor.to_vec());
            Ok(())
        }

        fn forget(&self, _: &KeyPath) {
            *self.note.borrow_mut() = None;
        }

        fn lend(
            &self,
            _: &KeyPath,
            before: &[u8],
            act: impl FnOnce() -> io::Result<()>,
        ) -> io::Result<(io::Result<()>, io::Result<()>)> {
            if !self.lends.get() {
                return Err(io::Error::other("it is not to be had"));
            }
            OURS.clone_into(&mut self.key.borrow_mut());
            let acted = act();
            if !self.takes_back.get() {
                return Ok((acted, Err(io::Error::other("its owner cannot be set"))));
            }
            before.clone_into(&mut self.key.borrow_mut());
            Ok((acted, Ok(())))
        }
    }

    fn lender() -> Fake {
        let yes = || Cell::new(true);
        Fake { key: RefCell::new(THEIRS.to_vec()), note: RefCell::default(), lends: yes(), takes_back: yes() }
    }

    fn take(lender: &Fake) -> io::Result<()> {
        with(lender, &"SOFTWARE\\Classes".into(), || Ok(()))
    }

    #[test]
    fn what_was_taken_is_what_it_was_whatever_came_of_the_step() {
        let lender = lender();
        take(&lender).unwrap();
        with(&lender, &"SOFTWARE\\Classes".into(), || Err(io::Error::other("no"))).unwrap_err();
        assert_eq!((lender.key.into_inner(), lender.note.into_inner()), (THEIRS.to_vec(), None));
    }

    #[test]
    fn a_key_that_could_not_be_given_back_goes_back_to_its_first_owner_with_the_next_step() {
        let lender = lender();
        lender.takes_back.set(false);
        for _ in 0..2 {
            take(&lender).unwrap_err();
            assert_eq!(lender.note.borrow().as_deref(), Some(THEIRS), "what it was like first");
        }
        lender.lends.set(false);
        take(&lender).unwrap_err();
        assert_eq!(lender.note.borrow().as_deref(), Some(THEIRS), "it has not been given back");
        lender.lends.set(true);
        lender.takes_back.set(true);
        take(&lender).unwrap();
        assert_eq!((lender.key.into_inner(), lender.note.into_inner()), (THEIRS.to_vec(), None));
    }

    #[test]
    fn what_could_not_be_taken_leaves_no_note() {
        let lender = lender();
        lender.lends.set(false);
        take(&lender).unwrap_err();
        assert_eq!((lender.key.into_inner(), lender.note.into_inner()), (THEIRS.to_vec(), None));
    }
}
