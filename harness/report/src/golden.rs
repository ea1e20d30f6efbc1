//! A run with one case of each verdict, and one that passed late, from which every report's golden text is made.

use std::path::PathBuf;

use edgeproof_document::source::{Excerpt, Place};
use edgeproof_origin::launch::{Printed, Stream};
use edgeproof_run::{
    record::{AppRecord, CaseRecord, Failure, HopRecord, Note, Verdict},
    results::Results,
};

pub(super) fn results() -> Results {
    let case = |name: &str, title: &str, took_ms, verdict| CaseRecord {
        name: name.to_owned(),
        title: title.to_owned(),
        file: PathBuf::from(format!("scenarios/{}.yaml", name.replace("::", "/"))),
        tags: vec!["flow".to_owned()],
        refs: Vec::new(),
        verdict,
        attempts: 1,
        took_ms,
        hops: Vec::new(),
        log: Vec::new(),
        apps: Vec::new(),
        screenshots: Vec::new(),
        workers: vec!["under test".to_owned()],
        steps: Vec::new(),
        events: Vec::new(),
        attacks: Vec::new(),
        source: None,
    };
    let mut failed = case(
        "flow::blocked",
        "An incognito visitor is blocked",
        1240,
        Verdict::Failed(vec![failure()]),
    );
    failed.hops = journey();
    failed.log = vec![r#"{"level":"info","text":"allowed <all>"}"#.to_owned()];
    let printed = |stream, text: &str| Printed {
        stream,
        text: text.to_owned(),
    };
    failed.apps = vec![AppRecord {
        command: "npm start".to_owned(),
        printed: vec![
            printed(Stream::Output, "POST /api/create-account <201>"),
            printed(Stream::Error, "␛[31mTypeError␛[0m: plans is undefined"),
        ],
    }];
    let skipped = Verdict::Skipped("waits for the Wallarm node".to_owned());
    let error = Verdict::Error(
        "workerd is not installed (run ci/setup, or set EDGEPROOF_WORKERD)".to_owned(),
    );
    let hoped = Verdict::Observed(vec![Failure {
        message: None,
        call: None,
        ..failure()
    }]);
    let known = Verdict::KnownFailure {
        reason: "no deadline yet".to_owned(),
        link: "https://example.com/issues/1".to_owned(),
    };
    let unexpected = Verdict::Failed(vec![Failure {
        claim: "this known failure now passes (no deadline yet)".to_owned(),
        actual: "so remove it from _expected.yaml (https://example.com/issues/2)".to_owned(),
        excerpt: None,
        message: None,
        call: None,
        way_out: None,
        ..failure()
    }]);
    let missing = Verdict::Failed(vec![Failure {
        claim: "expected `GET /sign-up` to reach the origin".to_owned(),
        actual: "it got no such request".to_owned(),
        message: None,
        nearest: Some("GET https://shop.example/signup".to_owned()),
        journey: Vec::new(),
        notes: Vec::new(),
        way_out: None,
        ..failure()
    }]);
    let late = CaseRecord {
        attempts: 2,
        ..case("flow::late", "A slow visitor passes", 90, Verdict::Passed)
    };
    Results {
        edgeproof: "0.0.0".to_owned(),
        ..Results::new(
            vec![
                case(
                    "flow::passes",
                    "A regular visitor passes",
                    34,
                    Verdict::Passed,
                ),
                failed,
                case("limits::size", "A large request is refused", 0, skipped),
                case("routes::star", "A star catches # and &", 12, error),
                case("flow::hoped", "It would be better blocked", 20, hoped),
                case("flow::known", "A deadline is kept", 20, known),
                case(
                    "flow::unexpected",
                    "Another deadline is kept",
                    20,
                    unexpected,
                ),
                case("flow::missing", "A page is reached", 20, missing),
                late,
            ],
            1300,
        )
    }
}

fn failure() -> Failure {
    let text = "    expect:\n      status: 403\n";
    Failure {
        claim: "expected status 403".to_owned(),
        actual: "got 201".to_owned(),
        excerpt: Some(Excerpt {
            place: Place {
                file: PathBuf::from("scenarios/flow/blocked.yaml"),
                line: 31,
                column: 15,
            },
            first_line: 30,
            text: text.to_owned(),
            start: text.find("403").unwrap(),
            length: 3,
        }),
        message: Some("A private window must never get an account.".to_owned()),
        nearest: None,
        call: Some("POST https://shop.example/api/create-account".to_owned()),
        journey: journey(),
        notes: vec![Note {
            title: "the worker's log during this step".to_owned(),
            lines: vec!["allowed <all>".to_owned()],
        }],
        way_out: Some(
            "the scenario has asked for this fault (delay of 3 ms): remove it from `faults`, or expect what it leads to"
                .to_owned(),
        ),
    }
}

fn journey() -> Vec<HopRecord> {
    let hop =
        |from: &str, to: &str, depth, started_us, took_us, decision: Option<&str>| HopRecord {
            ray: Some("0123456789abcdef-FRA".to_owned()),
            from: from.to_owned(),
            to: to.to_owned(),
            depth,
            method: "POST".to_owned(),
            url: "https://shop.example/api/create-account".to_owned(),
            status: Some(201),
            started_us,
            took_us: Some(took_us),
            decision: decision.map(str::to_owned),
            fault: None,
            exception: None,
            request_headers: vec![("cookie".to_owned(), "[redacted]".to_owned())],
            request_bytes: 42,
            response_headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            response_bytes: 17,
            request_body: None,
            response_body: None,
            log: Vec::new(),
        };
    vec![
        hop(
            "visitor",
            "edge",
            0,
            1_000,
            14_000,
            Some("route shop.example/api/* runs flow"),
        ),
        hop("edge", "worker", 1, 2_000, 12_000, None),
        HopRecord {
            fault: Some("delay of 3 ms".to_owned()),
            ..hop("worker", "origin", 2, 5_000, 4_000, None)
        },
    ]
}
