//! Evaluates a checked condition, and finds the clauses that decided.
//!
//! Assumption (nothing is published): a field that the event lacks is nil. Nil is false as a condition, equal to
//! nothing but nil, in no list without nil, and neither less nor greater than anything.

use serde_json::Value as Json;

use super::syntax::{ExpressionNode, Order, Term, TextOperator};
use crate::rules::fields::Field;

/// A value during evaluation; it borrows from the event and from the condition.
#[derive(Clone, Copy, Debug)]
enum Value<'a> {
    Nil,
    Bool(bool),
    Number(f64),
    Text(&'a str),
    List(&'a [ExpressionNode]),
}

pub(super) fn holds(node: &ExpressionNode, event: &Json) -> bool {
    match &node.term {
        Term::And(operands) => operands.iter().all(|operand| holds(operand, event)),
        Term::Or(operands) => operands.iter().any(|operand| holds(operand, event)),
        Term::Not(operand) => !holds(operand, event),
        Term::Equal(left, right) => equal(value(left, event), value(right, event)),
        Term::Order(order, left, right) => ordered(*order, value(left, event), value(right, event)),
        Term::In(left, right) => is_in(value(left, event), value(right, event), event),
        Term::Within(operator, left, right) => {
            within(*operator, value(left, event), value(right, event))
        }
        Term::Matches(left, regex) => {
            matches!(value(left, event), Value::Text(text) if regex.is_match(text))
        }
        _ => matches!(value(node, event), Value::Bool(true)),
    }
}

fn value<'a>(node: &'a ExpressionNode, event: &'a Json) -> Value<'a> {
    match &node.term {
        Term::Nil => Value::Nil,
        Term::Bool(value) => Value::Bool(*value),
        Term::Number(value) => Value::Number(*value),
        Term::Text(value) => Value::Text(value),
        Term::List(elements) => Value::List(elements),
        Term::Field(field) => json(look_up(field, event)),
        Term::Minus(operand) => match value(operand, event) {
            Value::Number(number) => Value::Number(-number),
            _ => Value::Nil,
        },
        Term::Coalesce(left, right) => match value(left, event) {
            Value::Nil => value(right, event),
            found => found,
        },
        _ => Value::Bool(holds(node, event)),
    }
}

/// The field's value in the event.
pub(super) fn look_up<'a>(field: &Field, event: &'a Json) -> Option<&'a Json> {
    field
        .path
        .iter()
        .try_fold(event, |value, key| value.get(key))
}

fn json(value: Option<&Json>) -> Value<'_> {
    match value {
        Some(Json::Bool(value)) => Value::Bool(*value),
        Some(Json::Number(number)) => number.as_f64().map_or(Value::Nil, Value::Number),
        Some(Json::String(text)) => Value::Text(text),
        _ => Value::Nil,
    }
}

/// Lists are never compared: the check of types refuses it.
fn equal(left: Value<'_>, right: Value<'_>) -> bool {
    match (left, right) {
        (Value::Nil, Value::Nil) => true,
        (Value::Bool(left), Value::Bool(right)) => left == right,
        (Value::Number(left), Value::Number(right)) => left == right,
        (Value::Text(left), Value::Text(right)) => left == right,
        _ => false,
    }
}

fn ordered(order: Order, left: Value<'_>, right: Value<'_>) -> bool {
    let found = match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.partial_cmp(&right),
        (Value::Text(left), Value::Text(right)) => Some(left.cmp(right)),
        _ => None,
    };
    found.is_some_and(|found| match order {
        Order::Less => found.is_lt(),
        Order::LessOrEqual => found.is_le(),
        Order::Greater => found.is_gt(),
        Order::GreaterOrEqual => found.is_ge(),
    })
}

fn is_in(left: Value<'_>, right: Value<'_>, event: &Json) -> bool {
    let Value::List(elements) = right else {
        return false;
    };
    elements
        .iter()
        .any(|element| equal(value(element, event), left))
}

fn within(operator: TextOperator, left: Value<'_>, right: Value<'_>) -> bool {
    let (Value::Text(text), Value::Text(part)) = (left, right) else {
        return false;
    };
    match operator {
        TextOperator::Contains => text.contains(part),
        TextOperator::StartsWith => text.starts_with(part),
        TextOperator::EndsWith => text.ends_with(part),
    }
}

/// The smallest parts whose values make the condition what it is: of an `or` that holds its first operand that
/// holds, of an `and` that does not its first that does not, else all operands.
pub(super) fn deciding<'a>(
    node: &'a ExpressionNode,
    event: &Json,
    found: &mut Vec<&'a ExpressionNode>,
) {
    let one = match &node.term {
        Term::Or(operands) => operands.iter().find(|operand| holds(operand, event)),
        Term::And(operands) => operands.iter().find(|operand| !holds(operand, event)),
        Term::Not(operand) if is_compound(operand) => Some(&**operand),
        _ => {
            found.push(node);
            return;
        }
    };
    match (one, &node.term) {
        (Some(operand), _) => deciding(operand, event, found),
        (None, Term::Or(operands) | Term::And(operands)) => {
            operands
                .iter()
                .for_each(|operand| deciding(operand, event, found));
        }
        (None, _) => found.push(node),
    }
}

/// Whether a negation is of several clauses; that of one is a clause itself.
fn is_compound(node: &ExpressionNode) -> bool {
    matches!(node.term, Term::And(_) | Term::Or(_) | Term::Not(_))
}

/// The fields that a part asks for, in their order.
pub(super) fn fields(node: &ExpressionNode, found: &mut Vec<&'static Field>) {
    match &node.term {
        Term::Field(field) => found.push(field),
        Term::List(nodes) | Term::And(nodes) | Term::Or(nodes) => {
            nodes.iter().for_each(|node| fields(node, found));
        }
        Term::Not(node) | Term::Minus(node) | Term::Matches(node, _) => fields(node, found),
        Term::Coalesce(left, right)
        | Term::Equal(left, right)
        | Term::Order(_, left, right)
        | Term::In(left, right)
        | Term::Within(_, left, right) => {
            fields(left, found);
            fields(right, found);
        }
        Term::Nil | Term::Bool(_) | Term::Number(_) | Term::Text(_) => {}
    }
}
