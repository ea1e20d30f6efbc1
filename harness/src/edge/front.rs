//! The front door: takes requests in, from visitors and from workers of other zones, or refuses them.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use http::{
    HeaderValue, Request, Response, StatusCode, Uri, Version,
    header::{ACCEPT, CONTENT_LENGTH, EXPECT, HOST, UPGRADE},
    uri::{Authority, PathAndQuery, Scheme as UriScheme},
};
use http_body::Body as _;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::timeout;

use super::{
    body_limit,
    connection::Facts,
    headers, limits, normalise,
    origin_side::{Leaving, OriginSide},
    pages::{self, Asker, ErrorCode},
    quota::Quota,
    ray::Ray,
    request_cf::{Location, Protocol},
    routes::{RouteTable, Scheme},
    settings::Settings,
    tunnel::Tunnels,
    visits::{Subrequests, Visit, Visits},
    workers::{WorkerEndpoint, Workers},
    zones::{Resolution, Zone, Zones},
};
use crate::{
    body::{self, Body},
    internet::Internet,
    trace::{Counted, Hop, Party, RequestHead, ResponseHead, Trace, counted},
};

/// How long the body of a refused request is read on; nginx's own default for a lingering close.
const LINGER: Duration = Duration::from_secs(5);

/// Everything a request needs on its way.
pub(super) struct Front {
    pub(super) zones: Zones,
    pub(super) zones_described: Vec<Zone>,
    pub(super) deployed: RwLock<Arc<Deployed>>,
    pub(super) runtime: Workers,
    pub(super) origin_side: OriginSide,
    pub(super) visitors: HashMap<IpAddr, Location>,
    pub(super) colo: String,
    pub(super) head_timeout: Duration,
    pub(super) quota: Quota,
    pub(super) tunnels: Tunnels,
    /// The visitor requests that are in a worker right now.
    pub(super) visits: Visits,
    pub(super) trace: Trace,
}

/// What is deployed; nothing at first. A request sees one of these from its start to its end.
#[derive(Default)]
pub(super) struct Deployed {
    pub(super) routes: RouteTable,
    /// Where the runtime serves each worker.
    pub(super) workers: BTreeMap<String, WorkerEndpoint>,
}

/// A request that was taken in.
pub(super) struct Arrival<'a> {
    pub(super) zone: &'a Zone,
    /// Lower case, without a port.
    pub(super) host: &'a str,
    pub(super) scheme: Scheme,
    pub(super) protocol: Protocol,
    /// Who asks, as the headers will say it.
    pub(super) ip: IpAddr,
    pub(super) ray: Ray,
    pub(super) hop: Hop,
    pub(super) asker: Asker,
    /// How many workers may still run for it.
    pub(super) workers_left: u8,
    /// With an absolute URI, as it came.
    pub(super) request: Request<Body>,
}

