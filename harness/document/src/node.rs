//! YAML as a tree in which every value knows its place.
//!
//! Everything that reshapes a file (includes, defaults, the matrix) works on this tree, before it is read into types:
//! a place survives all of it, and so does every message that points at one.

use edgeproof_ground::international;

use super::source::Span;

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct YamlNode {
    /// Where.
    pub at: Span,
    /// What.
    pub value: Value,
}

/// What a node holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A word without quotes that YAML takes for something else than a text.
    Plain(PlainScalar),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<YamlNode>),
    /// A mapping in the order it was written; keys may repeat until it has been read.
    Map(Vec<(Key, YamlNode)>),
}

/// A word without quotes that YAML takes for something else than a text. Where a text is wanted it is what stands in the
/// file: `0049123` is no phone number any more once it was a number.
#[derive(Clone, Debug, PartialEq)]
pub struct PlainScalar {
    /// What YAML takes it for.
    pub meaning: Meaning,
    /// What stands in the file; empty where nothing does.
    pub written: String,
}

/// What a word without quotes means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Meaning {
    /// Nothing: an empty value, `~` or `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Float(f64),
}

impl Meaning {
    /// The word as the value is usually written.
    pub fn usual(self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Integer(value) => value.to_string(),
            Self::Float(value) => value.to_string(),
        }
    }
}

impl PlainScalar {
    /// Whether the value, written again, is what stands in the file: nothing is lost where it is taken for a number.
    pub fn is_kept(&self) -> bool {
        match self.meaning {
            Meaning::Null | Meaning::Bool(_) => true,
            Meaning::Integer(value) => value.to_string() == self.written,
            // `1.0` is written so by some and as `1` by others; it is the same number to all of them.
            Meaning::Float(value) => {
                value.is_finite()
                    && [value.to_string(), format!("{value:?}")].contains(&self.written)
            }
        }
    }
}

/// A key of a mapping and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// Where.
    pub at: Span,
    /// The key.
    pub text: String,
}

impl Value {
    /// Nothing at all.
    pub fn null() -> Self {
        Self::Plain(PlainScalar {
            meaning: Meaning::Null,
            written: String::new(),
        })
    }

    /// Whether it is nothing.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Plain(plain) if plain.meaning == Meaning::Null)
    }

    /// The text of a word, as it stands in the file; none for lists, mappings and where nothing stands.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Plain(plain) if !plain.written.is_empty() => Some(&plain.written),
            Self::Plain(_) | Self::List(_) | Self::Map(_) => None,
        }
    }

    /// The value of a key, to be changed.
    pub fn value_mut(&mut self, key: &str) -> Option<&mut Self> {
        match self {
            Self::Map(entries) => entries
                .iter_mut()
                .find(|(found, _)| found.text == key)
                .map(|(_, node)| &mut node.value),
            _ => None,
        }
    }
}

impl YamlNode {
    /// The value of a key, where this is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|(_, node)| node)
    }

    /// A key with its value.
    pub fn entry(&self, key: &str) -> Option<(&Key, &Self)> {
        match &self.value {
            Value::Map(entries) => entries
                .iter()
                .find(|(found, _)| found.text == key)
                .map(|(key, node)| (key, node)),
            _ => None,
        }
    }

    /// The value of a key, to be changed.
    pub fn value_mut(&mut self, key: &str) -> Option<&mut Value> {
        self.value.value_mut(key)
    }

    /// The value of the key that is this host name, however it is written.
    fn of_host(&self, name: &str) -> Option<&Self> {
        let Value::Map(entries) = &self.value else {
            return None;
        };
        let is_meant = |key: &Key| international::host(&key.text).is_ok_and(|host| host == name);
        entries
            .iter()
            .find(|(key, _)| is_meant(key))
            .map(|(_, node)| node)
    }

    /// The node at a path of keys and indices; a list takes decimal indices, and names of hosts are found by what they mean.
    pub fn at_path<'a>(&self, path: impl IntoIterator<Item = &'a str>) -> Option<&Self> {
        path.into_iter()
            .try_fold(self, |node, segment| match &node.value {
                Value::List(items) => items.get(segment.parse::<usize>().ok()?),
                _ => node.get(segment).or_else(|| node.of_host(segment)),
            })
    }

    /// What kind of value this is, in the words of a message.
    pub fn kind(&self) -> String {
        match &self.value {
            Value::Plain(plain) => match plain.meaning {
                Meaning::Null => "nothing".to_owned(),
                Meaning::Bool(_) => format!("the boolean `{}`", plain.written),
                Meaning::Integer(_) | Meaning::Float(_) => {
                    format!("the number `{}`", plain.written)
                }
            },
            Value::Text(text) => format!("the text `{text}`"),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a mapping".to_owned(),
        }
    }
}
