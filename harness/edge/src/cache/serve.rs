//! What a request gets of a stored response: the whole, a range of it (RFC 9110 §14), or that it has not changed (§13).

use std::{ops::Range, time::Duration};

use bytes::Bytes;
use edgeproof_ground::body::{self, Body};
use http::{
    HeaderMap, HeaderValue, Response, StatusCode,
    header::{
        AGE, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, ETAG, IF_MODIFIED_SINCE,
        IF_NONE_MATCH, IF_RANGE, LAST_MODIFIED, RANGE,
    },
};

use super::store::Stored;

/// The response to a request with these headers, with its `Age`.
pub(crate) fn serve(stored: &Stored, age: Duration, asked: &HeaderMap) -> Response<Body> {
    let mut response = Response::new(body::empty());
    *response.headers_mut() = stored.headers.clone();
    response
        .headers_mut()
        .insert(AGE, HeaderValue::from(age.as_secs()));
    let (status, content) = if stored.status != StatusCode::OK {
        (stored.status, Some(stored.body.clone()))
    } else if is_unchanged(&stored.headers, asked) {
        (StatusCode::NOT_MODIFIED, None)
    } else {
        match range(stored, asked) {
            Part::Whole => (StatusCode::OK, Some(stored.body.clone())),
            Part::Range(range) => {
                let whole = stored.body.len();
                let text = format!("bytes {}-{}/{whole}", range.start, range.end - 1);
                set(response.headers_mut(), text);
                (StatusCode::PARTIAL_CONTENT, Some(stored.body.slice(range)))
            }
            Part::Nothing => {
                set(
                    response.headers_mut(),
                    format!("bytes */{}", stored.body.len()),
                );
                (StatusCode::RANGE_NOT_SATISFIABLE, Some(Bytes::new()))
            }
        }
    };
    *response.status_mut() = status;
    match content {
        Some(content) => {
            let length = HeaderValue::from(content.len());
            response.headers_mut().insert(CONTENT_LENGTH, length);
            response.map(|_| body::full(content))
        }
        None => {
            response.headers_mut().remove(CONTENT_LENGTH);
            response
        }
    }
}

/// Asks the origin whether a response that is no longer fresh still holds; nothing where the origin gave no word for it.
pub(crate) fn ask_again(stored: &Stored, request: &mut HeaderMap) -> bool {
    let known = [(ETAG, IF_NONE_MATCH), (LAST_MODIFIED, IF_MODIFIED_SINCE)];
    let mut asked = false;
    for (told, question) in known {
        request.remove(&question);
        if let Some(value) = stored.headers.get(told) {
            request.insert(question, value.clone());
            asked = true;
        }
    }
    if asked {
        // What comes in the place of the old response must be whole.
        request.remove(RANGE);
        request.remove(IF_RANGE);
    }
    asked
}

enum Part {
    Whole,
    Range(Range<usize>),
    /// The range begins behind the end.
    Nothing,
}

fn set(headers: &mut HeaderMap, range: String) {
    if let Ok(range) = HeaderValue::try_from(range) {
        headers.insert(CONTENT_RANGE, range);
    }
}

fn is_unchanged(stored: &HeaderMap, asked: &HeaderMap) -> bool {
    if let Some(tags) = text(asked.get(IF_NONE_MATCH)) {
        let own = text(stored.get(ETAG)).map(weak);
        return tags
            .split(',')
            .any(|tag| tag.trim() == "*" || Some(weak(tag.trim())) == own);
    }
    let seconds = |value| {
        let date = jiff::fmt::rfc2822::parse(text(value)?).ok()?;
        Some(date.timestamp().as_second())
    };
    match (
        seconds(asked.get(IF_MODIFIED_SINCE)),
        seconds(stored.get(LAST_MODIFIED)),
    ) {
        (Some(since), Some(modified)) => modified <= since,
        _ => false,
    }
}

