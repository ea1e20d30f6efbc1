use std::{path::Path, time::Duration};

use bytes::Bytes;
use edgeproof_document::{problem::TextStyle, read::read, yaml};
use edgeproof_ground::trace::{Party, RequestHead, Trace};
use edgeproof_origin::{RecordedBody, RecordedRequest};
use edgeproof_scenario::{expect::ExpectAtEnd, load::load_text};
use edgeproof_test_support::golden::assert_golden;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use rstest::rstest;

use super::*;
use crate::{
    failure,
    observed::{ObservedAtEnd, ObservedCall},
    record::Failure,
    redact::Redactor,
};

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| {
            (
                http::HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        })
        .collect()
}

fn seen(method: Method, url: &str) -> RecordedRequest {
    let mut body = RecordedBody::default();
    body.start = b"{}".to_vec();
    RecordedRequest {
        method,
        url: url.to_owned(),
        version: http::Version::HTTP_11,
        headers: headers(&[("content-type", "application/json")]),
        body,
    }
}

/// A blocked call to the API, after a page that was served.
fn blocked() -> Observed {
    let trace = Trace::new();
    let ask = |from, to, url: &str| {
        trace.begin(
            from,
            to,
            RequestHead {
                method: Method::POST,
                url: url.to_owned(),
                headers: HeaderMap::new(),
                body_bytes: 0,
            },
        );
    };
    ask(Party::Visitor, Party::Edge, "https://shop.example/api");
    ask(Party::Edge, Party::Worker, "https://shop.example/api");
    ask(
        Party::Worker,
        Party::Fingerprint,
        "https://api.fpjs.io/v4/send",
    );
    Observed {
        call: Some(ObservedCall {
            is_faulty: false,
            method: Method::POST,
            url: "https://shop.example/api".to_owned(),
            sent_headers: headers(&[("fp-data", "0123456789")]),
            sent_body: Some(Bytes::from_static(b"{}")),
            status: StatusCode::FORBIDDEN,
            headers: headers(&[("x-rule", "r1"), ("set-cookie", "secret=1")]),
            body: Bytes::from_static(b"{\"error\":\"no\"}"),
            broke_off: None,
            undecoded: None,
            took: Duration::from_millis(40),
        }),
        hops: trace.exchanges(),
        origin_all: vec![seen(Method::GET, "https://shop.example/signup")],
        log: vec!["blocked by r1".to_owned()],
        ..Observed::default()
    }
}

fn expect(text: &str) -> Expect {
    read(&yaml::parse(0, text).unwrap()).unwrap()
}

#[rstest]
#[case::empty("{body: ''}", "body")]
#[case::anything("{body: {not: {contains: x}}}", "body")]
#[case::no_element("{page: [{select: p, count: 0}]}", "page")]
#[case::one_element("{page: {select: p, count: 0}}", "page")]
fn a_body_that_cannot_be_read_holds_nothing(#[case] text: &str, #[case] key: &str) {
    let mut observed = blocked();
    let call = observed.call.as_mut().unwrap();
    call.body = Bytes::new();
    call.undecoded = Some("the body cannot be read".to_owned());
    let found = check(&expect(text), &observed);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].path, [key]);
    assert_eq!(found[0].actual, "the body cannot be read");
}

#[rstest]
#[case("{status: 403, headers: {X-Rule: r1}, body: '{\"error\":\"no\"}', within: 1s}")]
#[case("{body: {json: {error: 'no'}}}")]
#[case("{headers: {fp-agent-data: {present: false}}}")]
#[case("{origin: {reached: false, times: 0}}")]
#[case(
    "{origin: {call: /signup, reached: true, headers: {fp-data: {present: false}}, body: '{}'}}"
)]
#[case("{worker: {ran: true, asked: [{call: POST */v4/send, times: 1}], log: [{contains: r1}]}}")]
#[case(
    "{request: {headers: {fp-data: {present: true}}, budget: [{header: fp-data, percent: {max: 1}}]}}"
)]
fn what_holds_is_not_reported(#[case] text: &str) {
    assert_eq!(check(&expect(text), &blocked()), []);
}

