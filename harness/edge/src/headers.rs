//! The headers the edge sets, takes away and refuses.
//!
//! Source of the rules: Cloudflare's documentation, Fundamentals › HTTP headers, and error 1000.

use std::net::{IpAddr, Ipv6Addr};

use edgeproof_ground::{
    hop_by_hop::remove_hop_by_hop,
    pattern::Scheme,
    runtime_headers::{CACHE_API_HEADER, CF_BLOB_HEADER, FORWARDED_PROTO_HEADER},
};
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{ACCEPT_ENCODING, CONNECTION, EXPECT, HeaderName as Name, SERVER, UPGRADE},
};

use super::ray::Ray;

/// How many workers may run one through the other for one visitor request (documentation, error 1019).
pub const MOST_WORKERS: u8 = 16;

/// What another zone sees as the visitor of a worker's subrequest.
pub const OTHER_ZONE_IP: IpAddr =
    IpAddr::V6(Ipv6Addr::new(0x2a06, 0x98c0, 0x3600, 0, 0, 0, 0, 0x0103));

/// The address of the visitor.
pub const CF_CONNECTING_IP: Name = HeaderName::from_static("cf-connecting-ip");
/// The request's ray.
pub const CF_RAY: Name = HeaderName::from_static("cf-ray");
const CF_IPCOUNTRY: Name = HeaderName::from_static("cf-ipcountry");
const CF_VISITOR: Name = HeaderName::from_static("cf-visitor");
const X_FORWARDED_FOR: Name = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: Name = HeaderName::from_static("x-forwarded-proto");
const X_REAL_IP: Name = HeaderName::from_static("x-real-ip");
const CDN_LOOP: Name = HeaderName::from_static("cdn-loop");
const CF_WORKER: Name = HeaderName::from_static("cf-worker");
const CF_EW_VIA: Name = HeaderName::from_static("cf-ew-via");

/// The longest `X-Forwarded-For` that a visitor may send (error 1000).
const LONGEST_FORWARDED_FOR: usize = 100;

/// What the edge asks origins for, whatever a visitor accepts (documentation, Speed › Content compression).
const READ_BY_THE_EDGE: HeaderValue = HeaderValue::from_static("gzip, br");

/// Headers that only the edge sets: what a visitor sends under these names goes no further.
const NEVER_FROM_A_VISITOR: [&str; 10] = [
    FORWARDED_PROTO_HEADER,
    CACHE_API_HEADER,
    CF_BLOB_HEADER,
    "cf-worker",
    "cf-ew-via",
    "cf-connecting-ipv6",
    "cf-pseudo-ipv4",
    "cf-ray",
    "cdn-loop",
    "proxy-connection",
];

/// Headers of the web server behind the edge that a visitor does not get.
const NEVER_TO_A_VISITOR: [&str; 4] = [
    "x-accel-buffering",
    "x-accel-charset",
    "x-accel-limit-rate",
    "x-accel-redirect",
];

/// What the edge knows about a request and tells in its headers.
#[derive(Clone, Copy, Debug)]
pub struct WorkerHeaders<'a> {
    /// The visitor's address.
    pub ip: IpAddr,
    /// The visitor's country, ISO alpha-2; `XX` where it is unknown.
    pub country: &'a str,
    /// The protocol the visitor speaks.
    pub scheme: Scheme,
    /// The ray.
    pub ray: &'a Ray,
    /// Whether `X-Forwarded-For` is there although the visitor sent none.
    pub forwarded_for: bool,
}

/// A header that makes the edge refuse a request with error 1000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Prohibited {
    /// A visitor's `CF-Connecting-IP` is refused, not overwritten.
    #[error("the request includes a CF-Connecting-IP header")]
    ConnectingIp,
    /// `X-Forwarded-For` more than once.
    #[error("the request has two X-Forwarded-For headers")]
    TwoForwardedFor,
    /// `X-Forwarded-For` over 100 characters.
    #[error("the X-Forwarded-For header is longer than 100 characters")]
    LongForwardedFor,
}

