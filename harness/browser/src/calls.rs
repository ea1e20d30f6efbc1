//! The record of what a page asked for and what it printed, from the browser's own events.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::sync::{mpsc, watch};

use crate::{frames::Frames, page::RecorderMessage};

/// A request that a page made, as the browser tells it.
#[derive(Clone, Debug)]
pub struct BrowserCall {
    /// The browser's name for it; the responses of a redirect chain share one.
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
    /// The status of the response; none while it has not come.
    pub status: Option<u16>,
    /// The response headers.
    pub response_headers: HeaderMap,
    /// Bytes of the body that have come, without its content codings.
    pub body_bytes: usize,
    /// Whether and how it ended.
    pub outcome: CallOutcome,
}

impl BrowserCall {
    /// Whether it asked for what a frame shows.
    pub(crate) fn is_document_of(&self, frame: &str) -> bool {
        self.kind == "Document" && self.frame == frame
    }

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
    /// The response has come: whole, or as much of it as the page wanted.
    Finished,
    /// The head of the response has come, and a part of its body at most: then the connection or the stream broke.
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

/// How often what is known of the frames is looked at where nothing happens.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Everything a page did so far.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    state: Mutex<Record>,
    /// Counts the events.
    changed: watch::Sender<u64>,
}

/// What is known of a visit.
#[derive(Debug, Default)]
pub(crate) struct Record {
    calls: Vec<BrowserCall>,
    /// The calls of each request as far as it was redirected, and what went over the wire for them.
    chains: HashMap<String, Chain>,
    console: Vec<ConsoleLine>,
    /// Lines that were told, by time and text.
    told: HashSet<String>,
    loads: usize,
    pub(crate) frames: Frames,
    /// Who is told what the visitor does, where that is recorded.
    pub(crate) listener: Option<mpsc::UnboundedSender<RecorderMessage>>,
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

/// Headers of responses by which a browser remembers something that is neither cookie, storage nor cache: credentials, what
/// it says of itself from then on, where it reports to and where it goes.
const REMEMBERED: [&str; 6] = [
    "www-authenticate",
    "proxy-authenticate",
    "accept-ch",
    "nel",
    "report-to",
    "alt-svc",
];

impl Activity {
    /// Whether a response had the browser remember something that cannot be removed from it.
    pub(crate) fn is_remembered(&self) -> bool {
        let record = self.lock();
        let chains = record.chains.values();
        let mut wire = chains.flat_map(|chain| &chain.responses);
        wire.any(|(headers, _)| REMEMBERED.iter().any(|name| headers.contains_key(*name)))
    }

    /// Writes down what an event of the browser says.
    pub(crate) fn record(&self, write: impl FnOnce(&mut Record)) {
        write(&mut self.lock());
        self.changed.send_modify(|count| *count += 1);
    }

    /// What is known of the frames.
    pub(crate) fn frames<T>(&self, read: impl FnOnce(&mut Frames) -> T) -> T {
        read(&mut self.lock().frames)
    }

    /// Waits until something is known of the frames.
    pub(crate) async fn until_frames<T>(&self, mut read: impl FnMut(&Frames) -> Option<T>) -> T {
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
    pub(crate) async fn quiet(&self, for_some_time: Duration) {
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

    pub(crate) fn calls(&self) -> Vec<BrowserCall> {
        self.lock().calls.clone()
    }

    pub(crate) fn console(&self) -> Vec<ConsoleLine> {
        self.lock().console.clone()
    }

    /// What has no response yet.
    pub(crate) fn under_way(&self) -> Vec<String> {
        let state = self.lock();
        let pending = state.calls.iter().filter(|call| is_under_way(call));
        pending
            .map(|call| format!("{} {}", call.method, call.url))
            .collect()
    }

    /// How many documents of the main frame have been loaded.
    pub(crate) fn loads(&self) -> usize {
        self.lock().loads
    }

    /// Waits until `look` finds something in the calls and the count of loaded documents.
    pub(crate) async fn wait<T>(
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

    fn lock(&self) -> MutexGuard<'_, Record> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Record {
    /// A request leaves, for the first time or to where it was redirected.
    pub(crate) fn begin(&mut self, call: BrowserCall) {
        let id = call.id.clone();
        self.calls.push(call);
        let index = self.calls.len() - 1;
        self.chain(&id).calls.push((index, true));
        self.join(&id);
    }

    /// The head of a request, as it went over the wire.
    pub(crate) fn sent(&mut self, id: &str, headers: HeaderMap) {
        self.chain(id).requests.push(headers);
        self.join(id);
    }

    /// The head of a response. Where `has_wire` is true, that of the wire comes by [`received`](Self::received).
    pub(crate) fn answered(
        &mut self,
        id: &str,
        status: Option<u16>,
        headers: HeaderMap,
        has_wire: bool,
    ) {
        if let Some((_, own)) = self.chain(id).calls.last_mut() {
            *own = has_wire;
        }
        if let Some(call) = self.call(id) {
            call.status = status;
            call.response_headers = headers;
        }
        self.join(id);
    }

    /// The head of a response, as it came over the wire.
    pub(crate) fn received(&mut self, id: &str, status: Option<u16>, headers: HeaderMap) {
        self.chain(id).responses.push((headers, status));
        self.join(id);
    }

    /// A call has ended.
    pub(crate) fn end(&mut self, id: &str, outcome: CallOutcome) {
        if let Some(call) = self.call(id) {
            call.outcome = outcome;
        }
    }

    /// The page has printed something.
    pub(crate) fn print(&mut self, line: ConsoleLine) {
        self.console.push(line);
    }

    /// The page has printed something at this time. With a page that comes back from the back/forward cache its lines are
    /// told again.
    pub(crate) fn print_once(&mut self, line: ConsoleLine, time: &str) {
        if self.told.insert(format!("{time} {}", line.text)) {
            self.print(line);
        }
    }

    /// The visitor has done something, in a window that the page opened or in the page itself.
    pub(crate) fn hear(&mut self, window: Option<&str>, what: &str) {
        let Some(listener) = &self.listener else {
            return;
        };
        let told = RecorderMessage {
            before: self.calls.len(),
            window: window.map(str::to_owned),
            what: what.to_owned(),
        };
        // The other end is gone when the recording is over.
        let _ = listener.send(told);
    }

    /// The document of the page itself has loaded.
    pub(crate) fn loaded(&mut self) {
        self.loads += 1;
    }

    /// The call that a request has come to.
    pub(crate) fn call(&mut self, id: &str) -> Option<&mut BrowserCall> {
        let (index, _) = *self.chains.get(id)?.calls.last()?;
        self.calls.get_mut(index)
    }

    /// Calls without an end so far.
    pub(crate) fn pending(&mut self) -> impl Iterator<Item = &mut BrowserCall> {
        let calls = self.calls.iter_mut();
        calls.filter(|call| call.outcome == CallOutcome::Pending)
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

    fn chain(&mut self, id: &str) -> &mut Chain {
        self.chains.entry(id.to_owned()).or_default()
    }
}

/// Whether a page that is to be idle waits for this call: a stream of events has no end.
fn is_under_way(call: &BrowserCall) -> bool {
    call.outcome == CallOutcome::Pending && call.kind != "EventSource"
}

/// Adds a header as browsers tell it: the values of one that is repeated are joined with line feeds.
pub(crate) fn append(headers: &mut HeaderMap, name: &str, values: &str) {
    // Pseudo-headers of HTTP/2 are no headers.
    let Ok(name) = HeaderName::try_from(name) else {
        return;
    };
    for value in values.split('\n') {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.append(name.clone(), value);
        }
    }
}
