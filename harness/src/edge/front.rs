//! The way of a visitor's request through the edge: refused, or rewritten, routed, answered.

use std::{
    collections::{BTreeMap, HashMap},
    net::{IpAddr, SocketAddr},
};

use http::{
    HeaderMap, HeaderValue, Request, Response, StatusCode, Uri,
    header::{ACCEPT_ENCODING, HOST},
    uri::{Authority, Scheme as UriScheme},
};
use hyper::body::Incoming;

use super::{
    connection::Facts,
    headers::{self, Told},
    limits, pages,
    pages::ErrorCode,
    ray::Ray,
    request_cf::{self, Location},
    routes::{RouteTable, Scheme, Target},
    under_way,
    workers::{self, Workers},
    zones::{Resolution, Zones},
};
use crate::{
    body::{self, Body},
    internet::{Internet, Visit},
    trace::{Counted, Hop, Party, RequestHead, ResponseHead, Trace, counted},
};

/// Everything a request needs on its way.
pub(super) struct Front {
    pub(super) zones: Zones,
    pub(super) routes: RouteTable,
    pub(super) workers: BTreeMap<String, SocketAddr>,
    pub(super) runtime: Workers,
    pub(super) internet: Internet,
    pub(super) visitors: HashMap<IpAddr, Location>,
    pub(super) colo: String,
    pub(super) trace: Trace,
}

/// A visitor's request, read and not yet changed.
struct Arrival<'a> {
    facts: &'a Facts,
    ray: Ray,
    hop: Hop,
    host: String,
    request: Request<Body>,
}

impl Front {
    /// Answers one request; whatever goes wrong is an answer too.
    pub(super) async fn answer(&self, facts: &Facts, request: Request<Incoming>) -> Response<Body> {
        let ray = Ray::new(&self.colo);
        let mut request = request.map(body::stream);
        let host = make_absolute(&mut request, facts.scheme);
        headers::join_cookies(request.headers_mut());
        let hop = self
            .trace
            .begin(Party::Visitor, Party::Edge, head(&request));
        hop.belongs_to(ray.as_str());
        let arriving = hop.clone();
        let request = request.map(|body| counted(body, arriving, Counted::Request));
        let direct = host
            .as_deref()
            .is_some_and(|host| matches!(self.zones.resolve(host), Resolution::DnsOnly(_)));
        let arrival = Arrival {
            facts,
            ray: ray.clone(),
            hop: hop.clone(),
            host: host.unwrap_or_default(),
            request,
        };
        let mut answer = if direct {
            self.pass_by(arrival).await
        } else {
            let mut answer = self.serve(arrival).await;
            headers::rewrite_answer(answer.headers_mut(), &ray);
            answer
        };
        headers::remove_hop_by_hop(answer.headers_mut());
        answered(&hop, &answer);
        answer.map(|body| counted(body, hop, Counted::Response))
    }

    /// A DNS-only name: the edge is not on the way, this socket is only the wire to the origin.
    async fn pass_by(&self, arrival: Arrival<'_>) -> Response<Body> {
        arrival.hop.decided(format!(
            "{} is DNS-only: straight to the origin",
            arrival.host
        ));
        match self.internet.send(arrival.request, Party::Visitor).await {
            Ok(answer) => answer,
            // A visitor who reaches no origin gets no page from it; the nearest that HTTP has is a bad gateway.
            Err(_) => {
                let mut answer = Response::new(body::empty());
                *answer.status_mut() = StatusCode::BAD_GATEWAY;
                answer
            }
        }
    }

    async fn serve(&self, mut arrival: Arrival<'_>) -> Response<Body> {
        if let Some(refused) = self.refuse(&arrival) {
            return refused;
        }
        let asked = arrival.request.headers().clone();
        let unknown = Location::default();
        let location = self.visitors.get(&arrival.facts.ip).unwrap_or(&unknown);
        headers::rewrite_for_worker(
            arrival.request.headers_mut(),
            Told {
                ip: arrival.facts.ip,
                country: location.country.as_deref().unwrap_or("XX"),
                scheme: arrival.facts.scheme,
                ray: &arrival.ray,
            },
        );
        let target = Target {
            scheme: arrival.facts.scheme,
            host: &arrival.host,
            path_and_query: arrival
                .request
                .uri()
                .path_and_query()
                .map_or("/", |path| path.as_str()),
        };
        let route = self.routes.choose(target);
        match route.map(|route| (&route.pattern, route.worker.as_deref())) {
            Some((pattern, Some(worker))) => {
                let decision = format!("route {pattern} runs {worker}");
                arrival.hop.decided(&decision);
                let cf = request_cf::blob(&request_cf::request_cf(
                    location,
                    &arrival.facts.protocol,
                    &self.colo,
                    asked.get(ACCEPT_ENCODING),
                ));
                self.run(worker, &decision, arrival, cf, &asked).await
            }
            Some((pattern, None)) => {
                arrival.hop.decided(format!(
                    "route {pattern} has no worker: straight to the origin"
                ));
                self.to_origin(arrival, &asked).await
            }
            None => {
                arrival
                    .hop
                    .decided("no route matches: straight to the origin");
                self.to_origin(arrival, &asked).await
            }
        }
    }

