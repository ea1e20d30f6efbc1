//! The edge's side towards origins: the cache, and the pages for what cannot be reached.

use std::time::{Duration, Instant};

use edgeproof_ground::{
    body::Body,
    trace::{Party, Trace},
};
use edgeproof_internet::Internet;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header::CONTENT_LENGTH};

use super::{
    cache::{self, Cache, CacheOptions, Lookup, Stored},
    pages::{self, ErrorCode, ErrorPageReader},
};

/// Where requests leave the edge.
pub(super) struct OriginSide {
    pub(super) internet: Internet,
    pub(super) cache: Cache,
    pub(super) trace: Trace,
}

/// A request that leaves the edge.
pub(super) struct OutgoingRequest<'a> {
    /// With an absolute URI.
    pub(super) request: Request<Body>,
    /// Who asks: the edge for a visitor, or a worker.
    pub(super) from: Party,
    /// Whose cache is asked: the zone's name; none where the worker belongs to no zone.
    pub(super) zone: Option<&'a str>,
    pub(super) options: CacheOptions,
    pub(super) reader: &'a ErrorPageReader,
}

impl OriginSide {
    /// Fetches a response: from the cache, from its destination, or a page in its place.
    pub(super) async fn fetch(&self, outgoing: OutgoingRequest<'_>) -> Response<Body> {
        let (method, path) = (outgoing.request.method(), outgoing.request.uri().path());
        let Some(zone) = outgoing
            .zone
            .filter(|_| cache::is_eligible(method, path, &outgoing.options))
        else {
            let mut response = self
                .reach(outgoing.request, outgoing.from, outgoing.reader)
                .await;
            mark(&mut response, "DYNAMIC");
            return response;
        };
        let key = cache::key(zone, outgoing.request.uri(), &outgoing.options);
        let asked = outgoing.request.headers().clone();
        match self.cache.look_up(&key, &asked, Instant::now()) {
            Lookup::Hit(stored, age) => {
                let mut response = cache::serve(&stored, age, &asked);
                mark(&mut response, "HIT");
                self.record_hit(&outgoing, zone, &response);
                response
            }
            Lookup::Expired(stored, age) => self.renew(outgoing, key, &stored, age).await,
            Lookup::Miss => {
                let whole = outgoing.request.method() == Method::GET;
                let options = outgoing.options;
                let response = self
                    .reach(outgoing.request, outgoing.from, outgoing.reader)
                    .await;
                self.fill(response, &asked, whole, &options, key, "MISS")
            }
        }
    }

    /// Asks the destination whether what is stored still holds. Where it does, or where the destination fails and the
    /// answer may outlive that, what is stored is served; else what came is.
    async fn renew(
        &self,
        outgoing: OutgoingRequest<'_>,
        key: String,
        stored: &Stored,
        age: Duration,
    ) -> Response<Body> {
        let OutgoingRequest {
            mut request,
            from,
            options,
            reader,
            ..
        } = outgoing;
        let asked = request.headers().clone();
        let whole = request.method() == Method::GET;
        let asks_again = cache::ask_again(stored, request.headers_mut());
        let response = self.reach(request, from, reader).await;
        if asks_again && response.status() == StatusCode::NOT_MODIFIED {
            return self.renewed(stored, &response, &asked, &options, key);
        }
        let patience = stored.lifetime + cache::stale_if_error(&stored.headers);
        if response.status().is_server_error() && age < patience {
            let mut stale = cache::serve(stored, age, &asked);
            mark(&mut stale, "STALE");
            return stale;
        }
        self.fill(response, &asked, whole, &options, key, "EXPIRED")
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
        let mut response = cache::serve(&stored, Duration::ZERO, asked);
        mark(&mut response, "REVALIDATED");
        if let Some(lifetime) = cache::lifetime(asked, stored.status, &stored.headers, options) {
            self.cache.store(key, Stored { lifetime, ..stored });
        }
        response
    }

    /// Stores what may be stored of a response while it passes.
    fn fill(
        &self,
        mut response: Response<Body>,
        asked: &HeaderMap,
        whole: bool,
        options: &CacheOptions,
        key: String,
        state: &'static str,
    ) -> Response<Body> {
        let made_here = pages::is_own(response.headers());
        let lifetime = cache::lifetime(asked, response.status(), response.headers(), options)
            .filter(|_| !made_here);
        // A part, or word that nothing has changed, is what the visitor asked for and not kept.
        let partly = matches!(
            response.status(),
            StatusCode::PARTIAL_CONTENT | StatusCode::NOT_MODIFIED
        );
        let is_kept = lifetime.is_some() || partly;
        mark(&mut response, if is_kept { state } else { "BYPASS" });
        match lifetime.filter(|_| whole) {
            Some(lifetime) => {
                let stored = Stored::of(&response, asked, lifetime);
                let cache = self.cache.clone();
                response.map(|body| {
                    let keep = move |body| cache.store(key, Stored { body, ..stored });
                    cache::recorded(body, keep)
                })
            }
            None => response,
        }
    }

    async fn reach(
        &self,
        request: Request<Body>,
        from: Party,
        reader: &ErrorPageReader,
    ) -> Response<Body> {
        match self.internet.send(request, from).await {
            Ok(response) => response,
            Err(unreachable) => pages::error(ErrorCode::Unreachable(unreachable), reader),
        }
    }

    /// A worker's hop that ends in the cache; a visitor's own request is recorded where it arrived.
    fn record_hit(&self, outgoing: &OutgoingRequest<'_>, zone: &str, response: &Response<Body>) {
        if outgoing.from != Party::Worker {
            return;
        }
        let request = &outgoing.request;
        let hop = self.trace.begin(outgoing.from, Party::Edge, request);
        hop.decided(format!("HIT in the cache of {zone}"));
        hop.answered(response);
    }
}

fn mark(response: &mut Response<Body>, state: &'static str) {
    if !pages::is_own(response.headers()) {
        response
            .headers_mut()
            .insert(cache::CF_CACHE_STATUS, HeaderValue::from_static(state));
    }
}
