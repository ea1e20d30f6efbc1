//! A claim that is false fails, whatever key it is made with. The keys are those of the schema, so a new one without a false
//! claim fails here.

use std::collections::{BTreeMap, BTreeSet};

use edgeproof_cloudflare::plane::{ScriptState, State};
use edgeproof_document::{read::read, yaml};
use edgeproof_ground::trace::{Exchange, Party, RequestHead, Trace};
use edgeproof_scenario::{
    deploying::DeployOutcome, expect::ExpectAtEnd, schema, text::TextMatcher,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use proptest::prelude::*;
use rstest::rstest;
use serde_json::Value as Json;

use super::*;
use crate::observed::{Deployment, ObservedAtEnd, ObservedCall, OnControlPlane};

/// Keys that are no claims of their own: what is told, and which call, element or header the others are about.
const NO_CLAIMS: [&str; 4] = [
    "message",
    "ExpectOrigin.call",
    "Budget.header",
    "Budget.percent",
];

/// For each type of the schema, its keys with a false claim about a step.
const OF_A_STEP: &[(&str, &str)] = &[
    ("Expect.status", "{status: 200}"),
    ("Expect.headers", "{headers: {x-rule: r2}}"),
    ("Expect.body", "{body: yes}"),
    ("Expect.body_complete", "{body_complete: false}"),
    ("Expect.page", "{page: [{select: p}]}"),
    ("Expect.console", "{console: [ready]}"),
    ("Expect.whole_console", "{whole_console: ready}"),
    ("Expect.unchanged_except", "{unchanged_except: script}"),
    ("Expect.within", "{within: 10ms}"),
    ("Expect.after", "{after: GET /later}"),
    ("Expect.before", "{before: GET /earlier}"),
    ("Expect.faster_than", "{faster_than: GET /signup}"),
    ("Expect.cache", "{cache: HIT}"),
    ("Expect.header_bytes", "{header_bytes: {max: 1}}"),
    ("Expect.request", "{request: {headers: {fp-data: none}}}"),
    ("Expect.origin", "{origin: {reached: false}}"),
    ("Expect.node", "{node: {reached: false}}"),
    ("Expect.worker", "{worker: {ran: false}}"),
    ("Expect.deployment", "{deployment: {outcome: created}}"),
    ("Expect.holes", "{holes: {min: 1}}"),
    ("Expect.cloudflare", "{cloudflare: {scripts: {}}}"),
    ("Element.select", "{page: [{select: p}]}"),
    ("Element.count", "{page: [{select: b, count: 2}]}"),
    ("Element.text", "{page: [{select: b, text: yes}]}"),
    (
        "Element.attributes",
        "{page: [{select: b, attributes: {id: y}}]}",
    ),
    (
        "ExpectRequest.headers",
        "{request: {headers: {fp-data: none}}}",
    ),
    (
        "ExpectRequest.budget",
        "{request: {budget: [{percent: {min: 50}}]}}",
    ),
    (
        "ExpectRequest.header_bytes",
        "{request: {header_bytes: {min: 500}}}",
    ),
    ("ExpectOrigin.reached", "{origin: {reached: false}}"),
    ("ExpectOrigin.times", "{origin: {times: 2}}"),
    (
        "ExpectOrigin.headers",
        "{origin: {headers: {content-type: none}}}",
    ),
    ("ExpectOrigin.body", "{origin: {body: none}}"),
    (
        "ExpectOrigin.body_as_sent",
        "{origin: {body_as_sent: true}}",
    ),
    ("ExpectOrigin.after", "{origin: {after: GET /later}}"),
    ("ExpectOrigin", "{origin: {call: GET /nowhere}}"),
    ("ExpectWorker.ran", "{worker: {ran: false}}"),
    (
        "ExpectWorker.asked",
        "{worker: {asked: [{call: GET */v4/visitors}]}}",
    ),
    ("ExpectWorker.log", "{worker: {log: [allowed]}}"),
    ("ExpectWorker.whole_log", "{worker: {whole_log: ''}}"),
    (
        "ExpectSubrequest.call",
        "{worker: {asked: [{call: GET */v4/visitors}]}}",
    ),
    (
        "ExpectSubrequest.times",
        "{worker: {asked: [{call: POST */v4/send, times: 2}]}}",
    ),
    (
        "ExpectSubrequest.headers",
        "{worker: {asked: [{call: POST */v4/send, headers: {a: b}}]}}",
    ),
    (
        "ExpectSubrequest.body",
        "{worker: {asked: [{call: POST */v4/send, body: {contains: nothing}}]}}",
    ),
    (
        "ExpectDeployment.outcome",
        "{deployment: {outcome: created}}",
    ),
    (
        "ExpectDeployment.text",
        "{deployment: {text: [{contains: done}]}}",
    ),
    ("ExpectDeployment.waited", "{deployment: {waited: 9}}"),
    (
        "ExpectCloudflare.requests",
        "{cloudflare: {requests: [{call: DELETE *}]}}",
    ),
    ("ExpectCloudflare.scripts", "{cloudflare: {scripts: {}}}"),
    (
        "ExpectCloudflare.routes",
        "{cloudflare: {routes: {shop.example/*: flow}}}",
    ),
    (
        "ApiRequests.call",
        "{cloudflare: {requests: [{call: DELETE *}]}}",
    ),
    (
        "ApiRequests.times",
        "{cloudflare: {requests: [{call: GET */scripts, times: 2}]}}",
    ),
    (
        "ApiRequests.status",
        "{cloudflare: {requests: [{call: GET */scripts, status: 403}]}}",
    ),
    (
        "ExpectScript.variables",
        "{cloudflare: {scripts: {flow: {variables: {A: b}}}}}",
    ),
    (
        "ExpectScript.secrets",
        "{cloudflare: {scripts: {flow: {secrets: [KEY]}}}}",
    ),
    (
        "ExpectScript.versions",
        "{cloudflare: {scripts: {flow: {versions: 9}}}}",
    ),
    ("TextConditions.equals", "{body: {equals: x}}"),
    ("TextConditions.not", "{body: {not: {contains: error}}}"),
    ("TextConditions.contains", "{body: {contains: yes}}"),
    ("TextConditions.starts_with", "{body: {starts_with: x}}"),
    ("TextConditions.ends_with", "{body: {ends_with: x}}"),
    ("TextConditions.matches", "{body: {matches: ^x}}"),
    ("TextConditions.one_of", "{body: {one_of: [x, y]}}"),
    (
        "TextConditions.present",
        "{headers: {x-rule: {present: false}}}",
    ),
    ("TextConditions.length", "{body: {length: 1}}"),
    ("TextConditions.json", "{body: {json: {error: yes}}}"),
    (
        "TextConditions.json_path",
        "{body: {json_path: {$.error: yes}}}",
    ),
];

/// The same at the end.
const AT_THE_END: &[(&str, &str)] = &[
    ("ExpectAtEnd.origin", "{origin: [{call: GET /nowhere}]}"),
    (
        "ExpectAtEnd.node",
        "{node: [{call: GET /nowhere, reached: true}]}",
    ),
    ("ExpectAtEnd.attacks", "{attacks: [{type: xss}]}"),
    ("ExpectAtEnd.worker", "{worker: {ran: true}}"),
    ("ExpectAtEnd.cloudflare", "{cloudflare: {scripts: {}}}"),
    ("ExpectAtEnd.events", "{events: [{incognito: false}]}"),
];

fn request(method: Method, url: &str) -> edgeproof_origin::RecordedRequest {
    let mut body = edgeproof_origin::RecordedBody::default();
    body.start = b"other".to_vec();
    edgeproof_origin::RecordedRequest {
        method,
        url: url.to_owned(),
        version: http::Version::HTTP_11,
        headers: HeaderMap::from_iter([(
            http::header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        )]),
        body,
    }
}

fn exchanges(requests: &[(Party, Party, Method, &str)]) -> Vec<Exchange> {
    let trace = Trace::new();
    for (from, to, method, url) in requests {
        trace.begin(
            *from,
            *to,
            RequestHead {
                method: method.clone(),
                url: (*url).to_owned(),
                headers: HeaderMap::new(),
                body_bytes: 0,
            },
        );
    }
    trace.exchanges()
}

/// A step that has something of everything.
fn step() -> Observed {
    let url = "https://shop.example/api";
    let hops = exchanges(&[
        (Party::Visitor, Party::Edge, Method::POST, url),
        (Party::Edge, Party::Worker, Method::POST, url),
        (
            Party::Worker,
            Party::Fingerprint,
            Method::POST,
            "https://api.fpjs.io/v4/send",
        ),
        (Party::Edge, Party::Origin, Method::POST, url),
    ]);
    let script = ScriptState {
        versions: 1,
        ..ScriptState::default()
    };
    Observed {
        call: Some(ObservedCall {
            is_faulty: false,
            method: Method::POST,
            url: url.to_owned(),
            sent_headers: HeaderMap::from_iter([(
                http::HeaderName::from_static("fp-data"),
                HeaderValue::from_static("0123456789"),
            )]),
            sent_body: Some(bytes::Bytes::from_static(b"{}")),
            status: StatusCode::FORBIDDEN,
            headers: HeaderMap::from_iter([(
                http::HeaderName::from_static("x-rule"),
                HeaderValue::from_static("r1"),
            )]),
            body: bytes::Bytes::from_static(b"{\"error\":\"no <b id='x'>\"}"),
            broke_off: None,
            undecoded: None,
            took: std::time::Duration::from_millis(40),
        }),
        deployment: Some(Deployment {
            outcome: DeployOutcome::Unchanged,
            text: "nothing".to_owned(),
            waited: 1.0,
        }),
        probe: Some(edgeproof_probe::Outcome {
            api: "POST shop.example/api".to_owned(),
            call: "POST https://shop.example/api".to_owned(),
            origin: "the site signup".to_owned(),
            control: edgeproof_probe::Fate::Identified,
            notes: Vec::new(),
            findings: Vec::new(),
        }),
        origin_page: Some(bytes::Bytes::from_static(b"another page")),
        all_hops: hops.clone(),
        hops,
        origin: vec![request(Method::POST, url)],
        origin_all: vec![request(Method::POST, url)],
        node: vec![request(Method::POST, url)],
        node_all: vec![request(Method::POST, url)],
        log: vec!["blocked".to_owned()],
        control_plane: OnControlPlane {
            hops: exchanges(&[(
                Party::Visitor,
                Party::ControlPlane,
                Method::GET,
                "https://api.cloudflare.example/accounts/1/workers/scripts",
            )]),
            state: Some(State {
                scripts: BTreeMap::from([("flow".to_owned(), script)]),
                ..State::default()
            }),
        },
        ..Observed::default()
    }
}

#[test]
fn a_false_claim_about_a_step_fails_with_every_key() {
    for (key, claim) in OF_A_STEP {
        let expect: Expect = read(&yaml::parse(0, claim).unwrap()).unwrap();
        assert_ne!(check(&expect, &step()), [], "{key}: {claim} holds");
    }
}

#[test]
fn a_false_claim_about_the_end_fails_with_every_key() {
    let observed = ObservedAtEnd {
        events: vec![serde_json::json!({"incognito": true})],
        account: step().control_plane.state,
        ..ObservedAtEnd::default()
    };
    for (key, claim) in AT_THE_END {
        let expect: ExpectAtEnd = read(&yaml::parse(0, claim).unwrap()).unwrap();
        assert_ne!(check_end(&expect, &observed), [], "{key}: {claim} holds");
    }
}

#[test]
fn every_key_of_the_schema_has_a_false_claim() {
    let schema = serde_json::to_value(schema::schema()).unwrap();
    let claimed: BTreeSet<&str> = OF_A_STEP
        .iter()
        .chain(AT_THE_END)
        .map(|(key, _)| *key)
        .collect();
    let types: BTreeSet<&str> = claimed
        .iter()
        .filter_map(|key| key.split('.').next())
        .collect();
    assert!(types.len() > 10, "{types:?}");
    for name in types {
        let keys = properties(&schema["$defs"][name]);
        assert!(!keys.is_empty(), "the schema has no type {name}");
        for key in keys {
            let whole = format!("{name}.{key}");
            let is_known = claimed.contains(whole.as_str())
                || NO_CLAIMS.contains(&whole.as_str())
                || NO_CLAIMS.contains(&key.as_str());
            assert!(is_known, "no false claim is made with {whole}");
        }
    }
}

/// The keys of a mapping, which may be one of several forms.
fn properties(schema: &Json) -> BTreeSet<String> {
    let own = schema["properties"].as_object().into_iter();
    let own = own.flat_map(|properties| properties.keys().cloned());
    let forms = schema["anyOf"].as_array().into_iter().flatten();
    own.chain(forms.flat_map(properties)).collect()
}

#[rstest]
#[case("equals")]
#[case("contains")]
#[case("starts_with")]
#[case("ends_with")]
fn nothing_that_is_not_there_is_like_a_text(#[case] condition: &str) {
    let matcher: TextMatcher =
        read(&yaml::parse(0, &format!("{{{condition}: x}}")).unwrap()).unwrap();
    assert!(!matcher.holds(None));
}

proptest! {
    #[test]
    fn a_text_and_its_opposite_never_hold_of_the_same_value(
        expected in "[a-z${} ]{1,8}",
        actual in proptest::option::of("[a-z${} ]{0,8}"),
        condition in prop_oneof!["equals", "contains", "starts_with", "ends_with"],
    ) {
        let quoted = format!("'{expected}'");
        let holds = |text: &str| {
            let matcher: TextMatcher = read(&yaml::parse(0, text).unwrap()).unwrap();
            matcher.holds(actual.as_deref())
        };
        let claim = format!("{{{condition}: {quoted}}}");
        prop_assert_ne!(holds(&claim), holds(&format!("{{not: {claim}}}")));
    }
}
