//! JSON that must include other JSON.

use serde_json::Value;

/// Where `actual` does not include `expected`: a path such as `$.error.code`, what was expected there and what is there.
///
/// An object includes another when it has at least its members; a list must have as many items, each including its
/// counterpart; anything else must be equal, numbers by value.
pub fn difference(expected: &Value, actual: &Value) -> Option<Difference> {
    differ("$", expected, actual)
}

/// The first place where two pieces of JSON part.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Where, as a JSONPath.
    pub path: String,
    /// What was expected there.
    pub expected: String,
    /// What is there.
    pub actual: String,
}

fn differ(path: &str, expected: &Value, actual: &Value) -> Option<Difference> {
    match (expected, actual) {
        (Value::Object(wanted), Value::Object(found)) => wanted.iter().find_map(|(key, value)| {
            let path = format!("{path}.{key}");
            match found.get(key) {
                Some(found) => differ(&path, value, found),
                None => Some(Difference {
                    path,
                    expected: value.to_string(),
                    actual: "nothing".to_owned(),
                }),
            }
        }),
        (Value::Array(wanted), Value::Array(found)) if wanted.len() == found.len() => wanted
            .iter()
            .zip(found)
            .enumerate()
            .find_map(|(index, (wanted, found))| {
                differ(&format!("{path}[{index}]"), wanted, found)
            }),
        (Value::Array(wanted), Value::Array(found)) => Some(Difference {
            path: path.to_owned(),
            expected: format!("{} items", wanted.len()),
            actual: format!("{} items", found.len()),
        }),
        (Value::Number(wanted), Value::Number(found)) if wanted.as_f64() == found.as_f64() => None,
        _ if expected == actual => None,
        _ => Some(Difference {
            path: path.to_owned(),
            expected: expected.to_string(),
            actual: actual.to_string(),
        }),
    }
}

/// A value as a text: a text as it is, anything else as JSON.
pub fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The same JSON with every text put through `change`.
pub fn map_texts(value: &Value, change: &dyn Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => Value::String(change(text)),
        Value::Array(items) => items.iter().map(|item| map_texts(item, change)).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(key, value)| (key.clone(), map_texts(value, change)))
            .collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case(json!({"a": 1}), json!({"a": 1.0, "b": 2}), None)]
    #[case(json!({"a": {"b": [1, 2]}}), json!({"a": {"b": [1, 3]}}), Some("$.a.b[1]"))]
    #[case(json!({"a": 1}), json!({}), Some("$.a"))]
    #[case(json!([]), json!([1]), Some("$"))]
    #[case(json!({"a": null}), json!({}), Some("$.a"))]
    #[case(json!("1"), json!(1), Some("$"))]
    fn the_first_difference_is_found(
        #[case] expected: Value,
        #[case] actual: Value,
        #[case] path: Option<&str>,
    ) {
        let found = difference(&expected, &actual);
        assert_eq!(found.map(|found| found.path).as_deref(), path);
    }
}
