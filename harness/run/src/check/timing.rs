//! What came before what, and what was faster, by the clock of the trace.

use std::time::Duration;

use edgeproof_ground::{call::CallPattern, time::shown, trace::Exchange};
use edgeproof_scenario::expect::{Expect, ExpectOrigin};

use super::{Mismatch, origin::Side};
use crate::observed::Observed;

/// Whether something is compared with other calls.
pub(crate) fn compares(expect: &Expect) -> bool {
    let others = [&expect.origin, &expect.node].into_iter().flatten();
    expect.after.is_some()
        || expect.before.is_some()
        || expect.faster_than.is_some()
        || others.into_iter().any(|expect| expect.after.is_some())
}

pub(super) fn check(expect: &Expect, observed: &Observed) -> Vec<Mismatch> {
    let hop = observed.hops.first();
    let mut mismatches = Vec::new();
    if let Some(pattern) = &expect.after {
        mismatches.extend(compared(
            "after",
            "this request",
            pattern,
            hop,
            observed,
            after,
        ));
    }
    if let Some(pattern) = &expect.before {
        mismatches.extend(compared(
            "before",
            "this request",
            pattern,
            hop,
            observed,
            before,
        ));
    }
    if let Some(pattern) = &expect.faster_than {
        mismatches.extend(compared(
            "faster_than",
            "this request",
            pattern,
            hop,
            observed,
            faster,
        ));
    }
    mismatches
}

/// Judges when the origin or the node was asked, by the hops of the calls that are meant.
pub(super) fn seen(
    side: Side,
    expect: &ExpectOrigin,
    hops: &[Exchange],
    all: &[Exchange],
) -> Option<Mismatch> {
    let pattern = expect.after.as_ref()?;
    let claim = format!("expected {side} to get its request after the response to `{pattern}`");
    let is_meant = |hop: &&Exchange| {
        hop.to == side.party()
            && expect
                .call
                .as_ref()
                .is_none_or(|call| call.matches(&hop.request.method, &hop.request.url))
    };
    let Some(asked) = hops.iter().find(is_meant) else {
        let actual = format!("{side} got no such request");
        return Some(Mismatch::new(&["after"], claim, actual));
    };
    let others = others(pattern, Some(asked), all);
    let Some(other) = others.last() else {
        return Some(Mismatch::new(
            &["after"],
            claim,
            "there was no such request",
        ));
    };
    after(asked, other).map(|actual| Mismatch::new(&["after"], claim, actual))
}

/// Compares the call of the step with another one: the last of its name, but for `before` the first.
fn compared(
    key: &str,
    what: &str,
    pattern: &CallPattern,
    own: Option<&Exchange>,
    observed: &Observed,
    differs: fn(&Exchange, &Exchange) -> Option<String>,
) -> Option<Mismatch> {
    let claim = match key {
        "faster_than" => format!("expected {what} to take less time than `{pattern}`"),
        "before" => format!("expected {what} to come before `{pattern}`"),
        _ => format!("expected {what} to come after the response to `{pattern}`"),
    };
    let Some(own) = own else {
        return Some(Mismatch::new(
            &[key],
            claim,
            "but it never reached the edge",
        ));
    };
    let others = others(pattern, Some(own), &observed.all_hops);
    let other = if key == "before" {
        others.first()
    } else {
        others.last()
    };
    let Some(other) = other else {
        return Some(Mismatch::new(&[key], claim, "there was no such request"));
    };
    differs(own, other).map(|actual| Mismatch::new(&[key], claim, actual))
}

/// The other calls that are meant, in the order they began.
fn others<'a>(
    pattern: &CallPattern,
    own: Option<&Exchange>,
    all: &'a [Exchange],
) -> Vec<&'a Exchange> {
    // The same call, one hop further, is no other call.
    let is_own = |hop: &Exchange| {
        own.is_some_and(|own| {
            own.ray == hop.ray
                && own.request.method == hop.request.method
                && own.request.url == hop.request.url
        })
    };
    let meant =
        |hop: &&Exchange| pattern.matches(&hop.request.method, &hop.request.url) && !is_own(hop);
    let mut others: Vec<&Exchange> = all.iter().filter(meant).collect();
    others.sort_by_key(|hop| hop.started);
    others
}

