//! The record of what a page asked for and what it printed, from the browser's own events.

use std::{
    collections::HashMap,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use headless_chrome::protocol::cdp::{Network, types::Event};
use http::{HeaderMap, HeaderName, HeaderValue};

/// A request that a page made.
#[derive(Clone, Debug)]
pub struct Call {
    /// The browser's name for it; the answers of a redirect chain share one.
    pub id: String,
    /// The method.
    pub method: String,
    /// The absolute URL.
    pub url: String,
    /// Why it was made: `Document`, `Fetch`, `XHR`, `Script`, …
    pub kind: String,
    /// The request headers that went over the wire.
    pub request_headers: HeaderMap,
    /// The body that was posted, where the browser shows it.
    pub posted: Option<String>,
    /// The status of the answer; none while it has not come.
    pub status: Option<u16>,
    /// The headers of the answer.
    pub response_headers: HeaderMap,
    /// Whether and how it ended.
    pub outcome: CallOutcome,
}

/// Whether and how a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallOutcome {
    /// It is still under way.
    Pending,
    /// The answer has come whole.
    Finished,
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

/// Everything a page did so far.
#[derive(Debug, Default)]
pub(super) struct Activity {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    calls: Vec<Call>,
    current: HashMap<String, usize>,
    /// Headers of requests whose main event has not come yet.
    early_headers: HashMap<String, HeaderMap>,
    console: Vec<ConsoleLine>,
    loads: usize,
}

impl Activity {
    /// Takes one event of the browser.
    pub(super) fn observe(&self, event: &Event) {
        let mut state = self.lock();
        state.observe(event);
        drop(state);
        self.changed.notify_all();
    }

    pub(super) fn calls(&self) -> Vec<Call> {
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
    pub(super) fn wait<T>(
        &self,
        limit: Duration,
        mut look: impl FnMut(&[Call], usize) -> Option<T>,
    ) -> Option<T> {
        let deadline = Instant::now() + limit;
        let mut state = self.lock();
        loop {
            if let Some(found) = look(&state.calls, state.loads) {
                return Some(found);
            }
            let left = deadline.checked_duration_since(Instant::now())?;
            state = self
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn observe(&mut self, event: &Event) {
        match event {
            Event::NetworkRequestWillBeSent(event) => self.begin(&event.params),
            Event::NetworkRequestWillBeSentExtraInfo(event) => {
                let headers = header_map(&event.params.headers);
                match self.call(&event.params.request_id) {
                    Some(call) => call.request_headers = headers,
                    None => {
                        self.early_headers
                            .insert(event.params.request_id.clone(), headers);
                    }
                }
            }
            Event::NetworkResponseReceived(event) => {
                if let Some(call) = self.call(&event.params.request_id) {
                    answered(call, &event.params.response);
                }
            }
            Event::NetworkResponseReceivedExtraInfo(event) => {
                if let Some(call) = self.call(&event.params.request_id) {
                    call.response_headers = header_map(&event.params.headers);
                }
            }
            Event::NetworkLoadingFinished(event) => {
                self.end(&event.params.request_id, CallOutcome::Finished);
            }
            Event::NetworkLoadingFailed(event) => {
                let outcome = CallOutcome::Failed(event.params.error_text.clone());
                self.end(&event.params.request_id, outcome);
            }
            Event::PageLoadEventFired(_) => self.loads += 1,
            Event::RuntimeConsoleAPICalled(event) => {
                let texts = event.params.args.iter().map(|argument| {
                    argument.value.as_ref().map_or_else(
                        || argument.description.clone().unwrap_or_default(),
                        |value| {
                            value
                                .as_str()
                                .map_or_else(|| value.to_string(), str::to_owned)
                        },
                    )
                });
                self.console.push(ConsoleLine {
                    level: format!("{:?}", event.params.Type).to_ascii_lowercase(),
                    text: texts.collect::<Vec<_>>().join(" "),
                });
            }
            Event::RuntimeExceptionThrown(event) => {
                let details = &event.params.exception_details;
                let text = details
                    .exception
                    .as_ref()
                    .and_then(|exception| exception.description.clone())
                    .unwrap_or_else(|| details.text.clone());
                self.console.push(ConsoleLine {
                    level: "exception".to_owned(),
                    text,
                });
            }
            _ => {}
        }
    }

    fn begin(&mut self, event: &Network::events::RequestWillBeSentEventParams) {
        let id = &event.request_id;
        if let (Some(redirect), Some(call)) = (&event.redirect_response, self.call(id)) {
            answered(call, redirect);
            call.outcome = CallOutcome::Finished;
        }
        let kind = event
            .Type
            .as_ref()
            .map_or_else(String::new, |kind| format!("{kind:?}"));
        let request_headers = self
            .early_headers
            .remove(id)
            .unwrap_or_else(|| header_map(&event.request.headers));
        self.calls.push(Call {
            id: id.clone(),
            method: event.request.method.clone(),
            url: event.request.url.clone(),
            kind,
            request_headers,
            posted: event.request.post_data.clone(),
            status: None,
            response_headers: HeaderMap::new(),
            outcome: CallOutcome::Pending,
        });
        self.current.insert(id.clone(), self.calls.len() - 1);
    }

    fn end(&mut self, id: &str, outcome: CallOutcome) {
        if let Some(call) = self.call(id) {
            call.outcome = outcome;
        }
    }

    fn call(&mut self, id: &str) -> Option<&mut Call> {
        let index = *self.current.get(id)?;
        self.calls.get_mut(index)
    }
}

fn answered(call: &mut Call, response: &Network::Response) {
    call.status = u16::try_from(response.status).ok();
    // The extra event has the headers of the wire; it may have come first.
    if call.response_headers.is_empty() {
        call.response_headers = header_map(&response.headers);
    }
}

/// The browser joins the values of a repeated header with line feeds.
fn header_map(headers: &Network::Headers) -> HeaderMap {
    let mut map = HeaderMap::new();
    let Some(serde_json::Value::Object(object)) = &headers.0 else {
        return map;
    };
    for (name, value) in object {
        let Ok(name) = HeaderName::try_from(name.trim_start_matches(':')) else {
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
