//! The response that the visitor got.

use edgeproof_ground::time::shown;
use edgeproof_scenario::expect::Expect;

use super::{Mismatch, check_headers};
use crate::observed::{Observed, ObservedCall};

pub(super) fn check(expect: &Expect, observed: &Observed) -> Vec<Mismatch> {
    let mut mismatches = Vec::new();
    let Some(call) = &observed.call else {
        return mismatches;
    };
    if let Some(status) = &expect.status
        && !status.holds(call.status)
    {
        mismatches.push(Mismatch::new(
            &["status"],
            format!("expected status {status}"),
            format!("got {}", call.status.as_u16()),
        ));
    }
    mismatches.extend(check_headers("response", &expect.headers, &call.headers));
    if let Some(body) = &expect.body {
        let text = String::from_utf8_lossy(&call.body);
        let unreadable = call.unreadable(expect.body_complete);
        if unreadable.is_some() || !body.holds(Some(&text)) {
            let actual = unreadable.unwrap_or_else(|| format!("got `{text}`"));
            mismatches.push(
                Mismatch::new(
                    &["body"],
                    format!("expected the response body {body}"),
                    actual,
                )
                .saying(body.message()),
            );
        }
    }
    mismatches.extend(check_completeness(expect, call));
    if let Some(cache) = &expect.cache {
        let found = call.headers.get("cf-cache-status");
        let found = found.map(|value| String::from_utf8_lossy(value.as_bytes()));
        if !cache.holds(found.as_deref()) {
            mismatches.push(
                Mismatch::new(
                    &["cache"],
                    format!("expected the cache status (`cf-cache-status`) {cache}"),
                    found.map_or("got none".to_owned(), |found| format!("got `{found}`")),
                )
                .saying(cache.message()),
            );
        }
    }
    if let Some(range) = &expect.header_bytes {
        mismatches.extend(super::budget::check_bytes("response", range, &call.headers));
    }
    if let Some(within) = expect.within
        && call.took > within.0
    {
        mismatches.push(Mismatch::new(
            &["within"],
            format!("expected a response within {within}"),
            format!("it took {}", shown(call.took)),
        ));
    }
    mismatches
}

fn check_completeness(expect: &Expect, call: &ObservedCall) -> Option<Mismatch> {
    let (claim, actual) = match (expect.body_complete?, call.broke_off) {
        (true, Some(after)) => (
            "expected a complete response body",
            format!("it broke off after {after} bytes"),
        ),
        (false, None) => (
            "expected a response body that breaks off",
            format!("got a complete one of {} bytes", call.body.len()),
        ),
        _ => return None,
    };
    Some(Mismatch::new(&["body_complete"], claim, actual))
}
