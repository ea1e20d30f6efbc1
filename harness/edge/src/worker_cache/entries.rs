//! What is stored in front of the workers, and who fills what is not.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use http::{HeaderMap, HeaderName, HeaderValue, Response, header::VARY};
use indexmap::IndexMap;
use tokio::sync::watch;

use super::{
    super::cache::Stored,
    key,
    policy::{CACHE_TAG, Rules, strip_always, words},
};

/// The bytes of bodies that are kept. The oldest go first.
const MOST_BYTES: usize = 64 * 1024 * 1024;
/// The entries that are kept, whatever their size.
const MOST_ENTRIES: usize = 10_000;
/// The tags of one response that count.
const MOST_TAGS: usize = 1000;
/// The longest tag that counts.
const LONGEST_TAG: usize = 1024;

/// A stored response.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) stored: Stored,
    pub(super) rules: Rules,
    pub(super) path: String,
    /// What the request had in the headers that the response varies by.
    varies: Vec<(HeaderName, Vec<HeaderValue>)>,
    /// In lower case.
    tags: Vec<String>,
}

/// What there is for a request.
pub(super) enum Found {
    Fresh(Arc<Kept>, Duration),
    /// It is no longer fresh, or must always be asked for.
    Stale(Arc<Kept>, Duration),
    Nothing,
}

/// Who runs the worker for an entry.
pub(super) enum Turn {
    Mine(TurnGuard),
    /// Another request, which tells when its response is for nobody else. Its end closes this.
    Others(watch::Receiver<bool>),
}

/// One request's turn to fill an entry, until it is dropped.
#[derive(Debug)]
pub(super) struct TurnGuard {
    entries: Entries,
    key: String,
    is_uncacheable: watch::Sender<bool>,
}

/// Everything that is stored. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Entries {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// By key the responses for different headers; the latest key is the last.
    stored: IndexMap<String, Vec<(Instant, Arc<Kept>)>>,
    bytes: usize,
    filling: HashMap<String, watch::Receiver<bool>>,
}

impl Kept {
    /// The response to a request with these headers, whose body is still to come.
    pub(super) fn of<B>(
        response: &Response<B>,
        asked: &HeaderMap,
        path: String,
        rules: Rules,
    ) -> Self {
        let headers = response.headers();
        let names = words(headers, &VARY).filter_map(|name| name.parse::<HeaderName>().ok());
        let varies = names.map(|name| {
            let values = asked.get_all(&name).iter().cloned().collect();
            (name, values)
        });
        let tags = words(headers, &CACHE_TAG).filter(|tag| tag.len() <= LONGEST_TAG);
        let (varies, tags) = (varies.collect(), tags.take(MOST_TAGS).collect());
        let mut stored = Stored::of(response, &HeaderMap::new(), rules.lifetime);
        rules.strip(&mut stored.headers);
        strip_always(&mut stored.headers);
        Self {
            stored,
            rules,
            path,
            varies,
            tags,
        }
    }

    pub(super) fn has_any_tag(&self, tags: &[String]) -> bool {
        tags.iter()
            .any(|tag| self.tags.contains(&tag.to_ascii_lowercase()))
    }

    fn is_for(&self, asked: &HeaderMap) -> bool {
        self.varies
            .iter()
            .all(|(name, values)| asked.get_all(name).iter().eq(values))
    }
}

impl Entries {
    /// What there is under `key` at the moment `now` for a request with these headers.
    pub(super) fn look_up(&self, key: &str, asked: &HeaderMap, now: Instant) -> Found {
        let state = self.lock();
        let mut variants = state.stored.get(key).into_iter().flatten();
        let Some((since, kept)) = variants.find(|(_, kept)| kept.is_for(asked)) else {
            return Found::Nothing;
        };
        let age = now.saturating_duration_since(*since);
        let kept = Arc::clone(kept);
        match age < kept.stored.lifetime && !kept.rules.always_asks {
            true => Found::Fresh(kept, age),
            false => Found::Stale(kept, age),
        }
    }

    /// Stores a response in the place of the one for the same headers.
    pub(super) fn store(&self, key: String, kept: Kept) {
        let mut state = self.lock();
        let mut variants = state.take(&key);
        variants.retain(|(_, old)| old.varies != kept.varies);
        variants.push((Instant::now(), Arc::new(kept)));
        state.put(key, variants);
    }

    /// Removes what is under `key`.
    pub(super) fn forget(&self, key: &str) {
        self.lock().take(key);
    }

    /// Removes of one worker what is to go; says how many there were.
    pub(super) fn remove(&self, worker: &str, goes: impl Fn(&Kept) -> bool) -> usize {
        let beginning = key::beginning(worker);
        let mut removed = 0;
        let mut freed = 0;
        let mut state = self.lock();
        state.stored.retain(|key, variants| {
            if key.starts_with(&beginning) {
                // `Vary` does not tell entries apart for a purge.
                if variants.iter().any(|(_, kept)| goes(kept)) {
                    removed += variants.len();
                    freed += bytes(variants);
                    return false;
                }
            }
            true
        });
        state.bytes = state.bytes.saturating_sub(freed);
        removed
    }

