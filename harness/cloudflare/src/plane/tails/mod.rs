//! Tails: who reads, while it happens, what invocations of a worker come to.
//!
//! Published are the endpoints, that at most ten clients read one worker, that messages are dropped where there are too many,
//! and what wrangler reads. How long a tail lasts is not: an hour was decided, by the rig's clock.

mod filters;
mod socket;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use edgeproof_ground::clock::Clock;
use edgeproof_runtime::TailReader;
use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{account::Account, call::ApiCall, envelope::PlaneResponse, error::ApiError, ids};
use filters::Filter;
pub(super) use socket::{PATH, connect};

/// Tails of one worker (Workers › Observability › Real-time logs: "a maximum of 10 clients").
const TAILS: usize = 10;

/// How long a tail lasts, in milliseconds.
const LIFETIME: i64 = 60 * 60 * 1000;

/// Messages that wait for one reader; what comes after is dropped, and the reader is told.
const QUEUE: usize = 256;

/// Bytes of them, unless one alone has more.
const QUEUE_BYTES: usize = 4 * 1024 * 1024;

/// What wrangler shows where messages are dropped.
const OVERLOAD: &str = "Tail is currently in sampling mode due to the high volume of messages. To prevent messages from being dropped consider adding filters.";

/// What it shows where that is over.
const OVERLOAD_STOP: &str = "Tail has exited sampling mode and is no longer dropping messages.";

/// All tails of an account, by id.
#[derive(Debug, Default)]
pub(super) struct Tails(Mutex<BTreeMap<String, Tail>>);

/// One tail. Its id is what its socket is reached with, so it is told to nobody else.
#[derive(Debug)]
struct Tail {
    worker: String,
    filters: Vec<Filter>,
    /// Milliseconds since 1970.
    expires: i64,
    reader: Reader,
}

#[derive(Debug)]
enum Reader {
    /// Nobody has come yet.
    Awaited,
    /// Messages go here; nobody takes them once the reader has left.
    Here {
        messages: mpsc::Sender<String>,
        /// Bytes that wait.
        waiting: Arc<AtomicUsize>,
        drops: bool,
    },
}

/// What a reader is told.
#[derive(Debug)]
struct Told {
    messages: mpsc::Receiver<String>,
    waiting: Arc<AtomicUsize>,
}

impl Told {
    async fn next(&mut self) -> Option<String> {
        let message = self.messages.recv().await?;
        self.waiting.fetch_sub(message.len(), Ordering::Relaxed);
        Some(message)
    }
}

impl Reader {
    fn has_left(&self) -> bool {
        matches!(self, Self::Here { messages, .. } if messages.is_closed())
    }
}

impl Tails {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Tail>> {
        // A panic elsewhere leaves it whole: each change is one insertion or removal.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends all tails.
    pub(super) fn close(&self) {
        self.lock().clear();
    }

    /// Ends the tails of a worker.
    pub(super) fn close_of(&self, worker: &str) {
        self.lock().retain(|_, tail| tail.worker != worker);
    }

    /// What gives the tails what invocations come to.
    pub(super) fn reader(self: &Arc<Self>, clock: Clock) -> TailReader {
        let tails = Arc::clone(self);
        Arc::new(move |worker, events| tails.tell(worker, &events, clock.now()))
    }

    fn tell(&self, worker: &str, events: &[Value], now: i64) {
        for tail in self.lock().values_mut() {
            if tail.worker == worker && now < tail.expires {
                events.iter().for_each(|event| tail.tell(event));
            }
        }
    }

    /// A place for the reader of a tail: what it is told, and when the tail ends. A second reader takes the place of the
    /// first.
    fn read(&self, id: &str, now: i64) -> Option<(Told, i64)> {
        let mut tails = self.lock();
        let tail = tails.get_mut(id).filter(|tail| now < tail.expires)?;
        let (sender, messages) = mpsc::channel(QUEUE);
        let waiting = Arc::new(AtomicUsize::new(0));
        tail.reader = Reader::Here {
            messages: sender,
            waiting: Arc::clone(&waiting),
            drops: false,
        };
        Some((Told { messages, waiting }, tail.expires))
    }

    fn add(&self, worker: &str, filters: Vec<Filter>, now: i64) -> Result<String, ApiError> {
        let mut tails = self.lock();
        tails.retain(|_, tail| now < tail.expires && !tail.reader.has_left());
        let own = tails.values().filter(|tail| tail.worker == worker);
        if own.count() >= TAILS {
            return Err(ApiError::too_many_tails(TAILS));
        }
        let id = ids::fresh_id();
        let tail = Tail {
            worker: worker.to_owned(),
            filters,
            expires: now.saturating_add(LIFETIME),
            reader: Reader::Awaited,
        };
        tails.insert(id.clone(), tail);
        Ok(id)
    }
}

impl Tail {
    fn tell(&mut self, event: &Value) {
        let is_wanted = self.filters.iter().all(|filter| filter.holds(event));
        let Reader::Here {
            messages,
            waiting,
            drops,
        } = &mut self.reader
        else {
            return;
        };
        if !is_wanted {
            return;
        }
        let message = event.to_string();
        let bytes = waiting.load(Ordering::Relaxed);
        // One place is kept for the word that messages are dropped.
        let is_full =
            messages.capacity() <= 1 || (bytes > 0 && bytes + message.len() > QUEUE_BYTES);
        let send = |message: String| {
            waiting.fetch_add(message.len(), Ordering::Relaxed);
            // Nobody is there where the reader has left.
            let _ = messages.try_send(message);
        };
        if is_full != *drops {
            *drops = is_full;
            send(info(is_full));
        }
        if !is_full {
            send(message);
        }
    }

