//! What is in the cache of one data centre.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header::AGE};
use tokio::time::Instant;

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
    /// What there is under `key`.
    pub fn look_up(&self, key: &str) -> Lookup {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        match entries.get(key) {
            None => Lookup::Miss,
            Some(entry) => {
                let age = entry.since.elapsed();
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

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_served_with_its_age_until_it_expires() {
        let cache = Cache::default();
        assert!(matches!(cache.look_up("a"), Lookup::Miss));
        cache.store(
            "a".to_owned(),
            Stored {
                status: StatusCode::OK,
                headers: HeaderMap::new(),
                body: Bytes::from_static(b"content"),
                lifetime: Duration::from_secs(10),
            },
        );
        tokio::time::advance(Duration::from_secs(9)).await;
        let Lookup::Hit(stored, age) = cache.look_up("a") else {
            panic!("it is fresh for 10 seconds");
        };
        assert_eq!(stored.answer(age).headers()[AGE], "9");
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(matches!(cache.look_up("a"), Lookup::Expired));
    }
}
