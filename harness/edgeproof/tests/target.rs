//! Scenarios at a deployed site. A rig that is up, with names and an authority of its own, plays the site for another process,
//! which knows it by its address only.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

#[path = "target/authority.rs"]
mod authority;
#[path = "target/consent.rs"]
mod consent;
#[path = "target/drift.rs"]
mod drift;
#[path = "target/flow.rs"]
mod flow;
#[path = "target/gate.rs"]
mod gate;
#[path = "target/world.rs"]
mod world;
