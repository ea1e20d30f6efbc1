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
    /// Nothing: an empty value, `~` or `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Float(f64),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<YamlNode>),
    /// A mapping in the order it was written; keys may repeat until it has been read.
    Map(Vec<(Key, YamlNode)>),
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
            Value::Null => "nothing".to_owned(),
            Value::Bool(value) => format!("the boolean `{value}`"),
            Value::Integer(value) => format!("the number `{value}`"),
            Value::Float(value) => format!("the number `{value}`"),
            Value::Text(text) => format!("the text `{text}`"),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a mapping".to_owned(),
        }
    }
}
