//! The record of what a page asked for and what it printed, from the browser's own events.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use tokio::sync::watch;

use crate::frames::Frames;

/// A request that a page made, as the browser tells it.
#[derive(Clone, Debug)]
pub struct BrowserCall {
    /// The browser's name for it; the answers of a redirect chain share one.
    pub id: String,
    /// The method.
    pub method: String,
    /// The absolute URL.
    pub url: String,
    /// Why it was made: `Document`, `Fetch`, `XHR`, `Script`, …
    pub kind: String,
    /// The browser's name for the frame that made it.
    pub frame: String,
    /// The request headers that went over the wire.
    pub request_headers: HeaderMap,
    /// The body that was posted, where the browser shows it.
    pub posted: Option<String>,
    /// The status of the answer; none while it has not come.
    pub status: Option<u16>,
    /// The response headers.
    pub response_headers: HeaderMap,
    /// Bytes of the body that have come, without its content codings.
    pub body_bytes: usize,
    /// Whether and how it ended.
    pub outcome: CallOutcome,
}

impl BrowserCall {
    /// After how many bytes the body of the response broke off; nothing where it did not.
    pub fn broke_off(&self) -> Option<usize> {
        (self.outcome == CallOutcome::BrokeOff).then_some(self.body_bytes)
    }
}

/// Whether and how a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallOutcome {
    /// It is still under way.
    Pending,
    /// The answer has come: whole, or as much of it as the page wanted.
    Finished,
    /// The head of the answer has come, and a part of its body at most: then the connection or the stream broke.
    BrokeOff,
    /// It failed, in the browser's words, such as `net::ERR_FAILED`.
    Failed(String),
}

/// A line on the page's console, or an exception that nobody caught.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsoleLine {
    /// `log`, `warning`, `error`, …, or `exception`.
    pub level: String,
    /// The text.
    pub text: String,
}

/// What the browser says of a navigation that was answered with an error status and no body: it shows a page of
/// its own. The visitor got that answer all the same.
pub(super) const ERROR_WITHOUT_BODY: &str = "net::ERR_HTTP_RESPONSE_CODE_FAILURE";

/// What the browser says of a response that is not complete: the connection or the stream ended, or broke the rules.
const BROKEN: [&str; 8] = [
    "net::ERR_CONTENT_LENGTH_MISMATCH",
    "net::ERR_INCOMPLETE_CHUNKED_ENCODING",
    "net::ERR_INVALID_CHUNKED_ENCODING",
    "net::ERR_HTTP2_PROTOCOL_ERROR",
    "net::ERR_HTTP2_STREAM_CLOSED",
    "net::ERR_CONNECTION_ABORTED",
    "net::ERR_CONNECTION_CLOSED",
    "net::ERR_CONNECTION_RESET",
];

/// How often what is known of the frames is looked at where nothing happens.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Who tells of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The page.
    Page,
    /// A window that it opened.
    Window,
}

/// Everything a page did so far.
#[derive(Debug, Default)]
pub(super) struct Activity {
    state: Mutex<State>,
    /// Counts the events.
    changed: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    calls: Vec<BrowserCall>,
    /// The calls of each request as far as it was redirected, and what went over the wire for them.
    chains: HashMap<String, Chain>,
    console: Vec<ConsoleLine>,
    loads: usize,
    frames: Frames,
}

/// The calls of one request, from redirect to redirect. The headers of the wire come in events of their own, in the order
/// of the calls, but before or after the events that announce these.
#[derive(Debug, Default)]
struct Chain {
    /// Where the calls are, and whether each has headers of the wire: a response from a cache has none.
    calls: Vec<(usize, bool)>,
    requests: Vec<HeaderMap>,
    responses: Vec<(HeaderMap, Option<u16>)>,
}

impl Activity {
    /// Takes one event of the browser: its name and its parameters.
    pub(super) fn observe(&self, source: Source, event: &str, parameters: &Value) {
        self.lock().observe(source, event, parameters);
        self.changed.send_modify(|count| *count += 1);
    }

    /// What is known of the frames.
    pub(super) fn frames<T>(&self, read: impl FnOnce(&mut Frames) -> T) -> T {
        read(&mut self.lock().frames)
    }