#[rstest]
#[case("{status: 200}", "status", "expected status 200", "got 403")]
#[case(
    "{headers: {x-rule: r2}}",
    "headers x-rule",
    "expected the response header `x-rule` to be `r2`",
    "got `r1`"
)]
#[case(
    "{headers: {x-none: {present: true}}}",
    "headers x-none",
    "expected the response header `x-none` to be present",
    "the header is absent"
)]
#[case(
    "{headers: {set-cookie: none}}",
    "headers set-cookie",
    "expected the response header `set-cookie` to be `none`",
    "got `[redacted]`"
)]
#[case(
    "{body: {json: {error: 'yes'}}}",
    "body",
    "expected the response body to be JSON that includes {\"error\":\"yes\"}",
    "got `{\"error\":\"no\"}`"
)]
#[case(
    "{within: 10ms}",
    "within",
    "expected a response within 10ms",
    "it took 40ms"
)]
#[case(
    "{origin: {reached: true}}",
    "origin reached",
    "expected this request to reach the origin",
    "the origin got no such request"
)]
#[case(
    "{origin: {call: GET /signup, reached: false}}",
    "origin reached",
    "expected `GET /signup` not to reach the origin",
    "the origin got 1 request"
)]
#[case(
    "{origin: {headers: {a: b}}}",
    "origin",
    "expected the origin to get this request",
    "the origin got no such request"
)]
#[case(
    "{worker: {ran: false}}",
    "worker ran",
    "expected no worker to run",
    "one did"
)]
#[case(
    "{worker: {asked: [{call: POST */v4/send, times: 2}]}}",
    "worker asked 0",
    "expected 2 requests `POST */v4/send` from the worker",
    "it sent 1 request"
)]
#[case(
    "{worker: {whole_log: ''}}",
    "worker whole_log",
    "expected the worker's whole log to be empty",
    "got `blocked by r1`"
)]
#[case(
    "{request: {budget: [{header: fp-data, percent: {min: 12, max: 20}}]}}",
    "request budget 0",
    "expected the header `fp-data` to take from 12 to 20 % of the 128 KB that request headers may have",
    "it takes 0.0 % (10 bytes)"
)]
#[case(
    "{page: [{select: script}]}",
    "page 0 select",
    "expected an element `script` in the page",
    "found none"
)]
fn what_does_not_hold_says_what_was_expected_and_what_happened(
    #[case] text: &str,
    #[case] path: &str,
    #[case] claim: &str,
    #[case] actual: &str,
) {
    let found = check(&expect(text), &blocked());
    let found: Vec<_> = found
        .iter()
        .map(|found| {
            (
                found.path.join(" "),
                found.claim.as_str(),
                found.actual.as_str(),
            )
        })
        .collect();
    assert_eq!(found, [(path.to_owned(), claim, actual)]);
}

/// A page whose body broke off.
fn broken() -> Observed {
    let mut observed = blocked();
    if let Some(call) = &mut observed.call {
        call.body = Bytes::from_static(b"<title>Log in</title>");
        call.broke_off = Some(21);
    }
    observed
}

#[rstest]
#[case("{status: 403, headers: {x-rule: r1}}")]
#[case("{body_complete: false, body: {contains: Log}, page: [{select: title}]}")]
fn a_body_that_breaks_off_leaves_the_head_and_may_be_expected(#[case] text: &str) {
    assert_eq!(check(&expect(text), &broken()), []);
}

#[test]
fn a_part_is_judged_where_a_fault_of_the_scenario_cut_the_body() {
    let mut observed = broken();
    if let Some(call) = &mut observed.call {
        call.is_faulty = true;
    }
    assert_eq!(check(&expect("{body: {contains: Log}}"), &observed), []);
}

#[rstest]
#[case::part("{body: {contains: Log}}", "the body broke off after 21 bytes")]
#[case::page("{page: [{select: title}]}", "the body broke off after 21 bytes")]
#[case::complete("{body_complete: true}", "it broke off after 21 bytes")]
#[case::still_judged(
    "{body_complete: false, body: {contains: Out}}",
    "got `<title>Log in</title>`"
)]
fn what_holds_of_a_part_does_not_hold_of_the_body(#[case] text: &str, #[case] actual: &str) {
    let found = check(&expect(text), &broken());
    let found: Vec<_> = found.iter().map(|found| found.actual.as_str()).collect();
    assert_eq!(found, [actual]);
}

