//! What an expectation needs and a rig no longer keeps: then it is not judged by the rest.

use edgeproof_rig::Forgotten;
use edgeproof_scenario::expect::{Expect, ExpectAtEnd, ExpectOrigin, ExpectWorker};

use super::{Mismatch, timing};
use crate::observed::{Observed, ObservedAtEnd};

/// The way out.
pub(super) const MORE: &str = "`memory_mb:` in `given`, or `--memory-mb`, keeps more";

/// What is missing of a step.
pub(super) fn of_step(expect: &Expect, observed: &Observed) -> Vec<Mismatch> {
    let forgotten = &observed.forgotten;
    let mut missing = Vec::new();
    let reads_hops = expect.origin.is_some() || expect.node.is_some() || expect.worker.is_some();
    // Of a call whose first hop is there, all the others are, which came later.
    if observed.has_lost_hops && reads_hops && (observed.hops.is_empty() || observed.is_raw) {
        let claim = "expected to see the way of this request";
        missing.push(lost(&[], claim, forgotten.hops, "hops"));
    }
    if observed.has_lost_hops && expect.cloudflare.is_some() {
        let claim = "expected to see every request to the control plane";
        missing.push(lost(&["cloudflare"], claim, forgotten.hops, "hops"));
    }
    let names_another = |expect: &ExpectOrigin| expect.call.is_some();
    if expect.origin.as_ref().is_some_and(names_another) {
        missing.extend(requests("origin", forgotten.origin));
    }
    if expect.node.as_ref().is_some_and(names_another) {
        missing.extend(requests("node", forgotten.node));
    }
    if timing::compares(expect) && forgotten.hops > 0 {
        let claim = "expected to compare with every request so far";
        missing.push(lost(&[], claim, forgotten.hops, "hops"));
    }
    missing.extend(log(expect.worker.as_ref(), forgotten));
    missing
}

/// What is missing at the end.
pub(super) fn at_end(expect: &ExpectAtEnd, observed: &ObservedAtEnd) -> Vec<Mismatch> {
    let forgotten = &observed.forgotten;
    let mut missing = Vec::new();
    if !expect.origin.is_empty() {
        missing.extend(requests("origin", forgotten.origin));
    }
    if !expect.node.is_empty() {
        missing.extend(requests("node", forgotten.node));
    }
    if (expect.worker.is_some() || expect.cloudflare.is_some()) && forgotten.hops > 0 {
        let claim = "expected to see every request on its way";
        missing.push(lost(&[], claim, forgotten.hops, "hops"));
    }
    if expect.events.is_some() && forgotten.events > 0 {
        let claim = "expected to see every identification event";
        missing.push(lost(&["events"], claim, forgotten.events, "events"));
    }
    if expect.attacks.is_some() && forgotten.attacks {
        let claim = "expected to see every attack";
        let actual = format!("some are no longer kept; {MORE}");
        missing.push(Mismatch::new(&["attacks"], claim, actual));
    }
    missing.extend(log(expect.worker.as_ref(), forgotten));
    missing
}

fn requests(side: &str, forgotten: usize) -> Option<Mismatch> {
    let claim = format!("expected to see every request that reached the {side}");
    (forgotten > 0).then(|| lost(&[side], &claim, forgotten, "requests"))
}

fn log(expect: Option<&ExpectWorker>, forgotten: &Forgotten) -> Option<Mismatch> {
    let reads = expect.is_some_and(|expect| !expect.log.is_empty() || expect.whole_log.is_some());
    let claim = "expected to see the worker's whole log";
    (reads && forgotten.log > 0).then(|| lost(&["worker", "log"], claim, forgotten.log, "lines"))
}

fn lost(path: &[&str], claim: &str, count: usize, of_what: &str) -> Mismatch {
    let what = match count {
        1 => format!("the oldest of the {of_what} is"),
        more => format!("the oldest {more} {of_what} are"),
    };
    Mismatch::new(path, claim, format!("{what} no longer kept; {MORE}"))
}

#[cfg(test)]
mod tests {
    use edgeproof_document::{read::read, yaml};
    use rstest::rstest;

    use super::*;

    const ALL: Forgotten = Forgotten {
        hops: 5,
        origin: 4,
        node: 3,
        events: 2,
        attacks: true,
        log: 1,
    };

    fn lines(missing: &[Mismatch]) -> Vec<String> {
        let line = |one: &Mismatch| format!("{}: {}", one.path.join("."), one.actual);
        missing.iter().map(line).collect()
    }

    #[rstest]
    #[case("{status: 200}", &[])]
    #[case("{origin: {reached: true}}", &[": the oldest 5 hops are"])]
    #[case("{origin: {call: /a}}", &[": the oldest 5 hops are", "origin: the oldest 4 requests are"])]
    #[case("{node: {call: /a}}", &[": the oldest 5 hops are", "node: the oldest 3 requests are"])]
    #[case("{after: /a}", &[": the oldest 5 hops are"])]
    #[case("{worker: {log: [x]}}", &[": the oldest 5 hops are", "worker.log: the oldest of the lines is"])]
    fn a_step_is_not_judged_by_what_is_left(#[case] expect: &str, #[case] expected: &[&str]) {
        let expect: Expect = read(&yaml::parse(0, expect).unwrap()).unwrap();
        let mut observed = Observed {
            forgotten: ALL,
            has_lost_hops: true,
            ..Observed::default()
        };
        let found = lines(&of_step(&expect, &observed));
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (found, expected) in found.iter().zip(expected) {
            let text = format!("{expected} no longer kept; {MORE}");
            assert_eq!(*found, text);
        }
        observed.forgotten = Forgotten::default();
        observed.has_lost_hops = false;
        assert!(of_step(&expect, &observed).is_empty());
    }

    #[rstest]
    #[case("{events: []}", "events: the oldest 2 events are no longer kept")]
    #[case("{attacks: []}", "attacks: some are no longer kept")]
    #[case(
        "{origin: [{times: 0}]}",
        "origin: the oldest 4 requests are no longer kept"
    )]
    fn nor_is_the_end(#[case] expect: &str, #[case] expected: &str) {
        let expect: ExpectAtEnd = read(&yaml::parse(0, expect).unwrap()).unwrap();
        let mut observed = ObservedAtEnd {
            forgotten: ALL,
            ..ObservedAtEnd::default()
        };
        let found = lines(&at_end(&expect, &observed));
        assert_eq!(found, [format!("{expected}; {MORE}")]);
        observed.forgotten = Forgotten::default();
        assert!(at_end(&expect, &observed).is_empty());
    }
}
