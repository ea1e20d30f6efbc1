use std::collections::BTreeMap;

use rstest::rstest;

use super::*;
use crate::{Content, Fate, Over, Ran, Surroundings, expand, families};

const DESCRIPTION: &str = "
zones:
  shop.example:
    hosts:
      shop.example: { site: signup }
      www.shop.example: { site: signup }
      direct.shop.example: { site: signup, proxied: false }
    routes: [{ pattern: 'shop.example/static/*' }]
deployments:
  flow:
    identification_pages: [shop.example/signup]
    protected_apis: [POST shop.example/api/create-account]
    failure_mode: closed
    ruleset: r
rulesets: { r: {} }
";

const API: &str = "POST shop.example/api/create-account";

fn description() -> Description {
    serde_saphyr::from_str(DESCRIPTION).unwrap()
}

fn shape(target: &str) -> Shape {
    let call = call();
    let shapes = expand(
        families(),
        &call,
        &Content::default(),
        &Surroundings::default(),
    )
    .unwrap();
    let mut shapes = shapes.into_iter();
    shapes.find(|shape| shape.request.target == target).unwrap()
}

fn call() -> Call {
    Call {
        method: http::Method::POST,
        host: "shop.example".to_owned(),
        path: "/api/create-account".to_owned(),
    }
}

fn hole(host: &str, decision: &str, worker_ran: bool) -> SentOver {
    SentOver {
        over: Over::Http1,
        fate: Fate::Unprotected,
        status: Some(201),
        ran: Some(Ran::Alike),
        arrived: Some(format!("POST https://{host}/api/create-account")),
        decision: Some(decision.to_owned()),
        worker_ran,
    }
}

const NO_ROUTE: &str = "no route matches: no worker runs";
const OWN: &str = "route shop.example/api/create-account runs flow";
const FOREIGN: &str = "route shop.example/static/* has no worker: no worker runs";

#[rstest]
#[case(
    "/api/create-account?x=1",
    hole("shop.example", NO_ROUTE, false),
    "end the pattern with a star: `POST shop.example/api/create-account*` in `flow`"
)]
#[case(
    "/API/CREATE-ACCOUNT",
    hole("shop.example", NO_ROUTE, false),
    "`coverage: host` in `flow`"
)]
#[case(
    "/static/../api/create-account",
    hole("shop.example", FOREIGN, false),
    "remove the route `shop.example/static/*` of `shop.example`, or make it narrower"
)]
#[case(
    "/API/CREATE-ACCOUNT",
    hole("www.shop.example", NO_ROUTE, false),
    "protect `POST www.shop.example/api/create-account` in `flow` too"
)]
#[case(
    "/API/CREATE-ACCOUNT",
    hole("direct.shop.example", NO_ROUTE, false),
    "proxy `direct.shop.example` of `shop.example`: it leads past the edge"
)]
#[case(
    "/API/CREATE-ACCOUNT",
    hole("shop.example", OWN, true),
    "let the origin not read it so (Express: `case sensitive routing`), or demand a header that only the worker sets: `origin_secret`"
)]
fn a_mend_is_the_shortest_that_fits(
    #[case] target: &str,
    #[case] hole: SentOver,
    #[case] expected: &str,
) {
    let mend = Mend::of(&description(), &call(), API, &shape(target), &hole);
    assert_eq!(mend.says(), expected);
}

#[test]
fn what_a_deployment_leaves_open_is_closed_first() {
    let mut open = description();
    open.deployments.get_mut("flow").unwrap().failure_mode = FailureMode::Open;
    let hole = hole("shop.example", OWN, true);
    let mend = |description: &Description| {
        Mend::of(
            description,
            &call(),
            API,
            &shape("/api/create-account?x=1"),
            &hole,
        )
    };
    assert_eq!(mend(&open).says(), "`failure_mode: closed` in `flow`");
    let closed = mend(&open);
    assert!(closed.apply(&mut open));
    open.deployments.get_mut("flow").unwrap().variables =
        BTreeMap::from([("FP_GUARD".to_owned(), "off".to_owned())]);
    assert_eq!(
        mend(&open).says(),
        "do not switch the guard off: remove `FP_GUARD` in `flow`"
    );
    let guarded = mend(&open);
    assert!(guarded.apply(&mut open));
    assert!(open.deployments["flow"].is_guarded());
}

#[rstest]
#[case(Mend::Pattern { deployment: "flow".to_owned(), api: API.to_owned() }, "deployments:\n  flow:\n    protected_apis:\n      - POST shop.example/api/create-account*\n")]
#[case(Mend::Cover { deployment: "flow".to_owned() }, "deployments:\n  flow:\n    coverage: host\n")]
#[case(Mend::Proxy { zone: "shop.example".to_owned(), host: "direct.shop.example".to_owned() }, "zones:\n  shop.example:\n    hosts:\n      direct.shop.example: { proxied: true }\n")]
#[case(Mend::Route { zone: "shop.example".to_owned(), pattern: "shop.example/static/*".to_owned() }, "zones:\n  shop.example:\n    routes: # without shop.example/static/*\n")]
#[case(Mend::Uncached { deployment: "flow".to_owned() }, "deployments:\n  flow:\n    cache: false\n")]
#[case(Mend::InspectFiles { deployment: "flow".to_owned() }, "deployments:\n  flow:\n    wallarm: { static_suffixes: [] }\n")]
#[case(Mend::CloseNode { deployment: "flow".to_owned() }, "deployments:\n  flow:\n    wallarm: { failure_mode: closed }\n")]
fn a_change_is_made_and_shown(#[case] mend: Mend, #[case] yaml: &str) {
    let mut changed = description();
    changed.deployments.get_mut("flow").unwrap().wallarm = Some(Connector::default());
    assert!(mend.apply(&mut changed));
    assert_eq!(mend.yaml(&changed), yaml);
}

#[rstest]
#[case::of_a_cache(Fate::Cached, "no Workers Cache in front of `flow`: `cache: false`")]
#[case::of_a_page(
    Fate::Uninstrumented,
    "no Workers Cache in front of `flow`: `cache: false`"
)]
#[case::of_a_node(Fate::Uninspected, "`wallarm: { failure_mode: closed }` in `flow`")]
fn what_passes_another_protection_has_a_mend_of_its_own(
    #[case] fate: Fate,
    #[case] expected: &str,
) {
    let mut description = description();
    let flow = description.deployments.get_mut("flow").unwrap();
    flow.cache = true;
    flow.wallarm = Some(Connector::default());
    let hole = SentOver {
        fate,
        ..hole("shop.example", OWN, true)
    };
    let shape = shape("/api/create-account?x=1");
    let mend = Mend::of(&description, &call(), API, &shape, &hole);
    assert_eq!(mend.says(), expected);
}

#[test]
fn advice_changes_nothing() {
    assert!(!Mend::Advice("x".to_owned()).apply(&mut description()));
}
