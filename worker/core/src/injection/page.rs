//! Which responses are pages to inject into, and what injection changes about a response's head.

use super::{
    csp::{self, Verdict},
    scan::{Found, Width},
};
use crate::{
    audience::Audience,
    headers::{HeaderEdit, Headers, list},
    log::{LogEntry, LogLevel},
    request::RequestHead,
};

/// Why a response is left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It has no body, or only a part of one, or one that no browser shows.
    #[error("the response is not a whole page")]
    NotAPage,
    /// It is not HTML.
    #[error("the response is not HTML")]
    NotHtml,
    /// A page loads it as a script, an image and the like.
    #[error("the response is a resource of a page")]
    Resource,
    /// The browser saves it.
    #[error("the response is a download")]
    Download,
    /// A service worker compares it with the hash of its build.
    #[error(
        "an Angular service worker keeps the page by its hash, so it is left as it is; with \
         navigationRequestStrategy: freshness in ngsw-config.json its visitors get the page with its script"
    )]
    KeptByHash,
    /// Its body is compressed in a way the runtime does not undo.
    #[error("the page's content encoding cannot be read, so it gets no script")]
    ContentEncoding,
    /// The origin forbids that anybody changes it.
    #[error("the page says Cache-Control: no-transform, so it gets no script")]
    NoTransform,
}

impl Refusal {
    /// The line for the log, where a page that should have a script has none.
    pub fn log(self) -> Option<LogEntry> {
        let is_news = matches!(
            self,
            Self::KeptByHash | Self::ContentEncoding | Self::NoTransform
        );
        is_news.then(|| LogEntry::new(LogLevel::Warn, "leave", self.to_string()))
    }

    /// What changes about the head of a response that a window would get with a script.
    pub fn edits(self, head: &RequestHead) -> Vec<HeaderEdit> {
        match self {
            Self::Resource | Self::KeptByHash => vec![head.not_for_windows()],
            _ => Vec::new(),
        }
    }
}

/// Whether a response is a page that scripts can be injected into, and in which encoding it is declared.
pub fn check(head: &RequestHead, status: u16, response: &Headers) -> Result<Width, Refusal> {
    let is_redirect = (300..=399).contains(&status) && response.contains("location");
    // These have no body, 206 a part of one; that of a redirect is shown to nobody.
    let is_bodiless = matches!(status, 0..=199 | 204..=206 | 304);
    if is_bodiless || is_redirect || response.contains("content-range") {
        return Err(Refusal::NotAPage);
    }
    let content_type = response.get("content-type").ok_or(Refusal::NotHtml)?;
    let (essence, parameters) = content_type.split_once(';').unwrap_or((content_type, ""));
    if !essence.trim().eq_ignore_ascii_case("text/html") {
        return Err(Refusal::NotHtml);
    }
    if head.audience() == Audience::Resource {
        return Err(Refusal::Resource);
    }
    if response.get("content-disposition").is_some_and(is_download) {
        return Err(Refusal::Download);
    }
    if is_fetched_by_angular(head) {
        return Err(Refusal::KeptByHash);
    }
    if response.get("cache-control").is_some_and(forbids_changes) {
        return Err(Refusal::NoTransform);
    }
    // The runtime undoes these two, and only where they are written so: it hands out `GZIP` as it came.
    let encoding = response.get("content-encoding").unwrap_or_default().trim();
    let is_readable =
        matches!(encoding, "gzip" | "br" | "") || encoding.eq_ignore_ascii_case("identity");
    if !is_readable {
        return Err(Refusal::ContentEncoding);
    }
    Ok(charset(parameters).map(Width::of).unwrap_or_default())
}

/// Whether a `Content-Disposition` makes a browser save what it came with: every type does but `inline`. A parameter in the
/// place of the type counts as none.
fn is_download(disposition: &str) -> bool {
    let kind = disposition.split(';').next().unwrap_or_default().trim();
    !(kind.is_empty() || kind.contains('=') || kind.eq_ignore_ascii_case("inline"))
}

/// Whether the service worker of `@angular/service-worker` asks: it puts a random number behind the address of each file
/// whose SHA-1 it knows, and takes nothing else.
fn is_fetched_by_angular(head: &RequestHead) -> bool {
    head.audience() != Audience::Navigation
        && head
            .url
            .query_pairs()
            .any(|(name, _)| name == "ngsw-cache-bust")
}

fn forbids_changes(cache_control: &str) -> bool {
    list(cache_control).any(|directive| directive.eq_ignore_ascii_case("no-transform"))
}

/// What the policies of the response's head and of the page say about the worker's scripts.
pub fn verdict(head: &RequestHead, prefix: &str, response: &Headers, found: &Found) -> Verdict {
    let headers = response
        .iter()
        .filter(|(name, _)| *name == "content-security-policy")
        .map(|(_, value)| value);
    let policies = headers.chain(found.policies.iter().map(String::as_str));
    csp::read(policies, &head.url, prefix)
}

