//! The user's own app as a process: real programs, started, shared, watched and ended.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

#[path = "own_app/world.rs"]
mod world;

#[path = "own_app/ends.rs"]
mod ends;
#[path = "own_app/reading.rs"]
mod reading;
#[path = "own_app/starts.rs"]
mod starts;
