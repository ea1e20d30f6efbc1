//! The validators of pages that get scripts: which version of a page a browser, or a cache, has.
//!
//! The origin's validators speak of the origin's bytes. A browser that kept a page from before the deployment would be told
//! that it has not changed, and would show it without a script; after a deployment is gone, or has changed, it would
//! show the old script. So an instrumented page has an entity tag of the worker's own, which holds the version and the
//! configuration of the worker and the origin's validator. Of a visitor's conditions only those go to the origin that name
//! such a tag, as the origin's own condition; all others are removed, and the origin sends the page.

use std::hash::Hasher;

use siphasher::sip128::{Hasher128, SipHasher24};

use super::element;
use crate::{
    audience::Audience,
    configuration::Configuration,
    headers::{HeaderEdit, Headers},
    request::RequestHead,
};

/// The fields that make a request conditional, or ask for a part.
const CONDITIONS: [&str; 2] = ["if-none-match", "if-modified-since"];
const PARTS: [&str; 2] = ["range", "if-range"];

/// What changes about a request whose response may get scripts, so that the response is a whole page where one is needed.
pub fn request_edits(
    configuration: &Configuration,
    head: &RequestHead,
    is_protected: bool,
) -> Vec<HeaderEdit> {
    // Where the request has no condition, as mostly, nothing has to be known of the page.
    let mut conditions = CONDITIONS.iter().chain(&PARTS);
    let is_conditional = conditions.any(|name| head.headers.contains(name));
    if !is_conditional || !matches!(head.method.as_str(), "GET" | "HEAD") {
        return Vec::new();
    }
    let mut edits = Vec::new();
    if is_protected {
        // Agent data travels in the page, so there must be one.
        if head.is_document_navigation() {
            remove(head, &CONDITIONS, &mut edits);
            remove(head, &PARTS, &mut edits);
        }
        return edits;
    }
    let Some(mark) = mark_of_page(configuration, head) else {
        return edits;
    };
    if head.audience() == Audience::Navigation {
        remove(head, &PARTS, &mut edits);
    }
    let kept = kept_versions(head, &mark);
    if let Some((name, condition)) = condition(&kept) {
        edits.push(HeaderEdit::set(name, condition));
        let others = CONDITIONS.iter().filter(|other| **other != name);
        for other in others.filter(|other| head.headers.contains(other)) {
            edits.push(HeaderEdit::remove(*other));
        }
    } else if head.may_become_page() {
        remove(head, &CONDITIONS, &mut edits);
    }
    edits
}

/// The entity tag of an instrumented page, in place of the origin's validators; none where the origin has none that can be
/// restored.
pub(super) fn tag(prefix: &str, response: &Headers) -> Option<String> {
    let (kind, validator) = match response.get("etag") {
        Some(tag) => {
            let (kind, opaque) = match tag.strip_prefix("W/") {
                Some(opaque) => ('w', opaque),
                None => ('s', tag),
            };
            let opaque = opaque.strip_prefix('"')?.strip_suffix('"')?;
            (kind, opaque.to_owned())
        }
        None => ('d', pack(response.get("last-modified")?)?),
    };
    let is_opaque = |byte: u8| byte > b' ' && byte != b'"' && byte != 0x7f;
    let tag = format!("W/\"{}-{kind}{validator}\"", mark(prefix));
    validator.bytes().all(is_opaque).then_some(tag)
}

/// Whether the visitor has an instrumented page, of this version and configuration of the worker.
pub(super) fn has_kept(prefix: &str, head: &RequestHead) -> bool {
    !kept_versions(head, &mark(prefix)).is_empty()
}

/// What stands at the start of each tag: version and configuration of the worker, as far as they are in the page.
fn mark(prefix: &str) -> String {
    let mut hasher = SipHasher24::new();
    hasher.write(env!("CARGO_PKG_VERSION").as_bytes());
    hasher.write(
        element::instrumentor(prefix, None, None)
            .as_str()
            .as_bytes(),
    );
    format!("{:016x}", hasher.finish128().h1)
}

fn mark_of_page(configuration: &Configuration, head: &RequestHead) -> Option<String> {
    let prefix = configuration.route_prefix.as_deref()?;
    let mut pages = configuration.identification_pages.iter();
    pages
        .any(|page| page.matches(&head.url))
        .then(|| mark(prefix))
}

/// A validator of the origin.
#[derive(Debug, PartialEq, Eq)]
enum Validator {
    Tag(String),
    Date(String),
}

