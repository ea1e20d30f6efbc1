//! Judges expectations: pure functions from what was expected and what was seen to what did not hold.

mod budget;
mod cloudflare;
mod deployment;
mod end;
mod kept;
mod origin;
mod page;
mod probe;
mod response;
mod timing;
mod worker;

use edgeproof_document::range::Range;
use edgeproof_ground::redaction::{REDACTED, is_secret};
use edgeproof_scenario::{
    expect::{Expect, Header},
    text::TextMatcher,
};
use http::HeaderMap;

use self::origin::Side;
use super::observed::{LivePage, Observed};

pub use end::check_end;
pub(super) use origin::meant;
pub(super) use timing::compares;

/// An expectation that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// Which: keys and indices below `expect`.
    pub path: Vec<String>,
    /// What was expected, such as `expected status 200`.
    pub claim: String,
    /// What happened instead, such as `got 403`; it continues the claim after a comma.
    pub actual: String,
    /// The recorded request that comes nearest to the one that is missing.
    pub nearest: Option<String>,
    /// What the author wants to be told.
    pub message: Option<String>,
}

impl Mismatch {
    fn new(path: &[&str], claim: impl Into<String>, actual: impl Into<String>) -> Self {
        Self {
            path: path.iter().map(|&segment| segment.to_owned()).collect(),
            claim: claim.into(),
            actual: actual.into(),
            nearest: None,
            message: None,
        }
    }

    /// With what the author wants to be told, unless something nearer has said it.
    fn saying(mut self, message: Option<&str>) -> Self {
        self.message = self.message.or_else(|| message.map(str::to_owned));
        self
    }

    /// The same, below a key.
    fn below(mut self, key: &str) -> Self {
        self.path.insert(0, key.to_owned());
        self
    }
}

/// Whether a browser shows what is expected of its page and its console.
pub(super) fn is_shown(expect: &Expect, page: Option<&LivePage>, console: &[String]) -> bool {
    let page = page.map(|page| (page.html.as_str(), page.unreadable(expect.body_complete)));
    page::elements(expect, page).is_empty() && page::console(expect, console).is_empty()
}

/// Whether something is expected of what a page shows or prints, which is looked at until it does.
pub(super) fn looks_at_page(expect: &Expect) -> bool {
    !expect.page.is_empty() || !expect.console.is_empty() || expect.whole_console.is_some()
}

/// Everything that does not hold of a step.
pub fn check(expect: &Expect, observed: &Observed) -> Vec<Mismatch> {
    let missing = kept::of_step(expect, observed);
    if !missing.is_empty() {
        return missing;
    }
    let mut mismatches = response::check(expect, observed);
    mismatches.extend(page::check(expect, observed));
    mismatches.extend(timing::check(expect, observed));
    mismatches.extend(probe::check(expect, observed));
    if let Some(request) = &expect.request {
        let found = budget::check(request, observed);
        let message = request.message.as_deref();
        mismatches.extend(
            found
                .into_iter()
                .map(|found| found.below("request").saying(message)),
        );
    }
    if let Some(origin) = &expect.origin {
        let found = origin::check(Side::Origin, origin, observed);
        let message = origin.message.as_deref();
        mismatches.extend(
            found
                .into_iter()
                .map(|found| found.below("origin").saying(message)),
        );
    }
    if let Some(node) = &expect.node {
        let found = origin::check(Side::Node, node, observed);
        let message = node.message.as_deref();
        mismatches.extend(
            found
                .into_iter()
                .map(|found| found.below("node").saying(message)),
        );
    }
    if let Some(expect) = &expect.deployment {
        let found = deployment::check(expect, observed.deployment.as_ref());
        let message = expect.message.as_deref();
        mismatches.extend(
            found
                .into_iter()
                .map(|found| found.below("deployment").saying(message)),
        );
    }
    if let Some(worker) = &expect.worker {
        let found = worker::check(worker, &observed.hops, &observed.log);
        let message = worker.message.as_deref();
        mismatches.extend(
            found
                .into_iter()
                .map(|found| found.below("worker").saying(message)),
        );
    }
    if let Some(expected) = &expect.cloudflare {
        mismatches.extend(cloudflare::check(expected, &observed.control_plane));
    }
    mismatches
}

/// The value of a header; several of one name are joined as HTTP joins them.
fn header_text(headers: &HeaderMap, name: &Header) -> Option<String> {
    let values: Vec<_> = headers
        .get_all(&name.0)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .collect();
    (!values.is_empty()).then(|| values.join(", "))
}

/// How many requests there were.
fn count(requests: usize) -> String {
    match requests {
        0 => "no such request".to_owned(),
        1 => "1 request".to_owned(),
        more => format!("{more} requests"),
    }
}

/// How many requests were wanted.
fn requests(wanted: &Range) -> String {
    match (wanted.min, wanted.max) {
        (Some(0.0), Some(0.0)) => "no request".to_owned(),
        (Some(1.0), Some(1.0)) => "1 request".to_owned(),
        _ => format!("{wanted} requests"),
    }
}

/// The headers that are not as expected. `of` says which message's: `response`, `request`.
fn check_headers<'a>(
    of: &str,
    expected: impl IntoIterator<Item = (&'a Header, &'a TextMatcher)>,
    headers: &HeaderMap,
) -> Vec<Mismatch> {
    expected
        .into_iter()
        .filter_map(|(name, matcher)| {
            let actual = header_text(headers, name);
            (!matcher.holds(actual.as_deref())).then(|| {
                let actual = actual.map_or("the header is absent".to_owned(), |actual| {
                    // Whose name says so has a secret, whatever its value looks like.
                    match is_secret(name.0.as_str()) {
                        true => format!("got `{REDACTED}`"),
                        false => format!("got `{actual}`"),
                    }
                });
                Mismatch::new(
                    &["headers", name.0.as_str()],
                    format!("expected the {of} header `{}` {matcher}", name.0),
                    actual,
                )
                .saying(matcher.message())
            })
        })
        .collect()
}

#[cfg(test)]
mod every_key;
#[cfg(test)]
mod tests;
