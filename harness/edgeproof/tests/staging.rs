//! Scenarios at a deployed site. A rig that is up, with names and an authority of its own, plays the site for another process,
//! which knows it by its address only.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

#[path = "staging/authority.rs"]
mod authority;
#[path = "staging/broken_off.rs"]
mod broken_off;
#[path = "staging/consent.rs"]
mod consent;
#[path = "staging/drift.rs"]
mod drift;
#[path = "staging/flow.rs"]
mod flow;
#[path = "staging/gate.rs"]
mod gate;
#[path = "staging/leave.rs"]
mod leave;
#[path = "staging/log.rs"]
mod log;
#[path = "staging/probing.rs"]
mod probing;
#[path = "staging/world.rs"]
mod world;
