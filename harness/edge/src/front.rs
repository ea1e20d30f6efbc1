//! The front door: takes requests in, from visitors and from workers of other zones, or refuses them.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use edgeproof_ground::{
    body::Body,
    header_limits as limits,
    hop_by_hop::{other_than_chunked, remove_hop_by_hop},
    pattern::Scheme,
    trace::{Counted, Hop, PackedRequest, Party, Trace, counted},
};
use edgeproof_internet::Internet;
use http::{
    HeaderValue, Method, Request, Response, StatusCode, Uri, Version,
    header::{ACCEPT, CONTENT_LENGTH, HOST, UPGRADE},
    uri::{Authority, PathAndQuery, Scheme as UriScheme},
};
use hyper::upgrade::OnUpgrade;

use super::{
    body_limit,
    connection::ConnectionInfo,
    content,
    egress::Dropped,
    endpoint::WorkerEndpoint,
    hang_up, headers,
    invocations::{Invocation, Subrequests},
    invoke::Invoker,
    normalise,
    origin_side::{OriginSide, OutgoingRequest},
    pages::{self, ErrorCode, ErrorPageReader},
    quota::Quota,
    ray::Ray,
    request_cf::{Location, Protocol},
    routes::RouteTable,
    settings::EdgeSettings,
    tunnel::Tunnels,
    worker_cache::WorkersCache,
    zones::{self, Resolution, Zone, Zones},
};

/// Everything a request needs on its way.
pub(super) struct Front {
    pub(super) zones: Zones,
    pub(super) zones_described: Vec<Zone>,
    pub(super) deployed: RwLock<Arc<DeployedWorkers>>,
    pub(super) invoker: Arc<Invoker>,
    pub(super) workers_cache: WorkersCache,
    pub(super) origin_side: OriginSide,
    pub(super) visitors: HashMap<IpAddr, Location>,
    pub(super) colo: String,
    pub(super) head_timeout: Duration,
    pub(super) quota: Quota,
    pub(super) tunnels: Tunnels,
    pub(super) trace: Trace,
}

/// What is deployed; nothing at first. A request sees one of these from its start to its end.
#[derive(Default)]
pub(super) struct DeployedWorkers {
    pub(super) routes: RouteTable,
    /// Where the runtime serves each worker.
    pub(super) workers: BTreeMap<String, WorkerEndpoint>,
}

/// A request that was taken in.
pub(super) struct Arrival<'a> {
    pub(super) zone: &'a Zone,
    /// Lower case, without a port and a dot at its end.
    pub(super) host: &'a str,
    pub(super) scheme: Scheme,
    pub(super) protocol: Protocol,
    /// Who asks, as the headers will say it.
    pub(super) ip: IpAddr,
    pub(super) ray: Ray,
    pub(super) hop: Hop,
    pub(super) reader: ErrorPageReader,
    /// How many workers may still run for it.
    pub(super) workers_left: u8,
    /// With an absolute URI, as it came.
    pub(super) request: Request<Body>,
}

