//! What is wrong with an expression, and where.

use std::{fmt, ops::Range};

/// Why an expression was refused when its ruleset was loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpressionError {
    /// The bytes of the expression that are at fault.
    pub span: Range<usize>,
    /// What is wrong with them.
    pub problem: Problem,
}

/// What can be wrong with an expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The expression is longer than [`super::MAX_LENGTH`].
    #[error("the expression is longer than {} bytes", super::MAX_LENGTH)]
    TooLong,
    /// The expression is nested deeper than [`super::MAX_DEPTH`].
    #[error("the expression is nested deeper than {} levels", super::MAX_DEPTH)]
    TooDeep,
    /// A character that no expression holds.
    #[error("`{0}` has no meaning here")]
    Sign(char),
    /// A string or comment without its end.
    #[error("this {0} has no end")]
    Unclosed(&'static str),
    /// A number that cannot be read.
    #[error("`{0}` is not a number")]
    Number(String),
    /// A key that starts with a digit, after a dot.
    #[error("a key that starts with a digit is written [\"…\"], as in velocity.events[\"1_hour\"]")]
    DigitKey,
    /// A backslash in front of something it does not escape.
    #[error("unknown escape in a string")]
    Escape,
    /// Something else was expected.
    #[error("expected {expected}, found {found}")]
    Expected {
        /// What would have been right.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// Valid in expr-lang, but no part of a rule's condition.
    #[error("{0} are expr-lang but not part of the conditions that are emulated")]
    NotEmulated(&'static str),
    /// A field that rules cannot ask for.
    #[error("unknown field `{name}`{}", nearest.map_or(String::new(), |nearest| format!("; did you mean `{nearest}`?")))]
    UnknownField {
        /// The name as it was written.
        name: String,
        /// The field whose name is most like it.
        nearest: Option<&'static str>,
    },
    /// A path that names a group of fields.
    #[error("`{0}` is a group of fields, not a value")]
    Group(String),
    /// An operand of the wrong type.
    #[error("{operator} needs {needed}, but this is {found}")]
    Type {
        /// The operator whose operand it is.
        operator: &'static str,
        /// The types it takes.
        needed: String,
        /// The type it got.
        found: String,
    },
    /// A word that the field never holds.
    #[error("`{field}` is never `{word}`{}", nearest.map_or(String::new(), |nearest| format!("; did you mean `{nearest}`?")))]
    Word {
        /// The field.
        field: String,
        /// The word it was compared with.
        word: String,
        /// The word it can hold that is most like it.
        nearest: Option<&'static str>,
    },
    /// A regular expression that cannot be compiled.
    #[error("not a regular expression: {0}")]
    Regex(String),
}

impl ExpressionError {
    pub(super) fn new(span: Range<usize>, problem: Problem) -> Self {
        Self { span, problem }
    }
}

impl fmt::Display for ExpressionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} (at byte {} of the expression)",
            self.problem,
            self.span.start + 1
        )
    }
}

impl std::error::Error for ExpressionError {}
