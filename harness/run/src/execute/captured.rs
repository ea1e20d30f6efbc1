//! Values that earlier steps kept, and where they are filled in.

use std::collections::BTreeMap;

use edgeproof_ground::international;
use edgeproof_scenario::{
    expect::{Expect, ExpectOrigin},
    input::FieldValue,
    json,
    request::{OneOrMany, RawRequest, Request, RequestBody},
    step::{Action, Capture},
    template,
};

use crate::{check::Mismatch, observed::ObservedCall};

/// Captured values by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Captured(pub(super) BTreeMap<String, String>);

impl Captured {
    /// The text with every captured value in its place.
    pub(super) fn text(&self, text: &str) -> String {
        template::fill(text, &|name| self.0.get(name).cloned())
    }

    /// The URL with every captured value in its place. One that has no name for a host is not sent, which says so.
    fn url(&self, url: &str) -> String {
        let url = self.text(url);
        international::url(&url).unwrap_or(url)
    }

    /// Keeps what a step wants kept of its answer, whose body may be expected not to be complete. Says what of it is not
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

    /// The action with every captured value in its place.
    pub(super) fn action(&self, action: &Action) -> Action {
        if self.0.is_empty() {
            return action.clone();
        }
        match action {
            Action::Visit(url) => Action::Visit(self.url(url)),
            Action::Fill(fields) => Action::Fill(
                fields
                    .iter()
                    .map(|(selector, FieldValue(texts))| {
                        let texts = texts.iter().map(|text| self.text(text)).collect();
                        (selector.clone(), FieldValue(texts))
                    })
                    .collect(),
            ),
            Action::Select(_)
            | Action::Upload(_)
            | Action::Hover(_)
            | Action::Check(_)
            | Action::Uncheck(_) => action.clone(),
            Action::Click(selector) => Action::Click(self.text(selector)),
            Action::Press(press) => Action::Press(press.clone()),
            Action::Run(script) => Action::Run(self.text(script)),
            Action::Submit(form) => Action::Submit(self.text(form)),
            Action::Wait(call) => Action::Wait(call.clone()),
            Action::Request(request) => Action::Request(Box::new(self.request(request))),
            Action::Raw(raw) => Action::Raw(Box::new(RawRequest {
                to: self.url(&raw.to),
                send: self.text(&raw.send),
            })),
            Action::Advance(_) | Action::Set(_) | Action::Deploy(_) => action.clone(),
        }
    }

    fn request(&self, request: &Request) -> Request {
        Request {
            url: self.url(&request.url),
            headers: request
                .headers
                .iter()
                .map(|(name, OneOrMany(values))| {
                    let values = values.iter().map(|value| self.text(value)).collect();
                    (name.clone(), OneOrMany(values))
                })
                .collect(),
            body: request.body.as_ref().map(|body| self.body(body)),
            ..request.clone()
        }
    }

    fn body(&self, body: &RequestBody) -> RequestBody {
        match body {
            RequestBody::Text(text) => RequestBody::Text(self.text(text)),
            RequestBody::Json(value) => {
                RequestBody::Json(json::map_texts(value, &|text| self.text(text)))
            }
            RequestBody::Form(fields) => RequestBody::Form(
                fields
                    .iter()
                    .map(|(name, value)| (name.clone(), self.text(value)))
                    .collect(),
            ),
            RequestBody::Bytes(_) | RequestBody::File(_) => body.clone(),
        }
    }

    /// The expectations with every captured value in its place.
    pub(super) fn expect(&self, expect: &Expect) -> Expect {
        let mut expect = expect.clone();
        if self.0.is_empty() {
            return expect;
        }
        let change = |text: &str| self.text(text);
        for matcher in expect.headers.values_mut() {
            *matcher = matcher.map(&change);
        }
        expect.body = expect.body.map(|matcher| matcher.map(&change));
        for element in &mut expect.page {
            element.text = element.text.as_ref().map(|matcher| matcher.map(&change));
        }
        let seen = |seen: ExpectOrigin| ExpectOrigin {
            headers: seen
                .headers
                .iter()
                .map(|(name, matcher)| (name.clone(), matcher.map(&change)))
                .collect(),
            body: seen.body.map(|matcher| matcher.map(&change)),
            ..seen
        };
        expect.origin = expect.origin.map(seen);
        expect.node = expect.node.map(seen);
        expect
    }
}

/// What a capture looks for, in words, and its value.
fn found(capture: &Capture, call: &ObservedCall) -> (String, Option<String>) {
    match capture {
        Capture::Status => (
            "a status".to_owned(),
            Some(call.status.as_u16().to_string()),
        ),
        Capture::Body => (
            "a body".to_owned(),
            Some(String::from_utf8_lossy(&call.body).into_owned()),
        ),
        Capture::Header(name) => (
            format!("a header `{}`", name.0),
            call.headers
                .get(&name.0)
                .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()),
        ),
        Capture::Json(pointer) => {
            let json: Option<serde_json::Value> = serde_json::from_slice(&call.body).ok();
            let value = json.as_ref().and_then(|json| json.pointer(pointer));
            (format!("JSON with `{pointer}`"), value.map(json::as_text))
        }
        Capture::Matches(pattern) => {
            let text = String::from_utf8_lossy(&call.body);
            let found = pattern.0.captures(&text);
            let found = found.and_then(|groups| groups.get(1).or_else(|| groups.get(0)));
            (
                format!("a body in which /{}/ finds something", pattern.0),
                found.map(|found| found.as_str().to_owned()),
            )
        }
    }
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
