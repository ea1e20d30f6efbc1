//! What of a scenario is seen at a site that is deployed: one table, by key.
//!
//! Each function takes a whole type apart and puts it together again without what cannot be seen, so a key that is added to
//! a type has to be given a row here before it compiles.

use std::collections::BTreeMap;

use edgeproof_scenario::{
    expect::{Expect, ExpectAtEnd, ExpectRequest, ExpectWorker},
    step::{Action, Step},
};

/// What is expected, parted into what is looked for and what is only told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parted {
    /// The keys that the visitor sees.
    pub seen: Vec<&'static str>,
    /// The keys that are looked up, each with where.
    pub looked_up: Vec<(&'static str, &'static str)>,
    /// The keys of which nothing is known, each with why.
    pub unseen: Vec<(&'static str, &'static str)>,
}

/// Whether something is known that only an API tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// It is looked up.
    LookedUp,
    /// It is not, for this reason.
    No(&'static str),
}

/// What the APIs tell of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LookUps {
    /// Its identification events.
    pub events: Known,
    /// What the worker logs and throws.
    pub log: Known,
}

/// A key of an expectation, which claims something or is not written.
trait Claim: Clone + Default {
    fn is_made(&self) -> bool;
}

impl<T: Clone> Claim for Option<T> {
    fn is_made(&self) -> bool {
        self.is_some()
    }
}

impl<T: Clone> Claim for Vec<T> {
    fn is_made(&self) -> bool {
        !self.is_empty()
    }
}

impl<K: Clone + Ord, V: Clone> Claim for BTreeMap<K, V> {
    fn is_made(&self) -> bool {
        !self.is_empty()
    }
}

impl Parted {
    fn seen<T: Claim>(&mut self, key: &'static str, claim: &T) -> T {
        if claim.is_made() {
            self.seen.push(key);
        }
        claim.clone()
    }

    fn looked_up<T: Claim>(&mut self, key: &'static str, at: &'static str, claim: &T) -> T {
        if claim.is_made() {
            self.looked_up.push((key, at));
        }
        claim.clone()
    }

    fn known<T: Claim>(&mut self, key: &'static str, at: (&'static str, Known), claim: &T) -> T {
        match at {
            (at, Known::LookedUp) => self.looked_up(key, at, claim),
            (_, Known::No(why)) => self.unseen(key, why, claim),
        }
    }

    fn unseen<T: Claim>(&mut self, key: &'static str, why: &'static str, claim: &T) -> T {
        if claim.is_made() {
            self.unseen.push((key, why));
        }
        T::default()
    }
}

const AT_ORIGIN: &str = "only the origin knows what reached it";
const AT_NODE: &str = "only the filtering node knows what reached it";
const IN_WORKER: &str = "what the worker asks is not seen from outside";
const ORDER: &str = "it compares when requests reached the edge";
const ON_PLANE: &str = "a target is read, and nothing is deployed to it";
const OWN_HEADERS: &str = "edgeproof's own headers are among them";
const BY_BROWSER: &str = "a browser does not say how long a response took";

/// What a step expects, as far as it is seen; `in_browser` says who takes it.
pub fn of_step(expect: &Expect, in_browser: bool, look_ups: LookUps) -> (Expect, Parted) {
    let mut parted = Parted::default();
    let Expect {
        status,
        headers,
        body,
        body_complete,
        page,
        console,
        whole_console,
        unchanged_except,
        within,
        after,
        before,
        faster_than,
        cache,
        header_bytes,
        request,
        origin,
        node,
        worker,
        deployment,
        holes,
        cloudflare,
        message,
    } = expect;
    let seen = Expect {
        status: parted.seen("status", status),
        headers: parted.seen("headers", headers),
        body: parted.seen("body", body),
        body_complete: parted.seen("body_complete", body_complete),
        page: parted.seen("page", page),
        console: parted.seen("console", console),
        whole_console: parted.seen("whole_console", whole_console),
        unchanged_except: parted.unseen(
            "unchanged_except",
            "only the origin has its page as it was",
            unchanged_except,
        ),
        within: match in_browser {
            true => parted.unseen("within", BY_BROWSER, within),
            false => parted.seen("within", within),
        },
        after: parted.unseen("after", ORDER, after),
        before: parted.unseen("before", ORDER, before),
        faster_than: parted.unseen("faster_than", ORDER, faster_than),
        cache: parted.seen("cache", cache),
        header_bytes: parted.seen("header_bytes", header_bytes),
        request: request
            .as_ref()
            .map(|request| of_request(request, &mut parted)),
        origin: parted.unseen("origin", AT_ORIGIN, origin),
        node: parted.unseen("node", AT_NODE, node),
        worker: worker
            .as_ref()
            .map(|worker| of_worker(worker, look_ups.log, &mut parted)),
        deployment: parted.unseen("deployment", ON_PLANE, deployment),
        holes: parted.unseen("holes", "no shapes of a probe are sent to a target", holes),
        cloudflare: parted.unseen("cloudflare", ON_PLANE, cloudflare),
        message: message.clone(),
    };
    (seen, parted)
}

fn of_request(request: &ExpectRequest, parted: &mut Parted) -> ExpectRequest {
    let ExpectRequest {
        headers,
        budget,
        header_bytes,
        message,
    } = request;
    ExpectRequest {
        headers: parted.seen("request.headers", headers),
        budget: parted.unseen("request.budget", OWN_HEADERS, budget),
        header_bytes: parted.unseen("request.header_bytes", OWN_HEADERS, header_bytes),
        message: message.clone(),
    }
}

