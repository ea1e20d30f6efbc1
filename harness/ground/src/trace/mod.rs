//! What happened: one [`Exchange`] for each hop a request took, in the order the hops received it.

mod bodies;
mod counted;
mod exchange;
mod packed;

use std::{
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bodies::{AllBodies, Bodies};
use bytes::Bytes;

use crate::memory::{Latest, Memory};

pub use bodies::NotKept;
pub use counted::{Counted, counted};
pub use exchange::{Exchange, Party, RequestHead, ResponseHead};
pub use packed::{PackedRequest, PackedResponse};

/// What a hop takes beside its heads: its fields, and a decision of usual length.
const HOP_BYTES: usize = size_of::<Record>() + USUAL;

/// Bytes of what was decided at a hop that need no counting.
const USUAL: usize = 192;

/// The record of all hops of one rig. Clones share the record.
///
/// It keeps the latest hops, as many as the rig has room for; [`Trace::forgotten`] says how many older ones are gone.
#[derive(Clone, Debug)]
pub struct Trace {
    start: Instant,
    hops: Latest<Arc<Record>>,
    bodies: AllBodies,
    keeps_bodies: Arc<AtomicBool>,
}

/// A hop under way: what is learnt later (the response, the decision) is written through it.
#[derive(Clone, Debug)]
pub struct Hop {
    trace: Trace,
    number: usize,
    record: Arc<Record>,
}

/// One hop. Its own lock and its counters keep the pieces of a body from waiting for each other's hops.
#[derive(Debug)]
struct Record {
    from: Party,
    to: Party,
    request: PackedRequest,
    request_bytes: AtomicU64,
    response_bytes: AtomicU64,
    bodies: Arc<Bodies>,
    written: Mutex<Written>,
}

/// What is learnt of a hop after its request.
#[derive(Debug, Default)]
struct Written {
    ray: Option<String>,
    response: Option<PackedResponse>,
    started: Duration,
    took: Option<Duration>,
    decision: Option<String>,
    fault: Option<String>,
    exception: Option<String>,
    client: Option<IpAddr>,
    worker: Option<String>,
}

impl Default for Trace {
    fn default() -> Self {
        Self::keeping_in(&Memory::default())
    }
}

impl Trace {
    /// An empty trace whose clock starts now.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same, which keeps what there is room for in the memory of a rig.
    pub fn keeping_in(memory: &Memory) -> Self {
        Self {
            start: Instant::now(),
            hops: Latest::new(memory),
            bodies: Latest::of_bodies(memory),
            keeps_bodies: Arc::default(),
        }
    }

    /// Records a hop when its request arrives, before anybody answers it.
    pub fn begin(&self, from: Party, to: Party, request: impl Into<PackedRequest>) -> Hop {
        let request = request.into();
        let bytes = HOP_BYTES + request.bytes();
        let record = Arc::new(Record {
            from,
            to,
            request_bytes: AtomicU64::new(0),
            response_bytes: AtomicU64::new(0),
            bodies: Arc::new(Bodies::new(&self.bodies)),
            written: Mutex::new(Written {
                ray: request.ray.clone(),
                started: self.start.elapsed(),
                ..Written::default()
            }),
            request,
        });
        let number = self.hops.push(Arc::clone(&record), bytes);
        Hop {
            trace: self.clone(),
            number,
            record,
        }
    }

    /// Keeps the beginnings of bodies from now on: up to 256 KiB of each, and of all together what there is room for.
    pub fn keep_bodies(&self) {
        self.keeps_bodies.store(true, Ordering::Relaxed);
    }

    /// How long after its start this was.
    pub fn at(&self, instant: Instant) -> Duration {
        instant.saturating_duration_since(self.start)
    }

    /// A copy of everything that is kept.
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.since(0)
    }

    /// How many hops have begun so far.
    pub fn count(&self) -> usize {
        self.hops.count()
    }

    /// How many of the oldest hops are no longer kept.
    pub fn forgotten(&self) -> usize {
        self.hops.forgotten()
    }

    /// A copy of the hops that began after the first `count`, as far as they are kept.
    pub fn since(&self, count: usize) -> Vec<Exchange> {
        self.part(count, usize::MAX)
    }

    /// At most so many of them: the first.
    pub fn part(&self, count: usize, most: usize) -> Vec<Exchange> {
        let records = self.hops.part(count, most);
        records.iter().map(|record| record.exchange()).collect()
    }
}

impl Hop {
    /// Writes the head of the response and how long it took to come.
    pub fn answered(&self, response: impl Into<PackedResponse>) {
        let response = response.into();
        let elapsed = self.trace.start.elapsed();
        self.grow(response.headers.bytes());
        self.change(|written| {
            written.took = Some(elapsed.saturating_sub(written.started));
            written.response = Some(response);
        });
    }

