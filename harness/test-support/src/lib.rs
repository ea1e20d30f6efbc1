//! What the tests of several rooms share.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

pub mod authority;
pub mod client;
pub mod golden;
pub mod operator;
pub mod server;
pub mod server_api;
pub mod stub;
pub mod wait;
