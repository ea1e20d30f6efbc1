//! The edge's side towards origins: the cache, and the pages for what cannot be reached.

use std::time::{Duration, Instant};

use edgeproof_ground::{
    body::Body,
    trace::{Party, RequestHead, Trace},
};
use edgeproof_internet::Internet;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header::CONTENT_LENGTH};

use super::{
    cache::{self, Cache, CacheOptions, Lookup, Stored},
    pages::{self, Asker, ErrorCode},
};

/// Where requests leave the edge.
pub(super) struct OriginSide {
    pub(super) internet: Internet,
    pub(super) cache: Cache,
    pub(super) trace: Trace,
}

/// A request that leaves the edge.
pub(super) struct Leaving<'a> {
    /// With an absolute URI.
    pub(super) request: Request<Body>,
    /// Who asks: the edge for a visitor, or a worker.
    pub(super) from: Party,
    /// Whose cache is asked: the zone's name; none where the worker belongs to no zone.
    pub(super) zone: Option<&'a str>,
    pub(super) options: CacheOptions,
    pub(super) asker: &'a Asker,
}

impl OriginSide {
    /// Fetches an answer: from the cache, from its destination, or a page in its place.
    pub(super) async fn fetch(&self, leaving: Leaving<'_>) -> Response<Body> {
        let (method, path) = (leaving.request.method(), leaving.request.uri().path());
        let Some(zone) = leaving
            .zone
            .filter(|_| cache::is_eligible(method, path, &leaving.options))
        else {
            let mut answer = self
                .reach(leaving.request, leaving.from, leaving.asker)
                .await;
            mark(&mut answer, "DYNAMIC");
            return answer;
        };
        let key = cache::key(zone, leaving.request.uri(), &leaving.options);
        let asked = leaving.request.headers().clone();
        match self.cache.look_up(&key, &asked, Instant::now()) {
            Lookup::Hit(stored, age) => {
                let mut answer = cache::serve(&stored, age, &asked);
                mark(&mut answer, "HIT");
                self.record_hit(&leaving, zone, &answer);
                answer
            }
            Lookup::Expired(stored, age) => self.renew(leaving, key, &stored, age).await,
            Lookup::Miss => {
                let whole = leaving.request.method() == Method::GET;
                let options = leaving.options;
                let answer = self
                    .reach(leaving.request, leaving.from, leaving.asker)
                    .await;
                self.fill(answer, &asked, whole, &options, key, "MISS")
            }
        }
    }

    /// Asks the destination whether what is stored still holds. Where it does, or where the destination fails and the
    /// answer may outlive that, what is stored is served; else what came is.
    async fn renew(
        &self,
        leaving: Leaving<'_>,
        key: String,
        stored: &Stored,
        age: Duration,
    ) -> Response<Body> {
        let Leaving {
            mut request,
            from,
            options,
            asker,
            ..
        } = leaving;
        let asked = request.headers().clone();
        let whole = request.method() == Method::GET;
        let asks_again = cache::ask_again(stored, request.headers_mut());
        let answer = self.reach(request, from, asker).await;
        if asks_again && answer.status() == StatusCode::NOT_MODIFIED {
            return self.renewed(stored, &answer, &asked, &options, key);
        }
        let patience = stored.lifetime + cache::stale_if_error(&stored.headers);
        if answer.status().is_server_error() && age < patience {
            let mut stale = cache::serve(stored, age, &asked);
            mark(&mut stale, "STALE");
            return stale;
        }
        self.fill(answer, &asked, whole, &options, key, "EXPIRED")
    }

    /// What is stored, with the newer headers of an origin that says it still holds.
    fn renewed(
        &self,
        stored: &Stored,
        news: &Response<Body>,
        asked: &HeaderMap,
        options: &CacheOptions,
        key: String,
    ) -> Response<Body> {
        let mut stored = stored.clone();
        for (name, value) in news.headers() {
            if name != CONTENT_LENGTH {
                stored.headers.insert(name, value.clone());
            }
        }
        let mut answer = cache::serve(&stored, Duration::ZERO, asked);
        mark(&mut answer, "REVALIDATED");
        if let Some(lifetime) = cache::lifetime(asked, stored.status, &stored.headers, options) {
            self.cache.store(key, Stored { lifetime, ..stored });
        }
        answer
    }

    /// Stores what may be stored of an answer while it passes.
    fn fill(
        &self,
        mut answer: Response<Body>,
        asked: &HeaderMap,
        whole: bool,
        options: &CacheOptions,
        key: String,
        state: &'static str,
    ) -> Response<Body> {
        let made_here = pages::is_own(answer.headers());
        let lifetime = cache::lifetime(asked, answer.status(), answer.headers(), options)
            .filter(|_| !made_here);
        // A part, or word that nothing has changed, is what the visitor asked for and not kept.
        let partly = matches!(
            answer.status(),
            StatusCode::PARTIAL_CONTENT | StatusCode::NOT_MODIFIED
        );
        let is_kept = lifetime.is_some() || partly;
        mark(&mut answer, if is_kept { state } else { "BYPASS" });
        match lifetime.filter(|_| whole) {
            Some(lifetime) => {
                let stored = Stored::of(&answer, asked, lifetime);
                answer.map(|body| cache::recorded(body, self.cache.clone(), key, stored))
            }
            None => answer,
        }
    }

    async fn reach(&self, request: Request<Body>, from: Party, asker: &Asker) -> Response<Body> {
        match self.internet.send(request, from).await {
            Ok(answer) => answer,
            Err(unreachable) => pages::error(ErrorCode::Unreachable(unreachable), asker),
        }
    }

    /// A worker's hop that ends in the cache; a visitor's own request is recorded where it arrived.
    fn record_hit(&self, leaving: &Leaving<'_>, zone: &str, answer: &Response<Body>) {
        if leaving.from != Party::Worker {
            return;
        }
        let head = RequestHead::of(&leaving.request);
        let hop = self.trace.begin(leaving.from, Party::Edge, head);
        hop.decided(format!("HIT in the cache of {zone}"));
        hop.answered(edgeproof_ground::trace::ResponseHead::of(answer));
    }
}

fn mark(answer: &mut Response<Body>, state: &'static str) {
    if !pages::is_own(answer.headers()) {
        answer
            .headers_mut()
            .insert(cache::CF_CACHE_STATUS, HeaderValue::from_static(state));
    }
}
