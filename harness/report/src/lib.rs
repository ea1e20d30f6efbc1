//! Reports: pure functions of the stream of events, or of its result.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "a test that cannot go on has failed"
    )
)]

pub mod at_target;
pub mod compare;
pub mod conformance;
pub mod github;
#[cfg(test)]
mod golden;
pub mod har;
pub mod html;
pub mod json;
pub mod junit;
pub mod probe;
#[cfg(test)]
mod secrets;
pub mod tap;
pub mod target;
pub mod terminal;
#[cfg(test)]
mod tests;
