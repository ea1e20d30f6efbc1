//! What can be wrong with the variables.

use crate::pattern::PatternError;

/// Something that is wrong with a variable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A variable the worker cannot do its work without.
    #[error("{0} is not set")]
    Missing(&'static str),
    /// A value that is not one of those that are allowed; the default is used.
    #[error("{variable} is not valid: {expected}")]
    Invalid {
        /// Its name.
        variable: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// A list of protected APIs that cannot be read, or an entry of it, where calls must not pass unchecked.
    #[error("{variable}: {what} cannot be read, so {so} in closed mode")]
    Widened {
        /// The variable it stands in.
        variable: &'static str,
        /// What of it.
        what: String,
        /// What the worker protects instead.
        so: &'static str,
    },
    /// A pattern that cannot be used; the others are.
    #[error("{variable}: pattern {position} cannot be used: {error}")]
    Pattern {
        /// The variable it stands in.
        variable: &'static str,
        /// Its place in the list, from 1.
        position: usize,
        /// Why.
        error: PatternError,
    },
}
