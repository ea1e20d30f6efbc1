//! YAML as a person would write it.

use std::fmt::Write as _;

use edgeproof_document::node::{Value, YamlNode};

/// Columns of a line that has more than one value.
const WIDTH: usize = 100;

/// What is written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node {
    /// A number, a truth value, or nothing, as it is written.
    Plain(String),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping.
    Map(Vec<(String, Node)>),
}

impl Node {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub(crate) fn bool(value: bool) -> Self {
        Self::Plain(value.to_string())
    }

    pub(crate) fn map<const N: usize>(entries: [(&str, Self); N]) -> Self {
        let entries = entries.into_iter();
        Self::Map(entries.map(|(key, node)| (key.to_owned(), node)).collect())
    }

    /// The value of a key, made where it is missing.
    pub(crate) fn entry(&mut self, key: &str) -> &mut Self {
        if !matches!(self, Self::Map(_)) {
            *self = Self::Map(Vec::new());
        }
        let Self::Map(entries) = self else {
            return self;
        };
        let place = match entries.iter().position(|(known, _)| known == key) {
            Some(place) => place,
            None => {
                entries.push((key.to_owned(), Self::Map(Vec::new())));
                entries.len() - 1
            }
        };
        &mut entries[place].1
    }

    /// The keys of a mapping.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        let entries = match self {
            Self::Map(entries) => entries.as_slice(),
            _ => &[],
        };
        entries.iter().map(|(key, _)| key.as_str())
    }

    /// What stands in a file.
    pub(crate) fn of(node: &YamlNode) -> Self {
        match &node.value {
            Value::Plain(plain) if plain.written.is_empty() => Self::Plain("null".to_owned()),
            Value::Plain(plain) => Self::Plain(plain.written.clone()),
            Value::Text(text) => Self::Text(text.clone()),
            Value::List(items) => Self::List(items.iter().map(Self::of).collect()),
            Value::Map(entries) => {
                let entries = entries.iter();
                Self::Map(
                    entries
                        .map(|(key, node)| (key.text.clone(), Self::of(node)))
                        .collect(),
                )
            }
        }
    }

    /// A file of this mapping.
    pub(crate) fn document(&self) -> String {
        let mut text = String::new();
        self.block(0, 0, &mut text);
        text
    }

    /// On lines of its own; the outer levels are never on one line.
    fn block(&self, indent: usize, open: usize, text: &mut String) {
        let margin = " ".repeat(indent);
        match self {
            Self::Map(entries) => {
                for (index, (key, node)) in entries.iter().enumerate() {
                    // The first one of an item of a list stands behind its dash.
                    if index > 0 || !text.ends_with("- ") {
                        text.push_str(&margin);
                    }
                    // Writing to a text cannot fail.
                    let _ = write!(text, "{}:", scalar(key));
                    // What a file is about is never on one line.
                    let is_main = indent == 0 && ["given", "steps"].contains(&key.as_str());
                    let open = if is_main { 2 } else { open };
                    node.behind_key(indent, key.len(), open, text);
                }
            }
            Self::List(items) => {
                for item in items {
                    let _ = write!(text, "{margin}- ");
                    match item {
                        Self::Map(entries) if entries.len() > 1 || open > 0 => {
                            item.block(indent + 2, open.saturating_sub(1), text);
                        }
                        _ => {
                            let _ = writeln!(text, "{}", item.flow());
                        }
                    }
                }
            }
            Self::Plain(_) | Self::Text(_) => {
                let _ = writeln!(text, "{margin}{}", self.flow());
            }
        }
    }

    fn behind_key(&self, indent: usize, key: usize, open: usize, text: &mut String) {
        let is_open = match self {
            Self::Map(entries) => !entries.is_empty(),
            Self::List(items) => !items.is_empty(),
            Self::Plain(_) | Self::Text(_) => false,
        };
        let flow = self.flow();
        if !is_open || (open <= 1 && indent + key + flow.len() <= WIDTH) {
            let _ = writeln!(text, " {flow}");
            return;
        }
        text.push('\n');
        self.block(indent + 2, open.saturating_sub(1), text);
    }

    /// On one line.
    fn flow(&self) -> String {
        match self {
            Self::Plain(written) => written.clone(),
            Self::Text(text) => scalar(text),
            Self::List(items) => {
                let items: Vec<String> = items.iter().map(Self::flow).collect();
                format!("[{}]", items.join(", "))
            }
            Self::Map(entries) if entries.is_empty() => "{}".to_owned(),
            Self::Map(entries) => {
                let entry =
                    |(key, node): &(String, Self)| format!("{}: {}", scalar(key), node.flow());
                let entries: Vec<String> = entries.iter().map(entry).collect();
                format!("{{ {} }}", entries.join(", "))
            }
        }
    }
}

