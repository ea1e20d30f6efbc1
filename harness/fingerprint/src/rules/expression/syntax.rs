//! A condition as a tree whose every node is checked: its fields exist and its operands have the right types.

use std::{fmt, ops::Range};

use regex::Regex;

use crate::rules::fields::{Field, Kind};

/// A part of a condition and where it stands in the text.
#[derive(Clone, Debug)]
pub(super) struct ExpressionNode {
    pub(super) span: Range<usize>,
    pub(super) term: Term,
}

#[derive(Clone, Debug)]
pub(super) enum Term {
    Nil,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<ExpressionNode>),
    Field(&'static Field),
    Not(Box<ExpressionNode>),
    Minus(Box<ExpressionNode>),
    /// Flat, so that a long chain is not a deep tree.
    And(Vec<ExpressionNode>),
    Or(Vec<ExpressionNode>),
    /// The left side unless it is nil.
    Coalesce(Box<ExpressionNode>, Box<ExpressionNode>),
    Equal(Box<ExpressionNode>, Box<ExpressionNode>),
    /// Ordered by number, or by the bytes of text.
    Order(Order, Box<ExpressionNode>, Box<ExpressionNode>),
    In(Box<ExpressionNode>, Box<ExpressionNode>),
    Within(TextOperator, Box<ExpressionNode>, Box<ExpressionNode>),
    Matches(Box<ExpressionNode>, Regex),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextOperator {
    Contains,
    StartsWith,
    EndsWith,
}

/// What a node evaluates to, unless the event lacks the field: then it is nil.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Nil,
    Bool,
    Number,
    Text,
    List(Element),
}

/// What a list holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    /// Nothing, or nothing but nil.
    Any,
    Bool,
    Number,
    Text,
}

impl From<Kind> for Type {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Bool => Self::Bool,
            Kind::Number => Self::Number,
            Kind::Text | Kind::OneOf(_) => Self::Text,
        }
    }
}

impl Element {
    pub(super) fn takes(self, element: Type) -> bool {
        match self {
            Self::Any => true,
            Self::Bool => element == Type::Bool,
            Self::Number => element == Type::Number,
            Self::Text => element == Type::Text,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nil => "nil",
            Self::Bool => "true or false",
            Self::Number => "a number",
            Self::Text => "text",
            Self::List(Element::Any) => "a list",
            Self::List(Element::Bool) => "a list of true and false",
            Self::List(Element::Number) => "a list of numbers",
            Self::List(Element::Text) => "a list of texts",
        })
    }
}
