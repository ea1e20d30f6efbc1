//! The rig as a library: what a Rust test of one's own does with it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;

use bytes::Bytes;
use edgeproof::{
    browser::DEFAULT_LIMIT,
    rig::{Deployment, Description, Environment, FailureMode, Host, Profile, Rig, Visitor, Zone},
    trace::Party,
};
use http::{Request, Version};
use rstest::rstest;

fn description() -> Description {
    let site = Host {
        site: Some("signup".to_owned()),
        ..Host::default()
    };
    let zone = Zone {
        hosts: BTreeMap::from([("shop.example".to_owned(), site)]),
        ..Zone::default()
    };
    let deployment = Deployment {
        identification_pages: vec!["shop.example/signup".to_owned()],
        protected_apis: vec!["POST shop.example/api/create-account*".parse().unwrap()],
        failure_mode: FailureMode::Closed,
        ..Deployment::default()
    };
    let visitor = |profile| Visitor {
        profile,
        ..Visitor::default()
    };
    Description {
        zones: BTreeMap::from([("shop.example".to_owned(), zone)]),
        deployments: BTreeMap::from([("flow".to_owned(), deployment)]),
        visitors: BTreeMap::from([
            ("ann".to_owned(), visitor(Profile::Regular)),
            ("curl".to_owned(), visitor(Profile::Http)),
        ]),
        ..Description::default()
    }
}

#[rstest]
#[case(Version::HTTP_11)]
#[case(Version::HTTP_2)]
#[tokio::test]
async fn a_request_passes_every_room_and_leaves_a_trace(#[case] version: Version) {
    let environment = Environment::prepare(None).unwrap();
    let rig = Rig::start(&environment, description()).await.unwrap();
    let request = Request::get("https://shop.example/signup")
        .version(version)
        .body(Bytes::new())
        .unwrap();
    let response = rig.client("curl").unwrap().send(request).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.version(), version);

    let hops: Vec<_> = rig
        .trace()
        .exchanges()
        .iter()
        .map(|exchange| (exchange.from, exchange.to))
        .collect();
    assert_eq!(
        hops,
        [
            (Party::Visitor, Party::Edge),
            (Party::Edge, Party::Worker),
            (Party::Worker, Party::Origin)
        ]
    );
    let rays: Vec<_> = rig
        .trace()
        .exchanges()
        .into_iter()
        .map(|exchange| exchange.ray)
        .collect();
    assert!(rays[0].is_some());
    assert!(rays.iter().all(|ray| *ray == rays[0]), "{rays:?}");
    rig.stop().await;
}

#[tokio::test]
async fn a_browser_visitor_calls_the_protected_api_with_signals() {
    let environment = Environment::prepare(None).unwrap();
    let rig = Rig::start(&environment, description()).await.unwrap();
    let ann = rig.browser("ann").await.unwrap();
    ann.visit("https://shop.example/signup", DEFAULT_LIMIT)
        .await
        .unwrap();
    ann.click("#create", DEFAULT_LIMIT).await.unwrap();
    let call = ann
        .call(0, "the protected call", DEFAULT_LIMIT, |call| {
            call.url.contains("/api/create-account") && call.method == "POST"
        })
        .await
        .unwrap();
    assert_eq!(call.status, Some(201), "{:?}", ann.console());
    assert!(call.request_headers.contains_key("fp-data"));
    ann.leave().await;

    let seen = rig.origin_requests();
    let account = seen
        .iter()
        .find(|request| request.url.contains("/api/create-account"))
        .unwrap();
    assert!(!account.headers.contains_key("fp-data"));
    assert_eq!(rig.fingerprint().events().len(), 1);
    rig.stop().await;
}