    /// Writes why this hop did what it did, in words a user understands.
    pub fn decided(&self, decision: impl Into<String>) {
        let decision = self.weighed(decision);
        self.change(|written| written.decision = Some(decision));
    }

    /// Who asks.
    pub fn from(&self) -> Party {
        self.record.from
    }

    /// Writes what became of it after that.
    pub fn then(&self, outcome: &str) {
        self.change(|written| {
            written.decision = Some(match written.decision.take() {
                Some(decision) => format!("{decision}; {outcome}"),
                None => outcome.to_owned(),
            });
        });
    }

    /// Writes the fault that was applied to this hop.
    pub fn faulted(&self, fault: impl Into<String>) {
        let fault = self.weighed(fault);
        self.change(|written| written.fault = Some(fault));
    }

    /// Writes what the worker threw here.
    pub fn threw(&self, exception: impl Into<String>) {
        let exception = self.weighed(exception);
        self.change(|written| written.exception = Some(exception));
    }

    /// Writes the address of the visitor who asks.
    pub fn comes_from(&self, client: IpAddr) {
        self.change(|written| written.client = Some(client));
    }

    /// Writes the name of the worker that it runs.
    pub fn runs(&self, worker: impl Into<String>) {
        let worker = self.weighed(worker);
        self.change(|written| written.worker = Some(worker));
    }

    /// Writes when it began and how long the head of the response took, where the clock of the trace is not meant.
    pub fn timed(&self, started: Duration, took: Option<Duration>) {
        self.change(|written| {
            written.started = started;
            written.took = took;
        });
    }

    /// Keeps the beginning of the request's body, though the trace may keep none.
    pub fn keep_request(&self) {
        self.record.bodies.keep_request();
    }

    fn change(&self, change: impl FnOnce(&mut Written)) {
        change(&mut self.record.lock());
    }

    /// A text that is kept with the hop, whose length counts where it is unusual.
    fn weighed(&self, text: impl Into<String>) -> String {
        let text = text.into();
        if text.len() > USUAL {
            self.grow(text.len());
        }
        text
    }

    fn grow(&self, bytes: usize) {
        // One that is no longer kept may be answered still.
        let _ = self.trace.hops.change(self.number, |_| bytes);
    }

    fn count(&self, side: Counted, data: &Bytes) {
        let counter = match side {
            Counted::Request => &self.record.request_bytes,
            Counted::Response => &self.record.response_bytes,
        };
        counter.fetch_add(data.len() as u64, Ordering::Relaxed);
        let bodies = &self.record.bodies;
        if self.trace.keeps_bodies.load(Ordering::Relaxed) || bodies.keeps(side) {
            bodies.keep(side, data);
        }
    }
}