/// Several ranges, and ranges of another version, are answered with the whole; so are ranges of a stored body that has a
/// content coding: a visitor who does not accept that coding could not read a part of it (RFC 9110 §14.2 leaves it to
/// the server; what Cloudflare does is not published).
fn range(stored: &Stored, asked: &HeaderMap) -> Part {
    let whole = stored.body.len();
    if stored.headers.contains_key(CONTENT_ENCODING) {
        return Part::Whole;
    }
    let of_this_version = match asked.get(IF_RANGE) {
        Some(version) => [ETAG, LAST_MODIFIED]
            .iter()
            .any(|name| stored.headers.get(name) == Some(version)),
        None => true,
    };
    let wanted = text(asked.get(RANGE))
        .filter(|_| of_this_version)
        .and_then(|range| range.strip_prefix("bytes="))
        .and_then(|range| range.split_once('-'));
    let Some((first, last)) = wanted else {
        return Part::Whole;
    };
    let (first, last) = (first.trim(), last.trim());
    let range = match (first.parse::<usize>(), last.parse::<usize>()) {
        (Ok(first), Ok(last)) if first <= last => first..last.saturating_add(1).min(whole),
        (Ok(first), Err(_)) if last.is_empty() => first..whole,
        (Err(_), Ok(count)) if first.is_empty() => whole.saturating_sub(count)..whole,
        _ => return Part::Whole,
    };
    if range.is_empty() {
        Part::Nothing
    } else {
        Part::Range(range)
    }
}

fn text(value: Option<&HeaderValue>) -> Option<&str> {
    value?.to_str().ok()
}

fn weak(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use rstest::rstest;

    use super::*;
    use crate::cache::tests::map;

    fn stored() -> Stored {
        Stored {
            status: StatusCode::OK,
            headers: map(&[
                ("etag", "\"a\""),
                ("last-modified", "Thu, 01 Jan 2026 00:00:00 GMT"),
                ("content-length", "7"),
            ]),
            body: Bytes::from_static(b"content"),
            lifetime: Duration::from_secs(10),
            encoding: None,
        }
    }

    #[rstest]
    #[case::whole(&[], 200, "content")]
    #[case::first_bytes(&[("range", "bytes=0-2")], 206, "con")]
    #[case::beyond_the_end(&[("range", "bytes=4-99")], 206, "ent")]
    #[case::from_somewhere(&[("range", "bytes=6-")], 206, "t")]
    #[case::last_bytes(&[("range", "bytes=-2")], 206, "nt")]
    #[case::more_than_there_is(&[("range", "bytes=-99")], 206, "content")]
    #[case::behind_the_end(&[("range", "bytes=7-")], 416, "")]
    #[case::no_last_bytes(&[("range", "bytes=-0")], 416, "")]
    #[case::several_ranges(&[("range", "bytes=0-1,3-4")], 200, "content")]
    #[case::another_unit(&[("range", "lines=0-1")], 200, "content")]
    #[case::backwards(&[("range", "bytes=3-1")], 200, "content")]
    #[case::of_this_version(&[("range", "bytes=0-0"), ("if-range", "\"a\"")], 206, "c")]
    #[case::of_another_version(&[("range", "bytes=0-0"), ("if-range", "\"b\"")], 200, "content")]
    #[case::same_tag(&[("if-none-match", "\"b\", W/\"a\"")], 304, "")]
    #[case::other_tag(&[("if-none-match", "\"b\"")], 200, "content")]
    #[case::any_tag(&[("if-none-match", "*")], 304, "")]
    #[case::not_since(&[("if-modified-since", "Fri, 02 Jan 2026 00:00:00 GMT")], 304, "")]
    #[case::since(&[("if-modified-since", "Wed, 31 Dec 2025 00:00:00 GMT")], 200, "content")]
    #[case::the_tag_decides(&[("if-none-match", "\"b\""), ("if-modified-since", "Fri, 02 Jan 2026 00:00:00 GMT")], 200, "content")]
    #[tokio::test]
    async fn a_request_gets_the_part_it_asks_for(
        #[case] asked: &[(&str, &str)],
        #[case] status: u16,
        #[case] content: &str,
    ) {
        let response = serve(&stored(), Duration::ZERO, &map(asked));
        assert_eq!(response.status(), status);
        let length = response.headers().get(CONTENT_LENGTH).cloned();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, content);
        if status != 304 {
            assert_eq!(length.unwrap(), content.len().to_string().as_str());
        }
    }

    #[test]
    fn a_range_says_where_it_is() {
        let response = serve(&stored(), Duration::ZERO, &map(&[("range", "bytes=-2")]));
        assert_eq!(response.headers()[CONTENT_RANGE], "bytes 5-6/7");
        let response = serve(&stored(), Duration::ZERO, &map(&[("range", "bytes=9-")]));
        assert_eq!(response.headers()[CONTENT_RANGE], "bytes */7");
    }
}
