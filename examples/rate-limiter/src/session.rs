//! Who is logged in.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use dtyp::{FileTime, Random};
use login::User;
use subtle::ConstantTimeEq;

/// Somebody's session.
#[derive(Clone)]
pub struct Session {
    /// Who, as the directory said when it was last asked.
    pub user: User,
    /// What forms must carry, so that no other site can send them.
    pub csrf: String,
    began: FileTime,
    used: FileTime,
    checked: FileTime,
}

/// All sessions, by a token that only its owner knows.
pub struct Sessions {
    sessions: Mutex<HashMap<String, Session>>,
}

/// Sessions end after this long, whatever happens.
const LONGEST: Duration = Duration::from_secs(8 * 3_600);
/// Sessions end when they are not used this long.
const IDLE: Duration = Duration::from_secs(30 * 60);
/// What is known of a user is good for looking this long.
const FRESH: Duration = Duration::from_secs(30);
/// More sessions than this are not kept: the longest unused gives way.
const MOST: usize = 10_000;

/// A name that cannot be guessed: 256 random bits in hexadecimal.
pub(crate) fn token(random: &dyn Random) -> String {
    let mut bytes = [0; 32];
    random.fill(&mut bytes);
    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a String does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Compares two secrets in a time that does not depend on where they differ.
pub(crate) fn same(a: &str, b: &str) -> bool {
    a.as_bytes().ct_eq(b.as_bytes()).into()
}

impl Default for Sessions {
    fn default() -> Self {
        Self { sessions: Mutex::new(HashMap::new()) }
    }
}

impl Sessions {
    /// Begins a session and gives its token.
    pub fn begin(&self, user: User, random: &dyn Random, now: FileTime) -> (String, Session) {
        let (token, csrf) = (token(random), token(random));
        let session = Session { user, csrf, began: now, used: now, checked: now };
        let mut sessions = self.lock();
        sessions.retain(|_, session| session.lives(now));
        if sessions.len() >= MOST {
            let oldest = sessions.iter().min_by_key(|(_, session)| session.used).map(|(token, _)| token.clone());
            oldest.map(|token| sessions.remove(&token));
        }
        sessions.insert(token.clone(), session.clone());
        (token, session)
    }

    /// The session of a token, unless it has ended.
    pub fn get(&self, token: &str, now: FileTime) -> Option<Session> {
        let mut sessions = self.lock();
        let session = sessions.get_mut(token)?;
        if !session.lives(now) {
            sessions.remove(token);
            return None;
        }
        session.used = now;
        Some(session.clone())
    }

    /// What the directory says of the user now.
    pub fn refresh(&self, token: &str, user: User, now: FileTime) {
        if let Some(session) = self.lock().get_mut(token) {
            session.user = user;
            session.checked = now;
        }
    }

    /// Ends a session.
    pub fn end(&self, token: &str) {
        self.lock().remove(token);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Session>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    fn lives(&self, now: FileTime) -> bool {
        now.since(self.began) < LONGEST && now.since(self.used) < IDLE
    }

    /// The same session, with what is true of its owner now.
    pub(crate) fn with_user(self, user: User) -> Self {
        Self { user, ..self }
    }

    /// Whether the directory was asked a moment ago.
    pub(crate) fn is_fresh(&self, now: FileTime) -> bool {
        now.since(self.checked) < FRESH
    }
}

#[cfg(test)]
mod tests {
    use dtyp::SeededRandom;

    use super::*;

    fn user(name: &str) -> User {
        User {
            dn: format!("CN={name}"),
            sam: name.into(),
            display_name: name.into(),
            upn: None,
            sid: None,
            groups: vec![],
        }
    }

    #[test]
    fn a_session_is_found_by_its_token_only_until_it_ends() {
        let (sessions, random) = (Sessions::default(), SeededRandom::new(1));
        let start = FileTime::from_unix(1_000, 0);
        let (token, session) = sessions.begin(user("alice"), &random, start);
        assert_eq!(token.len(), 64);
        assert_ne!(token, session.csrf);
        assert_eq!(sessions.get(&token, start).unwrap().user.sam, "alice");
        assert!(sessions.get(&session.csrf, start).is_none());
        assert!(sessions.get("", start).is_none());
        sessions.end(&token);
        assert!(sessions.get(&token, start).is_none());
    }

    #[test]
    fn an_unused_session_ends_and_so_does_one_that_is_used_all_day() {
        let (sessions, random) = (Sessions::default(), SeededRandom::new(1));
        let mut now = FileTime::from_unix(1_000, 0);
        let (idle, _) = sessions.begin(user("a"), &random, now);
        let (busy, _) = sessions.begin(user("b"), &random, now);
        for _ in 0..23 {
            now = now + Duration::from_secs(20 * 60);
            assert!(sessions.get(&busy, now).is_some());
        }
        assert!(sessions.get(&idle, now).is_none());
        assert!(sessions.get(&busy, now + Duration::from_secs(20 * 60)).is_none());
    }

    #[test]
    fn the_number_of_sessions_has_an_end() {
        let (sessions, random) = (Sessions::default(), SeededRandom::new(1));
        let now = FileTime::from_unix(1_000, 0);
        for _ in 0..3 {
            sessions.begin(user("a"), &random, now);
        }
        {
            let mut all = sessions.lock();
            let session = all.values().next().unwrap().clone();
            for i in 0..MOST {
                all.insert(i.to_string(), session.clone());
            }
        }
        let before = sessions.lock().len();
        sessions.begin(user("b"), &random, now);
        assert_eq!(sessions.lock().len(), before);
    }
}
