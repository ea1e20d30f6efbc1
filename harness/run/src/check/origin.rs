//! What the origin and the filtering node saw.

use std::fmt;

use bytes::Bytes;
use edgeproof_document::range::Range;
use edgeproof_ground::trace::Party;
use edgeproof_origin::RecordedRequest;
use edgeproof_scenario::expect::ExpectOrigin;

use super::{Mismatch, check_headers, count, kept::MORE, timing};
use crate::observed::Observed;

/// Who saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Origin,
    Node,
}

impl Side {
    /// Whom the trace says was asked.
    pub(super) fn party(self) -> Party {
        match self {
            Self::Origin => Party::Origin,
            Self::Node => Party::Wallarm,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Origin => "the origin",
            Self::Node => "the node",
        })
    }
}

/// Judges what was seen of a step: of the step's own call, or of the call that is named.
pub(super) fn check(side: Side, expect: &ExpectOrigin, observed: &Observed) -> Vec<Mismatch> {
    let (own, all) = match side {
        Side::Origin => (&observed.origin, &observed.origin_all),
        Side::Node => (&observed.node, &observed.node_all),
    };
    let seen: Vec<&RecordedRequest> = match &expect.call {
        Some(_) => meant(expect, all),
        None => own.iter().collect(),
    };
    let sent = observed
        .call
        .as_ref()
        .and_then(|call| call.sent_body.as_ref());
    let mut mismatches = check_seen(side, expect, &seen, all, sent);
    mismatches.extend(timing::seen(
        side,
        expect,
        &observed.hops,
        &observed.all_hops,
    ));
    mismatches
}

/// The requests that an expectation is about; all where it names no call.
pub(crate) fn meant<'a>(
    expect: &ExpectOrigin,
    all: &'a [RecordedRequest],
) -> Vec<&'a RecordedRequest> {
    let is_meant = |request: &&RecordedRequest| {
        expect
            .call
            .as_ref()
            .is_none_or(|call| call.matches(&request.method, &request.url))
    };
    all.iter().filter(is_meant).collect()
}

/// Judges the requests that are meant.
pub(super) fn check_seen(
    side: Side,
    expect: &ExpectOrigin,
    seen: &[&RecordedRequest],
    all: &[RecordedRequest],
    sent: Option<&Bytes>,
) -> Vec<Mismatch> {
    let what = match &expect.call {
        Some(call) => format!("`{call}`"),
        None => "this request".to_owned(),
    };
    let mut mismatches = counts(side, expect, seen.len(), &what);
    if seen.is_empty() {
        let wants_content =
            !expect.headers.is_empty() || expect.body.is_some() || expect.body_as_sent;
        // To name a call and to say nothing of it is to say that it came.
        let says_nothing = expect.says_nothing();
        if mismatches.is_empty() && (wants_content || says_nothing) {
            let claim = format!("expected {side} to get {what}");
            let actual = format!("{side} got no such request");
            let key = expect.call.as_ref().map(|_| "call");
            mismatches.push(Mismatch::new(key.as_slice(), claim, actual));
        }
        for mismatch in &mut mismatches {
            mismatch.nearest = nearest(expect, all);
        }
        return mismatches;
    }
    for request in seen {
        mismatches.extend(content(side, expect, request, sent));
    }
    mismatches
}

fn counts(side: Side, expect: &ExpectOrigin, seen: usize, what: &str) -> Vec<Mismatch> {
    let mut mismatches = Vec::new();
    if let Some(reached) = expect.reached
        && reached != (seen > 0)
    {
        mismatches.push(if reached {
            Mismatch::new(
                &["reached"],
                format!("expected {what} to reach {side}"),
                format!("{side} got no such request"),
            )
        } else {
            Mismatch::new(
                &["reached"],
                format!("expected {what} not to reach {side}"),
                format!("{side} got {}", count(seen)),
            )
        });
    }
    let wanted: Option<&Range> = expect.times.as_ref();
    // A scenario makes far fewer calls than f64 counts exactly.
    if let Some(wanted) = wanted.filter(|wanted| !wanted.holds(seen as f64)) {
        mismatches.push(Mismatch::new(
            &["times"],
            format!("expected {what} to reach {side} {}", wanted.times()),
            format!("{side} got {}", count(seen)),
        ));
    }
    mismatches
}

fn content(
    side: Side,
    expect: &ExpectOrigin,
    request: &RecordedRequest,
    sent: Option<&Bytes>,
) -> Vec<Mismatch> {
    let mut mismatches = check_headers("request", &expect.headers, &request.headers);
    let body = String::from_utf8_lossy(&request.body.start);
    if expect.body.is_some() && request.body.is_forgotten {
        let claim = format!("expected to see the request body at {side}");
        let actual = format!("it is no longer kept: too much was sent since; {MORE}");
        mismatches.push(Mismatch::new(&["body"], claim, actual));
    } else if let Some(matcher) = &expect.body
        && !matcher.holds(Some(&body))
    {
        mismatches.push(
            Mismatch::new(
                &["body"],
                format!("expected the request body at {side} {matcher}"),
                format!("got `{body}`"),
            )
            .saying(matcher.message()),
        );
    }
    if expect.body_as_sent {
        let claim = format!("expected {side} to get the body byte for byte as the visitor sent it");
        match sent {
            Some(sent) if blake3::hash(sent).to_hex().as_str() == request.body.hash() => {}
            Some(sent) => mismatches.push(Mismatch::new(
                &["body_as_sent"],
                claim,
                format!(
                    "the visitor sent {} bytes, {side} got {}: `{}`",
                    sent.len(),
                    request.body.length,
                    body
                ),
            )),
            None => mismatches.push(Mismatch::new(
                &["body_as_sent"],
                claim,
                "but what the visitor sent is not known",
            )),
        }
    }
    mismatches
}

/// What the origin saw that comes nearest to the call that is missing.
fn nearest(expect: &ExpectOrigin, all: &[RecordedRequest]) -> Option<String> {
    let wanted = expect.call.as_ref()?.to_string();
    all.iter()
        .map(|request| format!("{} {}", request.method, request.url))
        .max_by(|left, right| strsim::jaro(&wanted, left).total_cmp(&strsim::jaro(&wanted, right)))
}