impl Front {
    /// What is deployed now.
    pub(super) fn deployed(&self) -> Arc<Deployed> {
        Arc::clone(&self.deployed.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on this is deployed.
    pub(super) fn deploy(&self, deployed: Deployed) {
        *self
            .deployed
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Arc::new(deployed);
    }

    /// Answers one request of a visitor; whatever goes wrong is an answer too.
    pub(super) async fn answer(
        &self,
        facts: &Facts,
        mut request: Request<Incoming>,
    ) -> Response<Body> {
        let upgrade = hyper::upgrade::on(&mut request);
        if request.version() == Version::HTTP_10 {
            // HTTP/1.0 has no other protocol to change to (RFC 9110 §7.8).
            request.headers_mut().remove(UPGRADE);
        }
        let mut request = request.map(body::stream);
        let ray = Ray::new(&self.colo);
        let host = make_absolute(&mut request, facts.scheme);
        headers::join_cookies(request.headers_mut());
        let mut answer = match host.as_deref().map(|host| (host, self.zones.resolve(host))) {
            Some((host, Resolution::DnsOnly(_))) => self.pass_by(host, request).await,
            resolved => self.receive(facts, ray, resolved, request).await,
        };
        self.tunnels.join(upgrade, &mut answer);
        answer
    }

    /// A DNS-only name: the edge is not on the way, this socket is only the wire to the origin.
    async fn pass_by(&self, host: &str, request: Request<Body>) -> Response<Body> {
        match self.internet().send(request, Party::Visitor).await {
            Ok(mut answer) => {
                headers::remove_hop_by_hop(answer.headers_mut());
                answer
            }
            // A visitor who reaches no origin gets no page from it; the nearest that HTTP has is a bad gateway.
            Err(unreachable) => {
                let mut answer = Response::new(body::full(format!("{host}: {unreachable}\n")));
                *answer.status_mut() = StatusCode::BAD_GATEWAY;
                answer
            }
        }
    }

    async fn receive(
        &self,
        facts: &Facts,
        ray: Ray,
        resolved: Option<(&str, Resolution<'_>)>,
        request: Request<Body>,
    ) -> Response<Body> {
        let hop = self
            .trace
            .begin(Party::Visitor, Party::Edge, RequestHead::of(&request));
        hop.belongs_to(ray.as_str());
        let asker = Asker {
            accept: request.headers().get(ACCEPT).cloned(),
            ray: Some(ray.clone()),
        };
        let mut answer = match refusal(resolved, &request) {
            Ok((host, zone)) => {
                let mut arrival = Arrival {
                    zone,
                    host,
                    scheme: facts.scheme,
                    protocol: facts.protocol.clone(),
                    ip: facts.ip,
                    ray: ray.clone(),
                    hop: hop.clone(),
                    asker,
                    workers_left: headers::MOST_WORKERS,
                    request,
                };
                headers::remove_forged(arrival.request.headers_mut());
                self.take_in(arrival).await
            }
            Err(refusal) => {
                hop.decided(refusal.to_string());
                linger(request);
                refusal.answer(&asker)
            }
        };
        headers::rewrite_answer(answer.headers_mut(), &ray);
        hop.answered(ResponseHead::of(&answer));
        answer.map(|body| counted(body, hop, Counted::Response))
    }

    /// Serves a request within the size that the zone's plan allows for its body.
    async fn take_in(&self, arrival: Arrival<'_>) -> Response<Body> {
        let (zone, hop) = (arrival.zone, arrival.hop.clone());
        let limit = zone.settings.plan.body_bytes();
        let (parts, body) = arrival.request.into_parts();
        let (body, exceeded) = body_limit::limited(body, limit);
        let request = Request::from_parts(parts, counted(body, hop.clone(), Counted::Request));
        let answer = self.serve(Arrival { request, ..arrival }).await;
        if exceeded.happened() {
            let refusal = Refusal::BodyTooLarge(limit);
            hop.decided(refusal.to_string());
            return refusal.answer(&Asker::default());
        }
        answer
    }

    /// Answers a subrequest that a worker of another zone sends to `zone`.
    pub(super) async fn enter(
        &self,
        zone: &Zone,
        request: Request<Body>,
        asker: Asker,
    ) -> Response<Body> {
        let host = request
            .uri()
            .host()
            .unwrap_or_default()
            .to_ascii_lowercase();
        let hop = self
            .trace
            .begin(Party::Worker, Party::Edge, RequestHead::of(&request));
        let ray = asker.ray.clone().unwrap_or_else(|| Ray::new(&self.colo));
        let arrival = Arrival {
            zone,
            host: &host,
            scheme: scheme_of(request.uri()),
            protocol: Protocol::between_zones(),
            ip: headers::OTHER_ZONE_IP,
            ray: ray.clone(),
            hop: hop.clone(),
            asker,
            workers_left: headers::workers_left(request.headers()),
            request,
        };
        let mut answer = self.take_in(arrival).await;
        headers::rewrite_answer(answer.headers_mut(), &ray);
        hop.answered(ResponseHead::of(&answer));
        answer.map(|body| counted(body, hop, Counted::Response))
    }

    /// Sends a request that no worker takes to the origin.
    pub(super) async fn to_origin(&self, mut arrival: Arrival<'_>) -> Response<Body> {
        headers::rewrite_for_origin(arrival.request.headers_mut(), arrival.ip);
        let normalization = arrival.zone.settings.normalization;
        if normalization.incoming && normalization.to_origin {
            normalise_uri(&mut arrival.request, normalization);
        }
        let limit = arrival.zone.settings.origin_limits();
        arrival.request.extensions_mut().insert(limit);
        let leaving = Leaving {
            request: arrival.request,
            from: Party::Edge,
            zone: Some(&arrival.zone.name),
            options: super::cache::CacheOptions::default(),
            asker: &arrival.asker,
        };
        self.origin_side.fetch(leaving).await
    }

    pub(super) fn internet(&self) -> &Internet {
        &self.origin_side.internet
    }

    /// The settings of the zone of this name.
    pub(super) fn settings_of(&self, zone: &str) -> Option<&Settings> {
        let mut zones = self.zones.all().iter();
        zones
            .find(|candidate| candidate.name == zone)
            .map(|zone| &zone.settings)
    }
}

/// Why a request is not taken in.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("the request names no host, or several")]
    NoHost,
    #[error("{0} bytes of request headers, the limit is {max}", max = limits::REQUEST_HEADER_BYTES)]
    HeadersTooLarge(usize),
    #[error("a URL of {0} bytes, the limit is {1}")]
    UrlTooLong(usize, usize),
    #[error("the path has a `%` without two hexadecimal digits")]
    BadEscape,
    #[error("error 1000: {0}")]
    Prohibited(headers::Prohibited),
    #[error("error 1001: the host is in no zone")]
    UnknownHost,
    #[error("a body of more than {0} bytes, which is the limit of the zone's plan")]
    BodyTooLarge(u64),
}

impl Refusal {
    fn answer(&self, asker: &Asker) -> Response<Body> {
        match self {
            Self::NoHost | Self::BadEscape => pages::refusal(StatusCode::BAD_REQUEST),
            Self::HeadersTooLarge(_) => pages::headers_too_large(),
            Self::BodyTooLarge(_) => pages::refusal(StatusCode::PAYLOAD_TOO_LARGE),
            Self::UrlTooLong(..) => pages::refusal(StatusCode::URI_TOO_LONG),
            Self::Prohibited(_) => pages::error(ErrorCode::Prohibited, asker),
            Self::UnknownHost => pages::error(ErrorCode::UnknownHost, asker),
        }
    }
}

/// Reads on for a while what comes of a refused request's body: a connection that is closed on bytes nobody has read is
/// reset, and the visitor would not see why.
fn linger(request: Request<Body>) {
    // A visitor who waits to be told to go on sends nothing, and would be told by the reading.
    if request.headers().contains_key(EXPECT) || request.body().is_end_stream() {
        return;
    }
    let mut body = request.into_body();
    tokio::spawn(timeout(LINGER, async move {
        while let Some(Ok(_)) = body.frame().await {}
    }));
}

/// The host and the zone of a request, or why the edge does not take it in. Cheap and certain reasons come first.
fn refusal<'a>(
    resolved: Option<(&'a str, Resolution<'a>)>,
    request: &Request<Body>,
) -> Result<(&'a str, &'a Zone), Refusal> {
    let headers = request.headers();
    let bytes = limits::header_bytes(headers);
    if bytes > limits::REQUEST_HEADER_BYTES {
        return Err(Refusal::HeadersTooLarge(bytes));
    }
    let (host, resolution) = resolved.ok_or(Refusal::NoHost)?;
    if let Some(prohibited) = headers::prohibited(headers) {
        return Err(Refusal::Prohibited(prohibited));
    }
    let Resolution::Proxied(zone) = resolution else {
        return Err(Refusal::UnknownHost);
    };
    let target = request
        .uri()
        .path_and_query()
        .map_or("/", PathAndQuery::as_str);
    let longest = zone.settings.url_bytes;
    if target.len() > longest {
        return Err(Refusal::UrlTooLong(target.len(), longest));
    }
    if !normalise::is_well_escaped(target) {
        return Err(Refusal::BadEscape);
    }
    let limit = zone.settings.plan.body_bytes();
    let announced = headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|announced| announced > limit) {
        return Err(Refusal::BodyTooLarge(limit));
    }
    Ok((host, zone))
}