#[test]
fn a_complete_body_is_none_that_breaks_off() {
    let found = check(&expect("{body_complete: false}"), &blocked());
    assert_eq!(found[0].claim, "expected a response body that breaks off");
    assert_eq!(found[0].actual, "got a complete one of 14 bytes");
}

#[test]
fn a_call_that_is_missing_names_the_nearest_that_was_recorded() {
    let found = check(
        &expect("{origin: {call: GET /sign-up, reached: true}}"),
        &blocked(),
    );
    assert_eq!(
        found[0].nearest.as_deref(),
        Some("GET https://shop.example/signup")
    );
}

#[rstest]
#[case("{events: [{incognito: true}]}", None)]
#[case(
    "{events: [{incognito: false}]}",
    Some("expected `$.incognito` of event 1 to be false")
)]
#[case("{events: []}", Some("expected no identification event"))]
#[case(
    "{origin: [{call: GET /signup, reached: false}]}",
    Some("expected `GET /signup` not to reach the origin")
)]
#[case("{origin: [{call: POST /api*, reached: false}]}", None)]
#[case("{worker: {whole_log: ''}}", None)]
fn the_end_is_judged_by_everything_that_was_seen(#[case] text: &str, #[case] claim: Option<&str>) {
    let expect: ExpectAtEnd = read(&yaml::parse(0, text).unwrap()).unwrap();
    let observed = ObservedAtEnd {
        origin: vec![seen(Method::GET, "https://shop.example/signup")],
        events: vec![serde_json::json!({"incognito": true, "bot": "not_detected"})],
        ..ObservedAtEnd::default()
    };
    let found = check_end(&expect, &observed);
    assert_eq!(found.first().map(|found| found.claim.as_str()), claim);
}

/// One of every expectation, none of which holds of [`blocked`], each with the place a reader is led to.
const NOTHING_HOLDS: &str = r#"scenario: Nothing holds
given: { zones: { shop.example: { hosts: { shop.example: { site: signup } } } } }
steps:
  - request: POST https://shop.example/api
    expect:
      status: 200
      headers: { x-rule: { matches: "^r[2-9]$", message: The rule has a number. } }
      body: { json_path: { $.error: "yes" } }
      page: [{ select: script, count: { min: 1 }, message: The page is instrumented. }]
      console: [{ contains: ready }]
      whole_console: { contains: ready }
      within: 10ms
      after: GET /signup
      before: GET /signup
      faster_than: GET /signup
      cache: HIT
      header_bytes: { max: 10 }
      request:
        headers: { accept: { present: true } }
        budget: [{ percent: { min: 50 } }]
        header_bytes: { min: 500 }
      origin: { reached: true, times: 2, headers: { fp-data: { present: false } } }
      worker:
        ran: false
        asked:
          - { call: GET */v4/visitors, message: The worker knows the visitor. }
          - { call: POST */v4/send, times: 0 }
        log: [{ contains: allowed }]
        whole_log: ""
      message: A call without signals is let through.
expect:
  origin: [{ call: GET /sign-up, reached: true }, { call: GET /signup, body: none, body_as_sent: true, after: POST */v4/send }]
  worker: { log: [{ starts_with: nobody }] }
  events: [{ incognito: false }]
  message: At the end all is well.
"#;

#[test]
fn every_kind_of_failure_reads_as_its_golden_text() {
    let case = &load_text(Path::new("scenarios/nothing_holds.yaml"), NOTHING_HOLDS).unwrap()[0];
    let observed = blocked();
    let redactor = Redactor::default();
    let step = ["steps", "0", "expect"].map(str::to_owned);
    let mut failures: Vec<Failure> =
        check(case.scenario.steps[0].expect.as_ref().unwrap(), &observed)
            .into_iter()
            .map(|mismatch| failure::of(case, &step, mismatch, &redactor))
            .collect();
    let at_end = ObservedAtEnd {
        origin: observed.origin_all.clone(),
        events: vec![serde_json::json!({"incognito": true})],
        ..ObservedAtEnd::default()
    };
    failures.extend(
        check_end(&case.scenario.expect, &at_end)
            .into_iter()
            .map(|mismatch| failure::of(case, &["expect".to_owned()], mismatch, &redactor)),
    );
    let text = crate::failure_text::texts(&failures, TextStyle::PLAIN).join("\n");
    assert_golden("fixtures/golden/reports/failures.txt", &text);
}