impl Front {
    /// What is deployed now.
    pub(super) fn deployed(&self) -> Arc<DeployedWorkers> {
        Arc::clone(&self.deployed.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on this is deployed.
    pub(super) fn deploy(&self, deployed: DeployedWorkers) {
        *self
            .deployed
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Arc::new(deployed);
    }

    /// Responds to one request of a visitor, who may want to change the protocol. Whatever goes wrong is a response too, but on
    /// the way to a name that is not the edge's.
    pub(super) async fn response(
        &self,
        connection_info: &ConnectionInfo,
        mut request: Request<Body>,
        upgrade: Option<OnUpgrade>,
    ) -> Result<Response<Body>, Dropped> {
        if request.version() == Version::HTTP_10 {
            // HTTP/1.0 has no other protocol to change to (RFC 9110 §7.8).
            request.headers_mut().remove(UPGRADE);
        }
        let method = request.method().clone();
        let ray = Ray::new(&self.colo);
        let host = make_absolute(&mut request, connection_info.scheme);
        headers::join_cookies(request.headers_mut());
        let resolved = host.as_deref().map(|host| (host, self.zones.resolve(host)));
        let mut response = match resolved {
            Ok((_, Resolution::DnsOnly(_))) => self.pass_by(request).await?,
            Ok(resolved) => {
                self.receive(connection_info, ray, Ok(resolved), request)
                    .await
            }
            Err(malformed) => {
                self.receive(connection_info, ray, Err(*malformed), request)
                    .await
            }
        };
        if let Some(upgrade) = upgrade {
            self.tunnels.join(upgrade, &mut response);
        }
        Ok(content::without_what_must_not_be(&method, response))
    }

    /// A DNS-only name: the edge is not on the way, this socket is only the wire to the origin.
    async fn pass_by(&self, request: Request<Body>) -> Result<Response<Body>, Dropped> {
        let response = self.internet().send(request, Party::Visitor).await;
        // A visitor who reaches no origin gets no page; the trace says why.
        let mut response = response.map_err(|_| Dropped)?;
        remove_hop_by_hop(response.headers_mut());
        Ok(response)
    }

    async fn receive(
        &self,
        connection_info: &ConnectionInfo,
        ray: Ray,
        resolved: Result<(&str, Resolution<'_>), Malformed>,
        request: Request<Body>,
    ) -> Response<Body> {
        let head = PackedRequest::from(&request).of_ray(ray.as_str());
        let hop = self.trace.begin(Party::Visitor, Party::Edge, head);
        hop.comes_from(connection_info.ip);
        let reader = ErrorPageReader {
            accept: request.headers().get(ACCEPT).cloned(),
            ray: Some(ray.clone()),
        };
        let asks_for_head = request.method() == Method::HEAD;
        let waiting = hang_up::before_response(&hop);
        let mut response = match refusal(resolved, &request) {
            Ok((host, zone)) => {
                let mut arrival = Arrival {
                    zone,
                    host,
                    scheme: connection_info.scheme,
                    protocol: connection_info.protocol.in_version(request.version()),
                    ip: connection_info.ip,
                    ray: ray.clone(),
                    hop: hop.clone(),
                    reader,
                    workers_left: headers::MOST_WORKERS,
                    request,
                };
                headers::remove_forged(arrival.request.headers_mut());
                self.take_in(arrival).await
            }
            Err(refusal) => {
                hop.decided(refusal.to_string());
                refusal.response(&reader)
            }
        };
        waiting.over();
        headers::rewrite_response(response.headers_mut(), &ray);
        hop.answered(&response);
        response.map(|body| {
            let body = counted(body, hop.clone(), Counted::Response);
            // A response to HEAD has a head only; its body is dropped in any case.
            if asks_for_head {
                body
            } else {
                hang_up::noted_in(body, &hop)
            }
        })
    }

    /// Serves a request within the size that the zone's plan allows for its body.
    async fn take_in(&self, arrival: Arrival<'_>) -> Response<Body> {
        let (zone, hop) = (arrival.zone, arrival.hop.clone());
        let limit = zone.settings.plan.body_bytes();
        let (parts, body) = arrival.request.into_parts();
        let (body, broken_off) = hang_up::watched(body, &hop);
        let (body, exceeded) = body_limit::limited(body, limit);
        let request = Request::from_parts(parts, counted(body, hop.clone(), Counted::Request));
        let response = tokio::select! {
            // First: a worker whose visitor is gone has not failed.
            biased;
            () = broken_off.happened() => return pages::refusal(StatusCode::BAD_REQUEST),
            response = self.serve(Arrival { request, ..arrival }) => response,
        };
        if exceeded.happened() {
            let refusal = Refusal::BodyTooLarge(limit);
            hop.decided(refusal.to_string());
            return refusal.response(&ErrorPageReader::default());
        }
        response
    }

    /// Answers a subrequest that a worker of another zone sends to `zone`.
    pub(super) async fn enter(
        &self,
        zone: &Zone,
        request: Request<Body>,
        reader: ErrorPageReader,
    ) -> Response<Body> {
        let host = zones::name(request.uri().host().unwrap_or_default());
        let hop = self.trace.begin(Party::Worker, Party::Edge, &request);
        let ray = reader.ray.clone().unwrap_or_else(|| Ray::new(&self.colo));
        let arrival = Arrival {
            zone,
            host: &host,
            scheme: scheme_of(request.uri()),
            protocol: Protocol::between_zones(),
            ip: headers::OTHER_ZONE_IP,
            ray: ray.clone(),
            hop: hop.clone(),
            reader,
            workers_left: headers::workers_left(request.headers()),
            request,
        };
        let mut response = self.take_in(arrival).await;
        headers::rewrite_response(response.headers_mut(), &ray);
        hop.answered(&response);
        response.map(|body| counted(body, hop, Counted::Response))
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
        let outgoing = OutgoingRequest {
            request: arrival.request,
            from: Party::Edge,
            zone: Some(&arrival.zone.name),
            options: super::cache::CacheOptions::default(),
            reader: &arrival.reader,
        };
        self.origin_side.fetch(outgoing).await
    }

    pub(super) fn internet(&self) -> &Internet {
        &self.origin_side.internet
    }

    /// The settings of the zone of this name.
    pub(super) fn settings_of(&self, zone: &str) -> Option<&EdgeSettings> {
        let mut zones = self.zones.all().iter();
        zones
            .find(|candidate| candidate.name == zone)
            .map(|zone| &zone.settings)
    }
}

/// A request that asks for nothing a zone has, whoever it is for. HTTP/2 has more rules; where one is broken hyper
/// resets the stream, as RFC 9113 §8.1.1 has it.
///
/// Assumption: Cloudflare publishes nothing of these. The statuses are those of nginx.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Malformed {
    #[error("the request has no Host header, or several")]
    Host,
    #[error("the target is not a path that begins with `/`")]
    Target,
    #[error("the edge does not proxy CONNECT")]
    Connect,
    /// RFC 9112 §6.1.
    #[error("a transfer coding other than `chunked` is not read")]
    TransferCoding,
}

/// Why a request is not taken in.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error(transparent)]
    Malformed(#[from] Malformed),
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
    fn response(&self, reader: &ErrorPageReader) -> Response<Body> {
        match self {
            Self::Malformed(Malformed::Connect) => pages::refusal(StatusCode::METHOD_NOT_ALLOWED),
            Self::Malformed(Malformed::TransferCoding) => {
                pages::refusal(StatusCode::NOT_IMPLEMENTED)
            }
            Self::Malformed(_) | Self::BadEscape => pages::refusal(StatusCode::BAD_REQUEST),
            Self::HeadersTooLarge(_) => pages::headers_too_large(),
            Self::BodyTooLarge(_) => pages::refusal(StatusCode::PAYLOAD_TOO_LARGE),
            Self::UrlTooLong(..) => pages::refusal(StatusCode::URI_TOO_LONG),
            Self::Prohibited(_) => pages::error(ErrorCode::Prohibited, reader),
            Self::UnknownHost => pages::error(ErrorCode::UnknownHost, reader),
        }
    }
}

/// The host and the zone of a request, or why the edge does not take it in. Cheap and certain reasons come first.
fn refusal<'a>(
    resolved: Result<(&'a str, Resolution<'a>), Malformed>,
    request: &Request<Body>,
) -> Result<(&'a str, &'a Zone), Refusal> {
    let headers = request.headers();
    let bytes = limits::header_bytes(headers);
    if bytes > limits::REQUEST_HEADER_BYTES {
        return Err(Refusal::HeadersTooLarge(bytes));
    }
    let (host, resolution) = resolved?;
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

/// Makes the URI absolute and `Host` present, so that all versions of HTTP look the same; gives the name of the host,
/// without a port.
fn make_absolute(request: &mut Request<Body>, scheme: Scheme) -> Result<String, Malformed> {
    if request.method() == Method::CONNECT {
        return Err(Malformed::Connect);
    }
    if other_than_chunked(request.headers()).is_some() {
        return Err(Malformed::TransferCoding);
    }
    let path = path_of(request)?;
    let authority = authority_of(request)
        .filter(is_host_and_port)
        .ok_or(Malformed::Host)?;
    let value = HeaderValue::from_str(authority.as_str()).map_err(|_| Malformed::Host)?;
    request.headers_mut().insert(HOST, value);
    let mut parts = request.uri().clone().into_parts();
    parts.scheme = Some(match scheme {
        Scheme::Http => UriScheme::HTTP,
        Scheme::Https => UriScheme::HTTPS,
    });
    let host = zones::name(authority.host());
    parts.authority = Some(authority);
    parts.path_and_query = Some(path);
    *request.uri_mut() = Uri::from_parts(parts).map_err(|_| Malformed::Target)?;
    Ok(host)
}

/// Whether an authority is a host and perhaps a port: nobody's name before it (RFC 9110 §4.2.4), and no port that there
/// is not. Assumption: a colon without a port is refused too, which a URI may have and no client sends.
fn is_host_and_port(authority: &Authority) -> bool {
    match authority.as_str().strip_prefix(authority.host()) {
        Some("") => true,
        Some(port) => port.starts_with(':') && authority.port_u16().is_some(),
        // There is something before the host.
        None => false,
    }
}

/// The path and query. An absolute target of HTTP/1.1 need not write the `/` of an empty path (RFC 9112 §3.2.2);
/// `:path` must (RFC 9113 §8.3.1). There is no route for `*`, and a target that is neither absolute nor begins with `/`
/// is none (RFC 9112 §3.2): it is a host to the `http` crate.
fn path_of(request: &Request<Body>) -> Result<PathAndQuery, Malformed> {
    let uri = request.uri();
    let is_absolute = request.version() != Version::HTTP_2 && uri.scheme().is_some();
    match uri.path_and_query() {
        Some(path) if path.as_str().starts_with('/') => Ok(path.clone()),
        Some(path) if is_absolute && path.as_str().starts_with('?') => {
            format!("/{}", path.as_str())
                .parse()
                .map_err(|_| Malformed::Target)
        }
        None if is_absolute => Ok(PathAndQuery::from_static("/")),
        _ => Err(Malformed::Target),
    }
}

/// Who is asked; none where nobody is, or there are two opinions of it (RFC 9112 §3.2, RFC 9113 §8.3.1).
fn authority_of(request: &Request<Body>) -> Option<Authority> {
    let mut hosts = request.headers().get_all(HOST).iter();
    match request.uri().authority() {
        Some(authority) => {
            let is_same = |host: &HeaderValue| {
                host.as_bytes()
                    .eq_ignore_ascii_case(authority.as_str().as_bytes())
            };
            // In HTTP/1.1 an absolute target wins over `Host` (RFC 9112 §3.2.2).
            let agree = request.version() != Version::HTTP_2 || hosts.all(is_same);
            agree.then(|| authority.clone())
        }
        None => {
            let host = hosts.next()?;
            if hosts.next().is_some() {
                return None;
            }
            Authority::try_from(host.as_bytes()).ok()
        }
    }
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
    pub(super) fn visit(&self, worker: &str) -> Invocation {
        Invocation {
            ray: self.ray.as_str().to_owned(),
            worker: worker.to_owned(),
            zone: self.zone.name.clone(),
            ip: self.ip,
            workers_left: self.workers_left,
            subrequests: Subrequests::default(),
        }
    }
}
