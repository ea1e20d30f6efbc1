//! Scenarios from what was seen: what somebody did in a browser, the calls of a trace, the sessions of HAR files.
//!
//! What is written says what happened: the status, whether the call reached the origin, which rule decided. It passes at once
//! where it was recorded, and fails where that protection is missing. No secret stands in it: see [`hidden`].
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "a test that cannot go on has failed"
    )
)]

pub mod call;
pub mod deeds;
pub mod har;
pub mod hidden;
mod outcome;
mod pattern;
pub mod recording;
mod request;
mod session;
pub mod world;
mod yaml;

pub use call::{Body, Call};
pub use deeds::Deeds;
pub use recording::{Recording, RecordingError, of_calls, of_session};
pub use session::Session;
pub use world::{World, WorldError};
