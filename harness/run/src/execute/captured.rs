//! Values that earlier steps kept, and where they are filled in.

use std::collections::BTreeMap;

use edgeproof_document::node::{Meaning, PlainScalar, Value};
use edgeproof_scenario::{filling::Values, json, step::Capture};

use crate::{check::Mismatch, observed::ObservedCall};

/// Captured values by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Captured(pub(super) BTreeMap<String, Value>);

impl Values for Captured {
    fn value(&self, name: &str) -> Option<Value> {
        self.0.get(name).cloned()
    }
}

impl Captured {
    /// Keeps what a step wants kept of its response, whose body may be expected not to be complete. Says what of it is not
    /// there.
    pub(super) fn keep(
        &mut self,
        wanted: &BTreeMap<String, Capture>,
        call: &ObservedCall,
        complete: Option<bool>,
    ) -> Vec<Mismatch> {
        let mut missing = Vec::new();
        for (name, capture) in wanted {
            let (what, value) = found(capture, call);
            let unreadable = call
                .unreadable(complete)
                .filter(|_| !matches!(capture, Capture::Status | Capture::Header(_)));
            let value = value.filter(|_| unreadable.is_none());
            match value {
                Some(value) => {
                    self.0.insert(name.clone(), value);
                }
                None => missing.push(Mismatch {
                    path: vec!["capture".to_owned(), name.clone()],
                    claim: format!("expected {what} in the response, to capture it as `{name}`"),
                    actual: unreadable.unwrap_or_else(|| "there is none".to_owned()),
                    nearest: None,
                    message: None,
                }),
            }
        }
        missing
    }
}

/// What a capture looks for, in words, and its value.
fn found(capture: &Capture, call: &ObservedCall) -> (String, Option<Value>) {
    let body = || String::from_utf8_lossy(&call.body);
    match capture {
        Capture::Status => (
            "a status".to_owned(),
            Some(of_json(&call.status.as_u16().into())),
        ),
        Capture::Body => ("a body".to_owned(), Some(Value::Text(body().into_owned()))),
        Capture::Header(name) => {
            let value = call.headers.get(&name.0);
            let text = value.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
            (format!("a header `{}`", name.0), text.map(Value::Text))
        }
        Capture::Json(pointer) => {
            let json: Option<serde_json::Value> = serde_json::from_slice(&call.body).ok();
            let value = json.as_ref().and_then(|json| json.pointer(pointer));
            (format!("JSON with `{pointer}`"), value.map(of_json))
        }
        Capture::Matches(pattern) => {
            let text = body();
            let found = pattern.0.captures(&text);
            let found = found.and_then(|groups| groups.get(1).or_else(|| groups.get(0)));
            (
                format!("a body in which /{}/ finds something", pattern.0),
                found.map(|found| Value::Text(found.as_str().to_owned())),
            )
        }
    }
}

/// A value of JSON as if it stood in the file: a number stays one where it stands alone.
fn of_json(json: &serde_json::Value) -> Value {
    let text = json::as_text(json);
    let meaning = match json {
        serde_json::Value::Null => Meaning::Null,
        serde_json::Value::Bool(value) => Meaning::Bool(*value),
        serde_json::Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => Meaning::Integer(integer),
            (None, Some(float)) => Meaning::Float(float),
            (None, None) => return Value::Text(text),
        },
        _ => return Value::Text(text),
    };
    Value::Plain(PlainScalar {
        meaning,
        written: text,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use http::{HeaderMap, Method, StatusCode};
    use rstest::rstest;

    use super::*;

    fn call(body: &'static str, undecoded: Option<&str>) -> ObservedCall {
        ObservedCall {
            is_faulty: false,
            method: Method::GET,
            url: "https://shop.example/".to_owned(),
            sent_headers: HeaderMap::new(),
            sent_body: None,
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: Bytes::from_static(body.as_bytes()),
            broke_off: None,
            undecoded: undecoded.map(str::to_owned),
            took: Duration::ZERO,
        }
    }

    #[rstest]
    #[case::body(Capture::Body, true)]
    #[case::json(Capture::Json("/id".to_owned()), true)]
    #[case::status(Capture::Status, false)]
    fn nothing_is_kept_of_a_body_that_cannot_be_read(
        #[case] capture: Capture,
        #[case] is_of_body: bool,
    ) {
        let wanted = BTreeMap::from([("kept".to_owned(), capture)]);
        let body = r#"{"id": 7}"#;
        let mut captured = Captured::default();
        assert_eq!(captured.keep(&wanted, &call(body, None), None), []);
        assert!(captured.0.contains_key("kept"));
        let mut captured = Captured::default();
        let missing = captured.keep(&wanted, &call(body, Some("it is no gzip")), None);
        assert_eq!(captured.0.contains_key("kept"), !is_of_body);
        let told: Vec<&str> = missing
            .iter()
            .map(|missing| missing.actual.as_str())
            .collect();
        assert_eq!(told, vec!["it is no gzip"; usize::from(is_of_body)]);
    }
}
