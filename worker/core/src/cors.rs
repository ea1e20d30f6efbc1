//! Cross-origin calls: preflights, and what an answer must say so that the page may read it.

use crate::{
    headers::{HeaderEdit, Headers, list},
    pattern::Pattern,
    request::{CrossOrigin, RequestHead},
};

/// What happens to an `OPTIONS` request for a protected URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Preflight {
    /// The worker answers with 204 and these fields: without the signals the call would have needed no preflight, so
    /// the origin need not know of one.
    Answer(Vec<(String, String)>),
    /// The origin answers, asked without the worker's own header; its answer is completed by [`complete`].
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
        return Preflight::Answer(
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
        .filter(|origin| pages.iter().any(|page| page.matches_origin(&origin.url)))
}

/// What an answer lacks so that a page on another origin may send signals with credentials and read what it is told.
/// An answer the origin did not open to the page stays closed.
pub fn complete(head: &RequestHead, answer: &Headers, has_agent_data: bool) -> Vec<HeaderEdit> {
    let allowed = match answer.get("access-control-allow-origin") {
        None | Some("null") => return Vec::new(),
        Some(allowed) => allowed,
    };
    let mut edits = Vec::new();
    if allowed == "*" {
        let Some(origin) = head.cross_origin() else {
            return Vec::new();
        };
        edits.push(HeaderEdit::set("access-control-allow-origin", origin.text));
        if !varies_by_origin(answer) {
            edits.push(HeaderEdit::append("vary", "Origin"));
        }
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

/// Whether caches know that the answer depends on the origin.
pub fn varies_by_origin(answer: &Headers) -> bool {
    answer
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
        let Preflight::Answer(fields) = asked("https://www.shop.example", method, headers) else {
            panic!("the origin was needed");
        };
        let answer: Headers = fields.into_iter().collect();
        assert_eq!(
            answer.get("access-control-allow-origin"),
            Some("https://www.shop.example")
        );
        assert_eq!(answer.get("access-control-allow-headers"), Some("fp-data"));
        assert_eq!(answer.get("access-control-allow-methods"), Some(method));
        assert_eq!(answer.get("access-control-allow-credentials"), Some("true"));
        assert_eq!(answer.get("vary"), Some("Origin"));
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
    #[case("POST", "access-control-allow-origin: https://x.example", &[
        HeaderEdit::set("access-control-allow-credentials", "true"),
        HeaderEdit::append("access-control-expose-headers", "fp-agent-data"),
    ])]
    #[case("OPTIONS", "access-control-allow-origin: https://x.example", &[
        HeaderEdit::set("access-control-allow-credentials", "true"),
        HeaderEdit::append("access-control-allow-headers", "fp-data"),
    ])]
    fn an_open_answer_is_completed(
        #[case] method: &str,
        #[case] answer: &str,
        #[case] edits: &[HeaderEdit],
    ) {
        let head = head(method, "origin: https://www.shop.example");
        assert_eq!(complete(&head, &Headers::from_lines(answer), true), edits);
    }

    #[test]
    fn an_answer_open_to_all_stays_so_for_a_page_of_the_same_origin() {
        let head = head("POST", "origin: https://api.shop.example");
        let answer = Headers::from_lines("access-control-allow-origin: *");
        assert_eq!(complete(&head, &answer, true), []);
    }
}
