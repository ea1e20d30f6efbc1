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