    /// Waits until something is known of the frames.
    pub(super) async fn until_frames<T>(&self, mut read: impl FnMut(&Frames) -> Option<T>) -> T {
        let mut changed = self.changed.subscribe();
        loop {
            changed.borrow_and_update();
            if let Some(found) = read(&self.lock().frames) {
                return found;
            }
            // What is known changes by the passing of time as well.
            let _ = tokio::time::timeout(LOOK_AGAIN, changed.changed()).await;
        }
    }

    /// Waits until nothing has been under way for some time.
    pub(super) async fn quiet(&self, for_some_time: Duration) {
        let mut changed = self.changed.subscribe();
        loop {
            changed.borrow_and_update();
            let is_busy = self.lock().calls.iter().any(is_under_way);
            let next = changed.changed();
            if is_busy {
                // The sender is this activity's own.
                let _ = next.await;
            } else if tokio::time::timeout(for_some_time, self.next_call())
                .await
                .is_err()
            {
                return;
            }
        }
    }

    /// Waits until something is asked for, or something that was asked for ends.
    async fn next_call(&self) {
        let mut changed = self.changed.subscribe();
        let state = || {
            let state = self.lock();
            let under_way = state.calls.iter().filter(|call| is_under_way(call));
            (state.calls.len(), under_way.count())
        };
        let before = state();
        while state() == before && changed.changed().await.is_ok() {}
    }

    pub(super) fn calls(&self) -> Vec<BrowserCall> {
        self.lock().calls.clone()
    }

    pub(super) fn console(&self) -> Vec<ConsoleLine> {
        self.lock().console.clone()
    }

    /// What has no answer yet.
    pub(super) fn under_way(&self) -> Vec<String> {
        let state = self.lock();
        let pending = state.calls.iter().filter(|call| is_under_way(call));
        pending
            .map(|call| format!("{} {}", call.method, call.url))
            .collect()
    }

    /// How many documents of the main frame have been loaded.
    pub(super) fn loads(&self) -> usize {
        self.lock().loads
    }

