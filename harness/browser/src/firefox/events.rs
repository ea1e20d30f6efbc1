//! What Firefox's events say of a visit.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use http::{HeaderMap, header::ACCEPT};
use serde_json::Value;
use tokio::sync::mpsc;

use super::{remote, text};
use crate::{
    calls::{self, Activity, BrowserCall, CallOutcome, ConsoleLine, Record},
    connection::Listener,
    page::{Dialogs, RecorderMessage},
};

/// What Firefox says of a response that is not complete: the connection or the stream ended, or broke the rules.
const BROKEN: [&str; 5] = [
    "NS_ERROR_NET_PARTIAL_TRANSFER",
    "NS_ERROR_NET_INTERRUPT",
    "NS_ERROR_NET_RESET",
    "NS_ERROR_NET_HTTP2_SENT_GOAWAY",
    "NS_ERROR_CONNECTION_REFUSED",
];

/// What it says of a call that the page let go.
const LET_GO: &str = "NS_BINDING_ABORTED";

/// What belongs to a visit.
#[derive(Debug, Default)]
pub(super) struct Visit {
    /// The container that all of it is in.
    user_context: String,
    /// The page, the windows it opened, and the frames in them, as far as there ever were any.
    contexts: HashSet<String>,
    /// The page itself.
    page: Option<String>,
    /// The windows that the page opened and that are there.
    pub(super) windows: Vec<String>,
    /// What is on its way to each frame.
    navigations: HashMap<String, Navigation>,
    /// Console lines that were told: with a page that comes back from the back/forward cache they are told again.
    told: HashSet<(String, u64, String)>,
}

/// A document on its way to a frame.
#[derive(Debug)]
struct Navigation {
    id: String,
    url: String,
    /// Whether it was asked for over the network. One that is not comes from the back/forward cache, and nothing is told of
    /// it but that its scripts run again.
    is_requested: bool,
}

impl Visit {
    pub(super) fn of(user_context: &str) -> Self {
        Self {
            user_context: user_context.to_owned(),
            ..Self::default()
        }
    }
}

/// Takes the events of a visit.
pub(super) fn listener(
    visit: &Arc<Mutex<Visit>>,
    activity: &Arc<Activity>,
    dialogs: &Dialogs,
    held: mpsc::UnboundedSender<Value>,
) -> Listener {
    let (visit, activity, dialogs) = (Arc::clone(visit), Arc::clone(activity), dialogs.clone());
    Box::new(move |event, parameters| {
        if event == "browsingContext.userPromptOpened" {
            let text = |key: &str| parameters[key].as_str().unwrap_or_default();
            dialogs.open(text("context"), text("type"), text("message"));
            return;
        }
        if event == "browsingContext.userPromptClosed" {
            let window = parameters["context"].as_str().unwrap_or_default();
            if let Some(kind) = dialogs.closed(window) {
                let (accepted, text) = (&parameters["accepted"], &parameters["userText"]);
                let what = RecorderMessage::dialog(&kind, accepted, text);
                activity.record(|record| record.hear(None, &what));
            }
            return;
        }
        if event == "network.beforeRequestSent" && parameters["isBlocked"] == true {
            // The other end is gone when the visit is over.
            let _ = held.send(parameters["request"].clone());
        }
        let mut visit = visit.lock().unwrap_or_else(PoisonError::into_inner);
        activity.record(|record| visit.observe(record, event, parameters));
    })
}

impl Visit {
    /// Writes down one event.
    fn observe(&mut self, record: &mut Record, event: &str, parameters: &Value) {
        match event {
            "browsingContext.contextCreated" => return self.created(record, parameters),
            "script.realmDestroyed" => {
                let realm = parameters["realm"].as_str().unwrap_or_default();
                return record.frames.forget_context(realm);
            }
            _ => {}
        }
        let context = match &parameters["context"] {
            Value::String(context) => context,
            _ => match &parameters["source"]["context"] {
                Value::String(context) => context,
                _ => return,
            },
        };
        // Of another visit, which has just ended.
        if !self.contexts.contains(context) {
            return;
        }
        match event.split_once('.').unwrap_or_default() {
            ("network", event) => self.network(record, event, context, parameters),
            ("log", _) => self.printed(record, context, parameters),
            ("script", "message") => {
                let is_window = self.windows.iter().any(|window| window == context);
                let what = parameters["data"]["value"].as_str().unwrap_or_default();
                record.hear(is_window.then_some(context), what);
            }
            (_, event) => self.navigated(record, event, context, parameters),
        }
    }

