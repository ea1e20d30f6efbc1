//! What is in the cache of one data centre.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header::AGE};

use crate::body::{self, Body};

/// The header that says what the cache did.
pub(crate) const CF_CACHE_STATUS: &str = "cf-cache-status";

/// A stored answer.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Its status.
    pub status: StatusCode,
    /// Its headers, as the origin sent them.
    pub headers: HeaderMap,
    /// Its whole body.
    pub body: Bytes,
    /// How long it is fresh.
    pub lifetime: Duration,
}

/// What the cache has for a key.
#[derive(Clone, Debug)]
pub enum Lookup {
    /// A fresh answer and its age.
    Hit(Arc<Stored>, Duration),
    /// An answer that is no longer fresh.
    Expired,
    /// Nothing.
    Miss,
}

/// The cache. Clones share what is stored.
#[derive(Clone, Debug, Default)]
pub struct Cache {
    entries: Arc<Mutex<HashMap<String, Entry>>>,
}

#[derive(Debug)]
struct Entry {
    since: Instant,
    stored: Arc<Stored>,
}

impl Cache {
    /// What there is under `key` at the moment `now`.
    pub fn look_up(&self, key: &str, now: Instant) -> Lookup {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        match entries.get(key) {
            None => Lookup::Miss,
            Some(entry) => {
                let age = now.saturating_duration_since(entry.since);
                if age < entry.stored.lifetime {
                    Lookup::Hit(Arc::clone(&entry.stored), age)
                } else {
                    Lookup::Expired
                }
            }
        }
    }

    /// Deletes what is under `key`; says whether there was something.
    pub fn remove(&self, key: &str) -> bool {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.remove(key).is_some()
    }

    /// Stores an answer; one that is there already is replaced.
    pub fn store(&self, key: String, stored: Stored) {
        let entry = Entry {
            since: Instant::now(),
            stored: Arc::new(stored),
        };
        self.entries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(key, entry);
    }
}

impl Stored {
    /// The answer as it comes from the cache, with its `Age`.
    pub fn answer(&self, age: Duration) -> Response<Body> {
        let mut answer = Response::new(body::full(self.body.clone()));
        *answer.status_mut() = self.status;
        *answer.headers_mut() = self.headers.clone();
        answer
            .headers_mut()
            .insert(AGE, HeaderValue::from(age.as_secs()));
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_served_with_its_age_until_it_expires() {
        let cache = Cache::default();
        let before = Instant::now();
        assert!(matches!(cache.look_up("a", before), Lookup::Miss));
        cache.store(
            "a".to_owned(),
            Stored {
                status: StatusCode::OK,
                headers: HeaderMap::new(),
                body: Bytes::from_static(b"content"),
                lifetime: Duration::from_secs(10),
            },
        );
        let after = Instant::now();
        let Lookup::Hit(stored, age) = cache.look_up("a", before + Duration::from_secs(10)) else {
            panic!("it is fresh for 10 seconds");
        };
        assert!(age <= Duration::from_secs(10));
        assert_eq!(
            stored.answer(Duration::from_millis(9900)).headers()[AGE],
            "9"
        );
        let later = after + Duration::from_secs(10);
        assert!(matches!(cache.look_up("a", later), Lookup::Expired));
    }
}