    /// Waits until `look` finds something in the calls and the count of loaded documents.
    pub(super) async fn wait<T>(
        &self,
        limit: Duration,
        mut look: impl FnMut(&[BrowserCall], usize) -> Option<T>,
    ) -> Option<T> {
        let mut changed = self.changed.subscribe();
        let search = async {
            loop {
                changed.borrow_and_update();
                let found = {
                    let state = self.lock();
                    look(&state.calls, state.loads)
                };
                if found.is_some() {
                    return found;
                }
                changed.changed().await.ok()?;
            }
        };
        tokio::time::timeout(limit, search).await.ok().flatten()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn observe(&mut self, source: Source, event: &str, parameters: &Value) {
        let id = parameters["requestId"].as_str().unwrap_or_default();
        match event {
            "Network.requestWillBeSent" => self.begin(id, parameters),
            "Network.requestWillBeSentExtraInfo" => {
                let headers = header_map(&parameters["headers"]);
                self.chain(id).requests.push(headers);
                self.join(id);
            }
            "Network.responseReceived" => {
                let has_headers = parameters["hasExtraInfo"] == true;
                self.answered(id, &parameters["response"], has_headers);
                self.join(id);
            }
            "Network.responseReceivedExtraInfo" => {
                let headers = header_map(&parameters["headers"]);
                let status = status(&parameters["statusCode"]);
                self.chain(id).responses.push((headers, status));
                self.join(id);
            }
            "Network.dataReceived" => {
                let bytes = parameters["dataLength"].as_u64().unwrap_or_default();
                if let Some(call) = self.call(id) {
                    call.body_bytes += usize::try_from(bytes).unwrap_or(usize::MAX);
                }
            }
            "Network.loadingFinished" => self.end(id, CallOutcome::Finished),
            "Network.loadingFailed" => {
                let is_answered = self.call(id).is_some_and(|call| call.status.is_some());
                self.end(id, failed(parameters, is_answered));
            }
            "Page.loadEventFired" if source == Source::Page => self.loads += 1,
            "Runtime.consoleAPICalled" => self.console.push(printed(parameters)),
            "Runtime.exceptionThrown" => self.console.push(thrown(parameters)),
            _ => self.frames.observe(event, parameters),
        }
    }

    fn begin(&mut self, id: &str, parameters: &Value) {
        if parameters["redirectResponse"].is_object() {
            let has_headers = parameters["redirectHasExtraInfo"] == true;
            self.answered(id, &parameters["redirectResponse"], has_headers);
            self.end(id, CallOutcome::Finished);
        }
        let request = &parameters["request"];
        self.calls.push(BrowserCall {
            id: id.to_owned(),
            method: text(&request["method"]),
            url: text(&request["url"]),
            kind: text(&parameters["type"]),
            frame: text(&parameters["frameId"]),
            request_headers: header_map(&request["headers"]),
            posted: request["postData"].as_str().map(str::to_owned),
            status: None,
            response_headers: HeaderMap::new(),
            body_bytes: 0,
            outcome: CallOutcome::Pending,
        });
        let index = self.calls.len() - 1;
        self.chain(id).calls.push((index, true));
        self.join(id);
    }

    /// Gives each call of a chain the headers of the wire that are its own.
    fn join(&mut self, id: &str) {
        let Some(chain) = self.chains.get(id) else {
            return;
        };
        let on_the_wire = || {
            let calls = chain.calls.iter().filter(|(_, has_headers)| *has_headers);
            calls.map(|(index, _)| *index)
        };
        for (index, headers) in on_the_wire().zip(&chain.requests) {
            if let Some(call) = self.calls.get_mut(index) {
                call.request_headers.clone_from(headers);
            }
        }
        for (index, (headers, status)) in on_the_wire().zip(&chain.responses) {
            if let Some(call) = self.calls.get_mut(index) {
                call.response_headers.clone_from(headers);
                call.status = call.status.or(*status);
            }
        }
    }

    fn answered(&mut self, id: &str, response: &Value, has_headers: bool) {
        if let Some((_, own)) = self.chain(id).calls.last_mut() {
            *own = has_headers;
        }
        if let Some(call) = self.call(id) {
            call.status = status(&response["status"]);
            call.response_headers = header_map(&response["headers"]);
        }
    }

    fn end(&mut self, id: &str, outcome: CallOutcome) {
        if let Some(call) = self.call(id) {
            call.outcome = outcome;
        }
    }

    fn chain(&mut self, id: &str) -> &mut Chain {
        self.chains.entry(id.to_owned()).or_default()
    }

    /// The call that a request has come to.
    fn call(&mut self, id: &str) -> Option<&mut BrowserCall> {
        let (index, _) = *self.chains.get(id)?.calls.last()?;
        self.calls.get_mut(index)
    }
}

/// How a call ended that failed in the browser's words.
fn failed(parameters: &Value, is_answered: bool) -> CallOutcome {
    let reason = text(&parameters["errorText"]);
    let broke_off = is_answered && BROKEN.contains(&reason.as_str());
    // A page that looks at the status and lets go of the body has had its answer.
    let let_go = is_answered && parameters["canceled"] == true;
    match reason.as_str() {
        ERROR_WITHOUT_BODY => CallOutcome::Finished,
        _ if let_go => CallOutcome::Finished,
        _ if broke_off => CallOutcome::BrokeOff,
        _ => CallOutcome::Failed(reason),
    }
}

/// Whether a page that is to be idle waits for this call: a stream of events has no end.
fn is_under_way(call: &BrowserCall) -> bool {
    call.outcome == CallOutcome::Pending && call.kind != "EventSource"
}

fn status(value: &Value) -> Option<u16> {
    value.as_u64().and_then(|status| u16::try_from(status).ok())
}

fn printed(parameters: &Value) -> ConsoleLine {
    let argument = |argument: &Value| match &argument["value"] {
        Value::Null => text(&argument["description"]),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let arguments = parameters["args"].as_array().into_iter().flatten();
    ConsoleLine {
        level: text(&parameters["type"]),
        text: arguments.map(argument).collect::<Vec<_>>().join(" "),
    }
}

fn thrown(parameters: &Value) -> ConsoleLine {
    let details = &parameters["exceptionDetails"];
    let description = &details["exception"]["description"];
    ConsoleLine {
        level: "exception".to_owned(),
        text: text(if description.is_null() {
            &details["text"]
        } else {
            description
        }),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The browser joins the values of a repeated header with line feeds.
fn header_map(headers: &Value) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in headers.as_object().into_iter().flatten() {
        // Pseudo-headers of HTTP/2 are no headers.
        let Ok(name) = HeaderName::try_from(name) else {
            continue;
        };
        for value in value.as_str().unwrap_or_default().split('\n') {
            if let Ok(value) = HeaderValue::try_from(value) {
                map.append(name.clone(), value);
            }
        }
    }
    map
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::the_page_lets_go_of_the_body(true, "net::ERR_ABORTED", true, CallOutcome::Finished)]
    #[case::the_page_aborts_the_call(false, "net::ERR_ABORTED", true, CallOutcome::Failed("net::ERR_ABORTED".to_owned()))]
    #[case::the_body_breaks_off(
        true,
        "net::ERR_CONTENT_LENGTH_MISMATCH",
        false,
        CallOutcome::BrokeOff
    )]
    #[case::the_connection_breaks(true, "net::ERR_CONNECTION_RESET", false, CallOutcome::BrokeOff)]
    #[case::the_connection_breaks_at_once(false, "net::ERR_CONNECTION_RESET", false, CallOutcome::Failed("net::ERR_CONNECTION_RESET".to_owned()))]
    #[case::the_page_may_not_read_it(true, "net::ERR_FAILED", false, CallOutcome::Failed("net::ERR_FAILED".to_owned()))]
    fn a_call_has_failed_where_the_page_got_no_answer(
        #[case] is_answered: bool,
        #[case] error: &str,
        #[case] canceled: bool,
        #[case] expected: CallOutcome,
    ) {
        let activity = Activity::default();
        let request = json!({"url": "https://shop.example/", "method": "POST", "headers": {}});
        activity.observe(
            Source::Page,
            "Network.requestWillBeSent",
            &json!({"requestId": "1", "request": request}),
        );
        if is_answered {
            activity.observe(
                Source::Page,
                "Network.responseReceived",
                &json!({"requestId": "1", "response": {"status": 403, "headers": {}}}),
            );
        }
        activity.observe(
            Source::Page,
            "Network.loadingFailed",
            &json!({"requestId": "1", "errorText": error, "canceled": canceled}),
        );
        assert_eq!(activity.calls()[0].outcome, expected);
    }

