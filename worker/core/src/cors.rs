//! Cross-origin calls: preflights, and what a response must say so that the page may read it.

use url::Url;

use crate::{
    headers::{HeaderEdit, Headers, list},
    pattern::Pattern,
    request::{CrossOrigin, RequestHead},
};

/// What happens to an `OPTIONS` request for a protected URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Preflight {
    /// The worker responds with 204 and these fields: without the signals the call would have needed no preflight, so
    /// the origin need not know of one.
    Respond(Vec<(String, String)>),
    /// The origin responds, asked without the worker's own header; its response is completed by [`complete`].
    Ask(Vec<HeaderEdit>),
    /// It does not concern the worker.
    Forward,
}

/// Decides about an `OPTIONS` request.
pub fn preflight(head: &RequestHead, pages: &[Pattern]) -> Preflight {
    let Some(requested) = head.headers.get("access-control-request-headers") else {
        return Preflight::Forward;
    };
    let is_ours = |name: &&str| name.eq_ignore_ascii_case("fp-data");
    let others: Vec<&str> = list(requested).filter(|name| !is_ours(name)).collect();
    if !list(requested).any(|name| is_ours(&name)) {
        return Preflight::Forward;
    }
    let method = head
        .headers
        .get("access-control-request-method")
        .unwrap_or_default();
    let is_simple = matches!(method, "GET" | "POST" | "HEAD");
    if others.is_empty()
        && is_simple
        && let Some(origin) = allowed_origin(head, pages)
    {
        return Preflight::Respond(
            [
                ("access-control-allow-origin", origin.text),
                ("access-control-allow-headers", "fp-data"),
                ("access-control-allow-methods", method),
                ("access-control-allow-credentials", "true"),
                ("vary", "Origin"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
        );
    }
    Preflight::Ask(vec![if others.is_empty() {
        HeaderEdit::remove("access-control-request-headers")
    } else {
        HeaderEdit::set("access-control-request-headers", others.join(", "))
    }])
}

/// The origin of the calling page, where it is another one and has an identification page.
pub fn allowed_origin<'a>(head: &'a RequestHead, pages: &[Pattern]) -> Option<CrossOrigin<'a>> {
    head.cross_origin()
        .filter(|origin| has_page(head, pages, &origin.url))
}

/// Whether the page that sent the request is of another origin, and of none with an identification page.
pub fn is_foreign(head: &RequestHead, pages: &[Pattern]) -> bool {
    head.cross_origin().is_some() && allowed_origin(head, pages).is_none()
}

/// Whether signals may come from this page: one of the request's own origin, or of an origin with an identification page.
pub fn is_trusted_page(head: &RequestHead, pages: &[Pattern], page: &Url) -> bool {
    page.origin() == head.url.origin() || has_page(head, pages, page)
}

/// Whether there is an identification page on this origin. A pattern without a scheme names both, but not so that a page
/// that anybody on the network could have changed may read what an API says over TLS.
fn has_page(head: &RequestHead, pages: &[Pattern], origin: &Url) -> bool {
    let is_weaker = head.url.scheme() == "https" && origin.scheme() == "http";
    pages
        .iter()
        .any(|page| page.matches_origin(origin) && (page.names_scheme() || !is_weaker))
}

/// What a response lacks so that an identification page on another origin may send signals with credentials and read what
/// it is told. A response the origin did not open to that page stays closed, and one it opened to everybody is opened to
/// nobody else with credentials.
pub fn complete(
    head: &RequestHead,
    pages: &[Pattern],
    response: &Headers,
    has_agent_data: bool,
) -> Vec<HeaderEdit> {
    let Some(origin) = allowed_origin(head, pages) else {
        return Vec::new();
    };
    let mut edits = Vec::new();
    match response.get("access-control-allow-origin") {
        Some("*") => edits.push(HeaderEdit::set("access-control-allow-origin", origin.text)),
        Some(allowed) if allowed == origin.text => {}
        _ => return Vec::new(),
    }
    if !varies_by_origin(response) {
        edits.push(HeaderEdit::append("vary", "Origin"));
    }
    edits.push(HeaderEdit::set("access-control-allow-credentials", "true"));
    if head.method == "OPTIONS" {
        edits.push(HeaderEdit::append(
            "access-control-allow-headers",
            "fp-data",
        ));
    } else if has_agent_data {
        edits.push(HeaderEdit::append(
            "access-control-expose-headers",
            "fp-agent-data",
        ));
    }
    edits
}

