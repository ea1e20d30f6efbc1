//! Runs scenarios: what is expected is judged by what each hop recorded.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "a test that cannot go on has failed"
    )
)]

pub mod check;
pub mod event;
pub mod execute;
pub mod exit;
pub mod expected;
mod failure;
pub mod failure_text;
pub mod journey;
pub mod merge;
pub mod observed;
mod order;
mod protection;
pub mod record;
pub mod redact;
pub mod results;
pub mod runner;
pub mod summary;
pub mod target;
mod way_out;
