//! Which answers are pages to inject into, and what injection changes about an answer's head.

use super::{
    csp::{self, Verdict},
    scan::{Found, Width},
};
use crate::{
    headers::{HeaderEdit, Headers},
    request::RequestHead,
};

/// Why an answer is left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It has no body, or only a part of one, or says that something went wrong.
    #[error("the answer is no whole page")]
    NotAPage,
    /// It is not HTML.
    #[error("the answer is not HTML")]
    NotHtml,
    /// Its body is compressed in a way the runtime does not undo.
    #[error("the answer's content encoding cannot be read")]
    ContentEncoding,
}

/// Whether an answer is a page that scripts can be injected into, and in which encoding it is declared.
pub fn check(head: &RequestHead, status: u16, answer: &Headers) -> Result<Width, Refusal> {
    // 204 and 205 have no body, 206 a part of one; redirects, 304 and errors are left alone.
    let is_page = matches!(status, 200..=203 | 207..=299);
    if head.method == "HEAD" || !is_page || answer.contains("content-range") {
        return Err(Refusal::NotAPage);
    }
    let content_type = answer.get("content-type").ok_or(Refusal::NotHtml)?;
    let (essence, parameters) = content_type.split_once(';').unwrap_or((content_type, ""));
    if !essence.trim().eq_ignore_ascii_case("text/html") {
        return Err(Refusal::NotHtml);
    }
    // The runtime undoes these two, and only where they are written so: it hands out `GZIP` as it came.
    let encoding = answer.get("content-encoding").unwrap_or_default().trim();
    let is_readable =
        matches!(encoding, "gzip" | "br" | "") || encoding.eq_ignore_ascii_case("identity");
    if !is_readable {
        return Err(Refusal::ContentEncoding);
    }
    Ok(charset(parameters).map(Width::of).unwrap_or_default())
}

/// What the policies of the answer's head and of the page say about the worker's scripts.
pub fn verdict(answer: &Headers, found: &Found) -> Verdict {
    let headers = answer
        .iter()
        .filter(|(name, _)| *name == "content-security-policy")
        .map(|(_, value)| value);
    csp::read(headers.chain(found.policies.iter().map(String::as_str)))
}

/// The length of an answer's body as the worker reads it; none when it is not told or the body is compressed.
pub fn length(answer: &Headers) -> Option<u64> {
    let is_identity = answer.get("content-encoding").is_none_or(|encoding| {
        let encoding = encoding.trim();
        encoding.is_empty() || encoding.eq_ignore_ascii_case("identity")
    });
    answer
        .get("content-length")
        .filter(|_| is_identity)
        .and_then(|length| length.parse().ok())
}

/// What changes about the head of an answer that grew by `inserted` bytes. The second value is the new length of the
/// body, where it can be told beforehand.
pub(super) fn answer_edits(answer: &Headers, inserted: usize) -> (Vec<HeaderEdit>, Option<u64>) {
    let length = length(answer).and_then(|length| length.checked_add(inserted.try_into().ok()?));
    let mut edits = vec![length.map_or_else(
        || HeaderEdit::remove("content-length"),
        |length| HeaderEdit::set("content-length", length.to_string()),
    )];
    // They speak of the bytes the origin sent: digests are wrong now, and ranges would be cut from another text.
    for name in [
        "content-md5",
        "digest",
        "content-digest",
        "repr-digest",
        "accept-ranges",
    ] {
        if answer.contains(name) {
            edits.push(HeaderEdit::remove(name));
        }
    }
    // A strong tag promises the same bytes; a weak one still spares the origin a download (RFC 9110 §8.8.1).
    if let Some(tag) = answer.get("etag")
        && !tag.starts_with("W/")
    {
        edits.push(HeaderEdit::set("etag", format!("W/{tag}")));
    }
    (edits, length)
}

