//! The entries of one store, numbered from its first.

use std::collections::VecDeque;

/// Entries in the order of arrival, each with its bytes. One that was removed keeps its place until it would be the oldest.
#[derive(Debug)]
pub(super) struct Slots<T> {
    entries: VecDeque<Option<(T, usize)>>,
    forgotten: usize,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self {
            entries: VecDeque::new(),
            forgotten: 0,
        }
    }
}

impl<T> Slots<T> {
    /// Adds the newest; gives its number.
    pub(super) fn push(&mut self, value: T, bytes: usize) -> usize {
        self.entries.push_back(Some((value, bytes)));
        self.count() - 1
    }

    /// Takes the oldest away.
    pub(super) fn pop(&mut self) -> Option<(T, usize)> {
        let oldest = self.entries.pop_front()?;
        self.forgotten += 1;
        oldest
    }

    /// Takes one away, whose place stays.
    pub(super) fn remove(&mut self, number: usize) -> Option<(T, usize)> {
        self.slot(number)?.take()
    }

    pub(super) fn get(&self, number: usize) -> Option<&T> {
        let place = number.checked_sub(self.forgotten)?;
        let (value, _) = self.entries.get(place)?.as_ref()?;
        Some(value)
    }

    /// An entry, and how many bytes it is said to be.
    pub(super) fn get_mut(&mut self, number: usize) -> Option<(&mut T, &mut usize)> {
        let (value, bytes) = self.slot(number)?.as_mut()?;
        Some((value, bytes))
    }

    /// Those after the first `count`, the oldest first.
    pub(super) fn since(&self, count: usize) -> impl DoubleEndedIterator<Item = &T> {
        let skipped = count.saturating_sub(self.forgotten);
        let entries = self.entries.range(skipped.min(self.entries.len())..);
        entries.flatten().map(|(value, _)| value)
    }

    /// All, with their numbers.
    pub(super) fn numbered(&self) -> impl Iterator<Item = (usize, &T)> {
        self.numbered_since(0)
    }

    /// Those after the first `count`, with their numbers.
    pub(super) fn numbered_since(&self, count: usize) -> impl Iterator<Item = (usize, &T)> {
        let skipped = count.saturating_sub(self.forgotten).min(self.entries.len());
        let numbered = (self.forgotten + skipped..).zip(self.entries.range(skipped..));
        numbered.filter_map(|(number, entry)| Some((number, &entry.as_ref()?.0)))
    }

    /// How many there have been.
    pub(super) fn count(&self) -> usize {
        self.forgotten + self.entries.len()
    }

    /// How many of the oldest are gone.
    pub(super) fn forgotten(&self) -> usize {
        self.forgotten
    }

    /// The bytes of all that are there.
    pub(super) fn bytes(&self) -> usize {
        self.entries.iter().flatten().map(|(_, bytes)| bytes).sum()
    }

    fn slot(&mut self, number: usize) -> Option<&mut Option<(T, usize)>> {
        let place = number.checked_sub(self.forgotten)?;
        self.entries.get_mut(place)
    }
}
