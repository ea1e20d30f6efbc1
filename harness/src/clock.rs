//! The time of a rig: the machine's, plus what a scenario has moved it forward.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// A clock that can be moved forward, so that a scenario waits out minutes in no time. Clones share the offset.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    ahead: Arc<AtomicI64>,
}

impl Clock {
    /// Milliseconds since 1970.
    pub fn now(&self) -> i64 {
        let machine = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        millis(machine).saturating_add(self.ahead.load(Ordering::Relaxed))
    }

    /// How far ahead of the machine's clock this one is, in milliseconds.
    pub fn ahead(&self) -> i64 {
        self.ahead.load(Ordering::Relaxed)
    }

    /// Sets the clock to this time, in milliseconds since 1970.
    pub fn set(&self, to: i64) {
        let ahead = to.saturating_sub(Self::default().now());
        self.ahead.store(ahead, Ordering::Relaxed);
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.ahead.fetch_add(millis(by), Ordering::Relaxed);
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
