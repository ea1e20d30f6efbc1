//! What a rig keeps of what happened: all stores together take a bounded number of bytes, and the oldest entry goes first.
//!
//! Each store is a list in the order of arrival, and the memory has one list more: whose entry came after whose. To make
//! room it takes the first name of that list and tells the store to forget its oldest entry, so that neither keeping nor
//! forgetting depends on how much is kept.

mod keyed;
mod latest;
mod slots;

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicUsize, Ordering},
    },
};

pub use keyed::Keyed;
pub use latest::Latest;

/// How many bytes a rig keeps where nobody says otherwise, in MiB.
pub const DEFAULT_MEGABYTES: u32 = 64;

/// What an entry takes beside its content: its place in two lists and what the allocator adds.
const ENTRY: usize = 96;

/// The bytes that all stores of a rig may take. Clones share them.
#[derive(Clone, Debug)]
pub struct Memory(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limit: usize,
    heads: Part,
    bodies: Part,
}

/// One kind of entries. Each may have what the other leaves, and half of the memory in any case.
#[derive(Debug, Default)]
struct Part {
    bytes: AtomicUsize,
    /// Whose entries these are, the oldest first.
    order: Mutex<VecDeque<Weak<dyn Store>>>,
}

/// What entries are: bodies are few and large, and would drive out all that was decided about them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Head,
    Body,
}

/// A list of entries in the order of arrival.
trait Store: Send + Sync + std::fmt::Debug {
    /// Forgets the oldest entry; gives how many bytes its content was.
    fn forget_oldest(&self) -> usize;
}

impl Default for Memory {
    fn default() -> Self {
        Self::of_megabytes(DEFAULT_MEGABYTES)
    }
}

impl Memory {
    /// Room for so many MiB.
    pub fn of_megabytes(megabytes: u32) -> Self {
        Self::of_bytes((megabytes as usize).saturating_mul(1024 * 1024))
    }

    /// Room for so many bytes.
    pub fn of_bytes(limit: usize) -> Self {
        Self(Arc::new(Shared {
            limit,
            heads: Part::default(),
            bodies: Part::default(),
        }))
    }

    /// How many bytes there is room for.
    pub fn limit(&self) -> usize {
        self.0.limit
    }

    /// How many bytes are kept.
    pub fn bytes(&self) -> usize {
        self.0.heads.bytes() + self.0.bodies.bytes()
    }

    /// Notes an entry of a store, which must have it already.
    fn add(&self, kind: Kind, store: Weak<dyn Store>, bytes: usize) {
        let part = self.part(kind);
        part.bytes.fetch_add(bytes + ENTRY, Ordering::Relaxed);
        part.order().push_back(store);
    }

    /// An entry has become larger.
    fn grow(&self, kind: Kind, bytes: usize) {
        self.part(kind).bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// The content of an entry is gone.
    fn shrink(&self, kind: Kind, bytes: usize) {
        self.part(kind).shrink(bytes);
    }

    /// Forgets the oldest entries until what is kept fits. Whoever calls it must hold no lock that a store takes.
    fn trim(&self) {
        while self.bytes() > self.0.limit {
            let part = match self.0.bodies.bytes() > self.0.limit / 2 {
                true => &self.0.bodies,
                false => &self.0.heads,
            };
            let Some(oldest) = part.order().pop_front() else {
                return;
            };
            // A store that is gone has given back everything but the entry.
            let freed = oldest.upgrade().map_or(0, |store| store.forget_oldest());
            part.shrink(freed + ENTRY);
        }
    }

    fn part(&self, kind: Kind) -> &Part {
        match kind {
            Kind::Head => &self.0.heads,
            Kind::Body => &self.0.bodies,
        }
    }
}

impl Part {
    fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    fn shrink(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn order(&self) -> MutexGuard<'_, VecDeque<Weak<dyn Store>>> {
        // A panic elsewhere leaves the list whole: each change is one push or pop.
        self.order.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: usize = 10 * (100 + ENTRY);

    #[test]
    fn the_oldest_entry_of_all_stores_goes_first() {
        let memory = Memory::of_bytes(ROOM);
        let (left, right) = (Latest::new(&memory), Latest::new(&memory));
        for number in 0..8 {
            left.push(number, 100);
        }
        for number in 0..8 {
            right.push(number, 100);
        }
        assert_eq!((left.forgotten(), right.forgotten()), (6, 0));
        assert_eq!(left.since(0), [6, 7]);
        assert_eq!(memory.bytes(), ROOM);
    }

    #[test]
    fn bodies_take_what_is_free_and_leave_half_to_the_rest() {
        let memory = Memory::of_bytes(ROOM);
        let (heads, bodies) = (Latest::new(&memory), Latest::of_bodies(&memory));
        for number in 0..20 {
            bodies.push(number, 100);
        }
        assert_eq!(bodies.since(0).len(), 10);
        for number in 0..20 {
            heads.push(number, 100);
        }
        assert_eq!((heads.since(0).len(), bodies.since(0).len()), (5, 5));
        bodies.push(20, 100);
        assert_eq!((heads.since(0).len(), bodies.since(0).len()), (5, 5));
    }

    #[test]
    fn a_store_that_is_gone_leaves_its_room_to_others() {
        let memory = Memory::of_bytes(ROOM);
        let gone = Latest::new(&memory);
        for number in 0..10 {
            gone.push(number, 100);
        }
        drop(gone);
        assert_eq!(memory.bytes(), 10 * ENTRY);
        let other = Latest::new(&memory);
        for number in 0..30 {
            other.push(number, 100);
        }
        assert_eq!(other.since(0).len(), 10);
        assert_eq!(memory.bytes(), ROOM);
    }
}
