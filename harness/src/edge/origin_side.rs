//! The edge's side towards origins: the cache, the limit on answers, and the pages for what cannot be reached.

use std::time::Instant;

use http::{HeaderValue, Method, Request, Response};

use super::{
    cache::{self, Cache, CacheOptions, Lookup, Stored},
    limits,
    pages::{self, Asker, ErrorCode},
};
use crate::{
    body::Body,
    internet::Internet,
    trace::{Party, RequestHead, Trace},
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
        let request = &leaving.request;
        let (method, headers) = (request.method(), request.headers());
        let Some(zone) = leaving.zone.filter(|_| {
            cache::is_eligible(method, request.uri().path(), headers, &leaving.options)
        }) else {
            let mut answer = self
                .reach(leaving.request, leaving.from, leaving.asker)
                .await;
            mark(&mut answer, "DYNAMIC");
            return answer;
        };
        let key = cache::key(zone, request.uri(), &leaving.options);
        let state = match self.cache.look_up(&key, Instant::now()) {
            Lookup::Hit(stored, age) => {
                let mut answer = stored.answer(age);
                mark(&mut answer, "HIT");
                self.record_hit(&leaving, zone, &answer);
                return answer;
            }
            Lookup::Expired => "EXPIRED",
            Lookup::Miss => "MISS",
        };
        self.fill(leaving, key, state).await
    }

    /// Asks the destination and stores what may be stored.
    async fn fill(&self, leaving: Leaving<'_>, key: String, state: &'static str) -> Response<Body> {
        let asked = leaving.request.headers().clone();
        let whole = leaving.request.method() == Method::GET;
        let mut answer = self
            .reach(leaving.request, leaving.from, leaving.asker)
            .await;
        let made_here = pages::is_own(answer.headers());
        let lifetime = cache::lifetime(&asked, answer.status(), answer.headers(), &leaving.options)
            .filter(|_| !made_here);
        mark(
            &mut answer,
            if lifetime.is_some() { state } else { "BYPASS" },
        );
        match lifetime.filter(|_| whole) {
            Some(lifetime) => {
                let stored = Stored {
                    status: answer.status(),
                    headers: answer.headers().clone(),
                    body: bytes::Bytes::new(),
                    lifetime,
                };
                answer.map(|body| cache::recorded(body, self.cache.clone(), key, stored))
            }
            None => answer,
        }
    }

    async fn reach(&self, request: Request<Body>, from: Party, asker: &Asker) -> Response<Body> {
        match self.internet.send(request, from).await {
            Ok(answer) if limits::header_bytes(answer.headers()) > limits::ANSWER_HEADER_BYTES => {
                pages::error(ErrorCode::BadAnswer, asker)
            }
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
        hop.answered(crate::trace::ResponseHead::of(answer));
    }
}

fn mark(answer: &mut Response<Body>, state: &'static str) {
    if !pages::is_own(answer.headers()) {
        answer
            .headers_mut()
            .insert(cache::CF_CACHE_STATUS, HeaderValue::from_static(state));
    }
}