/// The first header of a visitor's request that the edge refuses.
pub fn prohibited(headers: &HeaderMap) -> Option<Prohibited> {
    if headers.contains_key(CF_CONNECTING_IP) {
        return Some(Prohibited::ConnectingIp);
    }
    let mut forwarded = headers.get_all(X_FORWARDED_FOR).iter();
    let first = forwarded.next()?;
    if forwarded.next().is_some() {
        Some(Prohibited::TwoForwardedFor)
    } else if first.len() > LONGEST_FORWARDED_FOR {
        Some(Prohibited::LongForwardedFor)
    } else {
        None
    }
}

/// Takes away what a visitor sent under the names that only the edge uses.
pub fn remove_forged(headers: &mut HeaderMap) {
    for name in NEVER_FROM_A_VISITOR {
        headers.remove(name);
    }
}

/// Rewrites the headers of an arriving request to what a worker sees.
pub fn rewrite_for_worker(headers: &mut HeaderMap, worker_headers: WorkerHeaders<'_>) {
    remove_hop_by_hop(headers);
    // The edge itself tells the visitor to go on, when the body is wanted.
    headers.remove(EXPECT);
    if let Some(sent) = headers.get(X_FORWARDED_FOR) {
        let appended = [
            sent.as_bytes(),
            b", ",
            worker_headers.ip.to_string().as_bytes(),
        ]
        .concat();
        if let Ok(appended) = HeaderValue::from_bytes(&appended) {
            headers.insert(X_FORWARDED_FOR, appended);
        }
    } else if worker_headers.forwarded_for {
        headers.insert(X_FORWARDED_FOR, address(worker_headers.ip));
    }
    let ip = address(worker_headers.ip);
    headers.insert(CF_CONNECTING_IP, ip.clone());
    headers.insert(X_REAL_IP, ip);
    headers.insert(CF_RAY, worker_headers.ray.header());
    headers.insert(
        CF_IPCOUNTRY,
        HeaderValue::from_str(worker_headers.country).unwrap_or(HeaderValue::from_static("XX")),
    );
    tell_scheme(headers, worker_headers.scheme);
    headers.insert(ACCEPT_ENCODING, READ_BY_THE_EDGE);
    if !headers.contains_key(UPGRADE) {
        headers.insert(CONNECTION, HeaderValue::from_static("Keep-Alive"));
    }
}

/// What changes further where no worker runs and the request goes straight to the origin.
pub fn rewrite_for_origin(headers: &mut HeaderMap, ip: IpAddr) {
    if !headers.contains_key(X_FORWARDED_FOR) {
        headers.insert(X_FORWARDED_FOR, address(ip));
    }
    headers.remove(X_REAL_IP);
    headers.insert(CDN_LOOP, HeaderValue::from_static("cloudflare"));
}

/// Which way a worker's subrequest goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Toward {
    /// To a name of the zone that owns the worker: its origin.
    SameZone,
    /// To another zone of this edge, through its front door.
    OtherZone,
    /// To a name that is not behind this edge.
    Elsewhere,
}

/// What the edge knows about a worker's subrequest.
#[derive(Clone, Copy, Debug)]
pub struct Subrequest<'a> {
    /// Which way it goes.
    pub toward: Toward,
    /// The zone that owns the worker.
    pub zone: Option<&'a str>,
    /// The visitor on whose behalf it is made, where that is known.
    pub ip: Option<IpAddr>,
    /// What is left of [`MOST_WORKERS`] for the invocation that makes it, itself included.
    pub workers_left: u8,
}

