//! What is known by a name, as far back as there is room for it.

use std::{
    borrow::Borrow,
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use super::{Kind, Memory, Store, slots::Slots};

/// Values by key. Of too many those go that were changed longest ago. Clones share them.
#[derive(Debug)]
pub struct Keyed<K, V>(Arc<Table<K, V>>);

#[derive(Debug)]
struct Table<K, V> {
    memory: Memory,
    state: Mutex<State<K, V>>,
}

#[derive(Debug)]
struct State<K, V> {
    slots: Slots<(K, V)>,
    numbers: HashMap<K, usize>,
    /// How many had to make room.
    forgotten: usize,
}

impl<K, V> Clone for Keyed<K, V> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K, V> Keyed<K, V>
where
    K: Clone + Eq + Hash + Send + std::fmt::Debug + 'static,
    V: Send + std::fmt::Debug + 'static,
{
    /// An empty table whose entries are a part of what `memory` has room for.
    pub fn new(memory: &Memory) -> Self {
        Self(Arc::new(Table {
            memory: memory.clone(),
            state: Mutex::new(State {
                slots: Slots::default(),
                numbers: HashMap::new(),
                forgotten: 0,
            }),
        }))
    }

    /// A copy of the value of a key.
    pub fn get<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
        V: Clone,
    {
        let state = self.0.lock();
        let (_, value) = state.slots.get(*state.numbers.get(key)?)?;
        Some(value.clone())
    }

    /// Whether there is something under a key.
    pub fn contains<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.0.lock().numbers.contains_key(key)
    }

    /// Changes what is under a key, or what `V` begins with, and makes it the newest. `bytes` is what key and value take then.
    pub fn change<R>(
        &self,
        key: K,
        change: impl FnOnce(&mut V) -> R,
        bytes: impl FnOnce(&K, &V) -> usize,
    ) -> R
    where
        V: Default,
    {
        let table = &self.0;
        let (old, changed);
        {
            let mut state = table.lock();
            let number = state.numbers.get(&key).copied();
            let before = number.and_then(|number| state.slots.remove(number));
            let (mut value, freed) = match before {
                Some(((_, value), freed)) => (value, freed),
                None => (V::default(), 0),
            };
            changed = change(&mut value);
            let taken = bytes(&key, &value);
            let number = state.slots.push((key.clone(), value), taken);
            state.numbers.insert(key, number);
            let weak = Arc::downgrade(table);
            let store: Weak<dyn Store> = weak;
            table.memory.add(Kind::Head, store, taken);
            old = freed;
        }
        table.memory.shrink(Kind::Head, old);
        table.memory.trim();
        changed
    }

    /// Shows the values to `look`, that which was used last first, until it has seen enough.
    pub fn newest_first(&self, mut look: impl FnMut(&V) -> bool) {
        let state = self.0.lock();
        let mut values = state.slots.since(0).rev();
        while values.next().is_some_and(|(_, value)| look(value)) {}
    }

    /// How many had to make room for others.
    pub fn forgotten(&self) -> usize {
        self.0.lock().forgotten
    }

    /// Takes away what is under a key.
    pub fn remove<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let mut state = self.0.lock();
        let number = state.numbers.remove(key)?;
        let ((_, value), bytes) = state.slots.remove(number)?;
        self.0.memory.shrink(Kind::Head, bytes);
        Some(value)
    }

    /// Takes away everything that this accepts.
    pub fn remove_all(&self, accepts: impl Fn(&K, &V) -> bool) {
        let keys: Vec<K> = {
            let state = self.0.lock();
            let all = state.slots.since(0);
            let found = all.filter(|(key, value)| accepts(key, value));
            found.map(|(key, _)| key.clone()).collect()
        };
        for key in keys {
            self.remove(&key);
        }
    }
}

impl<K, V> Table<K, V> {
    fn lock(&self) -> MutexGuard<'_, State<K, V>> {
        // A panic elsewhere may leave a key without a value, which is as if it were forgotten.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K, V> Store for Table<K, V>
where
    K: Eq + Hash + Send + std::fmt::Debug,
    V: Send + std::fmt::Debug,
{
    fn forget_oldest(&self) -> usize {
        let mut state = self.lock();
        let Some(((key, value), bytes)) = state.slots.pop() else {
            return 0;
        };
        state.numbers.remove(&key);
        state.forgotten += 1;
        drop(state);
        drop(value);
        bytes
    }
}

impl<K, V> Drop for Table<K, V> {
    fn drop(&mut self) {
        let bytes = self.lock().slots.bytes();
        self.memory.shrink(Kind::Head, bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(table: &Keyed<String, usize>, key: &str) -> usize {
        let count = |value: &mut usize| {
            *value += 1;
            *value
        };
        table.change(key.to_owned(), count, |_, _| 100)
    }

    #[test]
    fn what_was_used_longest_ago_goes_first() {
        let table = Keyed::new(&Memory::of_bytes(1000));
        for number in 0..100 {
            assert_eq!(add(&table, "often"), number + 1);
            add(&table, &number.to_string());
        }
        assert_eq!(table.get("often"), Some(100));
        assert!(table.contains("99"));
        assert!(!table.contains("0"));
    }

    #[test]
    fn the_table_stays_small_though_one_key_is_used_all_the_time() {
        let memory = Memory::of_bytes(1000);
        let table = Keyed::new(&memory);
        for _ in 0..10_000 {
            add(&table, "often");
        }
        assert!(memory.bytes() <= 1000, "{}", memory.bytes());
        {
            let slots = &table.0.lock().slots;
            assert!(slots.count() - slots.forgotten() < 20);
        }
        assert_eq!(table.remove("often"), Some(10_000));
        assert!(!table.contains("often"));
    }

    #[test]
    fn everything_of_one_kind_can_be_taken_away() {
        let table = Keyed::new(&Memory::default());
        for key in ["a", "b", "b"] {
            add(&table, key);
        }
        table.remove_all(|_, value| *value == 2);
        assert!(table.contains("a") && !table.contains("b"));
    }
}
