//! How fast somebody's site is asked.

use std::time::Duration;

use tokio::{sync::Mutex, time::Instant};

/// Lets one call go at a time, at most so many a second, whoever makes it.
#[derive(Debug)]
pub struct Pace {
    apart: Duration,
    next: Mutex<Option<Instant>>,
}

impl Pace {
    /// At most `per_second` calls a second; more than none.
    pub fn new(per_second: f64) -> Self {
        Self {
            apart: Duration::from_secs_f64(1.0 / per_second),
            next: Mutex::default(),
        }
    }

    /// Waits until it is one's turn.
    pub async fn turn(&self) {
        let mut next = self.next.lock().await;
        if let Some(next) = *next {
            tokio::time::sleep_until(next).await;
        }
        *next = Some(Instant::now() + self.apart);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn calls_are_as_far_apart_as_was_said() {
        let pace = Pace::new(50.0);
        let began = Instant::now();
        for _ in 0..6 {
            pace.turn().await;
        }
        assert!(
            began.elapsed() >= Duration::from_millis(100),
            "{:?}",
            began.elapsed()
        );
    }
}
