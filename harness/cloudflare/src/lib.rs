//! Cloudflare's control plane, the clients that ask it, and the deployments that they make.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "a test that cannot go on has failed"
    )
)]

pub mod client;
pub mod deploy;
pub mod plane;
mod secret;
