//! The beginnings of the two bodies of a hop, for anyone who wants to look at them.

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use bytes::Bytes;

use super::Counted;

/// Bytes of one body that are kept: requests to the ingress are whole, and so are most pages.
const MOST_OF_ONE: usize = 256 * 1024;

/// Bytes of all bodies that a trace keeps; of more, the oldest go.
pub(super) const MOST_OF_ALL: usize = 32 * 1024 * 1024;

/// What has passed of the bodies of a hop.
#[derive(Debug, Default)]
pub(super) struct Bodies {
    request: Mutex<Vec<u8>>,
    response: Mutex<Vec<u8>>,
    /// Whether that of the request is kept whatever the trace does.
    keeps_request: AtomicBool,
    /// Whether it had to go.
    is_forgotten: AtomicBool,
}

/// Why there is no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotKept {
    /// Nobody has asked for it.
    NotAsked,
    /// Too many others came after it.
    Forgotten,
}

impl Bodies {
    /// Keeps a piece as far as there is room for it; answers how many bytes that are.
    pub(super) fn keep(&self, side: Counted, data: &Bytes) -> usize {
        let mut body = self.lock(side);
        let piece = data.len().min(MOST_OF_ONE.saturating_sub(body.len()));
        body.extend_from_slice(&data[..piece]);
        piece
    }

    /// What is kept of a body.
    pub(super) fn of(&self, side: Counted) -> Vec<u8> {
        self.lock(side).clone()
    }

    /// Keeps that of the request whatever the trace does.
    pub(super) fn keep_request(&self) {
        self.keeps_request.store(true, Ordering::Relaxed);
    }

    /// Whether a body is kept whatever the trace does.
    pub(super) fn keeps(&self, side: Counted) -> bool {
        side == Counted::Request && self.keeps_request.load(Ordering::Relaxed)
    }

    /// The beginning of the request's body, where somebody has asked for it to be kept.
    pub(super) fn of_request(&self) -> Result<Vec<u8>, NotKept> {
        if !self.keeps(Counted::Request) {
            Err(NotKept::NotAsked)
        } else if self.is_forgotten.load(Ordering::Relaxed) {
            Err(NotKept::Forgotten)
        } else {
            Ok(self.of(Counted::Request))
        }
    }

    /// Forgets both; answers how many bytes that were.
    pub(super) fn forget(&self) -> usize {
        self.is_forgotten.store(true, Ordering::Relaxed);
        let sides = [Counted::Request, Counted::Response];
        sides
            .map(|side| std::mem::take(&mut *self.lock(side)).len())
            .iter()
            .sum()
    }

    fn lock(&self, side: Counted) -> MutexGuard<'_, Vec<u8>> {
        let body = match side {
            Counted::Request => &self.request,
            Counted::Response => &self.response,
        };
        // A panic elsewhere leaves it whole: each change is one push.
        body.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
