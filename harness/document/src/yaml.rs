//! YAML text to [`YamlNode`]s. The parser is serde-saphyr; its budgets keep hostile files small.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_saphyr::{DuplicateKeyPolicy, Location, NonFiniteFloatPolicy, Spanned};

use super::{
    node::{Key, Meaning, PlainScalar, Value, YamlNode},
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
        // `.inf` is a text where a text is wanted.
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
    };
    if text.trim().is_empty() {
        return Ok(YamlNode {
            at: Span::default(),
            value: Value::null(),
        });
    }
    match serde_saphyr::from_str_with_options::<Spanned<Raw>>(text, options) {
        Ok(raw) => Ok(node(file, text, raw)),
        Err(error) => {
            let start = error.location().map_or(0, |place| offset(text, place));
            let (message, help) = words(&error);
            Err(Problem {
                message,
                at: Span {
                    file,
                    start,
                    length: text[start..].chars().next().map_or(0, char::len_utf8),
                },
                label: "here".to_owned(),
                help,
            })
        }
    }
}

/// What is wrong with a file that is no YAML, and the way out where there is one.
fn words(error: &serde_saphyr::Error) -> (String, Option<String>) {
    let message = error.without_snippet().to_string();
    if message.contains("multiple YAML documents") {
        let message = "a second document begins here, but a file is one";
        let help = "put what stands behind `---` into a file of its own";
        return (message.to_owned(), Some(help.to_owned()));
    }
    // The place is shown, so it need not be said.
    let what = message.split(" at line ").next().unwrap_or(&message);
    (format!("not valid YAML: {what}"), None)
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
    Text(String),
    Plain(Meaning),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

fn node(file: u32, text: &str, raw: Spanned<Raw>) -> YamlNode {
    let at = span(file, raw.referenced);
    let value = match raw.value {
        Raw::Text(text) => Value::Text(text),
        Raw::Plain(meaning) => Value::Plain(PlainScalar {
            meaning,
            written: written(text, span(file, raw.defined)),
        }),
        Raw::List(items) => Value::List(
            items
                .into_iter()
                .map(|item| node(file, text, item))
                .collect(),
        ),
        Raw::Map(entries) => Value::Map(
            entries
                .into_iter()
                .map(|(key, value)| {
                    let key = Key {
                        at: span(file, key.referenced),
                        text: key.value,
                    };
                    (key, node(file, text, value))
                })
                .collect(),
        ),
    };
    YamlNode { at, value }
}

/// The word that stands at a place; a tag such as `!!int` may have made a number of a quoted one.
fn written(text: &str, at: Span) -> String {
    let word = text.get(at.start..at.start + at.length).unwrap_or_default();
    word.trim_matches(['"', '\'']).trim().to_owned()
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
        Ok(Raw::Plain(Meaning::Null))
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Plain(Meaning::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        Raw::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Plain(Meaning::Bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Plain(Meaning::Integer(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        // One that is larger is not kept exactly, which anyone who wants a number says.
        Ok(Raw::Plain(
            i64::try_from(value).map_or(Meaning::Float(value as f64), Meaning::Integer),
        ))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Plain(Meaning::Float(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_owned()))
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

    #[rstest::rstest]
    #[case("0049123")]
    #[case("+49")]
    #[case("1e10")]
    #[case("1.10")]
    #[case("0x1F")]
    #[case("0o17")]
    #[case("1_000")]
    #[case("12345678901234567890123")]
    #[case("18446744073709551615")]
    #[case(".inf")]
    #[case("~")]
    #[case("True")]
    #[case("12:30:45")]
    #[case("2026-01-02")]
    #[case("no")]
    fn a_word_without_quotes_keeps_its_spelling(#[case] word: &str) {
        let text = format!("a: &word {word}\nb: [{word}, *word]\n");
        let node = parse(0, &text).unwrap();
        for path in [&["a"][..], &["b", "0"], &["b", "1"]] {
            let found = node.at_path(path.iter().copied()).unwrap();
            assert_eq!(found.value.as_text(), Some(word));
        }
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
