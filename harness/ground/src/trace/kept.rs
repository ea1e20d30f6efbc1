//! The latest hops, within a bound on the memory they take.

use std::{collections::VecDeque, sync::Arc};

use super::{Record, bodies::MOST_OF_ALL};

/// How many bytes of heads are kept: some 30,000 ordinary hops.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// The hops that are kept, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Kept {
    hops: VecDeque<(Arc<Record>, usize)>,
    forgotten: usize,
    bytes: usize,
    /// Bytes of their bodies.
    body_bytes: usize,
    /// How many hops, from the start of the trace, have their bodies no more.
    without_bodies: usize,
}

impl Kept {
    /// Adds a hop of so many bytes; gives its number, which counts from the start of the trace.
    pub(super) fn push(&mut self, record: Arc<Record>, bytes: usize) -> usize {
        self.hops.push_back((record, bytes));
        self.bytes += bytes;
        self.forget();
        self.count() - 1
    }

    /// A hop has become larger by so many bytes.
    pub(super) fn grow(&mut self, number: usize, bytes: usize) {
        let place = number.checked_sub(self.forgotten);
        if let Some((_, own)) = place.and_then(|place| self.hops.get_mut(place)) {
            *own += bytes;
            self.bytes += bytes;
            self.forget();
        }
    }

    pub(super) fn count(&self) -> usize {
        self.forgotten + self.hops.len()
    }

    pub(super) fn forgotten(&self) -> usize {
        self.forgotten
    }

    /// At most so many hops that came after the first `count`, as far as they are kept.
    pub(super) fn part(&self, count: usize, most: usize) -> Vec<Arc<Record>> {
        let skipped = count.saturating_sub(self.forgotten).min(self.hops.len());
        let hops = self.hops.range(skipped..).take(most);
        hops.map(|(record, _)| Arc::clone(record)).collect()
    }

    /// The bodies of a hop have become larger by so many bytes: those of the oldest hops go where it is too much.
    pub(super) fn grow_bodies(&mut self, number: usize, record: &Record, bytes: usize) {
        if number < self.without_bodies {
            record.bodies.forget();
            return;
        }
        self.body_bytes += bytes;
        while self.body_bytes > MOST_OF_ALL && self.without_bodies < self.count() {
            let place = self.without_bodies.checked_sub(self.forgotten);
            if let Some((record, _)) = place.and_then(|place| self.hops.get(place)) {
                self.body_bytes -= record.bodies.forget();
            }
            self.without_bodies += 1;
        }
    }

    fn forget(&mut self) {
        while self.bytes > MOST_BYTES
            && let Some((record, bytes)) = self.hops.pop_front()
        {
            self.bytes -= bytes;
            self.body_bytes -= record.bodies.forget();
            self.forgotten += 1;
            self.without_bodies = self.without_bodies.max(self.forgotten);
        }
    }
}
