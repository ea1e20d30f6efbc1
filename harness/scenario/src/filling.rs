//! Values in the place of `${name}`, anywhere in the tree of a file: keys and values alike.
//!
//! A reference that stands alone is the value, whatever that is; within a text it is the value's text. Programs (`run:`)
//! have `${}` of their own: in them only names that are known are filled in, and nothing is escaped.

use edgeproof_document::{
    node::{Key, Value, YamlNode},
    source::Span,
};

use super::template;

/// What names stand for.
pub trait Values {
    /// The value, where the reference stands alone.
    fn value(&self, name: &str) -> Option<Value>;

    /// Its text, where it stands within one.
    fn text(&self, name: &str) -> Option<String> {
        self.value(name)?.as_text().map(str::to_owned)
    }
}

/// Nothing is known.
impl Values for () {
    fn value(&self, _: &str) -> Option<Value> {
        None
    }
}

/// The first of two that knows a name.
impl<A: Values + ?Sized, B: Values + ?Sized> Values for (&A, &B) {
    fn value(&self, name: &str) -> Option<Value> {
        self.0.value(name).or_else(|| self.1.value(name))
    }

    fn text(&self, name: &str) -> Option<String> {
        self.0.text(name).or_else(|| self.1.text(name))
    }
}

/// The key of a program: JavaScript in a page, a command of an app.
const PROGRAM: &str = "run";

/// The node with every reference to a known value filled in; a place stays the place of the reference.
pub fn fill(node: &YamlNode, values: &dyn Values) -> YamlNode {
    filled(node, values, &|text| {
        template::fill(text, &|name| values.text(name))
    })
}

/// The same, for the last time: what is written as `$${` is `${` from now on.
pub fn finish(node: &YamlNode, values: &dyn Values) -> YamlNode {
    filled(node, values, &|text| {
        template::finish(text, &|name| values.text(name))
    })
}

fn filled(node: &YamlNode, values: &dyn Values, within: &dyn Fn(&str) -> String) -> YamlNode {
    let value = match &node.value {
        Value::Text(text) => template::whole(text)
            .and_then(|name| values.value(name))
            .unwrap_or_else(|| Value::Text(within(text))),
        Value::List(items) => Value::List(
            items
                .iter()
                .map(|item| filled(item, values, within))
                .collect(),
        ),
        Value::Map(entries) => Value::Map(
            entries
                .iter()
                .map(|(key, value)| {
                    let known = |text: &str| template::fill(text, &|name| values.text(name));
                    let within: &dyn Fn(&str) -> String = match is_program(key, value) {
                        true => &known,
                        false => within,
                    };
                    let key = Key {
                        at: key.at,
                        text: within(&key.text),
                    };
                    (key, filled(value, values, within))
                })
                .collect(),
        ),
        plain @ Value::Plain(_) => plain.clone(),
    };
    YamlNode { at: node.at, value }
}

/// One `${name}`, where it stands.
#[derive(Clone, Copy, Debug)]
pub struct Reference<'a> {
    /// What it refers to.
    pub name: &'a str,
    /// Where.
    pub at: Span,
    /// Whether it stands in a program, which may mean something of its own.
    pub in_program: bool,
}

/// Every `${name}` below a node.
pub fn references(node: &YamlNode, found: &mut dyn FnMut(Reference<'_>)) {
    below(node, false, found);
}

fn below(node: &YamlNode, in_program: bool, found: &mut dyn FnMut(Reference<'_>)) {
    let mut all = |text: &str, at| {
        for name in template::names(text) {
            found(Reference {
                name,
                at,
                in_program,
            });
        }
    };
    match &node.value {
        Value::Text(text) => all(text, node.at),
        Value::List(items) => items.iter().for_each(|item| below(item, in_program, found)),
        Value::Map(entries) => {
            for (key, _) in entries {
                all(&key.text, key.at);
            }
            for (key, value) in entries {
                below(value, is_program(key, value), found);
            }
        }
        Value::Plain(_) => {}
    }
}

/// Whether anything below a node refers to a name.
pub fn mentions(node: &YamlNode, name: &str) -> bool {
    let mut is_there = false;
    references(node, &mut |reference| is_there |= reference.name == name);
    is_there
}

fn is_program(key: &Key, value: &YamlNode) -> bool {
    key.text == PROGRAM && matches!(value.value, Value::Text(_))
}

#[cfg(test)]
mod tests {
    use edgeproof_document::yaml;

    use super::*;

    struct One;

    impl Values for One {
        fn value(&self, name: &str) -> Option<Value> {
            (name == "x").then(|| Value::Text("1".to_owned()))
        }
    }

    #[test]
    fn keys_and_values_are_filled_in_and_programs_keep_what_is_theirs() {
        let text =
            "\"${x}\": [\"a${x}\", \"${x}\", \"$${x}\", \"${y}\"]\nrun: \"${x} $${x} ${y}\"\n";
        let node = finish(&yaml::parse(0, text).unwrap(), &One);
        let found = |path: &[&str]| {
            let node = node.at_path(path.iter().copied()).unwrap();
            node.value.as_text().unwrap().to_owned()
        };
        let all: Vec<String> = ["0", "1", "2", "3"]
            .map(|index| found(&["1", index]))
            .into();
        assert_eq!(all, ["a1", "1", "${x}", "${y}"]);
        assert_eq!(found(&["run"]), "1 $${x} ${y}");
    }
}
