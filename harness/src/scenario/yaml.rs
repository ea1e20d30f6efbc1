//! YAML text to [`Node`]s. The parser is serde-saphyr; its budgets keep hostile files small.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_saphyr::{DuplicateKeyPolicy, Location, Spanned};

use super::{
    node::{Key, Node, Value},
    problem::Problem,
    source::Span,
};

/// Reads one document. A file without content is `null`.
pub fn parse(file: u32, text: &str) -> Result<Node, Problem> {
    let options = serde_saphyr::options! {
        // Repeated keys are reported with everything else that is wrong, not instead of it.
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        // `y`, `no` and `on` are words.
        strict_booleans: true,
    };
    if text.trim().is_empty() {
        return Ok(Node {
            at: Span::default(),
            value: Value::Null,
        });
    }
    match serde_saphyr::from_str_with_options::<Spanned<Raw>>(text, options) {
        Ok(raw) => Ok(node(file, raw)),
        Err(error) => {
            let error = error.without_snippet();
            Err(Problem {
                message: error.to_string(),
                at: error.location().map_or(
                    Span {
                        file,
                        ..Span::default()
                    },
                    |location| span(file, location),
                ),
                label: "here".to_owned(),
                help: None,
            })
        }
    }
}

enum Raw {
    Scalar(Value),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

fn node(file: u32, raw: Spanned<Raw>) -> Node {
    let at = span(file, raw.referenced);
    let value = match raw.value {
        Raw::Scalar(value) => value,
        Raw::List(items) => Value::List(items.into_iter().map(|item| node(file, item)).collect()),
        Raw::Map(entries) => Value::Map(
            entries
                .into_iter()
                .map(|(key, value)| {
                    let key = Key {
                        at: span(file, key.referenced),
                        text: key.value,
                    };
                    (key, node(file, value))
                })
                .collect(),
        ),
    };
    Node { at, value }
}

fn span(file: u32, location: Location) -> Span {
    let span = location.span();
    let number = |value: Option<u64>| value.and_then(|value| usize::try_from(value).ok());
    Span {
        file,
        start: number(span.byte_offset()).unwrap_or(0),
        length: number(span.byte_len()).unwrap_or(0),
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        Raw::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::Bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::Integer(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Scalar(match i64::try_from(value) {
            Ok(value) => Value::Integer(value),
            Err(_) => Value::Text(value.to_string()),
        }))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::Float(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::Text(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Raw::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Raw, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Raw::Map(map))
    }
}
