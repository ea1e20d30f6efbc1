//! What the edge does with a worker's subrequest: whose it is, how far it may go, and which headers it carries.
//!
//! Source: Cloudflare's documentation, Workers › Runtime APIs › Fetch, Workers › Observability › Errors (1019) and
//! Fundamentals › HTTP headers.

use std::sync::Arc;

use edgeproof_ground::{
    body::{self, Body},
    trace::{PackedRequest, Party},
};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};

use super::{
    cache::{self, CacheOptions},
    front::Front,
    headers::{self, Subrequest, Toward},
    invocations::Invocation,
    origin_side::OutgoingRequest,
    pages::{self, ErrorCode, ErrorPageReader},
    ray::Ray,
    zones::{self, Resolution},
};

/// The connection is closed without a response: a worker's `fetch()` rejects, a visitor sees what a server that is not there
/// looks like.
#[derive(Debug, thiserror::Error)]
#[error("the request gets no response")]
pub(super) struct Dropped;

impl Front {
    /// Answers a subrequest; `options` are what the worker's `cf` option says of the cache.
    pub(super) async fn subrequest(
        &self,
        worker: &str,
        mut request: Request<Body>,
        options: CacheOptions,
    ) -> Result<Response<Body>, Dropped> {
        let ray = request.headers().get(headers::CF_RAY);
        let ray = ray.and_then(|ray| ray.to_str().ok());
        let workers_left = headers::workers_left(request.headers());
        let visit = self
            .invoker
            .invocations
            .of_subrequest(worker, ray, workers_left);
        if let Some(visit) = &visit {
            request
                .headers_mut()
                .insert(headers::CF_RAY, Ray::from(visit.ray.clone()).header());
            self.count(visit, &request)?;
        }
        let waiting = visit
            .as_ref()
            .map(|visit| Arc::clone(&visit.subrequests.waiting));
        // The semaphore is never closed; without a visit there is nothing to count against.
        let _permit = match &waiting {
            Some(waiting) => waiting.acquire().await.ok(),
            None => None,
        };
        Ok(self
            .send_out(worker, visit.as_ref(), request, options)
            .await)
    }

    /// Answers an operation of the Cache API.
    pub(super) async fn cache_operation(
        &self,
        worker: &str,
        request: Request<Body>,
    ) -> Response<Body> {
        let is_purge = cache::is_purge(&request);
        let invocations = &self.invoker.invocations;
        let visit = match is_purge {
            true => None,
            false => invocations.of_subrequest(worker, None, headers::MOST_WORKERS),
        };
        let mut head = PackedRequest::from(&request);
        if let Some(visit) = &visit {
            head = head.of_ray(&visit.ray);
        }
        let hop = self.trace.begin(Party::Worker, Party::Edge, head);
        if is_purge {
            let (response, done) = self.purge(worker, request).await;
            hop.decided(done);
            hop.answered(&response);
            return response;
        }
        let zone = visit
            .map(|visit| visit.zone)
            .or_else(|| invocations.zone_of(worker));
        let zone = zone.unwrap_or_default();
        let (response, done) = cache::operate(&self.origin_side.cache, &zone, request).await;
        hop.decided(done);
        hop.answered(&response);
        response
    }

    /// `ctx.cache.purge()`: what a worker wants to have removed from the cache in front of it.
    async fn purge(&self, worker: &str, request: Request<Body>) -> (Response<Body>, String) {
        let wanted = cache::put_content(request).await;
        let (status, done) = match wanted.map(|content| serde_json::from_slice(&content)) {
            Some(Ok(purge)) => {
                let removed = self.workers_cache.purge(worker, &purge);
                let done = format!("purged {removed} responses of the cache in front of {worker}");
                (StatusCode::NO_CONTENT, done)
            }
            _ => (
                StatusCode::BAD_REQUEST,
                "a purge that cannot be read".to_owned(),
            ),
        };
        let mut response = Response::new(body::empty());
        *response.status_mut() = status;
        (response, done)
    }

    async fn send_out(
        &self,
        worker: &str,
        visit: Option<&Invocation>,
        mut request: Request<Body>,
        options: CacheOptions,
    ) -> Response<Body> {
        let host = zones::name(request.uri().host().unwrap_or_default());
        let zone = visit
            .map(|visit| visit.zone.clone())
            .or_else(|| self.invoker.invocations.zone_of(worker));
        let zone = zone.as_deref();
        let resolution = self.zones.resolve(&host);
        let toward = match resolution {
            Resolution::Proxied(target) if Some(target.name.as_str()) == zone => Toward::SameZone,
            Resolution::Proxied(_) => Toward::OtherZone,
            Resolution::DnsOnly(_) | Resolution::Unknown => Toward::Elsewhere,
        };
        headers::rewrite_subrequest(
            request.headers_mut(),
            Subrequest {
                toward,
                zone,
                ip: visit.map(|visit| visit.ip),
                workers_left: visit.map_or(headers::MOST_WORKERS, |visit| visit.workers_left),
            },
        );
        let reader = reader(request.headers());
        if let Some(settings) = zone.and_then(|zone| self.settings_of(zone)) {
            request.extensions_mut().insert(settings.origin_limits());
        }
        match resolution {
            Resolution::Proxied(target)
                if zone.is_some_and(is_workers_dev)
                    && is_workers_dev(&target.name)
                    && target.custom_domains.contains_key(&host) =>
            {
                let hop = self.trace.begin(Party::Worker, Party::Edge, &request);
                hop.decided(format!("{host} is a worker of the same zone: error 1042"));
                let response = pages::error(ErrorCode::SameZoneWorker, &reader);
                hop.answered(&response);
                response
            }
            Resolution::Proxied(target) if toward == Toward::OtherZone => {
                self.enter(target, request, reader).await
            }
            // A worker never runs for its own zone's routes, but a custom domain is an origin like any other.
            Resolution::Proxied(target) if target.custom_domains.contains_key(&host) => {
                self.run_custom_domain(target, &host, request, reader).await
            }
            _ => {
                let outgoing = OutgoingRequest {
                    request,
                    from: Party::Worker,
                    zone,
                    options,
                    reader: &reader,
                };
                self.origin_side.fetch(outgoing).await
            }
        }
    }

    /// Over the limit a `fetch()` rejects: nothing is answered.
    fn count(&self, visit: &Invocation, request: &Request<Body>) -> Result<(), Dropped> {
        let made = visit.subrequests.add();
        let most = self.settings_of(&visit.zone).map(|zone| zone.subrequests);
        if most.is_none_or(|most| made <= most) {
            return Ok(());
        }
        let hop = self.trace.begin(Party::Worker, Party::Edge, request);
        hop.decided(format!(
            "too many subrequests: this is number {made} of the invocation"
        ));
        Err(Dropped)
    }
}

/// Whether a zone is of `workers.dev`, where the workers of all accounts are one zone (error 1042).
fn is_workers_dev(zone: &str) -> bool {
    zone == "workers.dev" || zone.ends_with(".workers.dev")
}

fn reader(headers: &HeaderMap) -> ErrorPageReader {
    let ray = headers.get(headers::CF_RAY).map(HeaderValue::to_str);
    ErrorPageReader {
        accept: headers.get(http::header::ACCEPT).cloned(),
        ray: match ray {
            Some(Ok(ray)) => Some(Ray::from(ray.to_owned())),
            _ => None,
        },
    }
}
