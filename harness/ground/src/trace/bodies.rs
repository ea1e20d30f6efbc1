//! The beginnings of the two bodies of a hop, for whoever wants to look at them.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::Counted;

/// Bytes of one body that are kept: signals of 40 KB are whole, and so are most pages.
const MOST_OF_ONE: usize = 128 * 1024;

/// Bytes of all bodies that a trace keeps; of more, the oldest go.
pub(super) const MOST_OF_ALL: usize = 32 * 1024 * 1024;

/// What has passed of the bodies of a hop.
#[derive(Debug, Default)]
pub(super) struct Bodies {
    request: Mutex<Vec<u8>>,
    response: Mutex<Vec<u8>>,
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

    /// Forgets both; answers how many bytes that were.
    pub(super) fn forget(&self) -> usize {
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
