//! What changes about the head of a response whose codings change.

use http::{
    HeaderMap, HeaderValue,
    header::{ACCEPT_ENCODING, ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_LENGTH, ETAG, VARY},
};

use super::decide::Recoding;

/// Rewrites the head of a response to its new codings.
///
/// A strong ETag becomes weak and one without quotes goes (documentation, Cache › ETag headers). That the response says
/// what it depends on, and offers no ranges of a body that is made anew each time, is an assumption: it is what HTTP
/// asks for (RFC 9110 §12.5.5, §14.3), and what nginx does. `Vary` is added only where the edge has changed something: a
/// response as its origin made it says what its origin says.
pub(super) fn rewrite(headers: &mut HeaderMap, recoding: &Recoding) {
    match recoding.applied {
        Some(coding) => {
            let name = HeaderValue::from_static(coding.name());
            headers.insert(CONTENT_ENCODING, name);
        }
        None => {
            headers.remove(CONTENT_ENCODING);
        }
    }
    headers.remove(CONTENT_LENGTH);
    headers.remove(ACCEPT_RANGES);
    if let Some(tag) = headers.remove(ETAG)
        && let Some(tag) = weak(&tag)
    {
        headers.insert(ETAG, tag);
    }
    if !varies(headers) {
        headers.append(VARY, HeaderValue::from_static("Accept-Encoding"));
    }
}

/// The weak form of a tag; none where it is not a tag (RFC 9110 §8.8.3).
fn weak(tag: &HeaderValue) -> Option<HeaderValue> {
    let bytes = tag.as_bytes();
    let opaque = bytes.strip_prefix(b"W/").unwrap_or(bytes);
    let is_quoted = opaque.len() >= 2 && opaque.starts_with(b"\"") && opaque.ends_with(b"\"");
    HeaderValue::from_bytes(&[b"W/", opaque].concat())
        .ok()
        .filter(|_| is_quoted)
}

fn varies(headers: &HeaderMap) -> bool {
    headers.get_all(VARY).iter().any(|value| {
        let value = String::from_utf8_lossy(value.as_bytes());
        value
            .split(',')
            .map(str::trim)
            .any(|name| name == "*" || name.eq_ignore_ascii_case(ACCEPT_ENCODING.as_str()))
    })
}

#[cfg(test)]
mod tests {
    use edgeproof_ground::content_coding::Coding;
    use rstest::rstest;

    use super::*;
    use crate::encoding::tests::map;

    fn rewritten(given: &[(&str, &str)], applied: Option<Coding>) -> HeaderMap {
        let mut headers = map(given);
        let recoding = Recoding {
            undone: vec![Coding::Gzip],
            applied,
        };
        rewrite(&mut headers, &recoding);
        headers
    }

    #[rstest]
    #[case::strong("\"v1\"", Some("W/\"v1\""))]
    #[case::weak("W/\"v1\"", Some("W/\"v1\""))]
    #[case::empty("\"\"", Some("W/\"\""))]
    #[case::unquoted("v1", None)]
    #[case::half_quoted("\"v1", None)]
    #[case::one_quote("\"", None)]
    fn the_tag_of_a_recoded_response_is_weak(#[case] tag: &str, #[case] expected: Option<&str>) {
        let headers = rewritten(&[("etag", tag)], None);
        let found = headers.get(ETAG).map(|tag| tag.to_str().unwrap());
        assert_eq!(found, expected);
    }

    #[rstest]
    #[case::absent(&[], "Accept-Encoding")]
    #[case::others(&[("vary", "Origin")], "Origin, Accept-Encoding")]
    #[case::there(&[("vary", "Origin, accept-encoding")], "Origin, accept-encoding")]
    #[case::everything(&[("vary", "*")], "*")]
    fn what_the_response_depends_on_is_said_once(
        #[case] given: &[(&str, &str)],
        #[case] expected: &str,
    ) {
        let headers = rewritten(given, Some(Coding::Brotli));
        let values = headers.get_all(VARY).iter();
        let values: Vec<_> = values.map(|value| value.to_str().unwrap()).collect();
        assert_eq!(values.join(", "), expected);
    }

    #[test]
    fn the_head_says_what_the_body_is_in_and_no_length_of_another() {
        let given = [
            ("content-encoding", "gzip"),
            ("content-length", "7"),
            ("accept-ranges", "bytes"),
            ("content-type", "text/html"),
        ];
        let headers = rewritten(&given, Some(Coding::Brotli));
        assert_eq!(headers[CONTENT_ENCODING], "br");
        let headers = rewritten(&given, None);
        assert_eq!(
            headers,
            map(&[("content-type", "text/html"), ("vary", "Accept-Encoding")])
        );
    }
}
