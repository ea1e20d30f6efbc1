//! What the visitor sent, and how much of the header budget it takes.

use edgeproof_document::range::Range;
use edgeproof_ground::header_limits::{REQUEST_HEADER_BYTES, header_bytes};
use edgeproof_scenario::expect::{Budget, ExpectRequest};
use http::HeaderMap;

use super::{Mismatch, check_headers, header_text};
use crate::observed::Observed;

pub(super) fn check(expect: &ExpectRequest, observed: &Observed) -> Vec<Mismatch> {
    let Some(call) = &observed.call else {
        return Vec::new();
    };
    let mut mismatches = check_headers("request", &expect.headers, &call.sent_headers);
    if let Some(range) = &expect.header_bytes {
        mismatches.extend(check_bytes("request", range, &call.sent_headers));
    }
    for (index, budget) in expect.budget.iter().enumerate() {
        mismatches.extend(check_budget(budget, &call.sent_headers, index));
    }
    mismatches
}

/// Judges how much all headers of a request or a response are together.
pub(super) fn check_bytes(of: &str, range: &Range, headers: &HeaderMap) -> Option<Mismatch> {
    let bytes = header_bytes(headers);
    // Header sizes are far below 2^53, where f64 is exact.
    (!range.holds(bytes as f64)).then(|| {
        Mismatch::new(
            &["header_bytes"],
            format!("expected {range} bytes of {of} headers"),
            format!("got {bytes}"),
        )
    })
}

fn check_budget(budget: &Budget, headers: &HeaderMap, index: usize) -> Option<Mismatch> {
    let (what, they, bytes) = match &budget.header {
        Some(name) => (
            format!("the header `{}`", name.0),
            "it takes",
            header_text(headers, name).map_or(0, |value| value.len()),
        ),
        None => (
            "all request headers".to_owned(),
            "they take",
            header_bytes(headers),
        ),
    };
    // Header sizes are far below 2^53, where f64 is exact.
    let percent = bytes as f64 / REQUEST_HEADER_BYTES as f64 * 100.0;
    (!budget.percent.holds(percent)).then(|| {
        Mismatch::new(
            &["budget", &index.to_string()],
            format!(
                "expected {what} to take {} % of the 128 KB that request headers may have",
                budget.percent
            ),
            format!("{they} {percent:.1} % ({bytes} bytes)"),
        )
    })
}
