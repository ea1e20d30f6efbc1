//! The Wallarm connector of the worker in the real workerd, against a filtering node of the test's own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

#[path = "connector/bodies.rs"]
mod bodies;
#[path = "connector/copies.rs"]
mod copies;
#[path = "connector/failures.rs"]
mod failures;
#[path = "connector/loops.rs"]
mod loops;
#[path = "connector/memory.rs"]
mod memory;
#[path = "connector/methods.rs"]
mod methods;
#[path = "support/production_worker.rs"]
mod production_worker;
#[path = "connector/verdicts.rs"]
mod verdicts;
#[path = "connector/with_flow.rs"]
mod with_flow;
#[path = "connector/world.rs"]
mod world;