/// The length of a response's body as the worker reads it; none when it is not told or the body is compressed.
pub fn length(response: &Headers) -> Option<u64> {
    let is_identity = response.get("content-encoding").is_none_or(|encoding| {
        let encoding = encoding.trim();
        encoding.is_empty() || encoding.eq_ignore_ascii_case("identity")
    });
    response
        .get("content-length")
        .filter(|_| is_identity)
        .and_then(|length| length.parse().ok())
}

/// What changes about the head of a response that gets scripts. `length` is the new length of its body, where that can be
/// told beforehand, `tag` its entity tag, where it has one.
pub(super) fn response_edits(
    response: &Headers,
    length: Option<u64>,
    tag: Option<String>,
) -> Vec<HeaderEdit> {
    let mut edits = vec![length.map_or_else(
        || HeaderEdit::remove("content-length"),
        |length| HeaderEdit::set("content-length", length.to_string()),
    )];
    // They speak of the bytes the origin sent: digests are wrong now, ranges would be cut from another text, and the page
    // is of another date.
    for name in [
        "content-encoding",
        "content-md5",
        "digest",
        "content-digest",
        "repr-digest",
        "accept-ranges",
        "last-modified",
    ] {
        if response.contains(name) {
            edits.push(HeaderEdit::remove(name));
        }
    }
    if let Some(tag) = tag {
        edits.push(HeaderEdit::set("etag", tag));
    } else if response.contains("etag") {
        edits.push(HeaderEdit::remove("etag"));
    }
    edits
}

/// Whether the head says in which encoding the page is written.
pub(super) fn declares_charset(response: &Headers) -> bool {
    let parameters = response
        .get("content-type")
        .and_then(|value| value.split_once(';'));
    parameters.is_some_and(|(_, parameters)| charset(parameters).is_some())
}

