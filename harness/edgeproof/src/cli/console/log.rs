//! What happened beside the calls: what workers and their runtime wrote, what was deployed, which steps were taken.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::{Value as Json, json};

/// Lines that are kept; of more, the oldest go.
const MOST: usize = 2000;

/// The latest lines.
#[derive(Default)]
pub(super) struct Log(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    /// How many older ones are gone.
    forgotten: usize,
    lines: VecDeque<Json>,
}

impl Log {
    /// Adds a line of this kind, written so long after the trace began.
    pub(super) fn add(&self, at: Duration, kind: &str, text: &str) {
        let at = u64::try_from(at.as_micros()).unwrap_or(u64::MAX);
        let mut kept = self.lock();
        let number = kept.forgotten + kept.lines.len();
        let line = json!({ "number": number, "at_us": at, "kind": kind, "text": text });
        kept.lines.push_back(line);
        if kept.lines.len() > MOST {
            kept.lines.pop_front();
            kept.forgotten += 1;
        }
    }

    /// The lines from this number on that are kept, and the number of the next one.
    pub(super) fn since(&self, number: usize) -> (Vec<Json>, usize) {
        let kept = self.lock();
        let known = number.saturating_sub(kept.forgotten);
        let lines = kept.lines.iter().skip(known).cloned().collect();
        (lines, kept.forgotten + kept.lines.len())
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // A panic elsewhere leaves it whole: each change is one line.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_lines_are_kept_and_told_once() {
        let log = Log::default();
        for number in 0..MOST + 5 {
            log.add(Duration::ZERO, "worker", &number.to_string());
        }
        let (lines, next) = log.since(0);
        assert_eq!((lines.len(), next), (MOST, MOST + 5));
        assert_eq!(lines[0]["text"], "5");
        log.add(Duration::ZERO, "worker", "last");
        let (lines, next) = log.since(next);
        assert_eq!((lines.len(), next), (1, MOST + 6));
        assert!(log.since(next).0.is_empty());
    }
}
