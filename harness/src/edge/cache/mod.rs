//! The zone's cache. It stands behind the workers: what a visitor asks for reaches it only where no worker runs, or
//! through a worker's `fetch()`.

mod policy;
mod recorder;
mod store;

pub use policy::{CacheOptions, is_eligible, lifetime};
pub(super) use recorder::recorded;
pub(super) use store::CF_CACHE_STATUS;
pub use store::{Cache, Lookup, Stored};
