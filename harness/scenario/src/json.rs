//! JSON that must include other JSON.

use edgeproof_document::{read::read, yaml};
use serde_json::Value;

use super::text::TextMatcher;

/// Where `actual` does not include `expected`: a path such as `$.error.code`, what was expected there and what is there.
///
/// An object includes another when it has at least its members; a list must have as many items, each including its
/// counterpart; anything else must be equal, numbers by value. Where a text, a number or nothing stands, an object of
/// conditions such as `{not: …}` is what a text has to meet.
pub fn difference(expected: &Value, actual: &Value) -> Option<Difference> {
    differ("$", expected, actual)
}

/// The first place where two pieces of JSON part.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Where, as a JSONPath.
    pub path: String,
    /// What was expected there, such as `to be 1`.
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
                None => match conditions(value) {
                    Some(matcher) if matcher.holds(None) => None,
                    matcher => Some(Difference {
                        path,
                        expected: wanted_as(value, matcher.as_ref()),
                        actual: "nothing".to_owned(),
                    }),
                },
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
            expected: format!("to be {} items", wanted.len()),
            actual: format!("{} items", found.len()),
        }),
        (Value::Number(wanted), Value::Number(found)) if wanted.as_f64() == found.as_f64() => None,
        _ if expected == actual => None,
        _ => match conditions(expected) {
            Some(matcher) if matcher.holds(Some(&as_text(actual))) => None,
            matcher => Some(Difference {
                path: path.to_owned(),
                expected: wanted_as(expected, matcher.as_ref()),
                actual: actual.to_string(),
            }),
        },
    }
}

/// An object as conditions of a text, where it is some.
fn conditions(expected: &Value) -> Option<TextMatcher> {
    expected.as_object().filter(|members| !members.is_empty())?;
    // JSON is YAML, and that is how conditions are read everywhere.
    read(&yaml::parse(0, &expected.to_string()).ok()?).ok()
}

fn wanted_as(expected: &Value, matcher: Option<&TextMatcher>) -> String {
    matcher.map_or_else(|| format!("to be {expected}"), TextMatcher::to_string)
}

/// A value as a text: a text as it is, anything else as JSON.
pub fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
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
    #[case::conditions(json!({"a": {"not": "x", "contains": "y"}}), json!({"a": "xyz"}), None)]
    #[case::nested_conditions(json!({"a": {"not": {"contains": "z"}}}), json!({"a": "xy"}), None)]
    #[case::conditions_that_fail(json!({"a": {"not": "x"}}), json!({"a": "x"}), Some("$.a"))]
    #[case::conditions_of_a_number(json!({"a": {"matches": "^4"}}), json!({"a": 404}), None)]
    #[case::absent(json!({"a": {"present": false}}), json!({}), None)]
    #[case::an_object_stays_one(json!({"a": {"not": "x"}}), json!({"a": {"not": "y"}}), Some("$.a.not"))]
    fn the_first_difference_is_found(
        #[case] expected: Value,
        #[case] actual: Value,
        #[case] path: Option<&str>,
    ) {
        let found = difference(&expected, &actual);
        assert_eq!(found.map(|found| found.path).as_deref(), path);
    }
}