    /// Whose turn it is to fill `key`.
    pub(super) fn turn(&self, key: &str) -> Turn {
        let mut state = self.lock();
        if let Some(filling) = state.filling.get(key) {
            return Turn::Others(filling.clone());
        }
        let (is_uncacheable, filling) = watch::channel(false);
        state.filling.insert(key.to_owned(), filling);
        Turn::Mine(TurnGuard {
            entries: self.clone(),
            key: key.to_owned(),
            is_uncacheable,
        })
    }

    /// A panic elsewhere leaves it whole: each change is made at once.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take(&mut self, key: &str) -> Vec<(Instant, Arc<Kept>)> {
        let variants = self.stored.shift_remove(key).unwrap_or_default();
        self.bytes = self.bytes.saturating_sub(bytes(&variants));
        variants
    }

    fn put(&mut self, key: String, variants: Vec<(Instant, Arc<Kept>)>) {
        self.bytes += bytes(&variants);
        self.stored.insert(key, variants);
        while self.bytes > MOST_BYTES || self.stored.len() > MOST_ENTRIES {
            match self.stored.shift_remove_index(0) {
                Some((_, oldest)) => self.bytes = self.bytes.saturating_sub(bytes(&oldest)),
                None => return,
            }
        }
    }
}

fn bytes(variants: &[(Instant, Arc<Kept>)]) -> usize {
    variants
        .iter()
        .map(|(_, kept)| kept.stored.body.len())
        .sum()
}

impl TurnGuard {
    /// Tells those who wait that the response is for nobody else.
    pub(super) fn is_uncacheable(&self) {
        self.is_uncacheable.send_replace(true);
    }
}

impl Drop for TurnGuard {
    fn drop(&mut self) {
        self.entries.lock().filling.remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::StatusCode;

    use super::*;
    use crate::cache::tests::map;

    fn kept(headers: &[(&str, &str)], asked: &[(&str, &str)], path: &str, body: usize) -> Kept {
        let mut response = Response::new(());
        *response.headers_mut() = map(headers);
        let rules = Rules::fresh_for(Duration::from_secs(10));
        let mut kept = Kept::of(&response, &map(asked), path.to_owned(), rules);
        kept.stored.status = StatusCode::OK;
        kept.stored.body = Bytes::from(vec![0; body]);
        kept
    }

    fn is_there(entries: &Entries, key: &str, asked: &[(&str, &str)]) -> bool {
        matches!(
            entries.look_up(key, &map(asked), Instant::now()),
            Found::Fresh(..)
        )
    }

    #[test]
    fn every_header_that_a_response_varies_by_tells_entries_apart() {
        let entries = Entries::default();
        let vary = [("vary", "Cookie, accept-language")];
        entries.store(
            "flow\n".to_owned(),
            kept(&vary, &[("cookie", "a=1")], "/", 0),
        );
        entries.store(
            "flow\n".to_owned(),
            kept(&vary, &[("cookie", "a=2")], "/", 0),
        );
        assert!(is_there(&entries, "flow\n", &[("cookie", "a=1")]));
        assert!(is_there(&entries, "flow\n", &[("cookie", "a=2")]));
        assert!(!is_there(&entries, "flow\n", &[("cookie", "a=3")]));
        assert!(!is_there(
            &entries,
            "flow\n",
            &[("cookie", "a=1"), ("accept-language", "de")]
        ));
    }

    #[test]
    fn the_oldest_entries_go_when_the_bodies_are_too_large() {
        let entries = Entries::default();
        for number in 0..5 {
            entries.store(
                format!("flow\n{number}"),
                kept(&[], &[], "/", MOST_BYTES / 4),
            );
        }
        let there: Vec<bool> = (0..5)
            .map(|number| is_there(&entries, &format!("flow\n{number}"), &[]))
            .collect();
        assert_eq!(there, [false, true, true, true, true]);
    }

    #[test]
    fn a_purge_takes_what_it_names_of_its_own_worker() {
        let entries = Entries::default();
        for key in ["flow\n1", "other\n1"] {
            entries.store(
                key.to_owned(),
                kept(&[("cache-tag", "Blog, news")], &[], "/blog/1", 0),
            );
        }
        let tags = ["BLOG".to_owned()];
        assert_eq!(entries.remove("flow", |kept| kept.has_any_tag(&tags)), 1);
        assert!(!is_there(&entries, "flow\n1", &[]));
        assert!(is_there(&entries, "other\n1", &[]));
    }

    #[tokio::test]
    async fn one_request_fills_and_the_others_wait_for_its_end() {
        let entries = Entries::default();
        let Turn::Mine(turn) = entries.turn("a") else {
            panic!("nobody else fills it")
        };
        let Turn::Others(mut filling) = entries.turn("a") else {
            panic!("somebody fills it")
        };
        assert!(matches!(entries.turn("b"), Turn::Mine(_)));
        drop(turn);
        assert!(
            filling
                .wait_for(|is_uncacheable| *is_uncacheable)
                .await
                .is_err()
        );
        let Turn::Mine(turn) = entries.turn("a") else {
            panic!("the other's turn is over")
        };
        let Turn::Others(mut filling) = entries.turn("a") else {
            panic!("somebody fills it")
        };
        turn.is_uncacheable();
        drop(turn);
        assert!(
            filling
                .wait_for(|is_uncacheable| *is_uncacheable)
                .await
                .is_ok()
        );
    }
}