    fn created(&mut self, record: &mut Record, parameters: &Value) {
        if parameters["userContext"] != *self.user_context {
            return;
        }
        let context = text(&parameters["context"]);
        if parameters["parent"].is_null() {
            match &self.page {
                None => self.page = Some(context.clone()),
                Some(page) if *page != context && !self.windows.contains(&context) => {
                    self.windows.push(context.clone());
                }
                Some(_) => {}
            }
        }
        record
            .frames
            .shows(&context, None, parameters["url"].as_str());
        self.contexts.insert(context);
    }

    /// What happens to a frame.
    fn navigated(&mut self, record: &mut Record, event: &str, context: &str, parameters: &Value) {
        let frames = &mut record.frames;
        let url = parameters["url"].as_str();
        let id = parameters["navigation"].as_str();
        match event {
            "navigationStarted" => {
                let navigation = Navigation {
                    id: id.unwrap_or_default().to_owned(),
                    url: url.unwrap_or_default().to_owned(),
                    is_requested: false,
                };
                frames.begun(context, &navigation.id);
                self.navigations.insert(context.to_owned(), navigation);
            }
            "navigationCommitted" => frames.shows(context, id, url),
            "fragmentNavigated" | "historyUpdated" => {
                frames.moved_within(context, url);
                frames.ended(id);
            }
            "navigationFailed" | "navigationAborted" | "domContentLoaded" => frames.ended(id),
            "load" => {
                frames.ended(id);
                if self.page.as_deref() == Some(context) {
                    record.loaded();
                }
            }
            "realmCreated" if parameters["type"] == "window" && parameters["sandbox"].is_null() => {
                frames.runs_in(context, parameters["realm"].as_str());
                if let Some(known) = self.navigations.get(context)
                    && !known.is_requested
                {
                    frames.shows(context, Some(&known.id), Some(&known.url));
                }
            }
            "contextDestroyed" => {
                frames.remove(context);
                self.windows.retain(|window| window != context);
            }
            _ => {}
        }
    }

    fn network(&mut self, record: &mut Record, event: &str, context: &str, parameters: &Value) {
        let request = &parameters["request"];
        let url = request["url"].as_str().unwrap_or_default();
        // What comes from the page itself is no call.
        if !url.starts_with("http:") && !url.starts_with("https:") {
            return;
        }
        let id = request["request"].as_str().unwrap_or_default();
        let navigation = self.navigations.get_mut(context);
        let navigation =
            navigation.filter(|known| parameters["navigation"].as_str() == Some(&known.id));
        match event {
            "beforeRequestSent" => {
                if let Some(navigation) = navigation {
                    navigation.is_requested = true;
                }
                record.begin(call(context, request));
            }
            "responseStarted" => answered(record, id, &parameters["response"]),
            "responseCompleted" => {
                answered(record, id, &parameters["response"]);
                record.end(id, CallOutcome::Finished);
            }
            "fetchError" => {
                let is_answered = record.call(id).is_some_and(|call| call.status.is_some());
                // The page stays that was there before.
                if is_answered && let Some(navigation) = navigation {
                    record.frames.ended(Some(&navigation.id));
                }
                record.end(id, failed(&text(&parameters["errorText"]), is_answered));
            }
            _ => {}
        }
    }

    fn printed(&mut self, record: &mut Record, context: &str, parameters: &Value) {
        let is_uncaught = parameters["type"] == "javascript";
        if is_uncaught && !is_thrown(parameters) {
            return;
        }
        let line = if is_uncaught {
            ConsoleLine {
                level: "exception".to_owned(),
                text: text(&parameters["text"]),
            }
        } else {
            ConsoleLine {
                level: match parameters["method"].as_str() {
                    Some("warn") => "warning".to_owned(),
                    method => method.unwrap_or_default().to_owned(),
                },
                text: printed_text(parameters),
            }
        };
        let time = parameters["timestamp"].as_u64().unwrap_or_default();
        let told = (context.to_owned(), time, line.text.clone());
        // Two lines of one millisecond are told at once, and repeated lines after a page came back.
        let is_back = self.navigations.get(context);
        let is_back = is_back.is_some_and(|known| !known.is_requested);
        let is_new = self.told.insert(told);
        if is_new || !is_back {
            record.print(line);
        }
    }
}