fn of_worker(worker: &ExpectWorker, known: Known, parted: &mut Parted) -> ExpectWorker {
    let ExpectWorker {
        ran,
        asked,
        log,
        whole_log,
        message,
    } = worker;
    let at = ("the tail of the worker", known);
    ExpectWorker {
        ran: parted.unseen("worker.ran", IN_WORKER, ran),
        asked: parted.unseen("worker.asked", IN_WORKER, asked),
        log: parted.known("worker.log", at, log),
        whole_log: parted.known("worker.whole_log", at, whole_log),
        message: message.clone(),
    }
}

/// What is expected at the end, as far as it is looked up.
pub fn at_end(expect: &ExpectAtEnd, look_ups: LookUps) -> (ExpectAtEnd, Parted) {
    let mut parted = Parted::default();
    let ExpectAtEnd {
        origin,
        node,
        attacks,
        worker,
        cloudflare,
        events,
        message,
    } = expect;
    let seen = ExpectAtEnd {
        origin: parted.unseen("origin", AT_ORIGIN, origin),
        node: parted.unseen("node", AT_NODE, node),
        attacks: parted.unseen("attacks", AT_NODE, attacks),
        worker: worker
            .as_ref()
            .map(|worker| of_worker(worker, look_ups.log, &mut parted)),
        cloudflare: parted.unseen("cloudflare", ON_PLANE, cloudflare),
        events: parted.known("events", ("the Server API", look_ups.events), events),
        message: message.clone(),
    };
    (seen, parted)
}

/// Why a step cannot be taken at a target; nothing where it can.
pub fn hindrance(step: &Step) -> Option<&'static str> {
    match &step.action {
        Action::Visit(_)
        | Action::Fill(_)
        | Action::Select(_)
        | Action::Upload(_)
        | Action::Click(_)
        | Action::Hover(_)
        | Action::Check(_)
        | Action::Uncheck(_)
        | Action::Press(_)
        | Action::Submit(_)
        | Action::Wait(_)
        | Action::Run(_) => None,
        Action::Request(request) if request.signals.is_some() => {
            Some("it states signals; only a real agent makes those that the platform reads")
        }
        Action::Request(request) if request.pad.is_some() => {
            Some("it fills a request up to a limit, which is for a site of one's own")
        }
        Action::Request(_) => None,
        Action::Raw(_) => Some("bytes as they are written are sent to a rig only"),
        Action::Probe(_) => Some("the shapes of a probe are sent to a rig only"),
        Action::Advance(_) => Some("the clock of a target is not ours"),
        Action::Set(_) => Some("a target is not changed"),
        Action::Deploy(_) => Some("nothing is deployed to a target"),
    }
}

#[cfg(test)]
mod tests {
    use edgeproof_scenario::load::load_text;
    use rstest::rstest;

    use super::*;

    const NOTHING: LookUps = LookUps {
        events: Known::No("no key"),
        log: Known::No("no token"),
    };

    const GIVEN: &str = "scenario: a\ngiven: { zones: { a.test: { hosts: { a.test: { site: signup } } } } }\nsteps:\n";

    #[rstest]
    #[case("{ status: 403, headers: { a: b }, page: [{ select: p }] }", &["status", "headers", "page"], &[])]
    #[case("{ origin: { reached: false }, node: { reached: true } }", &[], &["origin", "node"])]
    #[case("{ request: { headers: { fp-data: x }, header_bytes: 9 } }", &["request.headers"], &["request.header_bytes"])]
    #[case("{ worker: { ran: true, log: [a] }, within: 1s, after: GET /a }", &["within"], &["after", "worker.ran", "worker.log"])]
    #[case("{ unchanged_except: script, cache: HIT }", &["cache"], &["unchanged_except"])]
    fn each_key_is_seen_or_told_and_what_is_not_seen_is_not_judged(
        #[case] expect: &str,
        #[case] seen: &[&str],
        #[case] unseen: &[&str],
    ) {
        let text = format!("{GIVEN}  - request: GET https://a.test/\n    expect: {expect}\n");
        let cases = load_text(std::path::Path::new("a.yaml"), &text).unwrap();
        let expect = cases[0].scenario.steps[0].expect.clone().unwrap();
        let (left, parted) = of_step(&expect, false, NOTHING);
        assert_eq!(parted.seen, seen);
        let names: Vec<_> = parted.unseen.iter().map(|(key, _)| *key).collect();
        assert_eq!(names, unseen);
        // What is left is all seen.
        assert_eq!(of_step(&left, false, NOTHING).1.unseen, []);
    }

    #[test]
    fn the_log_is_looked_up_where_a_tail_tells_it() {
        let expect = "{ worker: { ran: true, log: [a], whole_log: b } }";
        let text = format!("{GIVEN}  - request: GET https://a.test/\n    expect: {expect}\n");
        let cases = load_text(std::path::Path::new("a.yaml"), &text).unwrap();
        let expect = cases[0].scenario.steps[0].expect.clone().unwrap();
        let look_ups = LookUps {
            log: Known::LookedUp,
            ..NOTHING
        };
        let (left, parted) = of_step(&expect, false, look_ups);
        let at = "the tail of the worker";
        assert_eq!(
            parted.looked_up,
            [("worker.log", at), ("worker.whole_log", at)]
        );
        assert_eq!(parted.unseen, [("worker.ran", IN_WORKER)]);
        assert!(left.worker.unwrap().ran.is_none());
    }

    #[test]
    fn in_a_browser_no_time_is_known() {
        let text =
            format!("{GIVEN}  - request: GET https://a.test/\n    expect: {{ within: 1s }}\n");
        let cases = load_text(std::path::Path::new("a.yaml"), &text).unwrap();
        let expect = cases[0].scenario.steps[0].expect.clone().unwrap();
        let (left, parted) = of_step(&expect, true, NOTHING);
        assert!(left.within.is_none());
        assert_eq!(parted.unseen, [("within", BY_BROWSER)]);
    }
}
