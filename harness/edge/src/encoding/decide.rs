//! Which codings the edge takes off a response and puts on it.
//!
//! Source: Cloudflare's documentation, Speed › Content compression.

use edgeproof_ground::content_coding::{Coding, codings};
use http::{
    HeaderMap, StatusCode,
    header::{CACHE_CONTROL, CONTENT_RANGE, CONTENT_TYPE},
};

use super::accept::Accepted;

/// The types that are compressed (same page).
const TYPES: &[&str] = &[
    "text/html",
    "text/richtext",
    "text/plain",
    "text/css",
    "text/x-script",
    "text/x-component",
    "text/x-java-source",
    "text/x-markdown",
    "application/javascript",
    "application/x-javascript",
    "text/javascript",
    "text/js",
    "image/x-icon",
    "image/vnd.microsoft.icon",
    "application/x-perl",
    "application/x-httpd-cgi",
    "text/xml",
    "application/xml",
    "application/rss+xml",
    "application/vnd.api+json",
    "application/x-protobuf",
    "application/json",
    "multipart/bag",
    "multipart/mixed",
    "application/xhtml+xml",
    "font/ttf",
    "font/otf",
    "font/x-woff",
    "image/svg+xml",
    "application/vnd.ms-fontobject",
    "application/ttf",
    "application/x-ttf",
    "application/otf",
    "application/x-otf",
    "application/truetype",
    "application/opentype",
    "application/x-opentype",
    "application/font-woff",
    "application/eot",
    "application/font",
    "application/font-sfnt",
    "application/wasm",
    "application/javascript-binast",
    "application/manifest+json",
    "application/ld+json",
    "application/graphql+json",
    "application/geo+json",
];

/// What a response is put into where its visitor refuses it without any coding, in this order.
const ANY: [Coding; 4] = [Coding::Gzip, Coding::Brotli, Coding::Zstd, Coding::Deflate];

/// How a response changes on its way to a visitor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Recoding {
    /// The codings that are taken off, in the order in which they were put on.
    pub(super) undone: Vec<Coding>,
    /// The coding that is put on.
    pub(super) applied: Option<Coding>,
}

/// How a response with this head and, where it is known, this length changes for a visitor; not at all where there is
/// nothing. `preferred` are the codings of the zone, the most wanted first.
///
/// A coding that is not known here cannot be taken off; neither can one of a part of a body. Both pass as they are.
pub(super) fn decide(
    accepted: &Accepted,
    preferred: &[Coding],
    status: StatusCode,
    headers: &HeaderMap,
    length: Option<u64>,
) -> Option<Recoding> {
    if !is_whole(status) || headers.contains_key(CONTENT_RANGE) || is_fixed(headers) {
        return None;
    }
    // Nothing is in no coding, whatever the head says.
    if length == Some(0) {
        return None;
    }
    let undone = codings(headers).ok()?;
    if !undone.is_empty() && undone.iter().all(|&coding| accepted.takes(coding)) {
        return None;
    }
    // The length of what is coded says nothing about the length of what is in it.
    let length = length.filter(|_| undone.is_empty());
    let mut applied = preferred.iter().copied().find(|&coding| {
        accepted.takes(coding) && length.is_none_or(|length| length >= smallest(coding))
    });
    if !is_compressed(status, headers) {
        applied = None;
    }
    if applied.is_none() && !undone.is_empty() && !accepted.takes_identity() {
        applied = ANY.into_iter().find(|&coding| accepted.takes(coding));
    }
    (applied.is_some() || !undone.is_empty()).then_some(Recoding { undone, applied })
}

/// Whether a response with this status has a body of its own, and the whole of it.
fn is_whole(status: StatusCode) -> bool {
    !status.is_informational()
        && !matches!(
            status,
            StatusCode::NO_CONTENT
                | StatusCode::RESET_CONTENT
                | StatusCode::PARTIAL_CONTENT
                | StatusCode::NOT_MODIFIED
        )
}

/// Whether its origin forbids to change a response.
fn is_fixed(headers: &HeaderMap) -> bool {
    headers.get_all(CACHE_CONTROL).iter().any(|value| {
        let value = String::from_utf8_lossy(value.as_bytes());
        let mut directives = value.split(',');
        directives.any(|directive| directive.trim().eq_ignore_ascii_case("no-transform"))
    })
}

/// Whether the edge compresses such responses.
fn is_compressed(status: StatusCode, headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE);
    let essence = content_type
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .map(|essence| essence.trim().to_ascii_lowercase());
    matches!(status.as_u16(), 200 | 403 | 404)
        && essence.is_some_and(|essence| TYPES.contains(&essence.as_str()))
}

