//! What the visitor got.

use super::{Mismatch, check_headers};
use crate::{
    run::{observed::Observed, redact::shorten},
    scenario::{expect::Expect, time::shown},
};

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
            format!("the visitor gets status {status}"),
            format!("the visitor got {}", call.status.as_u16()),
        ));
    }
    mismatches.extend(check_headers(
        "the answer's",
        &expect.headers,
        &call.headers,
    ));
    if let Some(body) = &expect.body {
        let text = String::from_utf8_lossy(&call.body);
        if !body.holds(Some(&text)) {
            mismatches.push(Mismatch::new(
                &["body"],
                format!("the body is {body}"),
                format!("the body is `{}`", shorten(&text)),
            ));
        }
    }
    if let Some(within) = expect.within
        && call.took > within.0
    {
        mismatches.push(Mismatch::new(
            &["within"],
            format!("the answer comes within {within}"),
            format!("it took {}", shown(call.took)),
        ));
    }
    mismatches
}
