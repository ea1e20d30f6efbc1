//! The types that operators take. A field that the event lacks is nil and suits every operator.

use super::{
    error::{ExpressionError, Problem},
    syntax::{Element, ExpressionNode, Term, Type},
};
use crate::rules::fields::{self, Kind};

/// A node and what it evaluates to.
pub(super) type Checked = (ExpressionNode, Type);

type Verdict = Result<(), ExpressionError>;

pub(super) fn condition(node: &ExpressionNode, kind: Type, operator: &'static str) -> Verdict {
    demand(node, kind, operator, Type::Bool)
}

pub(super) fn number(node: &ExpressionNode, kind: Type, operator: &'static str) -> Verdict {
    demand(node, kind, operator, Type::Number)
}

pub(super) fn text(node: &ExpressionNode, kind: Type, operator: &'static str) -> Verdict {
    demand(node, kind, operator, Type::Text)
}

fn demand(node: &ExpressionNode, kind: Type, operator: &'static str, needed: Type) -> Verdict {
    if kind == needed {
        return Ok(());
    }
    Err(mismatch(node, kind, operator, needed.to_string()))
}

/// Both sides of `==`, `!=` and `??`.
pub(super) fn same(
    left: &ExpressionNode,
    left_type: Type,
    right: &ExpressionNode,
    right_type: Type,
    operator: &'static str,
) -> Verdict {
    for (node, kind) in [(left, left_type), (right, right_type)] {
        if matches!(kind, Type::List(_)) {
            return Err(mismatch(node, kind, operator, "single values".to_owned()));
        }
    }
    if left_type == Type::Nil || right_type == Type::Nil {
        return Ok(());
    }
    if left_type != right_type {
        return Err(mismatch(right, right_type, operator, left_type.to_string()));
    }
    word(left, right)?;
    word(right, left)
}

/// Both sides of an order: two numbers, or two texts.
pub(super) fn ordered(
    left: &ExpressionNode,
    left_type: Type,
    right: &ExpressionNode,
    right_type: Type,
    operator: &'static str,
) -> Verdict {
    if !matches!(left_type, Type::Number | Type::Text) {
        return Err(mismatch(
            left,
            left_type,
            operator,
            "a number or text".to_owned(),
        ));
    }
    demand(right, right_type, operator, left_type)
}

/// Both sides of `in`.
pub(super) fn membership(
    left: &ExpressionNode,
    left_type: Type,
    right: &ExpressionNode,
    right_type: Type,
) -> Verdict {
    let Type::List(element) = right_type else {
        return Err(mismatch(
            right,
            right_type,
            "in",
            "a list on its right".to_owned(),
        ));
    };
    if left_type != Type::Nil && !element.takes(left_type) {
        return Err(mismatch(
            left,
            left_type,
            "in",
            format!("the type of its list, {right_type}"),
        ));
    }
    let Term::List(elements) = &right.term else {
        return Ok(());
    };
    elements.iter().try_for_each(|element| word(left, element))
}

/// What a list holds: elements of one type, and nil.
pub(super) fn elements(elements: &[Checked]) -> Result<Element, ExpressionError> {
    let mut held = Element::Any;
    for (node, kind) in elements {
        if *kind == Type::Nil {
            continue;
        }
        if !held.takes(*kind) {
            return Err(mismatch(
                node,
                *kind,
                "a list",
                "elements of one type".to_owned(),
            ));
        }
        held = match kind {
            Type::Bool => Element::Bool,
            Type::Number => Element::Number,
            Type::Text => Element::Text,
            Type::Nil | Type::List(_) => {
                return Err(mismatch(
                    node,
                    *kind,
                    "a list",
                    "texts, numbers, true or false".to_owned(),
                ));
            }
        };
    }
    Ok(held)
}

/// A field that holds one of a few words can only be compared with these.
fn word(field: &ExpressionNode, literal: &ExpressionNode) -> Verdict {
    let (Term::Field(field), Term::Text(word)) = (&field.term, &literal.term) else {
        return Ok(());
    };
    match field.kind {
        Kind::OneOf(words) if !words.contains(&word.as_str()) => Err(ExpressionError::new(
            literal.span.clone(),
            Problem::Word {
                field: field.name.clone(),
                word: word.clone(),
                nearest: fields::nearest_of(word, words.iter().copied()),
            },
        )),
        _ => Ok(()),
    }
}

fn mismatch(
    node: &ExpressionNode,
    kind: Type,
    operator: &'static str,
    needed: String,
) -> ExpressionError {
    let found = kind.to_string();
    ExpressionError::new(
        node.span.clone(),
        Problem::Type {
            operator,
            needed,
            found,
        },
    )
}
