//! The record of what a page asked for and what it printed, from the browser's own events.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use tokio::sync::watch;

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
    current: HashMap<String, usize>,
    /// Headers of the wire whose request has not been announced yet.
    early_headers: HashMap<String, HeaderMap>,
    console: Vec<ConsoleLine>,
    loads: usize,
}

impl Activity {
    /// Takes one event of the browser: its name and its parameters.
    pub(super) fn observe(&self, event: &str, parameters: &Value) {
        self.lock().observe(event, parameters);
        self.changed.send_modify(|count| *count += 1);
    }

    pub(super) fn calls(&self) -> Vec<BrowserCall> {
        self.lock().calls.clone()
    }

    pub(super) fn console(&self) -> Vec<ConsoleLine> {
        self.lock().console.clone()
    }

    /// How many documents of the main frame have been loaded.
    pub(super) fn loads(&self) -> usize {
        self.lock().loads
    }

    /// Waits until `look` finds something in the calls and the count of loaded documents.
    pub(super) async fn wait<T>(
        &self,
        limit: Duration,
        mut style: impl FnMut(&[BrowserCall], usize) -> Option<T>,
    ) -> Option<T> {
        let mut changed = self.changed.subscribe();
        let search = async {
            loop {
                changed.borrow_and_update();
                let found = {
                    let state = self.lock();
                    style(&state.calls, state.loads)
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
    fn observe(&mut self, event: &str, parameters: &Value) {
        let id = parameters["requestId"].as_str().unwrap_or_default();
        match event {
            "Network.requestWillBeSent" => self.begin(id, parameters),
            "Network.requestWillBeSentExtraInfo" => {
                let headers = header_map(&parameters["headers"]);
                match self.call(id) {
                    Some(call) if call.status.is_none() => call.request_headers = headers,
                    _ => {
                        self.early_headers.insert(id.to_owned(), headers);
                    }
                }
            }
            "Network.responseReceived" => {
                if let Some(call) = self.call(id) {
                    answered(call, &parameters["response"]);
                }
            }
            "Network.responseReceivedExtraInfo" => {
                if let Some(call) = self.call(id) {
                    call.response_headers = header_map(&parameters["headers"]);
                    call.status = call.status.or_else(|| status(&parameters["statusCode"]));
                }
            }
            "Network.dataReceived" => {
                let bytes = parameters["dataLength"].as_u64().unwrap_or_default();
                if let Some(call) = self.call(id) {
                    call.body_bytes += usize::try_from(bytes).unwrap_or(usize::MAX);
                }
            }
            "Network.loadingFinished" => self.end(id, CallOutcome::Finished),
            "Network.loadingFailed" if parameters["errorText"] == ERROR_WITHOUT_BODY => {
                self.end(id, CallOutcome::Finished);
            }
            // A page that looks at the status and lets go of the body has had its answer.
            "Network.loadingFailed"
                if parameters["canceled"] == true
                    && self.call(id).is_some_and(|call| call.status.is_some()) =>
            {
                self.end(id, CallOutcome::Finished);
            }
            "Network.loadingFailed"
                if self.call(id).is_some_and(|call| call.status.is_some())
                    && BROKEN.contains(&parameters["errorText"].as_str().unwrap_or_default()) =>
            {
                self.end(id, CallOutcome::BrokeOff);
            }
            "Network.loadingFailed" => {
                self.end(id, CallOutcome::Failed(text(&parameters["errorText"])));
            }
            "Page.loadEventFired" => self.loads += 1,
            "Runtime.consoleAPICalled" => self.console.push(printed(parameters)),
            "Runtime.exceptionThrown" => self.console.push(thrown(parameters)),
            _ => {}
        }
    }

    fn begin(&mut self, id: &str, parameters: &Value) {
        if parameters["redirectResponse"].is_object()
            && let Some(call) = self.call(id)
        {
            answered(call, &parameters["redirectResponse"]);
            call.outcome = CallOutcome::Finished;
        }
        let request = &parameters["request"];
        let request_headers = self
            .early_headers
            .remove(id)
            .unwrap_or_else(|| header_map(&request["headers"]));
        self.calls.push(BrowserCall {
            id: id.to_owned(),
            method: text(&request["method"]),
            url: text(&request["url"]),
            kind: text(&parameters["type"]),
            frame: text(&parameters["frameId"]),
            request_headers,
            posted: request["postData"].as_str().map(str::to_owned),
            status: None,
            response_headers: HeaderMap::new(),
            body_bytes: 0,
            outcome: CallOutcome::Pending,
        });
        self.current.insert(id.to_owned(), self.calls.len() - 1);
    }

    fn end(&mut self, id: &str, outcome: CallOutcome) {
        if let Some(call) = self.call(id) {
            call.outcome = outcome;
        }
    }

    fn call(&mut self, id: &str) -> Option<&mut BrowserCall> {
        let index = *self.current.get(id)?;
        self.calls.get_mut(index)
    }
}

fn answered(call: &mut BrowserCall, response: &Value) {
    call.status = status(&response["status"]);
    // The extra event has the headers of the wire; it may have come first.
    if call.response_headers.is_empty() {
        call.response_headers = header_map(&response["headers"]);
    }
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
            "Network.requestWillBeSent",
            &json!({"requestId": "1", "request": request}),
        );
        if is_answered {
            activity.observe(
                "Network.responseReceived",
                &json!({"requestId": "1", "response": {"status": 403, "headers": {}}}),
            );
        }
        activity.observe(
            "Network.loadingFailed",
            &json!({"requestId": "1", "errorText": error, "canceled": canceled}),
        );
        assert_eq!(activity.calls()[0].outcome, expected);
    }
}
