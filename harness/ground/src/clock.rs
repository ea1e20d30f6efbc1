//! The time of a rig: the machine's, plus what a scenario has moved it forward.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::sync::Notify;

/// A clock that can be moved forward, so that a scenario waits out minutes in no time. Clones share the offset.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    ahead: Arc<AtomicI64>,
    /// Tells those who wait for a time that it may have come.
    moved: Arc<Notify>,
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
        self.moved.notify_waiters();
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.ahead.fetch_add(millis(by), Ordering::Relaxed);
        self.moved.notify_waiters();
    }

    /// Waits until it is this time, in milliseconds since 1970: because it passes, or because the clock is moved.
    pub async fn reached(&self, time: i64) {
        loop {
            let mut moved = pin!(self.moved.notified());
            // From here on a move is not missed.
            moved.as_mut().enable();
            let Some(left) = time.checked_sub(self.now()).filter(|left| *left > 0) else {
                return;
            };
            let left = Duration::from_millis(left.unsigned_abs());
            tokio::select! {
                () = tokio::time::sleep(left) => {}
                () = moved => {}
            }
        }
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_time_is_reached_when_it_passes_or_the_clock_is_moved() {
        let clock = Clock::default();
        clock.reached(clock.now()).await;
        clock.reached(clock.now() + 20).await;
        let hour = Duration::from_secs(3600);
        let waiting = tokio::spawn({
            let clock = clock.clone();
            let time = clock.now() + millis(hour);
            async move { clock.reached(time).await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        clock.advance(hour);
        waiting.await.unwrap();
    }
}
