//! A request as it is written: what a shape comes to.

use std::fmt::Write as _;

use http::{HeaderName, HeaderValue, Method, Request, Uri};
use serde::Deserialize;

/// A request, byte for byte, and where it is sent to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WrittenRequest {
    /// With or without TLS.
    pub scheme: Scheme,
    /// The host that is connected to.
    pub to: String,
    /// The method.
    pub method: String,
    /// The target of the request line.
    pub target: String,
    /// The version of the request line.
    pub version: Version,
    /// The `Host` header.
    pub host: String,
    /// Further headers.
    pub headers: Vec<(String, String)>,
    /// The content, as it is framed.
    pub body: String,
}

/// A scheme of the web.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scheme {
    /// With TLS.
    #[default]
    Https,
    /// Without.
    Http,
}

/// A version of HTTP that is written in letters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
pub enum Version {
    /// HTTP/1.1.
    #[default]
    #[serde(rename = "HTTP/1.1")]
    Http11,
    /// HTTP/1.0.
    #[serde(rename = "HTTP/1.0")]
    Http10,
}

/// What stands for a number that is another one in each request. The number is as long.
pub(super) const UNIQUE: &str = "{unique}";

/// Another number each time.
pub(super) fn unique() -> String {
    format!("{:08}", fastrand::u32(0..100_000_000))
}

/// The text with a number of its own in place of `{unique}`.
pub(super) fn with_unique(text: &str) -> String {
    match text.contains(UNIQUE) {
        true => text.replace(UNIQUE, &unique()),
        false => text.to_owned(),
    }
}

/// Headers that belong to a connection of HTTP/1.1; HTTP/2 has none of them.
const OF_CONNECTIONS: [&str; 6] = [
    "connection",
    "keep-alive",
    "transfer-encoding",
    "upgrade",
    "content-length",
    "host",
];

impl WrittenRequest {
    /// The same with a number of its own in place of each `{unique}` of its headers and its content.
    #[must_use]
    pub fn anew(&self) -> Self {
        self.numbered(&unique())
    }

    /// The same with this number.
    pub(super) fn numbered(&self, number: &str) -> Self {
        let named = self.headers.iter();
        Self {
            headers: named
                .map(|(name, value)| (name.clone(), value.replace(UNIQUE, number)))
                .collect(),
            body: self.body.replace(UNIQUE, number),
            ..self.clone()
        }
    }

    /// What is sent over HTTP/1.
    pub fn text(&self) -> String {
        let version = match self.version {
            Version::Http11 => "HTTP/1.1",
            Version::Http10 => "HTTP/1.0",
        };
        let mut text = format!(
            "{} {} {version}\r\nHost: {}\r\n",
            self.method, self.target, self.host
        );
        for (name, value) in &self.headers {
            // Writing to a text cannot fail.
            let _ = write!(text, "{name}: {value}\r\n");
        }
        text.push_str("\r\n");
        text.push_str(&self.body);
        text
    }

    /// The same over HTTP/2; none where HTTP/2 has no such thing: another form of the target, headers of the connection, or
    /// what its frames cannot carry.
    pub fn over_http2(&self) -> Option<Request<bytes::Bytes>> {
        let is_about_connections = |(name, _): &(String, String)| {
            OF_CONNECTIONS
                .iter()
                .any(|own| own.eq_ignore_ascii_case(name))
        };
        let is_framed = self
            .headers
            .iter()
            .filter(|header| is_about_connections(header));
        let is_plainly_framed = is_framed
            .clone()
            .all(|(name, value)| name == "content-length" && *value == self.body.len().to_string());
        if self.scheme != Scheme::Https || self.version != Version::Http11 || !is_plainly_framed {
            return None;
        }
        let uri: Uri = format!("https://{}{}", self.host, self.target)
            .parse()
            .ok()?;
        if !self.target.starts_with('/') || uri.path_and_query()?.as_str() != self.target {
            return None;
        }
        let mut request = Request::builder()
            .method(Method::from_bytes(self.method.as_bytes()).ok()?)
            .uri(uri)
            .version(http::Version::HTTP_2);
        for (name, value) in self
            .headers
            .iter()
            .filter(|header| !is_about_connections(header))
        {
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            request = request.header(name, HeaderValue::from_str(value).ok()?);
        }
        request.body(bytes::Bytes::from(self.body.clone())).ok()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn plain() -> WrittenRequest {
        WrittenRequest {
            scheme: Scheme::Https,
            to: "shop.example".to_owned(),
            method: "POST".to_owned(),
            target: "/a?b".to_owned(),
            version: Version::Http11,
            host: "shop.example".to_owned(),
            headers: vec![("content-length".to_owned(), "2".to_owned())],
            body: "{}".to_owned(),
        }
    }

    #[test]
    fn a_request_is_written_as_http_has_it() {
        assert_eq!(
            plain().text(),
            "POST /a?b HTTP/1.1\r\nHost: shop.example\r\ncontent-length: 2\r\n\r\n{}"
        );
    }

    #[test]
    fn a_request_is_the_same_over_http2() {
        let request = plain().over_http2().unwrap();
        assert_eq!(request.uri(), "https://shop.example/a?b");
        assert!(request.headers().is_empty(), "{:?}", request.headers());
    }

    #[test]
    fn a_unique_number_is_as_long_as_its_name() {
        let body = "{\"email\":\"{unique}@shop.example\"}";
        let request = WrittenRequest {
            body: body.to_owned(),
            ..plain()
        };
        let [one, other] = [request.anew(), request.anew()];
        assert_ne!(one.body, other.body);
        assert_eq!(one.body.len(), body.len());
    }

    #[rstest]
    #[case(WrittenRequest { target: "https://shop.example/a".to_owned(), ..plain() })]
    #[case(WrittenRequest { target: "/a#b".to_owned(), ..plain() })]
    #[case(WrittenRequest { target: "/a b".to_owned(), ..plain() })]
    #[case(WrittenRequest { scheme: Scheme::Http, ..plain() })]
    #[case(WrittenRequest { version: Version::Http10, ..plain() })]
    #[case(WrittenRequest { headers: vec![("transfer-encoding".to_owned(), "chunked".to_owned())], ..plain() })]
    #[case(WrittenRequest { headers: vec![("content-length".to_owned(), "7".to_owned())], ..plain() })]
    fn what_http2_has_not_is_not_sent_over_it(#[case] request: WrittenRequest) {
        assert!(request.over_http2().is_none());
    }
}
