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
    /// a pseudo IPv4 one, the real one stands in `CF-Connecting-IPv6`.
    pub fn addresses(&self) -> Vec<IpAddr> {
        ["cf-connecting-ipv6", "cf-connecting-ip"]
            .into_iter()
            .filter_map(|name| self.headers.get(name)?.trim().parse().ok())
            .collect()
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

    /// Whether the browser will show the answer as a document.
    pub fn is_document_navigation(&self) -> bool {
        self.headers
            .get("sec-fetch-dest")
            .is_some_and(|destination| matches!(destination, "document" | "iframe" | "frame"))
    }

    /// Whether a script asked for the answer. Clients that do not say what they ask for may show it.
    pub fn is_fetched_by_script(&self) -> bool {
        self.headers.get("sec-fetch-dest") == Some("empty")
    }
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

    #[test]
    fn only_web_urls_reach_the_worker() {
        assert!(RequestHead::new("GET", "ftp://shop.example/", Headers::default()).is_none());
        assert!(RequestHead::new("GET", "/relative", Headers::default()).is_none());
    }
}
