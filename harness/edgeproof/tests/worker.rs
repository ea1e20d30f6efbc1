//! The production worker in the real workerd, its whole internet played by one server: what it asks, what it answers,
//! and what it does when the others fail. Each test of `scenarios/` on top of these runs through all rooms.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

#[path = "worker/agent.rs"]
mod agent;
#[path = "worker/bypass.rs"]
mod bypass;
#[path = "worker/calls.rs"]
mod calls;
#[path = "worker/cors.rs"]
mod cors;
#[path = "worker/failures.rs"]
mod failures;
#[path = "worker/log.rs"]
mod log;
#[path = "worker/navigations.rs"]
mod navigations;
#[path = "worker/pages.rs"]
mod pages;
#[path = "support/production_worker.rs"]
mod production_worker;
#[path = "worker/streams.rs"]
mod streams;
#[path = "worker/validators.rs"]
mod validators;
#[path = "worker/world.rs"]
mod world;
