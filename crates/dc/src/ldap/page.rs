//! The cookies of paged results: opaque, of this connection only, and of one search only. RFC 2696; MS-ADTS 3.1.1.3.4.1.1.
//!
//! A cookie says where the next page begins, and carries a code over that and over the search. Nothing is kept for it here.

use dtyp::Random;
use hmac::{Hmac, KeyInit, Mac};
use ldap::message::Search;
use sha2::Sha256;
use zeroize::Zeroizing;

/// How much of the code a cookie carries.
const CODE: usize = 16;

/// Makes and checks the cookies of one connection.
#[derive(Default)]
pub(crate) struct Cookies {
    key: Option<Zeroizing<[u8; 32]>>,
}

impl Cookies {
    /// The cookie for a place in the results of a search.
    pub(crate) fn make(&mut self, place: &[u8], search: &Search<'_>, random: &dyn Random) -> Vec<u8> {
        let key = self.key.get_or_insert_with(|| {
            let mut key = Zeroizing::new([0; 32]);
            random.fill(key.as_mut_slice());
            key
        });
        let code = code(key, place, search);
        let mut cookie = code.and_then(|code| code.finalize().into_bytes().first_chunk::<CODE>().copied());
        cookie.take().map(|code| [&code[..], place].concat()).unwrap_or_default()
    }

    /// The place that a cookie says, if it was made here and for this search.
    pub(crate) fn open<'c>(&self, cookie: &'c [u8], search: &Search<'_>) -> Option<&'c [u8]> {
        let (sent, place) = cookie.split_at_checked(CODE)?;
        code(self.key.as_deref()?, place, search)?.verify_truncated_left(sent).ok()?;
        Some(place)
    }
}

/// The code over a place and what makes the search: base, scope and filter.
fn code(key: &[u8; 32], place: &[u8], search: &Search<'_>) -> Option<Hmac<Sha256>> {
    let mut code = Hmac::<Sha256>::new_from_slice(key).ok()?;
    for part in [place, search.base.as_bytes(), search.filter_bytes] {
        code.update(&(part.len() as u64).to_be_bytes());
        code.update(part);
    }
    code.update(&[search.scope as u8]);
    Some(code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use dtyp::SystemRandom;
    use ldap::message::Scope;

    fn search(base: &str) -> Search<'_> {
        Search {
            base,
            scope: Scope::Subtree,
            size_limit: 0,
            time_limit: 0,
            types_only: false,
            filter: ldap::Filter::Present("cn"),
            filter_bytes: b"\x87\x02cn",
            attributes: Vec::new(),
        }
    }

    #[test]
    fn a_cookie_holds_for_its_search_and_connection_only() {
        let mut cookies = Cookies::default();
        let cookie = cookies.make(b"place", &search("DC=a"), &SystemRandom);
        assert_eq!(cookies.open(&cookie, &search("DC=a")), Some(&b"place"[..]));
        assert_eq!(cookies.open(&cookie, &search("DC=b")), None);
        assert_eq!(Cookies::default().open(&cookie, &search("DC=a")), None);
        let mut other = Cookies::default();
        other.make(b"", &search("DC=a"), &SystemRandom);
        assert_eq!(other.open(&cookie, &search("DC=a")), None);
    }

    #[test]
    fn a_changed_cookie_is_refused() {
        let mut cookies = Cookies::default();
        let cookie = cookies.make(b"place", &search("DC=a"), &SystemRandom);
        for at in 0..cookie.len() {
            let mut changed = cookie.clone();
            changed[at] ^= 1;
            assert_eq!(cookies.open(&changed, &search("DC=a")), None, "{at}");
            assert_eq!(cookies.open(&cookie[..at], &search("DC=a")), None, "{at}");
        }
    }
}