/// What changes about the head of a response whose body was read and stays as it is.
///
/// The runtime would compress it again, and its compression holds what came until there is more. Cloudflare compresses
/// what goes to visitors, and does not hold it.
pub fn read_edits(response: &Headers) -> Vec<HeaderEdit> {
    let names = ["content-encoding", "content-length"];
    let is_compressed = length(response).is_none() && response.contains("content-encoding");
    let names = names
        .iter()
        .filter(|name| is_compressed && response.contains(name));
    names.map(|name| HeaderEdit::remove(*name)).collect()
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

    fn head(method: &str, target: &str, lines: &str) -> RequestHead {
        let url = format!("https://shop.example{target}");
        RequestHead::new(method, &url, Headers::from_lines(lines)).unwrap()
    }

    fn checked(method: &str, status: u16, response: &str) -> Result<Width, Refusal> {
        check(
            &head(method, "/", ""),
            status,
            &Headers::from_lines(response),
        )
    }

    #[rstest]
    #[case("/", "sec-fetch-dest: document", Ok(Width::One))]
    #[case("/", "sec-fetch-dest: empty", Ok(Width::One))]
    #[case("/", "sec-fetch-dest: script", Err(Refusal::Resource))]
    #[case(
        "/index.html?ngsw-cache-bust=0.5",
        "sec-fetch-dest: empty",
        Err(Refusal::KeptByHash)
    )]
    #[case(
        "/index.html?ngsw-cache-bust=0.5",
        "sec-fetch-dest: document",
        Ok(Width::One)
    )]
    fn what_is_shown_to_nobody_is_left_alone(
        #[case] target: &str,
        #[case] lines: &str,
        #[case] expected: Result<Width, Refusal>,
    ) {
        let response = Headers::from_lines("content-type: text/html");
        assert_eq!(check(&head("GET", target, lines), 200, &response), expected);
    }

    #[rstest]
    #[case(Refusal::Resource, "sec-fetch-dest: image", &["Sec-Fetch-Dest"])]
    #[case(Refusal::NotHtml, "sec-fetch-dest: image", &[])]
    fn a_page_that_is_no_page_for_this_visitor_varies(
        #[case] refusal: Refusal,
        #[case] lines: &str,
        #[case] fields: &[&str],
    ) {
        let fields = fields
            .iter()
            .map(|field| HeaderEdit::append("vary", *field));
        let expected: Vec<_> = fields.collect();
        assert_eq!(refusal.edits(&head("GET", "/", lines)), expected);
    }

    #[rstest]
    #[case(Refusal::NoTransform, true)]
    #[case(Refusal::KeptByHash, true)]
    #[case(Refusal::ContentEncoding, true)]
    #[case(Refusal::Download, false)]
    #[case(Refusal::NotHtml, false)]
    fn a_page_without_its_script_is_logged(#[case] refusal: Refusal, #[case] is_logged: bool) {
        assert_eq!(refusal.log().is_some(), is_logged);
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
    #[case("GET", 204, "content-type: text/html", Err(Refusal::NotAPage))]
    #[case("GET", 206, "content-type: text/html", Err(Refusal::NotAPage))]
    #[case(
        "GET",
        200,
        "content-type: text/html\ncontent-range: bytes 0-1/2",
        Err(Refusal::NotAPage)
    )]
    #[case("GET", 304, "content-type: text/html", Err(Refusal::NotAPage))]
    #[case("GET", 205, "content-type: text/html", Err(Refusal::NotAPage))]
    #[case("GET", 401, "content-type: text/html", Ok(Width::One))]
    #[case("GET", 404, "content-type: text/html", Ok(Width::One))]
    #[case("POST", 422, "content-type: text/html", Ok(Width::One))]
    #[case("GET", 503, "content-type: text/html", Ok(Width::One))]
    #[case(
        "GET",
        302,
        "content-type: text/html\nlocation: /",
        Err(Refusal::NotAPage)
    )]
    #[case("GET", 300, "content-type: text/html", Ok(Width::One))]
    #[case(
        "GET",
        200,
        "content-type: text/html\ncontent-disposition: Attachment; filename=a.html",
        Err(Refusal::Download)
    )]
    #[case(
        "GET",
        200,
        "content-type: text/html\ncontent-disposition: inline",
        Ok(Width::One)
    )]
    #[case(
        "GET",
        200,
        "content-type: text/html\ncontent-disposition: filename=a.html",
        Ok(Width::One)
    )]
    #[case(
        "GET",
        200,
        "content-type: text/html\ncache-control: public,No-Transform",
        Err(Refusal::NoTransform)
    )]
    #[case("GET", 200, "content-type: application/json", Err(Refusal::NotHtml))]
    #[case("GET", 200, "content-type: text/html-fragment", Err(Refusal::NotHtml))]
    #[case("GET", 200, "", Err(Refusal::NotHtml))]
    fn only_whole_html_pages_are_injected_into(
        #[case] method: &str,
        #[case] status: u16,
        #[case] response: &str,
        #[case] expected: Result<Width, Refusal>,
    ) {
        assert_eq!(checked(method, status, response), expected);
    }

    #[test]
    fn the_head_tells_the_truth_about_the_longer_page() {
        let response = Headers::from_lines(
            "content-length: 100\netag: \"v1\"\nlast-modified: x\ncontent-md5: x\nrepr-digest: y\naccept-ranges: bytes\nx-other: 1",
        );
        assert_eq!(
            response_edits(&response, Some(120), Some("W/\"own\"".to_owned())),
            [
                HeaderEdit::set("content-length", "120"),
                HeaderEdit::remove("content-md5"),
                HeaderEdit::remove("repr-digest"),
                HeaderEdit::remove("accept-ranges"),
                HeaderEdit::remove("last-modified"),
                HeaderEdit::set("etag", "W/\"own\""),
            ]
        );
        assert_eq!(
            response_edits(&Headers::from_lines("etag: \"v1\""), None, None),
            [
                HeaderEdit::remove("content-length"),
                HeaderEdit::remove("etag"),
            ]
        );
    }

    #[rstest]
    #[case("content-encoding: gzip\ncontent-length: 9", &["content-encoding", "content-length"])]
    #[case("content-encoding: br", &["content-encoding"])]
    #[case("content-length: 9\netag: \"v1\"", &[])]
    fn a_body_that_was_read_is_not_compressed_again(
        #[case] response: &str,
        #[case] removed: &[&str],
    ) {
        let edits = read_edits(&Headers::from_lines(response));
        let expected: Vec<_> = removed
            .iter()
            .map(|name| HeaderEdit::remove(*name))
            .collect();
        assert_eq!(edits, expected);
    }

    #[rstest]
    #[case("content-length: 100", Some(100))]
    #[case("content-length: 100\ncontent-encoding: gzip", None)]
    #[case("content-length: x", None)]
    fn a_length_is_that_of_the_body_as_it_is_read(
        #[case] response: &str,
        #[case] expected: Option<u64>,
    ) {
        assert_eq!(length(&Headers::from_lines(response)), expected);
    }

    #[test]
    fn policies_of_the_head_and_the_page_count_together() {
        let response = Headers::from_lines("content-security-policy: script-src 'nonce-abc'");
        let head = head("GET", "/", "");
        let mut found = Found::default();
        assert!(verdict(&head, "fp", &response, &found).is_permitted);
        found.policies.push("script-src 'none'".to_owned());
        let verdict = verdict(&head, "fp", &response, &found);
        assert_eq!(verdict.nonce.as_deref(), Some("abc"));
        assert!(!verdict.is_permitted);
    }
}
