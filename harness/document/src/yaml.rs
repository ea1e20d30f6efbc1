//! YAML text to [`YamlNode`]s. The parser is serde-saphyr; its budgets keep hostile files small.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_saphyr::{DuplicateKeyPolicy, Location, Spanned};

use super::{
    node::{Key, Value, YamlNode},
    problem::Problem,
    source::Span,
};

/// Reads one document. A file without content is `null`.
pub fn parse(file: u32, text: &str) -> Result<YamlNode, Problem> {
    let options = serde_saphyr::options! {
        // Repeated keys are reported with everything else that is wrong, not instead of it.
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        // `y`, `no` and `on` are words.
        strict_booleans: true,
    };
    if text.trim().is_empty() {
        return Ok(YamlNode {
            at: Span::default(),
            value: Value::Null,
        });
    }
    match serde_saphyr::from_str_with_options::<Spanned<Raw>>(text, options) {
        Ok(raw) => Ok(node(file, raw)),
        Err(error) => {
            let message = error.without_snippet().to_string();
            let start = error.location().map_or(0, |place| offset(text, place));
            Err(Problem {
                // The place is shown, so it need not be said.
                message: format!(
                    "not valid YAML: {}",
                    message.split(" at line ").next().unwrap_or(&message)
                ),
                at: Span {
                    file,
                    start,
                    length: text[start..].chars().next().map_or(0, char::len_utf8),
                },
                label: "here".to_owned(),
                help: None,
            })
        }
    }
}

/// The byte at a line and a column, both counted from one.
fn offset(text: &str, place: Location) -> usize {
    let number = |value: u64| {
        usize::try_from(value)
            .unwrap_or(usize::MAX)
            .saturating_sub(1)
    };
    let line_start = match number(place.line()) {
        0 => 0,
        line => text
            .match_indices('\n')
            .nth(line - 1)
            .map_or(text.len(), |(newline, _)| newline + 1),
    };
    let rest = &text[line_start..];
    line_start
        + rest
            .char_indices()
            .nth(number(place.column()))
            .map_or(rest.len(), |(column, _)| column)
}

enum Raw {
    Scalar(Value),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

fn node(file: u32, raw: Spanned<Raw>) -> YamlNode {
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
    YamlNode { at, value }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_yaml_is_shown_where_it_stops_being_yaml() {
        let text = "a: é\nb: c: d\n";
        let problem = parse(0, text).unwrap_err();
        assert_eq!(&text[problem.at.start..][..2], ": ");
        assert_eq!(
            problem.message,
            "not valid YAML: mapping values are not allowed in this context"
        );
    }

    #[test]
    fn words_are_no_booleans() {
        let node = parse(0, "a: [y, no, on, true]\n").unwrap();
        let kinds: Vec<_> = (0..4)
            .map(|index| node.at_path(["a", &index.to_string()]).unwrap().kind())
            .collect();
        assert_eq!(
            kinds,
            [
                "the text `y`",
                "the text `no`",
                "the text `on`",
                "the boolean `true`"
            ]
        );
    }

    proptest! {
        #[test]
        fn hostile_files_are_refused_and_nothing_worse(text in "[ -~é\n]{0,80}") {
            match parse(0, &text) {
                Ok(_) => {}
                Err(problem) => prop_assert!(text.is_char_boundary(problem.at.start)),
            }
        }
    }
}