    /// The answer to a request that the edge does not take in.
    fn refuse(&self, arrival: &Arrival<'_>) -> Option<Response<Body>> {
        let headers = arrival.request.headers();
        let bytes = limits::header_bytes(headers);
        if bytes > limits::REQUEST_HEADER_BYTES {
            arrival.hop.decided(format!(
                "{bytes} bytes of request headers, the limit is {}",
                limits::REQUEST_HEADER_BYTES
            ));
            return Some(pages::refusal(StatusCode::PAYLOAD_TOO_LARGE));
        }
        if arrival.host.is_empty() {
            arrival.hop.decided("the request names no host");
            return Some(pages::refusal(StatusCode::BAD_REQUEST));
        }
        if let Some(prohibited) = headers::prohibited(headers) {
            arrival.hop.decided(format!("error 1000: {prohibited}"));
            return Some(pages::error(
                ErrorCode::Prohibited,
                headers,
                Some(&arrival.ray),
            ));
        }
        if self.zones.resolve(&arrival.host) == Resolution::Unknown {
            arrival
                .hop
                .decided(format!("error 1001: {} is in no zone", arrival.host));
            return Some(pages::error(
                ErrorCode::UnknownHost,
                headers,
                Some(&arrival.ray),
            ));
        }
        None
    }

    async fn run(
        &self,
        worker: &str,
        decision: &str,
        arrival: Arrival<'_>,
        cf: HeaderValue,
        asked: &HeaderMap,
    ) -> Response<Body> {
        let hop = self
            .trace
            .begin(Party::Edge, Party::Worker, head(&arrival.request));
        hop.decided(decision);
        let visit = self.internet.visits().enter(Visit {
            ray: arrival.ray.as_str().to_owned(),
            worker: worker.to_owned(),
        });
        let leaving = hop.clone();
        let request = arrival
            .request
            .map(|body| counted(body, leaving, Counted::Request));
        let Some(&address) = self.workers.get(worker) else {
            hop.decided(format!("{decision}, which is not deployed: error 1101"));
            return pages::error(ErrorCode::WorkerThrew, asked, Some(&arrival.ray));
        };
        match self
            .runtime
            .ask(address, request, arrival.facts.scheme, cf)
            .await
        {
            Ok(answer) if workers::is_exception(answer.status(), answer.headers()) => {
                answered(&hop, &answer);
                hop.decided(format!("{decision}, which threw: error 1101"));
                pages::error(ErrorCode::WorkerThrew, asked, Some(&arrival.ray))
            }
            Ok(answer) => {
                answered(&hop, &answer);
                answer.map(|body| {
                    // The worker is at work until its answer has ended.
                    let body = under_way::until_end(body::stream(body), visit);
                    counted(body, hop, Counted::Response)
                })
            }
            Err(error) => {
                hop.decided(format!("{decision}; {error}: error 1101"));
                pages::error(ErrorCode::WorkerThrew, asked, Some(&arrival.ray))
            }
        }
    }

    async fn to_origin(&self, mut arrival: Arrival<'_>, asked: &HeaderMap) -> Response<Body> {
        headers::rewrite_for_origin(arrival.request.headers_mut(), arrival.facts.ip);
        match self.internet.send(arrival.request, Party::Edge).await {
            Ok(answer) => answer,
            Err(unreachable) => pages::error(
                ErrorCode::Unreachable(unreachable),
                asked,
                Some(&arrival.ray),
            ),
        }
    }
}

/// Makes the URI absolute and `Host` present, so that both versions of HTTP look the same; gives the host in lower
/// case, without a port.
fn make_absolute(request: &mut Request<Body>, scheme: Scheme) -> Option<String> {
    let authority = match request.uri().authority() {
        Some(authority) => authority.clone(),
        None => Authority::try_from(request.headers().get(HOST)?.as_bytes()).ok()?,
    };
    // An absolute target wins over `Host` (RFC 9112 §3.2.2).
    let value = HeaderValue::from_str(authority.as_str()).ok()?;
    request.headers_mut().insert(HOST, value);
    let mut parts = request.uri().clone().into_parts();
    parts.scheme = Some(match scheme {
        Scheme::Http => UriScheme::HTTP,
        Scheme::Https => UriScheme::HTTPS,
    });
    let host = authority.host().to_ascii_lowercase();
    parts.authority = Some(authority);
    parts
        .path_and_query
        .get_or_insert(http::uri::PathAndQuery::from_static("/"));
    *request.uri_mut() = Uri::from_parts(parts).ok()?;
    Some(host)
}

fn head(request: &Request<Body>) -> RequestHead {
    RequestHead {
        method: request.method().clone(),
        url: request.uri().to_string(),
        headers: request.headers().clone(),
        body_bytes: 0,
    }
}

fn answered<B>(hop: &Hop, answer: &Response<B>) {
    hop.answered(ResponseHead {
        status: answer.status(),
        headers: answer.headers().clone(),
        body_bytes: 0,
    });
}