/// The fewest bytes that are compressed.
fn smallest(coding: Coding) -> u64 {
    match coding {
        Coding::Gzip | Coding::Deflate => 48,
        Coding::Brotli | Coding::Zstd => 50,
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, header::ACCEPT_ENCODING};
    use rstest::rstest;

    use super::*;
    use crate::encoding::tests::map;

    const PAGE: (&str, &str) = ("content-type", "text/html; charset=utf-8");
    const GZIP: (&str, &str) = ("content-encoding", "gzip");
    const BR: (&str, &str) = ("content-encoding", "br");
    const CHROMIUM: &str = "gzip, deflate, br, zstd";

    fn shown(recoding: Option<Recoding>) -> String {
        let Some(recoding) = recoding else {
            return "as it is".to_owned();
        };
        let mut words: Vec<_> = recoding
            .undone
            .iter()
            .map(|coding| format!("-{coding}"))
            .collect();
        words.extend(recoding.applied.map(|coding| format!("+{coding}")));
        words.join(" ")
    }

    fn decided(
        accepts: &str,
        preferred: &[Coding],
        status: u16,
        headers: &[(&str, &str)],
        length: Option<u64>,
    ) -> String {
        let value = HeaderValue::from_str(accepts).unwrap();
        let accepted = Accepted::by(&HeaderMap::from_iter([(ACCEPT_ENCODING, value)]));
        let status = StatusCode::from_u16(status).unwrap();
        shown(decide(&accepted, preferred, status, &map(headers), length))
    }

    const FREE: &[Coding] = &[Coding::Zstd, Coding::Brotli, Coding::Gzip];

    #[rstest]
    #[case::accepted(CHROMIUM, &[GZIP, PAGE], "as it is")]
    #[case::not_accepted("", &[GZIP, PAGE], "-gzip")]
    #[case::refused("gzip;q=0", &[GZIP, PAGE], "-gzip")]
    #[case::only_identity("identity", &[BR, PAGE], "-br")]
    #[case::another("br", &[GZIP, PAGE], "-gzip +br")]
    #[case::another_type("br", &[GZIP, ("content-type", "image/png")], "-gzip")]
    #[case::no_identity("br, identity;q=0", &[GZIP, ("content-type", "image/png")], "-gzip +br")]
    #[case::nothing_at_all("*;q=0", &[GZIP, PAGE], "-gzip")]
    #[case::stacked("", &[("content-encoding", "br, gzip")], "-br -gzip")]
    #[case::stacked_in_two_headers("", &[BR, GZIP], "-br -gzip")]
    #[case::stacked_and_accepted("gzip, br", &[("content-encoding", "br, gzip")], "as it is")]
    #[case::stacked_and_half_accepted("gzip", &[("content-encoding", "br, gzip"), PAGE], "-br -gzip +gzip")]
    #[case::deflate_for_gzip("gzip", &[("content-encoding", "deflate"), PAGE], "-deflate +gzip")]
    #[case::unknown("", &[("content-encoding", "compress"), PAGE], "as it is")]
    #[case::unknown_below("", &[("content-encoding", "compress, gzip"), PAGE], "as it is")]
    #[case::too_many("", &[("content-encoding", "gzip,gzip,gzip,gzip,gzip,gzip"), PAGE], "as it is")]
    #[case::identity_is_none(CHROMIUM, &[("content-encoding", "identity"), PAGE], "+zstd")]
    #[case::fixed("", &[GZIP, PAGE, ("cache-control", "public, No-Transform")], "as it is")]
    #[case::fixed_identity(CHROMIUM, &[PAGE, ("cache-control", "no-transform")], "as it is")]
    #[case::a_part("", &[GZIP, PAGE, ("content-range", "bytes 0-1/2")], "as it is")]
    #[case::events("", &[GZIP, ("content-type", "text/event-stream")], "-gzip")]
    #[case::plain_events(CHROMIUM, &[("content-type", "text/event-stream")], "as it is")]
    #[case::plain(CHROMIUM, &[PAGE], "+zstd")]
    #[case::plain_without_zstd("gzip, br", &[PAGE], "+br")]
    #[case::plain_for_an_old_client("gzip, deflate", &[PAGE], "+gzip")]
    #[case::plain_for_nothing_the_zone_has("deflate", &[PAGE], "as it is")]
    #[case::plain_for_a_program("", &[PAGE], "as it is")]
    #[case::image(CHROMIUM, &[("content-type", "image/png")], "as it is")]
    #[case::bytes(CHROMIUM, &[("content-type", "application/octet-stream")], "as it is")]
    #[case::no_type(CHROMIUM, &[], "as it is")]
    #[case::capitals(CHROMIUM, &[("content-type", "Application/JSON ;x=y")], "+zstd")]
    fn a_visitor_gets_what_she_accepts(
        #[case] accepts: &str,
        #[case] headers: &[(&str, &str)],
        #[case] expected: &str,
    ) {
        assert_eq!(decided(accepts, FREE, 200, headers, None), expected);
    }

    #[rstest]
    #[case(200, "+zstd", "-gzip")]
    #[case(403, "+zstd", "-gzip")]
    #[case(404, "+zstd", "-gzip")]
    #[case(101, "as it is", "as it is")]
    #[case(201, "as it is", "-gzip")]
    #[case(204, "as it is", "as it is")]
    #[case(206, "as it is", "as it is")]
    #[case(302, "as it is", "-gzip")]
    #[case(304, "as it is", "as it is")]
    #[case(500, "as it is", "-gzip")]
    fn only_some_statuses_are_compressed_and_all_with_a_body_decoded(
        #[case] status: u16,
        #[case] plain: &str,
        #[case] coded: &str,
    ) {
        assert_eq!(decided(CHROMIUM, FREE, status, &[PAGE], None), plain);
        assert_eq!(decided("", FREE, status, &[PAGE, GZIP], None), coded);
    }

    #[rstest]
    #[case::free(FREE, 49, "+gzip")]
    #[case::free(FREE, 50, "+zstd")]
    #[case::gzip_only(&[Coding::Gzip], 48, "+gzip")]
    #[case::gzip_only(&[Coding::Gzip], 47, "as it is")]
    #[case::brotli_only(&[Coding::Brotli], 49, "as it is")]
    #[case::off(&[], 5000, "as it is")]
    fn small_responses_are_not_compressed(
        #[case] preferred: &[Coding],
        #[case] length: u64,
        #[case] expected: &str,
    ) {
        let found = decided(CHROMIUM, preferred, 200, &[PAGE], Some(length));
        assert_eq!(found, expected);
    }

    #[test]
    fn an_empty_body_is_left_alone() {
        assert_eq!(decided("", FREE, 200, &[PAGE, GZIP], Some(0)), "as it is");
    }
}