    /// A POST that is redirected with 303, and what the wire had for both; the events of the wire come when they come.
    const ANNOUNCED: [(&str, &str); 3] = [
        (
            "Network.requestWillBeSent",
            r#"{"request": {"url": "https://shop.example/login", "method": "POST", "headers": {}}}"#,
        ),
        (
            "Network.requestWillBeSent",
            r#"{"request": {"url": "https://shop.example/account", "method": "GET", "headers": {}},
                "redirectResponse": {"status": 303, "headers": {}}, "redirectHasExtraInfo": true}"#,
        ),
        (
            "Network.responseReceived",
            r#"{"response": {"status": 200, "headers": {}}, "hasExtraInfo": true}"#,
        ),
    ];
    const WIRE: [(&str, &str); 4] = [
        (
            "Network.requestWillBeSentExtraInfo",
            r#"{"headers": {"hop": "1"}}"#,
        ),
        (
            "Network.responseReceivedExtraInfo",
            r#"{"headers": {"hop": "1"}, "statusCode": 303}"#,
        ),
        (
            "Network.requestWillBeSentExtraInfo",
            r#"{"headers": {"hop": "2"}}"#,
        ),
        (
            "Network.responseReceivedExtraInfo",
            r#"{"headers": {"hop": "2"}, "statusCode": 200}"#,
        ),
    ];

    /// Every order in which the events of the two sources can come together: bits say whose is next.
    #[test]
    fn each_call_of_a_redirected_request_has_its_own_headers_in_whatever_order_they_come() {
        let orders = (0_u32..1 << 7).filter(|bits| bits.count_ones() == 4);
        for order in orders {
            let (mut announced, mut wire) = (ANNOUNCED.iter(), WIRE.iter());
            let activity = Activity::default();
            for place in 0..7 {
                let next = if order >> place & 1 == 1 {
                    wire.next()
                } else {
                    announced.next()
                };
                let (event, parameters) = next.unwrap();
                let mut parameters: Value = serde_json::from_str(parameters).unwrap();
                parameters["requestId"] = "1".into();
                activity.observe(Source::Page, event, &parameters);
            }
            let calls = activity.calls();
            let seen: Vec<_> = calls
                .iter()
                .map(|call| {
                    (
                        call.status,
                        &call.request_headers["hop"],
                        &call.response_headers["hop"],
                    )
                })
                .collect();
            let (one, two) = (HeaderValue::from_static("1"), HeaderValue::from_static("2"));
            assert_eq!(
                seen,
                [(Some(303), &one, &one), (Some(200), &two, &two)],
                "{order:b}"
            );
        }
    }
}
