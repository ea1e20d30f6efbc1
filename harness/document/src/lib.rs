//! Files that a user writes: read with positions, and their mistakes shown with line and caret.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "a test that cannot go on has failed"
    )
)]

mod error;
pub mod file;
pub mod node;
pub mod problem;
pub mod range;
pub mod read;
pub mod schema;
pub mod source;
pub mod yaml;

pub use error::{LoadError, Mistake};
