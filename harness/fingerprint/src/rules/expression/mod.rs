//! The condition of a rule: an expr-lang expression over the fields of an event.
//!
//! The product's conditions are comparisons of a field with a value, joined by and, or and groups; both published
//! expressions (`bot in ["bad"] || incognito`, `browser_details.os == "Linux"`) are expr-lang. What is emulated is
//! that part of the language, with expr-lang's own precedences; the rest is refused by name when a ruleset is loaded.
//!
//! It is written here because the crate `expr-lang` cannot serve: its syntax tree is private and without positions,
//! so that neither an unknown field nor a wrong type can be reported when a ruleset is loaded, nor the clause that
//! decided afterwards. The tests run both side by side and list where that crate leaves the language.

mod check;
mod error;
mod evaluate;
mod parser;
mod syntax;
#[cfg(test)]
mod tests;
mod token;

use std::str::FromStr;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value as Json;

pub use error::{ExpressionError, Problem};
use syntax::ExpressionNode;

/// The longest expression that is read, in bytes.
pub const MAX_LENGTH: usize = 16 * 1024;

/// The deepest nesting of an expression.
pub const MAX_DEPTH: usize = 64;

/// A condition that was read and checked once and can be evaluated often.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub struct Expression {
    text: String,
    root: ExpressionNode,
}

/// Why a condition held or did not.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// Whether the condition held.
    pub holds: bool,
    /// The parts that decided it.
    pub clauses: Vec<Clause>,
}

/// A part of a condition that has no `and` and `or` of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Clause {
    /// Its text in the expression.
    pub text: String,
    /// Whether it held.
    pub holds: bool,
    /// The fields it asked for, with their values in the event; none where the event lacks the field.
    pub fields: Vec<(&'static str, Option<Json>)>,
}

impl Expression {
    /// The text as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether the condition holds for this event.
    pub fn holds(&self, event: &Json) -> bool {
        evaluate::holds(&self.root, event)
    }

    /// Which clauses decided for this event.
    pub fn explain(&self, event: &Json) -> Explanation {
        let mut deciding = Vec::new();
        evaluate::deciding(&self.root, event, &mut deciding);
        let clauses = deciding.into_iter().map(|node| self.clause(node, event));
        Explanation {
            holds: self.holds(event),
            clauses: clauses.collect(),
        }
    }

    fn clause(&self, node: &ExpressionNode, event: &Json) -> Clause {
        let mut fields = Vec::new();
        evaluate::fields(node, &mut fields);
        let fields = fields.into_iter().map(|field| {
            (
                field.name.as_str(),
                evaluate::look_up(field, event).cloned(),
            )
        });
        Clause {
            text: self
                .text
                .get(node.span.clone())
                .unwrap_or_default()
                .to_owned(),
            holds: evaluate::holds(node, event),
            fields: fields.collect(),
        }
    }
}

impl FromStr for Expression {
    type Err = ExpressionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > MAX_LENGTH {
            return Err(ExpressionError::new(
                MAX_LENGTH..text.len(),
                Problem::TooLong,
            ));
        }
        Ok(Self {
            root: parser::parse(text)?,
            text: text.to_owned(),
        })
    }
}

impl TryFrom<String> for Expression {
    type Error = ExpressionError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}
