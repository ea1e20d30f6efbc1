//! Files that a user writes: read with positions, and answered with line and caret.

mod error;
pub mod schema;

pub use error::{LoadError, Mistake};
