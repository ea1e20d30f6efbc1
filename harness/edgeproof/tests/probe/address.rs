//! What a probe finds at the origin's own address.

use edgeproof_ground::body;
use edgeproof_probe::{Content, Fate, Options};
use edgeproof_test_support::server;
use http::{Request, Response};
use hyper::body::Incoming;
use rstest::rstest;

use super::{SITE, description, holes, options, probed};

const SECRET: &str = "x-from-the-worker";

/// An app that runs sign-ups of whom it takes for its own edge.
async fn guarded(is_own: fn(Option<&str>) -> bool) -> String {
    let address = server::http(move |request: Request<Incoming>| async move {
        let secret = request.headers().get(SECRET);
        let secret = secret.and_then(|value| value.to_str().ok());
        let is_call = request.method() == "POST" && request.uri().path() == "/api/create-account";
        let (status, text) = match (is_own(secret), is_call) {
            (false, _) => (403, "who are you?"),
            (true, false) => (404, "no such page"),
            (true, true) => (201, "welcome"),
        };
        let mut response = Response::new(body::full(text));
        *response.status_mut() = status.try_into().unwrap();
        Ok(response)
    });
    format!("{{ app: 'http://{}' }}", address.await)
}

/// What whoever knows the origin's address can do, where the deployment says that the origin demands a header.
#[rstest]
#[case::nothing(|_: Option<&str>| true, &["origin/address"], 9)]
#[case::anything(|secret: Option<&str>| secret.is_some_and(|secret| !secret.is_empty()), &["origin/address-guessed"], 7)]
#[case::the_value(|secret: Option<&str>| secret == Some("of-both"), &[], 0)]
#[tokio::test]
async fn an_origin_that_does_not_demand_its_secret_is_open(
    #[case] is_own: fn(Option<&str>) -> bool,
    #[case] rows: &[&str],
    #[case] count: usize,
) {
    let origin = guarded(is_own).await;
    let mut described = description(
        &origin,
        &format!("coverage: host\n    origin_secret: {SECRET}"),
    );
    let sets = format!("default: {{ allow: {{ set: {{ {SECRET}: of-both }} }} }}");
    let ruleset = serde_saphyr::from_str(&sets).unwrap();
    described.rulesets.insert("anybody".to_owned(), ruleset);
    let outcome = probed(described, &options(Content::default())).await;
    assert_eq!(outcome.control, Fate::Identified, "{:?}", outcome.notes);
    let names = holes(&outcome);
    assert_eq!(names.len(), count, "{names:#?}");
    for row in rows {
        assert!(names.iter().any(|name| name.starts_with(row)), "{names:#?}");
    }
}

/// Without such a header nobody knows who reaches the address: that is told, and no hole.
#[tokio::test]
async fn an_origin_that_demands_nothing_is_told() {
    let options = Options {
        only: Some(["plain/call".to_owned()].into()),
        ..options(Content::default())
    };
    let outcome = probed(description(SITE, "coverage: host"), &options).await;
    assert_eq!(holes(&outcome), [""; 0]);
    let notes = outcome.notes.join("\n");
    assert!(notes.contains("`origin_secret`"), "{notes}");
}
