//! The headers the edge sets, takes away and refuses.
//!
//! Source of the rules: Cloudflare's documentation, Fundamentals › HTTP headers, and error 1000.

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{
        ACCEPT_ENCODING, CONNECTION, HOST, HeaderName as Name, SERVER, TE, TRANSFER_ENCODING,
        UPGRADE,
    },
};

use super::{ray::Ray, routes::Scheme};
use std::net::IpAddr;

/// The header of the `forwardedProtoHeader` of workerd's socket: which scheme the visitor spoke.
pub const FORWARDED_PROTO_HEADER: &str = "x-edgeproof-proto";
/// The header of every `cfBlobHeader`: a request's `cf` object as JSON.
pub const CF_BLOB_HEADER: &str = "x-edgeproof-cf";

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

/// The longest `X-Forwarded-For` that a visitor may send (error 1000).
const LONGEST_FORWARDED_FOR: usize = 100;

/// Headers that only the edge sets: what a visitor sends under these names goes no further.
const NEVER_FROM_A_VISITOR: [&str; 9] = [
    FORWARDED_PROTO_HEADER,
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
pub struct Told<'a> {
    /// The visitor's address.
    pub ip: IpAddr,
    /// The visitor's country, ISO alpha-2; `XX` where it is unknown.
    pub country: &'a str,
    /// The protocol the visitor speaks.
    pub scheme: Scheme,
    /// The ray.
    pub ray: &'a Ray,
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

/// Rewrites a visitor's headers to what a worker sees.
///
/// `X-Forwarded-For` is only there where the visitor sent one; the origin always gets it. That a worker does not see
/// it otherwise is what users report, not what the documentation says.
pub fn rewrite_for_worker(headers: &mut HeaderMap, told: Told<'_>) {
    remove_hop_by_hop(headers);
    for name in NEVER_FROM_A_VISITOR {
        headers.remove(name);
    }
    if let Some(sent) = headers.get(X_FORWARDED_FOR) {
        let appended = [sent.as_bytes(), b", ", told.ip.to_string().as_bytes()].concat();
        if let Ok(appended) = HeaderValue::from_bytes(&appended) {
            headers.insert(X_FORWARDED_FOR, appended);
        }
    }
    let ip = address(told.ip);
    headers.insert(CF_CONNECTING_IP, ip.clone());
    headers.insert(X_REAL_IP, ip);
    headers.insert(
        X_FORWARDED_PROTO,
        HeaderValue::from_static(told.scheme.as_str()),
    );
    headers.insert(CF_RAY, told.ray.header());
    headers.insert(
        CF_IPCOUNTRY,
        HeaderValue::from_str(told.country).unwrap_or(HeaderValue::from_static("XX")),
    );
    headers.insert(
        CF_VISITOR,
        HeaderValue::from_static(match told.scheme {
            Scheme::Http => r#"{"scheme":"http"}"#,
            Scheme::Https => r#"{"scheme":"https"}"#,
        }),
    );
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip, br"));
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
    headers.insert(CDN_LOOP, HeaderValue::from_static("cloudflare; loops=1"));
}

/// Rewrites the headers of an answer to what the visitor gets.
pub fn rewrite_answer(headers: &mut HeaderMap, ray: &Ray) {
    remove_hop_by_hop(headers);
    for name in NEVER_TO_A_VISITOR {
        headers.remove(name);
    }
    headers.insert(SERVER, HeaderValue::from_static("cloudflare"));
    headers.insert(CF_RAY, ray.header());
}

/// Removes what concerns one connection only (RFC 9110 §7.6.1), except for a change to another protocol.
pub(crate) fn remove_hop_by_hop(headers: &mut HeaderMap) {
    if headers.contains_key(UPGRADE) {
        return;
    }
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        // A visitor must not take away what the edge relies on by calling it hop-by-hop.
        .filter(|name| {
            !matches!(
                *name,
                HOST | http::header::COOKIE | http::header::AUTHORIZATION
            )
        })
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in [
        CONNECTION,
        TE,
        TRANSFER_ENCODING,
        HeaderName::from_static("keep-alive"),
    ] {
        headers.remove(name);
    }
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

fn address(ip: IpAddr) -> HeaderValue {
    // Digits, dots and colons only.
    HeaderValue::from_str(&ip.to_string()).unwrap_or_else(|_| HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn told(ray: &Ray) -> Told<'_> {
        Told {
            ip: IpAddr::from([203, 0, 113, 7]),
            country: "DE",
            scheme: Scheme::Https,
            ray,
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
            rewrite_for_worker(&mut headers, told(&ray));
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
        let ray = Ray::new("FRA");
        let mut headers = map(&[(name, "forged")]);
        rewrite_for_worker(&mut headers, told(&ray));
        assert!(!headers.contains_key(name));
    }

    #[test]
    fn the_ray_is_the_edges_own() {
        let ray = Ray::new("FRA");
        let mut headers = map(&[("cf-ray", "0000000000000000-XXX")]);
        rewrite_for_worker(&mut headers, told(&ray));
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
        rewrite_for_worker(&mut headers, told(&ray));
        assert_eq!(
            headers.get("x-forwarded-for").map(HeaderValue::as_bytes),
            in_worker.map(str::as_bytes)
        );
        rewrite_for_origin(&mut headers, told(&ray).ip);
        assert_eq!(headers["x-forwarded-for"], at_origin);
        assert!(!headers.contains_key("x-real-ip"));
    }

    #[test]
    fn headers_named_hop_by_hop_go_no_further() {
        let mut headers = map(&[
            ("connection", "x-a, close, host"),
            ("x-a", "1"),
            ("host", "a"),
        ]);
        remove_hop_by_hop(&mut headers);
        assert_eq!(headers, map(&[("host", "a")]));
    }

    #[test]
    fn cookies_of_http_2_are_joined() {
        let mut headers = map(&[("cookie", "a=1"), ("cookie", "b=2")]);
        join_cookies(&mut headers);
        assert_eq!(headers, map(&[("cookie", "a=1; b=2")]));
    }
}
