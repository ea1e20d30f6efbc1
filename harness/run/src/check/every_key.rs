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

/// The key that is no claim: what is told.
const NO_CLAIM: &str = "message";

/// What a key may hold that several others hold as well: each of its keys is tried once. Of the rest every place is tried.
const VALUES: [&str; 2] = ["TextConditions", "Bounds"];

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
    ("ExpectOrigin.call", "{origin: {call: GET /nowhere}}"),
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
    (
        "Budget.header",
        "{request: {budget: [{header: x-none, percent: {min: 1}}]}}",
    ),
    (
        "Budget.percent",
        "{request: {budget: [{percent: {min: 50}}]}}",
    ),
    ("Bounds.min", "{request: {header_bytes: {min: 500}}}"),
    ("Bounds.max", "{header_bytes: {max: 1}}"),
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
    ("ExpectAtEnd.worker", "{worker: {ran: false}}"),
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

fn end() -> ObservedAtEnd {
    let step = step();
    ObservedAtEnd {
        hops: step
            .all_hops
            .into_iter()
            .chain(step.control_plane.hops)
            .collect(),
        origin: step.origin_all,
        node: step.node_all,
        log: step.log,
        events: vec![serde_json::json!({"incognito": true})],
        account: step.control_plane.state,
        ..ObservedAtEnd::default()
    }
}

/// A claim is one key in another, so what does not hold of it stands below its first one.
fn assert_false(key: &str, claim: &str, found: &[Mismatch]) {
    assert_ne!(found, [], "{key}: {claim} holds");
    let (first, _) = claim[1..].split_once(':').unwrap();
    let is_it = |mismatch: &Mismatch| mismatch.path.first().is_some_and(|key| key == first);
    assert!(
        found.iter().all(is_it),
        "{key}: {claim} fails for another reason: {found:?}"
    );
}

fn assert_false_of_a_step(key: &str, claim: &str) {
    let expect: Expect = read(&yaml::parse(0, claim).unwrap()).unwrap();
    assert_false(key, claim, &check(&expect, &step()));
}

fn assert_false_at_the_end(key: &str, claim: &str) {
    let expect: ExpectAtEnd = read(&yaml::parse(0, claim).unwrap()).unwrap();
    assert_false(key, claim, &check_end(&expect, &end()));
}

#[test]
fn a_false_claim_about_a_step_fails_with_every_key() {
    for (key, claim) in OF_A_STEP {
        assert_false_of_a_step(key, claim);
        // The node sees what the origin does.
        if let Some(claim) = claim.strip_prefix("{origin: ") {
            assert_false_of_a_step(key, &format!("{{node: {claim}"));
        }
    }
}

#[test]
fn a_false_claim_about_the_end_fails_with_every_key() {
    for (key, claim) in AT_THE_END {
        assert_false_at_the_end(key, claim);
    }
    for (key, claim) in OF_A_STEP {
        if claim.starts_with("{worker: ") || claim.starts_with("{cloudflare: ") {
            assert_false_at_the_end(key, claim);
        }
        // At the end each names its request.
        let Some(inner) = claim.strip_prefix("{origin: {") else {
            continue;
        };
        let call = match inner.starts_with("call: ") {
            true => "",
            false => "call: POST /api, ",
        };
        let inner = inner.strip_suffix("}}").unwrap();
        for side in ["origin", "node"] {
            assert_false_at_the_end(key, &format!("{{{side}: [{{{call}{inner}}}]}}"));
        }
    }
}

#[test]
fn every_key_of_the_schema_has_a_false_claim() {
    let schema = serde_json::to_value(schema::schema()).unwrap();
    let claims = OF_A_STEP.iter().chain(AT_THE_END);
    let claimed: BTreeSet<&str> = claims.map(|(key, _)| *key).collect();
    let mut types = vec!["Expect".to_owned(), "ExpectAtEnd".to_owned()];
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut next = 0;
    while let Some(name) = types.get(next).cloned() {
        next += 1;
        let own = &schema["$defs"][&name];
        let keys = properties(own);
        for key in keys.keys() {
            let whole = format!("{name}.{key}");
            let is_known = claimed.contains(whole.as_str()) || key == NO_CLAIM;
            assert!(is_known, "no false claim is made with {whole}");
        }
        // A type of alternatives passes its own places on.
        let inner = match keys.is_empty() {
            true => vec![(name.clone(), own.clone())],
            false => keys
                .into_iter()
                .map(|(key, own)| (format!("{name}.{key}"), own))
                .collect(),
        };
        for (place, value) in inner {
            for found in types_in(&value) {
                places.entry(found.clone()).or_default().push(place.clone());
                if !types.contains(&found) {
                    types.push(found);
                }
            }
        }
    }
    assert!(types.len() > 15, "{types:?}");
    // A record that stands in a new place wants its claims made there as well.
    places.retain(|name, places| {
        let is_record = !properties(&schema["$defs"][name]).is_empty();
        is_record && places.len() > 1 && !VALUES.contains(&name.as_str())
    });
    let several: Vec<(&str, usize)> = places
        .iter()
        .map(|(name, places)| (name.as_str(), places.len()))
        .collect();
    let known = [
        ("ExpectCloudflare", 2),
        ("ExpectOrigin", 4),
        ("ExpectWorker", 2),
    ];
    assert_eq!(several, known, "{places:?}");
}

/// The keys of a mapping, which may be one of several forms, each with what it holds.
fn properties(schema: &Json) -> BTreeMap<String, Json> {
    let own = schema["properties"].as_object().cloned();
    let forms = schema["anyOf"].as_array().into_iter().flatten();
    let own = own.into_iter().flatten();
    own.chain(forms.flat_map(properties)).collect()
}

/// The types that a schema names.
fn types_in(schema: &Json) -> BTreeSet<String> {
    match schema {
        Json::Object(members) => {
            let named = members.get("$ref").and_then(Json::as_str);
            let named = named.and_then(|path| path.rsplit('/').next());
            let inner = members.values().flat_map(types_in);
            named.map(str::to_owned).into_iter().chain(inner).collect()
        }
        Json::Array(items) => items.iter().flat_map(types_in).collect(),
        _ => BTreeSet::new(),
    }
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