fn after(own: &Exchange, other: &Exchange) -> Option<String> {
    match other.took.map(|took| other.started + took) {
        None => Some("which got no response".to_owned()),
        Some(answered) if answered <= own.started => None,
        Some(answered) => Some(format!(
            "it came {} earlier",
            precise(answered - own.started)
        )),
    }
}

fn before(own: &Exchange, other: &Exchange) -> Option<String> {
    (own.started >= other.started)
        .then(|| format!("it came {} later", precise(own.started - other.started)))
}

fn faster(own: &Exchange, other: &Exchange) -> Option<String> {
    match (own.took, other.took) {
        (None, _) => Some("but it got no response".to_owned()),
        (Some(own), Some(other)) if own >= other => Some(format!(
            "it took {} and the other {}",
            precise(own),
            precise(other)
        )),
        _ => None,
    }
}

/// Below a millisecond, microseconds: what is compared here is often that close.
fn precise(duration: Duration) -> String {
    match duration.as_micros() {
        micros @ 0..1000 => format!("{micros}µs"),
        _ => shown(duration),
    }
}

#[cfg(test)]
mod tests {
    use edgeproof_document::{read::read, yaml};
    use edgeproof_ground::trace::{PackedRequest, Party, RequestHead, Trace};
    use http::{HeaderMap, Method};
    use rstest::rstest;

    use super::*;

    /// A page from 0 to 10 ms, a call from 20 to 60 ms in which the worker asks from 25 to 45 ms, the origin from 50.
    fn observed() -> Observed {
        let trace = Trace::new();
        let hop = |from, to, url: &str, started: u64, took: u64| {
            let head = RequestHead {
                method: Method::GET,
                url: url.to_owned(),
                headers: HeaderMap::new(),
                body_bytes: 0,
            };
            let visit = if started < 20 { 1 } else { started / 70 + 2 };
            let head = PackedRequest::from(head).of_ray(visit.to_string());
            let hop = trace.begin(from, to, head);
            let took = (took > 0).then(|| Duration::from_millis(took));
            hop.timed(Duration::from_millis(started), took);
        };
        hop(
            Party::Visitor,
            Party::Edge,
            "https://shop.example/page",
            0,
            10,
        );
        hop(
            Party::Visitor,
            Party::Edge,
            "https://shop.example/api",
            20,
            40,
        );
        hop(
            Party::Worker,
            Party::Fingerprint,
            "https://api.fpjs.io/v4/send",
            25,
            20,
        );
        hop(
            Party::Worker,
            Party::Origin,
            "https://shop.example/api",
            50,
            5,
        );
        hop(
            Party::Visitor,
            Party::Edge,
            "https://shop.example/late",
            70,
            0,
        );
        let all_hops = trace.exchanges();
        Observed {
            hops: all_hops[1..4].to_vec(),
            all_hops,
            ..Observed::default()
        }
    }

    #[rstest]
    #[case("{after: /page}", None)]
    #[case("{after: /late}", Some("which got no response"))]
    #[case("{after: '*/v4/send'}", Some("it came 25ms earlier"))]
    #[case("{after: /none}", Some("there was no such request"))]
    // The call's own hop to the origin is the same call.
    #[case("{after: GET /api}", Some("there was no such request"))]
    #[case("{before: /late}", None)]
    #[case("{before: /page}", Some("it came 20ms later"))]
    #[case("{faster_than: /page}", Some("it took 40ms and the other 10ms"))]
    #[case("{faster_than: /late}", None)]
    #[case("{origin: {after: '*/v4/send'}}", None)]
    #[case("{origin: {after: /late}}", Some("which got no response"))]
    #[case(
        "{origin: {call: /page, after: /late}}",
        Some("the origin got no such request")
    )]
    fn calls_are_compared_by_the_clock_of_the_trace(
        #[case] text: &str,
        #[case] expected: Option<&str>,
    ) {
        let expect: Expect = read(&yaml::parse(0, text).unwrap()).unwrap();
        let observed = observed();
        let found = match &expect.origin {
            Some(is_meant) => seen(Side::Origin, is_meant, &observed.hops, &observed.all_hops),
            None => check(&expect, &observed).into_iter().next(),
        };
        assert_eq!(found.as_ref().map(|found| found.actual.as_str()), expected);
    }
}
