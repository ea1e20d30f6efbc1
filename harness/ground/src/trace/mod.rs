//! What happened: one [`Exchange`] for each hop a request took, in the order the hops received it.

mod bodies;
mod counted;
mod exchange;
mod kept;

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bodies::Bodies;
use bytes::Bytes;

pub use bodies::NotKept;
pub use counted::{Counted, counted};
pub use exchange::{Exchange, Party, RequestHead, ResponseHead};
use kept::Kept;

/// The record of all hops of one rig. Clones share the record.
///
/// It keeps the latest hops, as many as 64 MiB of heads are, so that a rig that runs for days stays as large as it is;
/// [`Trace::forgotten`] says how many older ones are gone.
#[derive(Clone, Debug)]
pub struct Trace {
    start: Instant,
    kept: Arc<Mutex<Kept>>,
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
    exchange: Mutex<Exchange>,
    request_bytes: AtomicU64,
    response_bytes: AtomicU64,
    bodies: Arc<Bodies>,
}

impl Default for Trace {
    fn default() -> Self {
        Self {
            start: Instant::now(),
            kept: Arc::default(),
            keeps_bodies: Arc::default(),
        }
    }
}

impl Trace {
    /// An empty trace whose clock starts now.
    pub fn new() -> Self {
        Self::default()
    }

    /// Records a hop when its request arrives, before anybody answers it.
    pub fn begin(&self, from: Party, to: Party, request: RequestHead) -> Hop {
        let bytes = request.bytes();
        let exchange = Exchange::new(from, to, request, self.start.elapsed());
        let record = Arc::new(Record {
            bodies: Arc::clone(&exchange.bodies),
            exchange: Mutex::new(exchange),
            request_bytes: AtomicU64::new(0),
            response_bytes: AtomicU64::new(0),
        });
        let number = self.lock().push(Arc::clone(&record), bytes);
        Hop {
            trace: self.clone(),
            number,
            record,
        }
    }

    /// Keeps the beginnings of bodies from now on: up to 256 KiB of each, and of all together the latest 32 MiB.
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
        self.lock().count()
    }

    /// How many of the oldest hops are no longer kept.
    pub fn forgotten(&self) -> usize {
        self.lock().forgotten()
    }

    /// A copy of the hops that began after the first `count`, as far as they are kept.
    pub fn since(&self, count: usize) -> Vec<Exchange> {
        self.part(count, usize::MAX)
    }

    /// At most so many of them: the first.
    pub fn part(&self, count: usize, most: usize) -> Vec<Exchange> {
        let records = self.lock().part(count, most);
        records.iter().map(|record| record.exchange()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // A panic elsewhere leaves the list whole: each change is one push.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hop {
    /// Writes the head of the response and how long it took to come.
    pub fn answered(&self, response: ResponseHead) {
        let elapsed = self.trace.start.elapsed();
        self.trace.lock().grow(self.number, response.bytes());
        self.change(|exchange| {
            exchange.took = Some(elapsed.saturating_sub(exchange.started));
            exchange.response = Some(response);
        });
    }

    /// Writes why this hop did what it did, in words a user understands.
    pub fn decided(&self, decision: impl Into<String>) {
        self.change(|exchange| exchange.decision = Some(decision.into()));
    }

    /// Who asks.
    pub fn from(&self) -> Party {
        self.record.lock().from
    }

    /// Writes what became of it after that.
    pub fn then(&self, outcome: &str) {
        self.change(|exchange| {
            exchange.decision = Some(match exchange.decision.take() {
                Some(decision) => format!("{decision}; {outcome}"),
                None => outcome.to_owned(),
            });
        });
    }

    /// Writes the fault that was applied to this hop.
    pub fn faulted(&self, fault: impl Into<String>) {
        self.change(|exchange| exchange.fault = Some(fault.into()));
    }

    /// Writes what the worker threw here.
    pub fn threw(&self, exception: impl Into<String>) {
        self.change(|exchange| exchange.exception = Some(exception.into()));
    }

    /// Writes the ray id, where it is known only after the hop began.
    pub fn belongs_to(&self, ray: impl Into<String>) {
        self.change(|exchange| exchange.ray = Some(ray.into()));
    }

    /// Keeps the beginning of the request's body, though the trace may keep none.
    pub fn keep_request(&self) {
        self.record.bodies.keep_request();
    }

    /// Changes what is recorded.
    pub fn change(&self, change: impl FnOnce(&mut Exchange)) {
        change(&mut self.record.lock());
    }

    fn count(&self, side: Counted, data: &Bytes) {
        let counter = match side {
            Counted::Request => &self.record.request_bytes,
            Counted::Response => &self.record.response_bytes,
        };
        counter.fetch_add(data.len() as u64, Ordering::Relaxed);
        let bodies = &self.record.bodies;
        if !self.trace.keeps_bodies.load(Ordering::Relaxed) && !bodies.keeps(side) {
            return;
        }
        let mut kept = self.trace.lock();
        let bytes = bodies.keep(side, data);
        kept.grow_bodies(self.number, &self.record, bytes);
    }
}

impl Record {
    fn lock(&self) -> MutexGuard<'_, Exchange> {
        // A panic elsewhere leaves the exchange whole: each change is one field.
        self.exchange.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The exchange with the bytes that have passed by now.
    fn exchange(&self) -> Exchange {
        let mut exchange = self.lock().clone();
        exchange.request.body_bytes = self.request_bytes.load(Ordering::Relaxed);
        if let Some(response) = &mut exchange.response {
            response.body_bytes = self.response_bytes.load(Ordering::Relaxed);
        }
        exchange
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
        trace.begin(Party::Edge, Party::Worker, head);
        assert_eq!(
            trace.exchanges()[0].ray.as_deref(),
            Some("0123456789abcdef-FRA")
        );
    }

    #[test]
    fn the_beginnings_of_the_latest_bodies_are_kept_where_they_are_wanted() {
        let trace = Trace::new();
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
        assert!(
            (32 * 1024 * 1024 - piece.len()..=32 * 1024 * 1024).contains(&all),
            "{all}"
        );
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
        for _ in 0..200 {
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