/// Rewrites the headers of a worker's subrequest.
///
/// Towards its own zone a worker can choose the visitor's address by `X-Real-IP`; towards names that are not behind
/// Cloudflare only `X-Real-IP` itself can be chosen. Where the visitor is not known, what the worker copied stays.
pub fn rewrite_subrequest(headers: &mut HeaderMap, subrequest: Subrequest<'_>) {
    let chosen = headers
        .get(X_REAL_IP)
        .and_then(|ip| ip.to_str().ok()?.parse().ok());
    match subrequest.toward {
        Toward::SameZone => {
            if let Some(ip) = chosen.or(subrequest.ip) {
                let ip = address(ip);
                headers.insert(CF_CONNECTING_IP, ip.clone());
                headers.entry(X_FORWARDED_FOR).or_insert(ip);
            }
        }
        // The front door of the other zone says the rest.
        Toward::OtherZone => {
            headers.insert(CF_CONNECTING_IP, address(OTHER_ZONE_IP));
        }
        Toward::Elsewhere => {
            headers.remove(CF_IPCOUNTRY);
            if let Some(ip) = subrequest.ip {
                let ip = address(ip);
                headers.insert(CF_CONNECTING_IP, ip.clone());
                headers.entry(X_REAL_IP).or_insert(ip);
            }
        }
    }
    // What a worker does not say itself, the edge asks for it (documentation, Workers › Runtime APIs › Fetch). The same
    // page says that br needs a compatibility date from 2024-04-29; the edge does not know a worker's.
    headers.entry(ACCEPT_ENCODING).or_insert(READ_BY_THE_EDGE);
    if let Some(zone) = subrequest
        .zone
        .and_then(|zone| HeaderValue::from_str(zone).ok())
    {
        headers.insert(CF_WORKER, zone);
    } else {
        headers.remove(CF_WORKER);
    }
    let left = subrequest.workers_left.saturating_sub(1);
    headers.insert(CF_EW_VIA, HeaderValue::from(u16::from(left)));
    let loops = format!("cloudflare; loops={}", MOST_WORKERS.saturating_sub(left));
    if let Ok(loops) = HeaderValue::from_str(&loops) {
        headers.insert(CDN_LOOP, loops);
    }
}

/// What is left of [`MOST_WORKERS`] for a request that comes from a worker of another zone.
pub fn workers_left(headers: &HeaderMap) -> u8 {
    headers
        .get(CF_EW_VIA)
        .and_then(|left| left.to_str().ok()?.parse().ok())
        .unwrap_or(MOST_WORKERS)
}

/// Rewrites the headers of a response to what the visitor gets.
pub fn rewrite_response(headers: &mut HeaderMap, ray: &Ray) {
    remove_hop_by_hop(headers);
    for name in NEVER_TO_A_VISITOR {
        headers.remove(name);
    }
    headers.insert(SERVER, HeaderValue::from_static("cloudflare"));
    headers.insert(CF_RAY, ray.header());
}

/// Joins the cookies of HTTP/2, which may come one by one, into the one header of HTTP/1.1 (RFC 9113 §8.2.3).
pub(super) fn join_cookies(headers: &mut HeaderMap) {
    let cookies: Vec<&[u8]> = headers
        .get_all(http::header::COOKIE)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    if cookies.len() > 1
        && let Ok(joined) = HeaderValue::from_bytes(&cookies.join(&b"; "[..]))
    {
        headers.insert(http::header::COOKIE, joined);
    }
}

/// The address in `CF-Connecting-IP`.
pub(super) fn connecting_ip(headers: &HeaderMap) -> Option<IpAddr> {
    headers.get(CF_CONNECTING_IP)?.to_str().ok()?.parse().ok()
}

fn tell_scheme(headers: &mut HeaderMap, scheme: Scheme) {
    headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static(scheme.as_str()));
    let visitor = match scheme {
        Scheme::Http => r#"{"scheme":"http"}"#,
        Scheme::Https => r#"{"scheme":"https"}"#,
    };
    headers.insert(CF_VISITOR, HeaderValue::from_static(visitor));
}