/// Whether caches know that the response depends on the origin.
pub fn varies_by_origin(response: &Headers) -> bool {
    response
        .iter()
        .filter(|(name, _)| *name == "vary")
        .flat_map(|(_, value)| list(value))
        .any(|name| name == "*" || name.eq_ignore_ascii_case("origin"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn pages() -> Vec<Pattern> {
        vec![Pattern::parse("https://www.shop.example/sign-up*").unwrap()]
    }

    fn head(method: &str, lines: &str) -> RequestHead {
        RequestHead::new(
            method,
            "https://api.shop.example/create",
            Headers::from_lines(lines),
        )
        .unwrap()
    }

    fn asked(origin: &str, method: &str, headers: &str) -> Preflight {
        let lines = format!(
            "origin: {origin}\naccess-control-request-method: {method}\naccess-control-request-headers: {headers}"
        );
        preflight(&head("OPTIONS", &lines), &pages())
    }

    #[rstest]
    #[case("GET", "fp-data")]
    #[case("POST", "FP-Data")]
    #[case("HEAD", " fp-data ")]
    fn a_call_that_would_be_simple_needs_no_origin(#[case] method: &str, #[case] headers: &str) {
        let Preflight::Respond(fields) = asked("https://www.shop.example", method, headers) else {
            panic!("the origin was needed");
        };
        let response: Headers = fields.into_iter().collect();
        assert_eq!(
            response.get("access-control-allow-origin"),
            Some("https://www.shop.example")
        );
        assert_eq!(
            response.get("access-control-allow-headers"),
            Some("fp-data")
        );
        assert_eq!(response.get("access-control-allow-methods"), Some(method));
        assert_eq!(
            response.get("access-control-allow-credentials"),
            Some("true")
        );
        assert_eq!(response.get("vary"), Some("Origin"));
    }

    #[rstest]
    #[case("https://www.shop.example", "PUT", "fp-data", None)]
    #[case("https://www.shop.example", "DELETE", "FP-DATA", None)]
    #[case(
        "https://www.shop.example",
        "POST",
        "content-type,Fp-Data,x-a",
        Some("content-type, x-a")
    )]
    #[case("https://evil.example", "POST", "fp-data", None)]
    #[case("http://www.shop.example", "POST", "fp-data", None)]
    fn otherwise_the_origin_is_asked_without_our_header(
        #[case] origin: &str,
        #[case] method: &str,
        #[case] headers: &str,
        #[case] left: Option<&str>,
    ) {
        const NAME: &str = "access-control-request-headers";
        let edit = left.map_or_else(
            || HeaderEdit::remove(NAME),
            |left| HeaderEdit::set(NAME, left),
        );
        assert_eq!(asked(origin, method, headers), Preflight::Ask(vec![edit]));
    }

    #[test]
    fn a_preflight_without_our_header_is_not_ours() {
        assert_eq!(
            asked("https://www.shop.example", "POST", "content-type"),
            Preflight::Forward
        );
        assert_eq!(
            preflight(&head("OPTIONS", ""), &pages()),
            Preflight::Forward
        );
    }

    #[rstest]
    #[case("POST", "", &[])]
    #[case("POST", "access-control-allow-origin: null", &[])]
    #[case("POST", "access-control-allow-origin: https://x.example", &[])]
    #[case("POST", "access-control-allow-origin: *", &[
        HeaderEdit::set("access-control-allow-origin", "https://www.shop.example"),
        HeaderEdit::append("vary", "Origin"),
        HeaderEdit::set("access-control-allow-credentials", "true"),
        HeaderEdit::append("access-control-expose-headers", "fp-agent-data"),
    ])]
    #[case("POST", "access-control-allow-origin: *\nvary: Accept, ORIGIN", &[
        HeaderEdit::set("access-control-allow-origin", "https://www.shop.example"),
        HeaderEdit::set("access-control-allow-credentials", "true"),
        HeaderEdit::append("access-control-expose-headers", "fp-agent-data"),
    ])]
    #[case("POST", "access-control-allow-origin: https://www.shop.example", &[
        HeaderEdit::append("vary", "Origin"),
        HeaderEdit::set("access-control-allow-credentials", "true"),
        HeaderEdit::append("access-control-expose-headers", "fp-agent-data"),
    ])]
    #[case("OPTIONS", "access-control-allow-origin: https://www.shop.example", &[
        HeaderEdit::append("vary", "Origin"),
        HeaderEdit::set("access-control-allow-credentials", "true"),
        HeaderEdit::append("access-control-allow-headers", "fp-data"),
    ])]
    fn an_response_open_to_an_identification_page_is_completed(
        #[case] method: &str,
        #[case] response: &str,
        #[case] edits: &[HeaderEdit],
    ) {
        let head = head(method, "origin: https://www.shop.example");
        let response = Headers::from_lines(response);
        assert_eq!(complete(&head, &pages(), &response, true), edits);
    }

    #[rstest]
    #[case::its_own("https://api.shop.example")]
    #[case::of_another_site("https://evil.example")]
    #[case::of_the_same_site("https://blog.shop.example")]
    #[case::below_the_page("https://x.www.shop.example")]
    #[case::that_ends_alike("https://evilwww.shop.example")]
    #[case::that_begins_alike("https://www.shop.example.evil.example")]
    #[case::in_plain_text("http://www.shop.example")]
    #[case::not_bare("https://www.shop.example/")]
    #[case::with_a_user("https://www.shop.example@evil.example")]
    #[case::opaque("null")]
    fn an_response_is_completed_for_no_other_origin(
        #[case] origin: &str,
        #[values("POST", "OPTIONS")] method: &str,
        #[values("*", "itself")] allowed: &str,
    ) {
        let head = head(method, &format!("origin: {origin}"));
        let allowed = if allowed == "itself" { origin } else { allowed };
        let response = Headers::from_lines(format!("access-control-allow-origin: {allowed}"));
        assert_eq!(complete(&head, &pages(), &response, true), []);
    }

    #[rstest]
    #[case("www.shop.example/", "https://www.shop.example", true)]
    #[case("www.shop.example/", "http://www.shop.example", false)]
    #[case("http://www.shop.example/", "http://www.shop.example", true)]
    #[case("*.shop.example/*", "http://www.shop.example", false)]
    #[case("www.shop.example/", "https://api.shop.example", true)]
    #[case("www.shop.example/", "http://api.shop.example", false)]
    #[case("www.shop.example/", "https://api.shop.example:8443", false)]
    #[case("www.shop.example/", "blob:https://www.shop.example/1", false)]
    #[case("www.shop.example/", "data:text/html,x", false)]
    fn signals_are_trusted_of_the_own_origin_and_of_identification_pages(
        #[case] pattern: &str,
        #[case] page: &str,
        #[case] is_trusted: bool,
    ) {
        let pages = [Pattern::parse(pattern).unwrap()];
        let page = Url::parse(page).unwrap();
        assert_eq!(
            is_trusted_page(&head("POST", ""), &pages, &page),
            is_trusted
        );
    }
}
