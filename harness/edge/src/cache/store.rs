//! What is in the cache of one data centre.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use edgeproof_ground::{
    header_limits::header_bytes,
    memory::{Keyed, Memory},
};
use http::{
    HeaderMap, HeaderValue, Response, StatusCode,
    header::{ACCEPT_ENCODING, VARY},
};

/// How many MiB are stored. Of more, that goes which was stored longest ago.
const MOST_MEGABYTES: u32 = 256;

/// The header that says what the cache did.
pub(crate) const CF_CACHE_STATUS: &str = "cf-cache-status";

/// A stored response.
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
    /// The `Accept-Encoding` it was asked with, where its `Vary` names that header. Every other name in `Vary` plays no
    /// part (documentation, Cache › Origin Cache Control).
    pub encoding: Option<HeaderValue>,
}

/// What the cache has for a key.
#[derive(Clone, Debug)]
pub enum Lookup {
    /// A fresh response and its age.
    Hit(Arc<Stored>, Duration),
    /// A response that is no longer fresh, with its age.
    Expired(Arc<Stored>, Duration),
    /// Nothing.
    Miss,
}

/// The cache. Clones share what is stored.
#[derive(Clone, Debug)]
pub struct Cache {
    entries: Keyed<String, Option<Entry>>,
}

impl Default for Cache {
    fn default() -> Self {
        let memory = Memory::of_megabytes(MOST_MEGABYTES);
        Self {
            entries: Keyed::new(&memory),
        }
    }
}

#[derive(Clone, Debug)]
struct Entry {
    since: Instant,
    stored: Arc<Stored>,
}

impl Cache {
    /// What there is under `key` at the moment `now` for a request with these headers.
    pub fn look_up(&self, key: &str, asked: &HeaderMap, now: Instant) -> Lookup {
        let entry = self.entries.get(key).flatten();
        match entry.filter(|entry| entry.stored.fits(asked)) {
            None => Lookup::Miss,
            Some(entry) => {
                let age = now.saturating_duration_since(entry.since);
                let stored = Arc::clone(&entry.stored);
                if age < stored.lifetime {
                    Lookup::Hit(stored, age)
                } else {
                    Lookup::Expired(stored, age)
                }
            }
        }
    }

    /// Deletes what is under `key`; says whether there was something.
    pub fn remove(&self, key: &str) -> bool {
        self.entries.remove(key).is_some()
    }

    /// Stores a response; one that is there already is replaced.
    pub fn store(&self, key: String, stored: Stored) {
        let entry = Entry {
            since: Instant::now(),
            stored: Arc::new(stored),
        };
        let bytes = entry.stored.bytes() + 2 * key.len();
        let store = |old: &mut Option<Entry>| *old = Some(entry);
        self.entries.change(key, store, |_, _| bytes);
    }
}

impl Stored {
    /// The response to a request with the headers `asked`, whose body is still to come.
    pub fn of<B>(response: &Response<B>, asked: &HeaderMap, lifetime: Duration) -> Self {
        let varies = response.headers().get_all(VARY).iter().any(|names| {
            let mut names = names.to_str().unwrap_or_default().split(',');
            names.any(|name| name.trim().eq_ignore_ascii_case(ACCEPT_ENCODING.as_str()))
        });
        let encoding = asked.get(ACCEPT_ENCODING).filter(|_| varies);
        Self {
            status: response.status(),
            headers: response.headers().clone(),
            body: Bytes::new(),
            lifetime,
            encoding: encoding.cloned(),
        }
    }

    /// How much memory it takes.
    fn bytes(&self) -> usize {
        size_of::<Self>() + header_bytes(&self.headers) + self.body.len()
    }

    fn fits(&self, asked: &HeaderMap) -> bool {
        self.encoding
            .as_ref()
            .is_none_or(|encoding| asked.get(ACCEPT_ENCODING) == Some(encoding))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn an_answer_is_served_with_its_age_until_it_expires() {
        let cache = Cache::default();
        let before = Instant::now();
        let look_up = |now| cache.look_up("a", &HeaderMap::new(), now);
        assert!(matches!(look_up(before), Lookup::Miss));
        cache.store(
            "a".to_owned(),
            Stored {
                status: StatusCode::OK,
                headers: HeaderMap::new(),
                body: Bytes::from_static(b"content"),
                lifetime: Duration::from_secs(10),
                encoding: None,
            },
        );
        let after = Instant::now();
        let Lookup::Hit(_, age) = look_up(before + Duration::from_secs(10)) else {
            panic!("it is fresh for 10 seconds");
        };
        assert!(age <= Duration::from_secs(10));
        let later = after + Duration::from_secs(10);
        assert!(matches!(look_up(later), Lookup::Expired(..)));
    }

    #[test]
    fn what_was_stored_longest_ago_makes_room() {
        let cache = Cache::default();
        let body = Bytes::from(vec![0; 100 * 1024 * 1024]);
        for key in ["a", "b", "c"] {
            let stored = Stored {
                status: StatusCode::OK,
                headers: HeaderMap::new(),
                body: body.clone(),
                lifetime: Duration::from_secs(10),
                encoding: None,
            };
            cache.store(key.to_owned(), stored);
        }
        let is_there = |key| {
            let found = cache.look_up(key, &HeaderMap::new(), Instant::now());
            matches!(found, Lookup::Hit(..))
        };
        assert_eq!(["a", "b", "c"].map(is_there), [false, true, true]);
    }

    // Documentation, Cache › Origin Cache Control: of `Vary` only Accept-Encoding counts.
    #[rstest]
    #[case::by_encoding("accept-encoding", "br", false)]
    #[case::by_encoding_among_others("Origin, Accept-Encoding", "br", false)]
    #[case::the_same_encoding("accept-encoding", "gzip", true)]
    #[case::by_anything_else("cookie, user-agent", "br", true)]
    fn only_the_encoding_tells_answers_of_one_key_apart(
        #[case] vary: &'static str,
        #[case] accepted: &'static str,
        #[case] found: bool,
    ) {
        let asking =
            |value| HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(value))]);
        let mut response = Response::new(());
        response
            .headers_mut()
            .insert(VARY, HeaderValue::from_static(vary));
        let cache = Cache::default();
        let stored = Stored::of(&response, &asking("gzip"), Duration::from_secs(10));
        cache.store("a".to_owned(), stored);
        let found_one = matches!(
            cache.look_up("a", &asking(accepted), Instant::now()),
            Lookup::Hit(..)
        );
        assert_eq!(found_one, found);
    }
}