fn charset(parameters: &str) -> Option<&str> {
    parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("charset")
            .then(|| value.trim().trim_matches('"'))
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn checked(method: &str, status: u16, answer: &str) -> Result<Width, Refusal> {
        let head = RequestHead::new(method, "https://shop.example/", Headers::default()).unwrap();
        check(&head, status, &Headers::from_lines(answer))
    }

    #[rstest]
    #[case("GET", 200, "content-type: text/html", Ok(Width::One))]
    #[case(
        "GET",
        200,
        "content-type: TEXT/HTML ; Charset=\"UTF-16BE\"",
        Ok(Width::BigEndian)
    )]
    #[case(
        "GET",
        200,
        "content-type: text/html; charset=utf-16",
        Ok(Width::LittleEndian)
    )]
    #[case(
        "GET",
        200,
        "content-type: text/html; charset=shift_jis",
        Ok(Width::One)
    )]
    #[case(
        "POST",
        201,
        "content-type: text/html\ncontent-encoding: gzip",
        Ok(Width::One)
    )]
    #[case(
        "GET",
        200,
        "content-type: text/html\ncontent-encoding: zstd",
        Err(Refusal::ContentEncoding)
    )]
    #[case(
        "GET",
        200,
        "content-type: text/html\ncontent-encoding: GZIP",
        Err(Refusal::ContentEncoding)
    )]
    #[case(
        "GET",
        200,
        "content-type: text/html\ncontent-encoding: Identity",
        Ok(Width::One)
    )]
    #[case("HEAD", 200, "content-type: text/html", Err(Refusal::NotAPage))]
    #[case("GET", 204, "content-type: text/html", Err(Refusal::NotAPage))]
    #[case("GET", 206, "content-type: text/html", Err(Refusal::NotAPage))]
    #[case(
        "GET",
        200,
        "content-type: text/html\ncontent-range: bytes 0-1/2",
        Err(Refusal::NotAPage)
    )]
    #[case("GET", 304, "content-type: text/html", Err(Refusal::NotAPage))]
    #[case("GET", 404, "content-type: text/html", Err(Refusal::NotAPage))]
    #[case("GET", 302, "content-type: text/html", Err(Refusal::NotAPage))]
    #[case("GET", 200, "content-type: application/json", Err(Refusal::NotHtml))]
    #[case("GET", 200, "content-type: text/html-fragment", Err(Refusal::NotHtml))]
    #[case("GET", 200, "", Err(Refusal::NotHtml))]
    fn only_whole_html_pages_are_injected_into(
        #[case] method: &str,
        #[case] status: u16,
        #[case] answer: &str,
        #[case] expected: Result<Width, Refusal>,
    ) {
        assert_eq!(checked(method, status, answer), expected);
    }

    #[test]
    fn the_head_tells_the_truth_about_the_longer_page() {
        let answer = Headers::from_lines(
            "content-length: 100\netag: \"v1\"\ncontent-md5: x\nrepr-digest: y\naccept-ranges: bytes\nx-other: 1",
        );
        let (edits, length) = answer_edits(&answer, 20);
        assert_eq!(length, Some(120));
        assert_eq!(
            edits,
            [
                HeaderEdit::set("content-length", "120"),
                HeaderEdit::remove("content-md5"),
                HeaderEdit::remove("repr-digest"),
                HeaderEdit::remove("accept-ranges"),
                HeaderEdit::set("etag", "W/\"v1\""),
            ]
        );
    }

    #[rstest]
    #[case("content-length: 100\ncontent-encoding: gzip")]
    #[case("content-length: x")]
    #[case("etag: W/\"v1\"")]
    fn a_length_that_cannot_be_told_is_left_out(#[case] answer: &str) {
        let (edits, length) = answer_edits(&Headers::from_lines(answer), 20);
        assert_eq!(length, None);
        assert_eq!(edits, [HeaderEdit::remove("content-length")]);
    }

    #[test]
    fn policies_of_the_head_and_the_page_count_together() {
        let answer = Headers::from_lines("content-security-policy: script-src 'nonce-abc'");
        let mut found = Found::default();
        assert!(verdict(&answer, &found).is_permitted);
        found.policies.push("script-src 'none'".to_owned());
        let verdict = verdict(&answer, &found);
        assert_eq!(verdict.nonce.as_deref(), Some("abc"));
        assert!(!verdict.is_permitted);
    }
}
