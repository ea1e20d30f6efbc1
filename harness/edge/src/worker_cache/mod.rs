//! Workers Cache: the cache in front of a worker. What it has is served, and the worker does not run.
//!
//! Source: Cloudflare's documentation, Workers › Cache. One data centre has one tier here. Whoever waits for a response that
//! another request fills gets it when it is whole; Cloudflare passes it on while it comes.

mod deception;
mod entries;
mod key;
mod policy;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use edgeproof_ground::{
    body::{self, Body},
    trace::Hop,
};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode,
    header::{
        AGE, CONTENT_LENGTH, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE,
        IF_UNMODIFIED_SINCE, RANGE, UPGRADE,
    },
};
use http_body_util::BodyExt;

use self::{
    entries::{Entries, Found, Kept, Turn, TurnGuard},
    policy::Verdict,
};
use super::{
    cache::{self, CF_CACHE_STATUS, Stored},
    invoke::{Invoker, WorkerRequest},
    pages,
};

/// What asks for a part, or for nothing where nothing has changed. The worker is asked for the whole.
const PARTS: [HeaderName; 6] = [
    RANGE,
    IF_RANGE,
    IF_MATCH,
    IF_UNMODIFIED_SINCE,
    IF_NONE_MATCH,
    IF_MODIFIED_SINCE,
];

/// What a purge removes of the entries of one worker.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Purge {
    tags: Vec<String>,
    path_prefixes: Vec<String>,
    purge_everything: bool,
}

/// The caches in front of all workers of an edge. Clones share what is stored.
#[derive(Clone, Debug, Default)]
pub(super) struct WorkersCache {
    entries: Entries,
}

/// A request that came to the cache.
#[derive(Clone)]
struct Visit {
    /// That of the visitor's request.
    hop: Hop,
    key: String,
    /// As the visitor asked.
    method: Method,
    headers: HeaderMap,
}

impl WorkersCache {
    /// Responds from what is stored, or runs the worker and stores what it may. `hop` is that of the visitor's request.
    pub(super) async fn respond(
        &self,
        invoker: &Arc<Invoker>,
        version: Option<&str>,
        hop: &Hop,
        asked: WorkerRequest,
    ) -> Response<Body> {
        let headers = asked.request.headers();
        let is_looked_up = matches!(*asked.request.method(), Method::GET | Method::HEAD)
            && !headers.contains_key(UPGRADE);
        if !is_looked_up {
            return marked(invoker.run(asked).await, "BYPASS");
        }
        let visit = Visit {
            hop: hop.clone(),
            key: key::of(&asked.run.worker, version, &asked.request),
            method: asked.request.method().clone(),
            headers: headers.clone(),
        };
        loop {
            let found = self
                .entries
                .look_up(&visit.key, &visit.headers, Instant::now());
            let previous = match found {
                Found::Fresh(kept, age) => return visit.serve(&kept.stored, age, "HIT"),
                Found::Stale(kept, age) if kept.rules.serves_stale(age, &kept.stored) => {
                    let response = visit.serve(&kept.stored, age, "UPDATING");
                    if let Turn::Mine(turn) = self.entries.turn(&visit.key) {
                        let (cache, invoker) = (self.clone(), Arc::clone(invoker));
                        tokio::spawn(async move {
                            let previous = Some((kept, age));
                            let renewed = cache.fill(&visit, &invoker, asked, turn, previous).await;
                            // What breaks off is not stored.
                            let _ = renewed.into_body().collect().await;
                        });
                    }
                    return response;
                }
                Found::Stale(kept, age) => Some((kept, age)),
                Found::Nothing => None,
            };
            match self.entries.turn(&visit.key) {
                Turn::Mine(turn) => return self.fill(&visit, invoker, asked, turn, previous).await,
                Turn::Others(mut filling) => {
                    // Its response is for nobody else; or its turn is over, and the response is stored or broken off.
                    if filling
                        .wait_for(|is_uncacheable| *is_uncacheable)
                        .await
                        .is_ok()
                    {
                        return marked(invoker.run(asked).await, "BYPASS");
                    }
                    visit
                        .hop
                        .then("waited for another request that ran the worker");
                }
            }
        }
    }

    /// Removes entries of one worker; says how many there were.
    pub(super) fn purge(&self, worker: &str, purge: &Purge) -> usize {
        self.entries.remove(worker, |kept| {
            let mut prefixes = purge.path_prefixes.iter();
            purge.purge_everything
                || prefixes.any(|prefix| kept.path.starts_with(prefix))
                || kept.has_any_tag(&purge.tags)
        })
    }

