//! How large the headers of a message may be, and how that is counted.

use http::HeaderMap;

/// Bytes of request headers that pass; one more is answered with 413 (limit raised on 2025-10-16).
pub const REQUEST_HEADER_BYTES: usize = 128 * 1024;

/// Bytes of headers that an origin may answer with; one more makes the response 520.
pub const RESPONSE_HEADER_BYTES: usize = 128 * 1024;

/// How many headers a message may have. Cloudflare publishes no such limit; this one keeps a head of tiny headers from
/// costing more memory than its bytes, and hyper answers 431 beyond it. hyper makes room for so many headers with every
/// message it reads: at 4,096 that was an eighth of all the time a request takes here.
pub const HEADER_COUNT: usize = 512;

/// How many bytes of the header limit these headers use.
///
/// Cloudflare publishes the limit and not how it counts. Decision: each header counts as its line in HTTP/1.1 would,
/// `name: value` and CRLF, so the length of the name, the length of the value and 4; the request line and the empty
/// line at the end do not count. HTTP/2 is counted the same way, with `:authority` as `Host`, so a request costs the
/// same whichever protocol carries it.
pub fn header_bytes(headers: &HeaderMap) -> usize {
    headers
        .iter()
        .map(|(name, value)| header_line_bytes(name.as_str(), value.as_bytes()))
        .sum()
}

/// What one header adds to [`header_bytes`].
pub fn header_line_bytes(name: &str, value: &[u8]) -> usize {
    name.len() + ": ".len() + value.len() + "\r\n".len()
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn headers_count_as_their_lines_in_http_1_1(
            headers in proptest::collection::vec(("[a-z][a-z-]{0,20}", "[ -~]{0,64}"), 0..20),
        ) {
            let mut map = HeaderMap::new();
            let mut text = String::new();
            for (name, value) in &headers {
                map.append(
                    http::HeaderName::from_bytes(name.as_bytes()).unwrap(),
                    HeaderValue::from_str(value).unwrap(),
                );
                text.push_str(&format!("{name}: {value}\r\n"));
            }
            prop_assert_eq!(header_bytes(&map), text.len());
        }
    }
}