/// A text, in quotes unless every reader of YAML takes it for one without them.
fn scalar(text: &str) -> String {
    if is_plain(text) {
        return text.to_owned();
    }
    let quoted = serde_json::Value::from(text).to_string();
    // What JSON leaves as it is and YAML takes for the end of a line, or refuses.
    let is_odd = |character: char| {
        matches!(
            character,
            '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
        )
    };
    if !quoted.contains(is_odd) {
        return quoted;
    }
    let mut text = String::with_capacity(quoted.len());
    for character in quoted.chars() {
        if is_odd(character) {
            let _ = write!(text, "\\u{:04x}", u32::from(character));
        } else {
            text.push(character);
        }
    }
    text
}

fn is_plain(text: &str) -> bool {
    const WORDS: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let begins = |first: char| first.is_ascii_alphabetic() || first == '/' || first == '_';
    let may_have = |character: char| {
        character.is_ascii_alphanumeric() || " _./:-+=@*?&%~;".contains(character)
    };
    text.starts_with(begins)
        && text.chars().all(may_have)
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use edgeproof_document::yaml;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("POST /api/login*", "POST /api/login*")]
    #[case("https://shop.example/a?b=c", "https://shop.example/a?b=c")]
    #[case("#create", "\"#create\"")]
    #[case("no", "\"no\"")]
    #[case("0049123", "\"0049123\"")]
    #[case("a: b", "\"a: b\"")]
    #[case("", "\"\"")]
    #[case("a, b", "\"a, b\"")]
    #[case("${env.PASSWORD}", "\"${env.PASSWORD}\"")]
    #[case("two\nlines", "\"two\\nlines\"")]
    fn a_text_is_quoted_where_it_could_be_taken_for_something_else(
        #[case] text: &str,
        #[case] expected: &str,
    ) {
        assert_eq!(scalar(text), expected);
    }

    #[test]
    fn whatever_a_page_says_is_read_as_it_was() {
        let hostile = (0..0x3000_u32).filter_map(char::from_u32);
        let hostile: String = hostile.filter(|character| *character != '\0').collect();
        for text in [
            hostile.as_str(),
            "- a",
            "? b",
            "a #b",
            "\u{feff}x",
            "!!str x",
            "*x",
            "{a",
            " x ",
            "~",
            "=",
            "1_0",
            "0x1",
            ".inf",
            "2026-11-27",
        ] {
            let node = Node::map([(
                "steps",
                Node::List(vec![Node::map([("click", Node::text(text))])]),
            )]);
            let read = yaml::parse(0, &node.document()).unwrap();
            let read = read.at_path(["steps", "0", "click"]).unwrap();
            assert_eq!(read.value, Value::Text(text.to_owned()));
        }
    }

    #[test]
    fn short_values_stand_on_one_line_and_long_ones_do_not() {
        let node = Node::map([
            ("scenario", Node::text("A claim")),
            (
                "given",
                Node::map([("visitors", Node::map([("ann", Node::map([]))]))]),
            ),
            (
                "steps",
                Node::List(vec![Node::map([
                    ("click", Node::text("#a")),
                    (
                        "expect",
                        Node::map([
                            ("status", Node::Plain("403".to_owned())),
                            ("body", Node::text("x".repeat(100))),
                        ]),
                    ),
                ])]),
            ),
        ]);
        let long = "x".repeat(100);
        assert_eq!(
            node.document(),
            format!(
                "scenario: A claim\ngiven:\n  visitors: {{ ann: {{}} }}\nsteps:\n  - click: \"#a\"\n    expect:\n      status: 403\n      body: {long}\n"
            )
        );
    }
}
