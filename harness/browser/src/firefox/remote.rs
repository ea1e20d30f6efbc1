//! Values of a page as WebDriver BiDi tells them.

use std::collections::HashMap;

use serde_json::{Map, Value};

/// How deep values are read: a stack is no endless thing.
const DEPTH: usize = 200;

/// The value as JSON, as far as it is any; what is none is null, or an empty object.
pub(super) fn json(value: &Value) -> Value {
    Reader::default().read(value, DEPTH)
}

/// The value as a console shows it.
pub(super) fn shown(value: &Value) -> String {
    match value["type"].as_str().unwrap_or_default() {
        "string" => value["value"].as_str().unwrap_or_default().to_owned(),
        "number" | "boolean" | "bigint" => match &value["value"] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        },
        "undefined" | "null" => String::new(),
        "object" => "Object".to_owned(),
        "array" => format!("Array({})", value["value"].as_array().map_or(0, Vec::len)),
        other => other.to_owned(),
    }
}

/// Objects that stand in a value more than once are told once, and named.
#[derive(Default)]
struct Reader {
    known: HashMap<String, Value>,
}

impl Reader {
    fn read(&mut self, value: &Value, depth: usize) -> Value {
        if depth == 0 {
            return Value::Null;
        }
        let name = value["internalId"].as_str();
        let content = &value["value"];
        let read = match value["type"].as_str().unwrap_or_default() {
            "string" | "boolean" => content.clone(),
            // Those that JSON has none for are texts.
            "number" if content.is_number() => content.clone(),
            "array" => match content.as_array() {
                Some(items) => items
                    .iter()
                    .map(|item| self.read(item, depth - 1))
                    .collect(),
                None => self.known(name),
            },
            "object" => match content.as_array() {
                Some(entries) => Value::Object(self.entries(entries, depth)),
                None => self.known(name),
            },
            "undefined" | "null" | "number" | "bigint" | "symbol" | "function" => Value::Null,
            "date" => content.clone(),
            _ => Value::Object(Map::new()),
        };
        if let Some(name) = name {
            self.known.insert(name.to_owned(), read.clone());
        }
        read
    }

    fn entries(&mut self, entries: &[Value], depth: usize) -> Map<String, Value> {
        let mut object = Map::new();
        for entry in entries {
            // JSON has no keys without a value.
            if let Some(key) = entry[0].as_str()
                && entry[1]["type"] != "undefined"
            {
                object.insert(key.to_owned(), self.read(&entry[1], depth - 1));
            }
        }
        object
    }

    fn known(&self, name: Option<&str>) -> Value {
        let known = name.and_then(|name| self.known.get(name));
        known.cloned().unwrap_or(Value::Null)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case(json!({"type": "undefined"}), json!(null))]
    #[case(json!({"type": "number", "value": 5}), json!(5))]
    #[case(json!({"type": "number", "value": "NaN"}), json!(null))]
    #[case(
        json!({"type": "array", "value": [{"type": "string", "value": "a"}, {"type": "null"}]}),
        json!(["a", null])
    )]
    #[case(
        json!({"type": "object", "value": [["a", {"type": "object", "internalId": "1", "value": []}], ["b", {"type": "object", "internalId": "1"}], ["c", {"type": "undefined"}]]}),
        json!({"a": {}, "b": {}})
    )]
    #[case(json!({"type": "map", "value": []}), json!({}))]
    fn a_value_is_read_as_json(#[case] value: Value, #[case] expected: Value) {
        assert_eq!(json(&value), expected);
    }

    #[test]
    fn a_value_without_an_end_is_cut() {
        let mut value = json!({"type": "null"});
        for _ in 0..DEPTH + 50 {
            value = json!({"type": "array", "value": [value]});
        }
        assert!(json(&value).is_array());
    }
}
