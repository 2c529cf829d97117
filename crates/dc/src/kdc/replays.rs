//! Which TGS requests came before, and what they were answered. RFC 4120 3.2.3, 3.3.2.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use dtyp::FileTime;
use kerberos::gss::ReplayCache;
use sha2::{Digest, Sha256};

/// How many authenticators are remembered.
const AUTHENTICATORS: usize = 1 << 17;
/// How many answers are kept for those who ask again.
const ANSWERS: usize = 256;
/// For how long: clients that heard nothing ask again within seconds.
const KEPT: Duration = Duration::from_secs(30);

/// Remembers requests: a datagram may get lost on its way back, and then comes again.
#[derive(Debug)]
pub(super) struct Replays {
    authenticators: ReplayCache,
    answers: Mutex<VecDeque<Answer>>,
}

#[derive(Debug)]
struct Answer {
    request: [u8; 32],
    reply: Vec<u8>,
    at: FileTime,
}

impl Replays {
    pub(super) fn new() -> Self {
        Self { authenticators: ReplayCache::new(AUTHENTICATORS), answers: Mutex::default() }
    }

    /// Whether this encrypted authenticator comes for the first time.
    pub(super) fn is_new(&self, authenticator: &[u8], now: FileTime) -> bool {
        self.authenticators.is_new(authenticator, now)
    }

    /// Keeps an answer for a while.
    pub(super) fn remember(&self, request: &[u8], reply: &[u8], now: FileTime) {
        let answer = Answer { request: Sha256::digest(request).into(), reply: reply.to_vec(), at: now };
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if answers.len() >= ANSWERS {
            answers.pop_front();
        }
        answers.push_back(answer);
    }

    /// The answer to exactly this request, if it was given a moment ago.
    pub(super) fn answer_to(&self, request: &[u8], now: FileTime) -> Option<Vec<u8>> {
        let digest: [u8; 32] = Sha256::digest(request).into();
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let found = answers.iter().rev().find(|answer| answer.request == digest)?;
        (now.since(found.at) <= KEPT).then(|| found.reply.clone())
    }
}
