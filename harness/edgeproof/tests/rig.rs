//! The rig as a library: what a Rust test of one's own does with it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{collections::BTreeMap, num::NonZeroU32, sync::LazyLock};

use bytes::Bytes;
use edgeproof_browser::{BrowserCall, DEFAULT_LIMIT, Profile};
use edgeproof_deployment::{Deployment, FailureMode};
use edgeproof_ground::trace::Party;
use edgeproof_rig::{BrowserVisit, Description, Environment, Host, Rig, Visitor, Zone};
use http::{Request, Version};
use rstest::rstest;

/// Shared by all tests of this file: one build, one set of browsers.
static ENVIRONMENT: LazyLock<Environment> = LazyLock::new(|| Environment::prepare(None).unwrap());

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
            ("bea".to_owned(), visitor(Profile::Incognito)),
            ("curl".to_owned(), visitor(Profile::Http)),
        ]),
        ..Description::default()
    }
}

#[tokio::test]
async fn what_a_rig_keeps_of_requests_is_bounded_and_what_is_gone_is_counted() {
    let mut description = description();
    description.memory_mb = NonZeroU32::new(1);
    let rig = Rig::start(&ENVIRONMENT, description).await.unwrap();
    let client = rig.client("curl").unwrap();
    for number in 0..400 {
        let url = format!("https://shop.example/api/create-account?n={number}");
        let request = Request::put(url)
            .body(Bytes::from(vec![b'x'; 4096]))
            .unwrap();
        client.send(request).await.unwrap();
    }
    let (memory, forgotten) = (rig.memory(), rig.forgotten());
    assert!(memory.bytes() <= memory.limit(), "{}", memory.bytes());
    assert!(
        memory.bytes() > memory.limit() * 9 / 10,
        "{}",
        memory.bytes()
    );
    assert!(forgotten.hops > 0, "{forgotten:?}");
    let kept = rig.trace().exchanges();
    assert_eq!(kept.len() + forgotten.hops, rig.trace().count());
    assert!(kept.last().unwrap().request.url.ends_with("?n=399"));
    rig.stop().await;
}

#[rstest]
#[case(Version::HTTP_11)]
#[case(Version::HTTP_2)]
#[tokio::test]
async fn a_request_passes_every_room_and_leaves_a_trace(#[case] version: Version) {
    let rig = Rig::start(&ENVIRONMENT, description()).await.unwrap();
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
    let rig = Rig::start(&ENVIRONMENT, description()).await.unwrap();
    let ann = rig.browser("ann").await.unwrap();
    ann.visit("https://shop.example/signup", DEFAULT_LIMIT)
        .await
        .unwrap();
    ann.input(DEFAULT_LIMIT).click("#create").await.unwrap();
    let call = ann
        .call(0, "the protected call", DEFAULT_LIMIT, |call| {
            call.url.contains("/api/create-account") && call.method == "POST"
        })
        .await
        .unwrap();
    assert_eq!(call.status, Some(201), "{:?}", ann.console());
    assert!(call.request_headers.contains_key("fp-data"));
    ann.leave().await.unwrap();

    let seen = rig.origin_requests();
    let account = seen
        .iter()
        .find(|request| request.url.contains("/api/create-account"))
        .unwrap();
    assert!(!account.headers.contains_key("fp-data"));
    assert_eq!(rig.fingerprint().events().len(), 1);
    rig.stop().await;
}

/// Opens the page and makes its protected call.
async fn sign_up(visitor: &BrowserVisit) {
    let wanted =
        |call: &BrowserCall| call.url.contains("/api/create-account") && call.method == "POST";
    let before = visitor.calls().iter().filter(|call| wanted(call)).count();
    visitor
        .visit("https://shop.example/signup", DEFAULT_LIMIT)
        .await
        .unwrap();
    visitor.input(DEFAULT_LIMIT).click("#create").await.unwrap();
    let call = visitor
        .call(before, "the protected call", DEFAULT_LIMIT, wanted)
        .await
        .unwrap();
    assert_eq!(call.status, Some(201), "{:?}", visitor.console());
}

/// The same browser is the same visitor: by its token, without it by its device, and in a private window as well, as
/// the platform claims.
#[tokio::test]
async fn a_browser_is_recognised_again_after_its_storage_is_cleared_and_in_a_private_window() {
    let rig = Rig::start(&ENVIRONMENT, description()).await.unwrap();
    let ann = rig.browser("ann").await.unwrap();
    sign_up(&ann).await;
    sign_up(&ann).await;
    ann.run(
        "localStorage.clear(); sessionStorage.clear(); \
         for (const cookie of document.cookie.split('; ')) \
           document.cookie = cookie.split('=')[0] + '=; path=/; domain=shop.example; max-age=0'",
    )
    .await
    .unwrap();
    sign_up(&ann).await;
    ann.leave().await.unwrap();
    let bea = rig.browser("bea").await.unwrap();
    sign_up(&bea).await;
    bea.leave().await.unwrap();

    let records = rig.fingerprint().events();
    let seen: Vec<_> = records
        .iter()
        .map(|record| {
            let event = &record.event;
            let identification = event.identification.as_ref().unwrap();
            let velocity = event.velocity.as_ref().unwrap();
            assert_eq!(
                identification.visitor_id,
                records[0].event.identification.as_ref().unwrap().visitor_id
            );
            (
                identification.visitor_found,
                event.flag("incognito"),
                velocity.events.five_minutes,
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            (false, false, 1),
            (true, false, 2),
            (true, false, 3),
            (true, true, 4)
        ]
    );
    rig.stop().await;
}
