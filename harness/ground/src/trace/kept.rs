//! The latest hops, within a bound on the memory they take.

use std::{collections::VecDeque, sync::Arc};

use super::Record;

/// How many bytes of heads are kept: some 30,000 ordinary hops.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// The hops that are kept, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Kept {
    hops: VecDeque<(Arc<Record>, usize)>,
    forgotten: usize,
    bytes: usize,
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

    /// The hops that came after the first `count`, as far as they are kept.
    pub(super) fn since(&self, count: usize) -> Vec<Arc<Record>> {
        let skipped = count.saturating_sub(self.forgotten);
        let hops = self.hops.iter().skip(skipped);
        hops.map(|(record, _)| Arc::clone(record)).collect()
    }

    fn forget(&mut self) {
        while self.bytes > MOST_BYTES
            && let Some((_, bytes)) = self.hops.pop_front()
        {
            self.bytes -= bytes;
            self.forgotten += 1;
        }
    }
}