/// Whether something was thrown. Firefox tells its own remarks in the same way, of a cookie that it does not take, say.
fn is_thrown(parameters: &Value) -> bool {
    let text = parameters["text"].as_str().unwrap_or_default();
    let name = text.split([':', ' ']).next().unwrap_or_default();
    let frames = parameters["stackTrace"]["callFrames"].as_array();
    let is_named = name.ends_with("Error") || name.ends_with("Exception");
    parameters["level"] == "error"
        && !text.starts_with("Cookie “")
        && (is_named
            || text.starts_with("uncaught exception")
            || frames.is_some_and(|frames| !frames.is_empty()))
}

/// What was given to the console. Firefox tells of an error only that it is one, but its text has it.
fn printed_text(parameters: &Value) -> String {
    let arguments = parameters["args"].as_array();
    let arguments: Vec<&Value> = arguments.into_iter().flatten().collect();
    if arguments.iter().any(|argument| argument["type"] == "error") {
        return text(&parameters["text"]);
    }
    let shown = arguments.into_iter().map(remote::shown);
    shown.collect::<Vec<_>>().join(" ")
}

fn call(context: &str, request: &Value) -> BrowserCall {
    let headers = header_map(&request["headers"]);
    BrowserCall {
        id: text(&request["request"]),
        method: text(&request["method"]),
        url: text(&request["url"]),
        kind: kind(request, &headers),
        frame: context.to_owned(),
        request_headers: headers,
        posted: None,
        status: None,
        response_headers: HeaderMap::new(),
        body_bytes: 0,
        outcome: CallOutcome::Pending,
    }
}

/// Why a call is made, in the words of the DevTools protocol.
fn kind(request: &Value, headers: &HeaderMap) -> String {
    let is_stream = headers
        .get(ACCEPT)
        .is_some_and(|accepted| accepted == "text/event-stream");
    let initiator = request["initiatorType"].as_str();
    let kind = match request["destination"].as_str().unwrap_or_default() {
        "document" | "iframe" | "frame" => "Document",
        "script" => "Script",
        "style" => "Stylesheet",
        "image" => "Image",
        "font" => "Font",
        _ if is_stream => "EventSource",
        _ if request["method"] == "OPTIONS" && initiator.is_none() => "Preflight",
        _ => match initiator {
            Some("fetch") => "Fetch",
            Some("xmlhttprequest") => "XHR",
            Some(_) => "Other",
            None => "Ping",
        },
    };
    kind.to_owned()
}

fn answered(record: &mut Record, id: &str, response: &Value) {
    let status = response["status"].as_u64();
    let status = status.and_then(|status| u16::try_from(status).ok());
    let bytes = response["bodySize"].as_u64().unwrap_or_default();
    record.answered(id, status, header_map(&response["headers"]), false);
    if let Some(call) = record.call(id) {
        call.body_bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
    }
}

/// How a call ended that failed in Firefox's words.
fn failed(reason: &str, is_answered: bool) -> CallOutcome {
    match reason {
        // A page that looks at the status and lets go of the body has had its response.
        LET_GO if is_answered => CallOutcome::Finished,
        _ if is_answered && BROKEN.contains(&reason) => CallOutcome::BrokeOff,
        _ => CallOutcome::Failed(reason.to_owned()),
    }
}

fn header_map(headers: &Value) -> HeaderMap {
    let mut map = HeaderMap::new();
    for header in headers.as_array().into_iter().flatten() {
        let name = header["name"].as_str().unwrap_or_default();
        // Firefox adds it itself.
        if name.eq_ignore_ascii_case("x-firefox-spdy") {
            continue;
        }
        let value = header["value"]["value"].as_str().unwrap_or_default();
        calls::append(&mut map, name, value);
    }
    map
}
