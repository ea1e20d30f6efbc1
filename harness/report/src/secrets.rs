//! No report shows a secret, wherever in a run it turned up.

use std::path::Path;

use edgeproof_document::problem::TextStyle;
use edgeproof_ground::trace::{Exchange, Party, RequestHead, ResponseHead, Trace};
use edgeproof_run::{
    event::Event,
    journey,
    record::{CaseRecord, Failure, Note, Verdict},
    redact::{self, Redactor},
    results::Results,
};
use edgeproof_scenario::load::load_text;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use proptest::prelude::*;

use super::{html, json, junit, tap, terminal::Terminal, tests::unpacked};

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| {
            (
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            )
        })
        .collect()
}

/// A call that carries the secrets in every header that may, and a response that sets one.
fn exchanges(secret: &Secrets) -> Vec<Exchange> {
    let trace = Trace::new();
    let hop = trace.begin(
        Party::Visitor,
        Party::Edge,
        RequestHead {
            method: Method::POST,
            url: format!("https://shop.example/api?token={}", secret.authorization),
            headers: headers(&[
                ("authorization", &format!("Bearer {}", secret.authorization)),
                ("cookie", &format!("session={}; theme=dark", secret.cookie)),
                ("fp-data", &secret.signals),
                ("auth-api-key", &secret.key),
            ]),
            body_bytes: 0,
        },
    );
    hop.answered(ResponseHead {
        status: StatusCode::OK,
        headers: headers(&[("set-cookie", &format!("id={}; Path=/", secret.set_cookie))]),
        body_bytes: 0,
    });
    hop.decided(format!("allowed with {}", secret.key));
    trace.exchanges()
}

#[derive(Clone, Debug)]
struct Secrets {
    key: String,
    authorization: String,
    cookie: String,
    set_cookie: String,
    signals: String,
}

impl Secrets {
    fn all(&self) -> [&str; 5] {
        [
            &self.key,
            &self.authorization,
            &self.cookie,
            &self.set_cookie,
            &self.signals,
        ]
    }
}

fn secrets() -> impl Strategy<Value = Secrets> {
    // Longer than any word of a report, of characters that HTML and XML leave alone and such that they do not.
    // Such as begin like no word, host or path: those are not hidden wherever they occur.
    let text = || "[A-Z][0-9][A-Za-z0-9_.~+/-]{10,38}";
    (
        text(),
        text(),
        text(),
        text(),
        "[A-Z][0-9][A-Za-z0-9_-]{300,400}",
    )
        .prop_map(
            |(key, authorization, cookie, set_cookie, signals)| Secrets {
                key,
                authorization,
                cookie,
                set_cookie,
                signals,
            },
        )
}

/// A failure whose every text repeats every secret.
fn record(secret: &Secrets) -> CaseRecord {
    let repeated = secret.all().join(" and ");
    let file = format!(
        "scenario: a\ngiven: {{ zones: {{ shop.example: {{ hosts: {{ shop.example: {{ site: signup }} }} }} }} }}\n\
         steps:\n  - request: GET https://shop.example/\n    expect: {{ body: \"{repeated}\" }}\n"
    );
    let case = &load_text(Path::new("a.yaml"), &file).unwrap()[0];
    let body = case.node.at_path(["steps", "0", "expect", "body"]).unwrap();
    let exchanges = exchanges(secret);
    let mut secrets = redact::Secrets::default();
    secrets.add_declared([secret.key.clone()]);
    secrets.add_heads(&exchanges);
    let hops = journey::records(&exchanges, &Redactor::default());
    let failure = Failure {
        claim: format!("the body is `{repeated}`"),
        actual: format!("the body is not `{repeated}`"),
        excerpt: case.sources.excerpt(body.at),
        message: Some(repeated.clone()),
        nearest: Some(repeated.clone()),
        call: Some(repeated.clone()),
        journey: hops.clone(),
        notes: vec![Note {
            title: "the page shows".to_owned(),
            lines: vec![repeated.clone()],
        }],
        way_out: Some(repeated.clone()),
    };
    let mut record = CaseRecord::without_run(case, Verdict::Failed(vec![failure]));
    record.hops = hops;
    record.log = vec![repeated];
    redact::record(record, &secrets.redactor())
}

fn terminal(record: &CaseRecord) -> String {
    let mut out = Vec::new();
    let mut terminal = Terminal::new(&mut out, TextStyle::PLAIN);
    let event = Event::Finished(Box::new(record.clone()));
    terminal.report(&event).unwrap();
    String::from_utf8(out).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_report_shows_a_secret(secret in secrets()) {
        let record = record(&secret);
        let results = Results::new(vec![record.clone()], 1);
        let reports = [
            terminal(&record),
            json::text(&results).unwrap(),
            junit::text(&results).unwrap(),
            unpacked(&html::text(&results)),
            tap::text(&results),
        ];
        for report in &reports {
            // A long line may be broken; its beginning stands whole.
            for secret in secret.all() {
                prop_assert!(!report.contains(&secret[..12]), "{secret} is in\n{report}");
            }
            prop_assert!(report.contains("shop.example"), "{report}");
        }
    }
}