/// The origin's validators in those tags of the request that are the worker's own.
fn kept_versions(head: &RequestHead, mark: &str) -> Vec<Validator> {
    let condition = head.headers.get("if-none-match").unwrap_or_default();
    let restore = |opaque: &str| {
        let kept = opaque.strip_prefix(mark)?.strip_prefix('-')?;
        let (kind, kept) = kept.split_at_checked(1)?;
        match kind {
            "s" => Some(Validator::Tag(format!("\"{kept}\""))),
            "w" => Some(Validator::Tag(format!("W/\"{kept}\""))),
            "d" => Some(Validator::Date(unpack(kept))),
            _ => None,
        }
    };
    // What stands between quotes is a tag: every second part.
    let opaque = condition.split('"').skip(1).step_by(2);
    opaque.filter_map(restore).collect()
}

/// The condition that the origin can respond to.
fn condition(kept: &[Validator]) -> Option<(&'static str, String)> {
    let tags: Vec<&str> = kept
        .iter()
        .filter_map(|validator| match validator {
            Validator::Tag(tag) => Some(tag.as_str()),
            Validator::Date(_) => None,
        })
        .collect();
    if !tags.is_empty() {
        return Some(("if-none-match", tags.join(", ")));
    }
    kept.iter().find_map(|validator| match validator {
        Validator::Date(date) => Some(("if-modified-since", date.clone())),
        Validator::Tag(_) => None,
    })
}

/// A date without the characters that a tag cannot hold; none where that cannot be undone.
fn pack(date: &str) -> Option<String> {
    (!date.contains(['_', '~'])).then(|| date.replace(' ', "_").replace(',', "~"))
}

fn unpack(packed: &str) -> String {
    packed.replace('_', " ").replace('~', ",")
}

