//! The head of a request, and where it came from.

use std::net::IpAddr;

use url::{Origin, Position, Url};

use crate::headers::Headers;

/// The head of a request that reached the worker.
#[derive(Clone, Debug)]
pub struct RequestHead {
    /// Its method, in upper case as on the wire.
    pub method: String,
    /// Its URL.
    pub url: Url,
    /// Its header fields.
    pub headers: Headers,
}

impl RequestHead {
    /// A head from what the runtime knows; none when the URL is not one of http or https.
    pub fn new(method: impl Into<String>, url: &str, headers: Headers) -> Option<Self> {
        let url = Url::parse(url).ok()?;
        matches!(url.scheme(), "http" | "https").then(|| Self {
            method: method.into(),
            url,
            headers,
        })
    }

    /// The id Cloudflare gave the request.
    pub fn ray(&self) -> Option<&str> {
        self.headers.get("cf-ray")
    }

    /// The addresses the edge knows the client by, the real one first. Where Cloudflare overwrites an IPv6 address with
    /// a pseudo IPv4 one, the real one stands in `CF-Connecting-IPv6`; everywhere else that header is the visitor's own.
    pub fn addresses(&self) -> Vec<IpAddr> {
        let read = |name: &str| self.headers.get(name)?.trim().parse::<IpAddr>().ok();
        let Some(address) = read("cf-connecting-ip") else {
            return Vec::new();
        };
        read("cf-connecting-ipv6")
            .filter(|real| real.is_ipv6() && is_pseudo(&address))
            .into_iter()
            .chain([address])
            .collect()
    }

    /// Where the client is, as one party: its IPv4 address, or the 64 bits of its IPv6 address that a provider gives to one
    /// customer.
    pub fn network(&self) -> Option<String> {
        Some(match self.addresses().first()? {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
            }
        })
    }

    /// The length of the body: what the client declared, 0 where there can be none, none where it is not known.
    ///
    /// The runtime shows an empty body where a length of 0 was declared, and drops one of unknown length for GET and HEAD
    /// when it sends the request on.
    pub fn body_length(&self) -> Option<u64> {
        match self.headers.get("content-length") {
            Some(length) => length.parse().ok(),
            None if matches!(self.method.as_str(), "GET" | "HEAD") => Some(0),
            None => None,
        }
    }

    /// The origin of the page that sent the request, where it is another one than the request's own. Only a bare origin
    /// counts, as browsers send it.
    pub fn cross_origin(&self) -> Option<CrossOrigin<'_>> {
        let text = self.headers.get("origin")?;
        // As nearly every call has it: known without reading it as a URL.
        if *text == self.url[..Position::BeforePath] {
            return None;
        }
        let url = Url::parse(text).ok()?;
        let origin = url.origin();
        let is_bare = matches!(origin, Origin::Tuple(..)) && origin.ascii_serialization() == text;
        (is_bare && origin != self.url.origin()).then_some(CrossOrigin { text, url })
    }

    /// Whether a browser goes to this URL itself, or a script of the same origin reads it, rather than a page loading a part
    /// of itself. One that does not say what a request is for may do either.
    pub fn may_have_signals_in_cookies(&self) -> bool {
        let is_read_by_script = || {
            self.headers.get("sec-fetch-dest") == Some("empty")
                && self.headers.get("sec-fetch-site") == Some("same-origin")
        };
        matches!(self.method.as_str(), "GET" | "HEAD")
            && (self
                .headers
                .get("sec-fetch-mode")
                .is_none_or(|mode| mode == "navigate")
                || is_read_by_script())
    }

    /// Whether a browser asks whether a page may make a call (Fetch §4.8). Such a request has neither a body nor
    /// credentials; what has them is a call by the method `OPTIONS`.
    pub fn is_preflight(&self) -> bool {
        let has = |name| self.headers.contains(name);
        let has_body = has("transfer-encoding")
            || self
                .headers
                .get("content-length")
                .is_some_and(|length| length != "0");
        self.method == "OPTIONS"
            && has("origin")
            && has("access-control-request-method")
            && !(has_body || has("cookie") || has("authorization"))
    }
}

/// Whether an address stands for one of IPv6: Cloudflare takes those from class E, which nobody has (240.0.0.0/4).
fn is_pseudo(address: &IpAddr) -> bool {
    matches!(address, IpAddr::V4(address) if address.octets()[0] >= 240)
}