    fn shown(&self, id: &str, address: &str) -> Value {
        json!({
            "id": id,
            "url": format!("ws://{address}{PATH}{id}"),
            "expires_at": Timestamp::from_millisecond(self.expires).unwrap_or_default(),
        })
    }
}

/// A message about the tail itself.
fn info(drops: bool) -> String {
    let (kind, message) = match drops {
        true => ("overload", OVERLOAD),
        false => ("overload-stop", OVERLOAD_STOP),
    };
    json!({"event": {"type": kind, "message": message}, "outcome": "unknown", "scriptName": null, "logs": [], "exceptions": []})
        .to_string()
}

/// `…/scripts/{script}/tails` and what is below it.
///
/// # Errors
/// 10007 where there is no such worker, 7000 where something of the request is not emulated.
pub(super) fn respond(
    account: &mut Account,
    call: &ApiCall,
    address: &str,
    name: &str,
    rest: &[&str],
) -> Result<PlaneResponse, ApiError> {
    let tails = Arc::clone(&account.tails);
    let now = account.clock.now();
    let script = account.script_mut(name)?;
    match (&call.method, rest) {
        (&Method::GET, []) => {
            let tails = tails.lock();
            let own = tails
                .iter()
                .filter(|(_, tail)| tail.worker == name && now < tail.expires);
            let shown = own.map(|(id, tail)| tail.shown(id, address)).collect();
            Ok(PlaneResponse::of(shown))
        }
        (&Method::POST, []) => {
            let id = tails.add(name, filters::read(&call.body)?, now)?;
            // From now on its invocations are followed.
            script.is_tailed = true;
            let shown = tails.lock().get(&id).map(|tail| tail.shown(&id, address));
            Ok(PlaneResponse::of(shown.unwrap_or_default()))
        }
        (&Method::DELETE, [id]) => {
            let mut tails = tails.lock();
            match tails.get(*id).is_some_and(|tail| tail.worker == name) {
                true => {
                    tails.remove(*id);
                    Ok(PlaneResponse::null())
                }
                false => Err(ApiError::no_such_tail()),
            }
        }
        _ => Err(ApiError::not_emulated(&format!(
            "{} {}",
            call.method, call.path
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(number: usize) -> Value {
        json!({"outcome": "ok", "number": number})
    }

    #[tokio::test]
    async fn a_slow_reader_is_told_that_messages_are_dropped_and_when_that_is_over() {
        let tails = Tails::default();
        let id = tails.add("hello", Vec::new(), 0).unwrap();
        let (mut told, _) = tails.read(&id, 0).unwrap();
        let many: Vec<Value> = (0..10 * QUEUE).map(event).collect();
        tails.tell("hello", &many, 0);
        let received = waiting(&mut told).await;
        assert_eq!(received.len(), QUEUE);
        assert!(
            received[QUEUE - 1].contains("\"overload\""),
            "{}",
            received[QUEUE - 1]
        );
        tails.tell("hello", &[event(7)], 0);
        let received = waiting(&mut told).await;
        assert_eq!(received.len(), 2);
        assert!(received[0].contains("overload-stop"));
        assert_eq!(received[1], event(7).to_string());
    }

    /// Everything that waits for the reader.
    async fn waiting(told: &mut Told) -> Vec<String> {
        let mut all = Vec::new();
        while !told.messages.is_empty() {
            all.extend(told.next().await);
        }
        all
    }

    #[tokio::test]
    async fn of_long_messages_fewer_wait_and_one_always_may() {
        let tails = Tails::default();
        let id = tails.add("hello", Vec::new(), 0).unwrap();
        let (mut told, _) = tails.read(&id, 0).unwrap();
        let long = json!({"outcome": "ok", "logs": "x".repeat(QUEUE_BYTES / 8)});
        for _ in 0..2 {
            tails.tell("hello", &vec![long.clone(); 100], 0);
            let received = waiting(&mut told).await;
            let bytes: usize = received.iter().map(String::len).sum();
            assert!(bytes < QUEUE_BYTES + 1000, "{bytes}");
            assert!(received.len() >= 8, "{}", received.len());
        }
        let longest = json!({"outcome": "ok", "logs": "x".repeat(2 * QUEUE_BYTES)});
        tails.tell("hello", &[longest], 0);
        assert!(waiting(&mut told).await.last().unwrap().len() > QUEUE_BYTES);
    }

    #[test]
    fn a_worker_has_ten_tails_and_one_whose_reader_has_left_makes_room() {
        let tails = Tails::default();
        let ids: Vec<String> = (0..TAILS)
            .map(|_| tails.add("hello", Vec::new(), 0).unwrap())
            .collect();
        assert!(tails.add("hello", Vec::new(), 0).is_err());
        assert!(tails.add("other", Vec::new(), 0).is_ok());
        drop(tails.read(&ids[0], 0));
        assert!(tails.add("hello", Vec::new(), 0).is_ok());
        assert!(tails.read(&ids[0], 0).is_none());
        // All others are over by then.
        assert!(tails.add("hello", Vec::new(), LIFETIME).is_ok());
        assert_eq!(tails.lock().len(), 1);
    }
}