/// Makes the URI absolute and `Host` present, so that both versions of HTTP look the same; gives the host in lower
/// case, without a port.
fn make_absolute(request: &mut Request<Body>, scheme: Scheme) -> Option<String> {
    let authority = match request.uri().authority() {
        Some(authority) => authority.clone(),
        None => {
            let mut hosts = request.headers().get_all(HOST).iter();
            let host = hosts.next()?;
            // Two hosts are two opinions of who is asked (RFC 9112 §3.2).
            if hosts.next().is_some() {
                return None;
            }
            Authority::try_from(host.as_bytes()).ok()?
        }
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
        .get_or_insert(PathAndQuery::from_static("/"));
    *request.uri_mut() = Uri::from_parts(parts).ok()?;
    Some(host)
}

/// Replaces the path by its normalised form.
pub(super) fn normalise_uri(request: &mut Request<Body>, normalization: normalise::Normalization) {
    let raw = request
        .uri()
        .path_and_query()
        .map_or("/", PathAndQuery::as_str);
    let normalised = normalization.apply(raw);
    if normalised == raw {
        return;
    }
    let mut parts = request.uri().clone().into_parts();
    // What normalisation makes is ASCII without spaces, which a URI can always hold.
    parts.path_and_query = PathAndQuery::try_from(normalised).ok();
    if let Ok(uri) = Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
}

fn scheme_of(uri: &Uri) -> Scheme {
    if uri.scheme() == Some(&UriScheme::HTTP) {
        Scheme::Http
    } else {
        Scheme::Https
    }
}

impl Arrival<'_> {
    /// The visit to a worker that this request becomes.
    pub(super) fn visit(&self, worker: &str) -> Visit {
        Visit {
            ray: self.ray.as_str().to_owned(),
            worker: worker.to_owned(),
            zone: self.zone.name.clone(),
            ip: self.ip,
            workers_left: self.workers_left,
            subrequests: Subrequests::default(),
        }
    }
}