/// The origin of a page on another site than the API it calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrossOrigin<'a> {
    /// As it stands in the header.
    pub text: &'a str,
    /// As a URL, for patterns.
    pub url: Url,
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn head(headers: &str) -> RequestHead {
        RequestHead::new(
            "POST",
            "https://shop.example/api",
            Headers::from_lines(headers),
        )
        .unwrap()
    }

    #[rstest]
    #[case("origin: https://app.example", Some("https://app.example"))]
    #[case("origin: https://shop.example", None)]
    #[case("origin: http://shop.example", Some("http://shop.example"))]
    #[case("origin: https://app.example/", None)]
    #[case("origin: https://app.example/path", None)]
    #[case("origin: null", None)]
    #[case("origin: file:", None)]
    #[case("accept: */*", None)]
    fn cross_origin_is_a_bare_origin_that_differs(
        #[case] headers: &str,
        #[case] expected: Option<&str>,
    ) {
        assert_eq!(
            head(headers).cross_origin().map(|origin| origin.text),
            expected
        );
    }

    #[rstest]
    #[case("cf-connecting-ip: 203.0.113.7", &["203.0.113.7"])]
    #[case("cf-connecting-ip: 240.1.2.3\ncf-connecting-ipv6: 2001:db8::1", &["2001:db8::1", "240.1.2.3"])]
    #[case("cf-connecting-ip: 255.1.2.3\ncf-connecting-ipv6: 2001:db8::1", &["2001:db8::1", "255.1.2.3"])]
    #[case("cf-connecting-ip: 203.0.113.7\ncf-connecting-ipv6: 2001:db8::1", &["203.0.113.7"])]
    #[case("cf-connecting-ip: 239.1.2.3\ncf-connecting-ipv6: 2001:db8::1", &["239.1.2.3"])]
    #[case("cf-connecting-ip: 2001:db8::7\ncf-connecting-ipv6: 2001:db8::1", &["2001:db8::7"])]
    #[case("cf-connecting-ip: 240.1.2.3\ncf-connecting-ipv6: 203.0.113.9", &["240.1.2.3"])]
    #[case("cf-connecting-ipv6: 2001:db8::1", &[])]
    #[case("cf-connecting-ip: elsewhere", &[])]
    #[case("accept: */*", &[])]
    fn the_real_address_comes_before_a_pseudo_one(
        #[case] headers: &str,
        #[case] expected: &[&str],
    ) {
        let addresses: Vec<String> = head(headers)
            .addresses()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(addresses, expected);
    }

    #[rstest]
    #[case("cf-connecting-ip: 203.0.113.7", Some("203.0.113.7"))]
    #[case("cf-connecting-ip: 2001:db8:0:7:1::2", Some("2001:db8:0:7::/64"))]
    #[case("cf-connecting-ip: 2001:db8:0:7:ffff::", Some("2001:db8:0:7::/64"))]
    #[case("accept: */*", None)]
    fn a_customer_of_a_provider_is_one_party(
        #[case] headers: &str,
        #[case] expected: Option<&str>,
    ) {
        assert_eq!(head(headers).network().as_deref(), expected);
    }

    #[rstest]
    #[case("POST", "content-length: 5", Some(5))]
    #[case("POST", "content-length: 0", Some(0))]
    #[case("POST", "transfer-encoding: chunked", None)]
    #[case("GET", "content-length: 5", Some(5))]
    #[case("GET", "content-length: 0", Some(0))]
    #[case("GET", "accept: */*", Some(0))]
    #[case("HEAD", "transfer-encoding: chunked", Some(0))]
    fn a_body_has_the_length_that_is_declared(
        #[case] method: &str,
        #[case] headers: &str,
        #[case] expected: Option<u64>,
    ) {
        let headers = Headers::from_lines(headers);
        let head = RequestHead::new(method, "https://shop.example/", headers).unwrap();
        assert_eq!(head.body_length(), expected);
    }

    #[test]
    fn only_web_urls_reach_the_worker() {
        assert!(RequestHead::new("GET", "ftp://shop.example/", Headers::default()).is_none());
        assert!(RequestHead::new("GET", "/relative", Headers::default()).is_none());
    }
}