fn address(ip: IpAddr) -> HeaderValue {
    // Digits, dots and colons only.
    HeaderValue::from_str(&ip.to_string()).unwrap_or_else(|_| HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn worker_headers(ray: &Ray) -> WorkerHeaders<'_> {
        WorkerHeaders {
            ip: IpAddr::from([203, 0, 113, 7]),
            country: "DE",
            scheme: Scheme::Https,
            ray,
            forwarded_for: false,
        }
    }

    fn map(headers: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        map
    }

    // Documentation, Fundamentals › HTTP headers, one row for each header it names.
    #[rstest]
    #[case("cf-connecting-ip", "203.0.113.7")]
    #[case("x-real-ip", "203.0.113.7")]
    #[case("x-forwarded-proto", "https")]
    #[case("cf-ipcountry", "DE")]
    #[case("cf-visitor", r#"{"scheme":"https"}"#)]
    #[case("accept-encoding", "gzip, br")]
    #[case("connection", "Keep-Alive")]
    fn a_worker_sees_what_the_edge_says_and_not_what_the_visitor_sent(
        #[case] name: &str,
        #[case] expected: &str,
    ) {
        let ray = Ray::new("FRA");
        for sent in [map(&[]), map(&[(name, "forged"), (name, "twice")])] {
            let mut headers = sent;
            rewrite_for_worker(&mut headers, worker_headers(&ray));
            let values: Vec<_> = headers.get_all(name).iter().collect();
            assert_eq!(values, [expected], "{name}");
        }
    }

    #[rstest]
    #[case("cf-worker")]
    #[case("cf-ew-via")]
    #[case("cdn-loop")]
    #[case("x-edgeproof-cf")]
    #[case("x-edgeproof-proto")]
    fn what_only_the_edge_says_is_taken_away(#[case] name: &str) {
        let mut headers = map(&[(name, "forged"), ("x-kept", "1")]);
        remove_forged(&mut headers);
        assert_eq!(headers, map(&[("x-kept", "1")]));
    }

    #[test]
    fn the_ray_is_the_edges_own() {
        let ray = Ray::new("FRA");
        let mut headers = map(&[("cf-ray", "0000000000000000-XXX")]);
        rewrite_for_worker(&mut headers, worker_headers(&ray));
        assert_eq!(headers["cf-ray"], ray.as_str());
    }

    // Documentation, Support › Error 1000.
    #[rstest]
    #[case(&[], None)]
    #[case(&[("x-forwarded-for", "192.0.2.1")], None)]
    #[case(&[("cf-connecting-ip", "192.0.2.1")], Some(Prohibited::ConnectingIp))]
    #[case(&[("x-forwarded-for", "192.0.2.1"), ("x-forwarded-for", "192.0.2.2")], Some(Prohibited::TwoForwardedFor))]
    fn some_headers_are_refused(
        #[case] headers: &[(&str, &str)],
        #[case] expected: Option<Prohibited>,
    ) {
        assert_eq!(prohibited(&map(headers)), expected);
    }

    #[rstest]
    #[case(100, None)]
    #[case(101, Some(Prohibited::LongForwardedFor))]
    fn a_forwarded_for_of_100_characters_is_the_longest(
        #[case] length: usize,
        #[case] expected: Option<Prohibited>,
    ) {
        let value = "1".repeat(length);
        assert_eq!(prohibited(&map(&[("x-forwarded-for", &value)])), expected);
    }

    #[rstest]
    #[case(&[("x-forwarded-for", "192.0.2.1")], Some("192.0.2.1, 203.0.113.7"), "192.0.2.1, 203.0.113.7")]
    #[case(&[], None, "203.0.113.7")]
    fn forwarded_for_is_appended_to_and_always_reaches_the_origin(
        #[case] sent: &[(&str, &str)],
        #[case] in_worker: Option<&str>,
        #[case] at_origin: &str,
    ) {
        let ray = Ray::new("FRA");
        let mut headers = map(sent);
        rewrite_for_worker(&mut headers, worker_headers(&ray));
        assert_eq!(
            headers.get("x-forwarded-for").map(HeaderValue::as_bytes),
            in_worker.map(str::as_bytes)
        );
        rewrite_for_origin(&mut headers, worker_headers(&ray).ip);
        assert_eq!(headers["x-forwarded-for"], at_origin);
        assert!(!headers.contains_key("x-real-ip"));
    }

    #[test]
    fn cookies_of_http_2_are_joined() {
        let mut headers = map(&[("cookie", "a=1"), ("cookie", "b=2")]);
        join_cookies(&mut headers);
        assert_eq!(headers, map(&[("cookie", "a=1; b=2")]));
    }

    const ZONE: Option<&str> = Some("shop.example");

    // Documentation, Fundamentals › HTTP headers: CF-Connecting-IP in Worker subrequests, CF-Worker, CF-EW-Via.
    #[rstest]
    #[case::same_zone(Toward::SameZone, &[], "cf-connecting-ip", Some("203.0.113.7"))]
    #[case::same_zone_chosen(Toward::SameZone, &[("x-real-ip", "192.0.2.9")], "cf-connecting-ip", Some("192.0.2.9"))]
    #[case::same_zone_nonsense(Toward::SameZone, &[("x-real-ip", "me")], "cf-connecting-ip", Some("203.0.113.7"))]
    #[case::same_zone(Toward::SameZone, &[], "x-forwarded-for", Some("203.0.113.7"))]
    #[case::same_zone(Toward::SameZone, &[("cf-ipcountry", "DE")], "cf-ipcountry", Some("DE"))]
    #[case::other_zone(Toward::OtherZone, &[("cf-connecting-ip", "192.0.2.9")], "cf-connecting-ip", Some("2a06:98c0:3600::103"))]
    #[case::elsewhere(Toward::Elsewhere, &[("cf-connecting-ip", "192.0.2.9")], "cf-connecting-ip", Some("203.0.113.7"))]
    #[case::elsewhere(Toward::Elsewhere, &[], "x-real-ip", Some("203.0.113.7"))]
    #[case::elsewhere_chosen(Toward::Elsewhere, &[("x-real-ip", "192.0.2.9")], "x-real-ip", Some("192.0.2.9"))]
    #[case::elsewhere(Toward::Elsewhere, &[("cf-ipcountry", "DE")], "cf-ipcountry", None)]
    #[case::forged(Toward::SameZone, &[("cf-worker", "forged")], "cf-worker", Some("shop.example"))]
    #[case::encodings(Toward::SameZone, &[], "accept-encoding", Some("gzip, br"))]
    #[case::encodings_chosen(Toward::SameZone, &[("accept-encoding", "identity")], "accept-encoding", Some("identity"))]
    #[case::observed(Toward::Elsewhere, &[], "cf-ew-via", Some("15"))]
    #[case::observed(Toward::Elsewhere, &[], "cdn-loop", Some("cloudflare; loops=1"))]
    fn a_subrequest_carries_what_the_edge_says(
        #[case] toward: Toward,
        #[case] written: &[(&str, &str)],
        #[case] name: &str,
        #[case] expected: Option<&str>,
    ) {
        let mut headers = map(written);
        rewrite_subrequest(
            &mut headers,
            Subrequest {
                toward,
                zone: ZONE,
                ip: Some(IpAddr::from([203, 0, 113, 7])),
                workers_left: MOST_WORKERS,
            },
        );
        assert_eq!(
            headers.get(name).map(HeaderValue::as_bytes),
            expected.map(str::as_bytes)
        );
    }

    #[test]
    fn workers_that_call_each_other_count_down_to_nothing() {
        let mut headers = HeaderMap::new();
        let mut runs = 0;
        while workers_left(&headers) > 0 {
            runs += 1;
            let left = workers_left(&headers);
            let subrequest = Subrequest {
                toward: Toward::OtherZone,
                zone: ZONE,
                ip: None,
                workers_left: left,
            };
            rewrite_subrequest(&mut headers, subrequest);
        }
        assert_eq!(runs, 16);
    }
}