impl Record {
    fn lock(&self) -> MutexGuard<'_, Written> {
        // A panic elsewhere leaves it whole: each change is one field.
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The exchange with the bytes that have passed by now.
    fn exchange(&self) -> Exchange {
        let written = self.lock();
        let response = written.response.as_ref().map(|response| ResponseHead {
            status: response.status,
            headers: response.headers.headers(),
            body_bytes: self.response_bytes.load(Ordering::Relaxed),
        });
        Exchange {
            ray: written.ray.clone(),
            from: self.from,
            to: self.to,
            request: RequestHead {
                body_bytes: self.request_bytes.load(Ordering::Relaxed),
                ..self.request.head()
            },
            response,
            started: written.started,
            took: written.took,
            decision: written.decision.clone(),
            fault: written.fault.clone(),
            exception: written.exception.clone(),
            client: written.client,
            worker: written.worker.clone(),
            bodies: Arc::clone(&self.bodies),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, Method, StatusCode};

    use super::*;

    fn request(url: &str) -> RequestHead {
        RequestHead {
            method: Method::GET,
            url: url.to_owned(),
            headers: HeaderMap::new(),
            body_bytes: 0,
        }
    }

    #[test]
    fn a_hop_is_recorded_on_arrival_and_completed_by_its_answer() {
        let trace = Trace::new();
        let hop = trace.begin(
            Party::Visitor,
            Party::Edge,
            request("https://shop.example/"),
        );
        assert!(trace.exchanges()[0].response.is_none());

        hop.answered(ResponseHead {
            status: StatusCode::FORBIDDEN,
            headers: HeaderMap::new(),
            body_bytes: 0,
        });
        hop.decided("route shop.example/* runs flow");

        let exchange = &trace.exchanges()[0];
        assert_eq!(
            exchange.response.as_ref().map(|response| response.status),
            Some(StatusCode::FORBIDDEN)
        );
        assert_eq!(
            exchange.decision.as_deref(),
            Some("route shop.example/* runs flow")
        );
    }

    #[test]
    fn the_ray_of_a_hop_is_read_from_its_request() {
        let trace = Trace::new();
        let mut head = request("https://shop.example/");
        head.headers
            .insert("cf-ray", "0123456789abcdef-FRA".parse().unwrap());
        trace.begin(Party::Edge, Party::Worker, head.clone());
        // A visitor may send any: the edge knows better before anybody sees the hop.
        let head = PackedRequest::from(head).of_ray("fedcba9876543210");
        trace.begin(Party::Visitor, Party::Edge, head);
        let rays = trace.exchanges().into_iter().map(|hop| hop.ray);
        let rays: Vec<_> = rays.flatten().collect();
        assert_eq!(rays, ["0123456789abcdef-FRA", "fedcba9876543210"]);
    }

    #[test]
    fn the_beginnings_of_the_latest_bodies_are_kept_where_they_are_wanted() {
        let memory = Memory::of_megabytes(32);
        let trace = Trace::keeping_in(&memory);
        let begin = || trace.begin(Party::Visitor, Party::Edge, request("https://a.example/"));
        let piece = Bytes::from(vec![b'a'; 100 * 1024]);
        begin().count(Counted::Request, &piece);
        trace.keep_bodies();
        let first = begin();
        for _ in 0..3 {
            first.count(Counted::Request, &piece);
        }
        first.count(Counted::Response, &Bytes::from_static(b"yes"));
        let length = |number: usize, side| trace.exchanges()[number].body(side).len();
        assert_eq!(length(0, Counted::Request), 0);
        assert_eq!(length(1, Counted::Request), 256 * 1024);
        assert_eq!(length(1, Counted::Response), 3);
        for _ in 0..400 {
            begin().count(Counted::Request, &piece);
        }
        // Late bytes of one that was forgotten are not kept either.
        first.count(Counted::Response, &piece);
        let exchanges = trace.exchanges();
        assert_eq!(exchanges.len(), 402);
        let kept = exchanges.iter().map(|one| one.body(Counted::Request).len());
        let kept: Vec<usize> = kept.collect();
        let all: usize = kept.iter().sum();
        let room = memory.limit();
        assert!((room * 95 / 100..=room).contains(&all), "{all}");
        assert_eq!((kept[1], kept[401]), (0, piece.len()));
        assert_eq!(length(1, Counted::Response), 0);
    }

    #[test]
    fn a_request_that_somebody_asked_for_is_kept_until_it_has_to_go() {
        let trace = Trace::new();
        let begin = || {
            trace.begin(
                Party::Worker,
                Party::Fingerprint,
                request("https://a.example/"),
            )
        };
        let body = || trace.exchanges()[0].request_body();
        let hop = begin();
        assert_eq!(body(), Err(NotKept::NotAsked));
        hop.keep_request();
        hop.count(Counted::Request, &Bytes::from_static(b"{}"));
        hop.count(Counted::Response, &Bytes::from_static(b"no"));
        assert_eq!(body(), Ok(b"{}".to_vec()));
        assert!(trace.exchanges()[0].body(Counted::Response).is_empty());
        let piece = Bytes::from(vec![b'a'; 256 * 1024]);
        for _ in 0..300 {
            let later = begin();
            later.keep_request();
            later.count(Counted::Request, &piece);
        }
        assert_eq!(body(), Err(NotKept::Forgotten));
    }

    #[test]
    fn only_the_latest_hops_are_kept_and_the_rest_is_counted() {
        let trace = Trace::new();
        let before = trace.begin(Party::Visitor, Party::Edge, request("https://a.example/"));
        let large = HeaderMap::from_iter([(
            http::header::COOKIE,
            http::HeaderValue::try_from("x".repeat(1024 * 1024)).unwrap(),
        )]);
        for number in 0..100 {
            let mut head = request(&format!("https://shop.example/{number}"));
            head.headers.clone_from(&large);
            let hop = trace.begin(Party::Visitor, Party::Edge, head);
            hop.answered(ResponseHead {
                status: StatusCode::OK,
                headers: large.clone(),
                body_bytes: 0,
            });
        }
        let kept = trace.exchanges();
        assert_eq!(trace.count(), 101);
        assert_eq!(kept.len() + trace.forgotten(), 101);
        assert!((30..=32).contains(&kept.len()), "{}", kept.len());
        assert_eq!(kept.last().unwrap().request.url, "https://shop.example/99");
        assert_eq!(trace.since(100).len(), 1);
        // One that is forgotten may still be answered.
        before.decided("late");
        before.answered(ResponseHead {
            status: StatusCode::OK,
            headers: large,
            body_bytes: 0,
        });
        assert_eq!(trace.exchanges().len(), kept.len());
    }
}
