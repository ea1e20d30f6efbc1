//! The user's own application behind the edge: what reaches it, what comes back, and what becomes of its failures.
//!
//! The applications here are foreign: sockets that speak byte for byte what a case says, and servers of Node.js.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

#[path = "app/addresses.rs"]
mod addresses;
#[path = "app/clients.rs"]
mod clients;
#[path = "app/connections.rs"]
mod connections;
#[path = "app/failures.rs"]
mod failures;
#[path = "app/foreign.rs"]
mod foreign;
#[path = "app/node.rs"]
mod node;
#[path = "app/protocols.rs"]
mod protocols;
#[path = "edge/world.rs"]
#[allow(dead_code, reason = "the tests of the edge need more of it")]
mod world;