    /// Runs the worker, and stores what it says.
    async fn fill(
        &self,
        visit: &Visit,
        invoker: &Invoker,
        mut asked: WorkerRequest,
        turn: TurnGuard,
        previous: Option<(Arc<Kept>, Duration)>,
    ) -> Response<Body> {
        let path = asked.request.uri().path().to_owned();
        // A response to HEAD and one to GET are one entry: the worker is asked for the whole.
        *asked.request.method_mut() = Method::GET;
        let headers = asked.request.headers_mut();
        for name in PARTS {
            headers.remove(name);
        }
        let asks_again = previous
            .as_ref()
            .is_some_and(|(kept, _)| cache::ask_again(&kept.stored, headers));
        let response = invoker.run(asked).await;
        let failed = response.status().is_server_error();
        match &previous {
            Some((kept, _)) if asks_again && response.status() == StatusCode::NOT_MODIFIED => {
                return self.renewed(visit, kept, &response);
            }
            Some((kept, age)) if failed && kept.rules.outlives_errors(*age, &kept.stored) => {
                return visit.serve(&kept.stored, *age, "STALE");
            }
            _ => {}
        }
        let state = if previous.is_some() {
            "EXPIRED"
        } else {
            "MISS"
        };
        match policy::decide(&visit.headers, &path, response.status(), response.headers()) {
            Verdict::Keep(rules) => {
                let kept = Kept::of(&response, &visit.headers, path, rules);
                self.keep(visit, turn, kept, response, state).await
            }
            Verdict::Bypass(why) => {
                turn.is_uncacheable();
                if !failed {
                    self.entries.forget(&visit.key);
                }
                visit.hop.then(&format!("its cache stores nothing: {why}"));
                marked(response, "BYPASS")
            }
        }
    }

    /// Stores the body while it passes. Who asked for a part of it, or for its head, gets that of the whole.
    async fn keep(
        &self,
        visit: &Visit,
        turn: TurnGuard,
        mut kept: Kept,
        response: Response<Body>,
        state: &'static str,
    ) -> Response<Body> {
        let stored = kept.stored.clone();
        let (mut parts, body) = response.into_parts();
        kept.rules.strip(&mut parts.headers);
        let (entries, key) = (self.entries.clone(), visit.key.clone());
        let body = cache::recorded(body, move |content| {
            kept.stored.body = content;
            entries.store(key, kept);
            drop(turn);
        });
        if visit.method == Method::HEAD {
            tokio::spawn(async move {
                let _ = body.collect().await;
            });
            return marked(Response::from_parts(parts, body::empty()), state);
        }
        if !PARTS.iter().any(|name| visit.headers.contains_key(name)) {
            return marked(Response::from_parts(parts, body), state);
        }
        match body.collect().await {
            Ok(content) => {
                let body = content.to_bytes();
                visit.serve(&Stored { body, ..stored }, Duration::ZERO, state)
            }
            Err(error) => {
                visit.hop.then(&format!("its response broke off: {error}"));
                marked(pages::refusal(StatusCode::BAD_GATEWAY), "BYPASS")
            }
        }
    }

    /// What is stored, with the newer headers of a worker that says it still holds.
    fn renewed(&self, visit: &Visit, kept: &Kept, news: &Response<Body>) -> Response<Body> {
        let mut kept = kept.clone();
        for (name, value) in news.headers() {
            if name != CONTENT_LENGTH {
                kept.stored.headers.insert(name, value.clone());
            }
        }
        let (status, headers) = (kept.stored.status, &kept.stored.headers);
        match policy::decide(&visit.headers, &kept.path, status, headers) {
            Verdict::Keep(rules) => {
                let response = visit.serve(&kept.stored, Duration::ZERO, "REVALIDATED");
                kept.stored.lifetime = rules.lifetime;
                kept.rules = rules;
                self.entries.store(visit.key.clone(), kept);
                response
            }
            Verdict::Bypass(_) => {
                self.entries.forget(&visit.key);
                visit.serve(&kept.stored, Duration::ZERO, "BYPASS")
            }
        }
    }
}

impl Visit {
    /// The response from what is stored.
    fn serve(&self, stored: &Stored, age: Duration, state: &'static str) -> Response<Body> {
        let seconds = age.as_secs();
        self.hop.then(&match state {
            "HIT" | "UPDATING" => {
                format!("{state} in its cache, {seconds} s old: the worker does not run")
            }
            "STALE" => format!("it failed: STALE in its cache, {seconds} s old"),
            _ => format!("{state} in its cache"),
        });
        let mut response = cache::serve(stored, age, &self.headers);
        if matches!(state, "MISS" | "EXPIRED" | "BYPASS") {
            response.headers_mut().remove(AGE);
        }
        marked(response, state)
    }
}

fn marked(mut response: Response<Body>, state: &'static str) -> Response<Body> {
    let headers = response.headers_mut();
    policy::strip_always(headers);
    headers.insert(CF_CACHE_STATUS, HeaderValue::from_static(state));
    response
}
