//! A list of what happened, as far back as there is room for it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::{Kind, Memory, Store, slots::Slots};

/// The latest values, numbered from the first there was. Clones share them.
#[derive(Debug)]
pub struct Latest<T>(Arc<List<T>>);

#[derive(Debug)]
struct List<T> {
    memory: Memory,
    kind: Kind,
    slots: Mutex<Slots<T>>,
}

impl<T> Clone for Latest<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Send + std::fmt::Debug + 'static> Latest<T> {
    /// An empty list whose entries are a part of what `memory` has room for.
    pub fn new(memory: &Memory) -> Self {
        Self::of_kind(Kind::Head, memory)
    }

    /// The same for entries that are bodies, which leave half of the room to everything else.
    pub fn of_bodies(memory: &Memory) -> Self {
        Self::of_kind(Kind::Body, memory)
    }

    fn of_kind(kind: Kind, memory: &Memory) -> Self {
        Self(Arc::new(List {
            memory: memory.clone(),
            kind,
            slots: Mutex::default(),
        }))
    }

    /// Adds the newest, which takes about so many bytes; gives its number.
    pub fn push(&self, value: T, bytes: usize) -> usize {
        let list = &self.0;
        let number = {
            let mut slots = list.lock();
            let number = slots.push(value, bytes);
            let weak = Arc::downgrade(list);
            let store: Weak<dyn Store> = weak;
            list.memory.add(list.kind, store, bytes);
            number
        };
        list.memory.trim();
        number
    }

    /// Changes a value that is kept, by what gives how many bytes it has become larger. Says whether it is kept.
    pub fn change(&self, number: usize, change: impl FnOnce(&mut T) -> usize) -> bool {
        let list = &self.0;
        let is_kept = {
            let mut slots = list.lock();
            let entry = slots.get_mut(number);
            entry.is_some_and(|(value, bytes)| {
                let more = change(value);
                *bytes += more;
                list.memory.grow(list.kind, more);
                true
            })
        };
        list.memory.trim();
        is_kept
    }

    /// Reads a value, where it is kept.
    pub fn read<R>(&self, number: usize, read: impl FnOnce(&T) -> R) -> Option<R> {
        self.0.lock().get(number).map(read)
    }

    /// Takes away the first value that this accepts.
    pub fn remove_first(&self, mut accepts: impl FnMut(&T) -> bool) -> Option<T> {
        let mut slots = self.0.lock();
        let found = slots.numbered().find(|(_, value)| accepts(value));
        let (number, _) = found?;
        let (value, bytes) = slots.remove(number)?;
        self.0.memory.shrink(self.0.kind, bytes);
        Some(value)
    }

    /// Changes the first value that this accepts.
    pub fn change_first(&self, mut accepts: impl FnMut(&T) -> bool, change: impl FnOnce(&mut T)) {
        let mut slots = self.0.lock();
        let found = slots.numbered().find(|(_, value)| accepts(value));
        let number = found.map(|(number, _)| number);
        if let Some((value, _)) = number.and_then(|number| slots.get_mut(number)) {
            change(value);
        }
    }

    /// How many values there have been.
    pub fn count(&self) -> usize {
        self.0.lock().count()
    }

    /// How many of the oldest are no longer kept.
    pub fn forgotten(&self) -> usize {
        self.0.lock().forgotten()
    }
}

impl<T: Clone> Latest<T> {
    /// Copies of those after the first `count`, as far as they are kept, the oldest first.
    pub fn since(&self, count: usize) -> Vec<T> {
        self.part(count, usize::MAX)
    }

    /// At most so many of them: the first.
    pub fn part(&self, count: usize, most: usize) -> Vec<T> {
        self.0.lock().since(count).take(most).cloned().collect()
    }

    /// The same with their numbers, by which one knows what is missing before the first.
    pub fn numbered(&self, count: usize, most: usize) -> Vec<(usize, T)> {
        let slots = self.0.lock();
        let later = slots.numbered_since(count).take(most);
        later
            .map(|(number, value)| (number, value.clone()))
            .collect()
    }

    /// A copy of the newest.
    pub fn last(&self) -> Option<T> {
        self.0.lock().since(0).next_back().cloned()
    }
}

impl<T> List<T> {
    fn lock(&self) -> MutexGuard<'_, Slots<T>> {
        // A panic elsewhere leaves the list whole: each change is one push, pop or field.
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Send + std::fmt::Debug> Store for List<T> {
    fn forget_oldest(&self) -> usize {
        // Dropped behind the lock: a value may be large.
        let oldest = self.lock().pop();
        oldest.map_or(0, |(_, bytes)| bytes)
    }
}

impl<T> Drop for List<T> {
    fn drop(&mut self) {
        let bytes = self.lock().bytes();
        self.memory.shrink(self.kind, bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_count_from_the_first_whatever_is_forgotten() {
        let latest = Latest::new(&Memory::of_bytes(1000));
        for number in 0..100 {
            assert_eq!(latest.push(number, 100), number);
        }
        assert_eq!(latest.count(), 100);
        assert_eq!(latest.since(0).len() + latest.forgotten(), 100);
        assert_eq!(latest.since(98), [98, 99]);
        assert_eq!(latest.read(98, |value| *value), Some(98));
        assert_eq!(latest.read(0, |value| *value), None);
        assert_eq!(latest.last(), Some(99));
    }

    #[test]
    fn one_that_grows_drives_out_older_ones_and_itself_at_last() {
        let latest = Latest::new(&Memory::of_bytes(1000));
        let first = latest.push("first", 100);
        let second = latest.push("second", 100);
        assert!(latest.change(second, |_| 700));
        assert_eq!(latest.since(0), ["second"]);
        assert!(!latest.change(first, |_| 1), "it is gone");
        assert!(latest.change(second, |_| 1000));
        assert!(latest.since(0).is_empty());
    }

    #[test]
    fn what_is_taken_away_leaves_its_number() {
        let memory = Memory::of_bytes(1000);
        let latest = Latest::new(&memory);
        for number in 0..3 {
            latest.push(number, 100);
        }
        let before = memory.bytes();
        assert_eq!(latest.remove_first(|value| *value == 1), Some(1));
        assert_eq!(memory.bytes(), before - 100);
        assert_eq!(latest.since(0), [0, 2]);
        assert_eq!(latest.push(3, 100), 3);
    }
}