fn remove(head: &RequestHead, names: &[&str], edits: &mut Vec<HeaderEdit>) {
    let there = names.iter().filter(|name| head.headers.contains(name));
    edits.extend(there.map(|name| HeaderEdit::remove(*name)));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn configuration(prefix: &str) -> Configuration {
        let prefix = prefix.to_owned();
        Configuration::read(move |name| match name {
            "WORKER_ROUTE_PREFIX" => Some(prefix.clone()),
            "IDENTIFICATION_PAGE_URLS" => Some(r#"["shop.example/*"]"#.to_owned()),
            _ => None,
        })
    }

    fn head(method: &str, lines: &str) -> RequestHead {
        RequestHead::new(
            method,
            "https://shop.example/page",
            Headers::from_lines(lines),
        )
        .unwrap()
    }

    /// The request's conditions as the origin gets them.
    fn asked(head: &RequestHead, is_protected: bool) -> Vec<String> {
        let mut fields: Vec<(String, String)> = head
            .headers
            .iter()
            .filter(|(name, _)| CONDITIONS.contains(name) || PARTS.contains(name))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        for edit in request_edits(&configuration("fp"), head, is_protected) {
            match edit {
                HeaderEdit::Remove(name) => fields.retain(|(other, _)| *other != name),
                HeaderEdit::Set(name, value) | HeaderEdit::Append(name, value) => {
                    fields.retain(|(other, _)| *other != name);
                    fields.push((name, value));
                }
            }
        }
        let lines = fields
            .iter()
            .map(|(name, value)| format!("{name}: {value}"));
        lines.collect()
    }

    const FOREIGN: &str = "if-none-match: \"v1\"\nif-modified-since: Wed, 25 Nov 2026 10:00:00 GMT";

    #[rstest]
    #[case("sec-fetch-dest: document", &[])]
    #[case("sec-fetch-dest: iframe", &[])]
    #[case("accept: text/html", &[])]
    #[case("accept: */*", &[])]
    #[case("sec-fetch-dest: empty\naccept: text/html", &[])]
    #[case("sec-fetch-dest: empty\naccept: */*", &["if-none-match: \"v1\"", "if-modified-since: Wed, 25 Nov 2026 10:00:00 GMT"])]
    #[case("sec-fetch-dest: script", &["if-none-match: \"v1\"", "if-modified-since: Wed, 25 Nov 2026 10:00:00 GMT"])]
    fn validators_of_a_page_from_before_the_deployment_do_not_reach_the_origin(
        #[case] lines: &str,
        #[case] expected: &[&str],
    ) {
        let head = head("GET", &format!("{lines}\n{FOREIGN}"));
        assert_eq!(asked(&head, false), expected);
    }

    #[rstest]
    #[case("etag: \"v1\"", "if-none-match: \"v1\"")]
    #[case("etag: W/\"v1\"", "if-none-match: W/\"v1\"")]
    #[case("etag: \"\"", "if-none-match: \"\"")]
    #[case("etag: \"a,b\"\nlast-modified: x", "if-none-match: \"a,b\"")]
    #[case(
        "last-modified: Wed, 25 Nov 2026 10:00:00 GMT",
        "if-modified-since: Wed, 25 Nov 2026 10:00:00 GMT"
    )]
    fn the_origin_is_asked_for_its_own_version_of_what_the_visitor_has(
        #[case] response: &str,
        #[case] expected: &str,
    ) {
        let tag = tag("fp", &Headers::from_lines(response)).unwrap();
        let lines = format!(
            "if-none-match: \"other\", {tag}\nif-modified-since: Thu, 26 Nov 2026 10:00:00 GMT"
        );
        for destination in ["document", "empty"] {
            let head = head("GET", &format!("sec-fetch-dest: {destination}\n{lines}"));
            assert!(has_kept("fp", &head));
            assert_eq!(asked(&head, false), [expected]);
        }
    }

    #[rstest]
    #[case("")]
    #[case("etag: v1")]
    #[case("etag: \"v 1\"")]
    #[case("etag: \"v\"1\"")]
    #[case("last-modified: some_time")]
    fn a_validator_that_could_not_be_restored_makes_no_tag(#[case] response: &str) {
        assert_eq!(tag("fp", &Headers::from_lines(response)), None);
    }

    #[test]
    fn another_configuration_has_other_tags() {
        let response = Headers::from_lines("etag: \"v1\"");
        let other = tag("other", &response).unwrap();
        assert_ne!(Some(&other), tag("fp", &response).as_ref());
        let head = head(
            "GET",
            &format!("sec-fetch-dest: document\nif-none-match: {other}"),
        );
        assert!(!has_kept("fp", &head));
        assert_eq!(asked(&head, false), [""; 0]);
    }

    #[rstest]
    #[case("POST", "if-match: \"v1\"\nif-none-match: *", &["if-none-match: *"])]
    #[case("GET", "sec-fetch-dest: document\nrange: bytes=9-\nif-range: \"v1\"", &[])]
    #[case("GET", "sec-fetch-dest: video\nrange: bytes=9-\nif-range: \"v1\"", &["range: bytes=9-", "if-range: \"v1\""])]
    #[case("GET", "accept: */*\nrange: bytes=9-", &["range: bytes=9-"])]
    fn a_navigation_gets_a_whole_page_and_others_the_part_they_ask_for(
        #[case] method: &str,
        #[case] lines: &str,
        #[case] expected: &[&str],
    ) {
        assert_eq!(asked(&head(method, lines), false), expected);
    }

    #[test]
    fn a_navigation_to_a_protected_url_is_unconditional_and_a_call_keeps_its_condition() {
        let navigation = head("GET", &format!("sec-fetch-dest: document\n{FOREIGN}"));
        assert_eq!(asked(&navigation, true), [""; 0]);
        let call = head("GET", "sec-fetch-dest: empty\nif-none-match: \"v1\"");
        assert_eq!(asked(&call, true), ["if-none-match: \"v1\""]);
    }

    #[test]
    fn elsewhere_conditions_are_the_visitors() {
        let lines = Headers::from_lines(&*format!("sec-fetch-dest: document\n{FOREIGN}"));
        let head = RequestHead::new("GET", "https://other.example/", lines).unwrap();
        assert_eq!(request_edits(&configuration("fp"), &head, false), []);
    }

    proptest! {
        #[test]
        fn every_tag_of_an_origin_comes_back_as_it_was(opaque in "[!#-~\u{80}-\u{ff}]{0,30}", is_weak: bool) {
            let original = format!("{}\"{opaque}\"", if is_weak { "W/" } else { "" });
            let tag = tag("fp", &Headers::from_iter([("etag", &original)])).unwrap();
            let head = head("GET", &format!("if-none-match: {tag}"));
            prop_assert_eq!(kept_versions(&head, &mark("fp")), [Validator::Tag(original)]);
        }

        #[test]
        fn no_condition_makes_an_illegal_edit(condition in ".{0,60}") {
            let condition = condition.replace(['\r', '\n', '\0'], "");
            let head = head("GET", &format!("if-none-match: {}-s{condition}", mark("fp")));
            for edit in request_edits(&configuration("fp"), &head, false) {
                prop_assert!(edit.is_legal() || !crate::headers::is_value(&condition));
            }
        }
    }
}
