//! When others fail, or the configuration is wrong: the failure mode decides, and no site goes down.

use std::time::{Duration, Instant};

use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{
    CLOSED, INSTRUMENTOR, MONITORING, OPEN, Reply, World, identified, identified_but,
    json as json_reply, response,
};

type Setting = (&'static str, &'static str);

const DEADLINE: Setting = ("FP_TIMEOUT_MS", "250");

/// Well past the deadline, and far less than any limit of the runtime.
const SOON: Duration = Duration::from_secs(10);

fn dropped() -> Reply {
    Reply::Drop
}

fn silent() -> Reply {
    Reply::Silence
}

fn silent_body() -> Reply {
    Reply::SilentBody
}

fn refused() -> Reply {
    response(500, &[], "{}")
}

fn too_many() -> Reply {
    response(429, &[("retry-after", "1")], "{}")
}

fn elsewhere() -> Reply {
    response(307, &[("location", "https://evil.example/v4/send")], "")
}

fn no_json() -> Reply {
    response(200, &[("content-type", "application/json")], "<html>")
}

fn but(patch: &Value) -> Reply {
    json_reply(&identified_but(patch))
}

#[rstest]
#[case::dropped(dropped)]
#[case::silent(silent)]
#[case::silent_body(silent_body)]
#[case::an_error(refused)]
#[case::too_many(too_many)]
#[case::a_redirect(elsewhere)]
#[case::no_json(no_json)]
#[case::no_agent_data(|| but(&json!({"agent_data": null})))]
#[case::no_event(|| but(&json!({"event": null})))]
#[case::no_ip_info(|| but(&json!({"event": {"ip_info": null}})))]
#[case::an_address_of_the_wrong_family(|| but(&json!({"event": {"ip_info": {"v4": {"address": "::1"}}}})))]
#[case::an_unknown_action(|| but(&json!({"rule_action": {"type": "challenge", "ruleset_id": "r"}})))]
#[case::no_action(|| but(&json!({"rule_action": null})))]
#[case::replayed(|| but(&json!({"event": {"replayed": true}})))]
#[case::old(|| but(&json!({"event": {"timestamp": 1}})))]
#[case::of_another_site(|| but(&json!({"event": {"url": "https://evil.example/"}})))]
#[case::of_another_address(|| but(&json!({"event": {"ip_address": "192.0.2.1"}})))]
#[tokio::test]
async fn an_identification_that_fails_is_a_matter_of_the_failure_mode(
    #[case] reply: fn() -> Reply,
    #[values((OPEN, true), (CLOSED, false))] mode: (Setting, bool),
) {
    let (setting, passes) = mode;
    let world = World::start(&[setting, DEADLINE], move |asked| {
        asked.url.ends_with("/v4/send").then(reply)
    })
    .await;
    let start = Instant::now();
    let got = world.call("").await;
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
    assert_eq!(got.status, if passes { 200 } else { 403 });
    let origin = world.asked_of("/api/create");
    assert_eq!(origin.len(), usize::from(passes));
    assert!(
        origin
            .iter()
            .all(|asked| !asked.headers.contains_key("fp-data"))
    );
    assert_eq!(world.asked_of("evil.example").len(), 0);
}

#[rstest]
#[case::dropped(dropped)]
#[case::silent(silent)]
#[case::no_json(no_json)]
#[case::no_action(|| but(&json!({"rule_action": null})))]
#[case::old(|| but(&json!({"event": {"timestamp": 1}})))]
#[tokio::test]
async fn in_monitoring_mode_nothing_is_refused(#[case] reply: fn() -> Reply) {
    let world = World::start(&[MONITORING, CLOSED, DEADLINE], move |asked| {
        asked.url.ends_with("/v4/send").then(reply)
    })
    .await;
    assert_eq!(world.call("").await.status, 200);
    assert_eq!(world.asked_of("/api/create").len(), 1);
}

#[rstest]
#[case::the_agent("/fp/loader.js", silent, 504)]
#[case::the_agent_is_down("/fp/loader.js", dropped, 502)]
#[case::the_browser_cache("/fp/abc", silent, 504)]
#[case::the_browser_cache_is_down("/fp/abc", dropped, 502)]
#[tokio::test]
async fn a_platform_that_fails_is_an_answer(
    #[case] path: &str,
    #[case] reply: fn() -> Reply,
    #[case] status: u16,
) {
    let world = World::start(&[DEADLINE], move |_| Some(reply())).await;
    let start = Instant::now();
    let got = world
        .send("GET", &format!("https://shop.example{path}"), "", "")
        .await;
    assert!(start.elapsed() < SOON);
    assert_eq!(got.status, status);
}

#[rstest]
#[case::silent(silent)]
#[case::dropped(dropped)]
#[case::no_json(no_json)]
#[tokio::test]
async fn a_page_passes_when_its_analysis_fails(#[case] reply: fn() -> Reply) {
    let world = World::start(&[("FP_EDGE_API", "true"), DEADLINE], move |asked| {
        asked.url.ends_with("/v4/edge").then(reply)
    })
    .await;
    let got = world.page().await;
    assert_eq!(got.status, 200);
    assert!(got.text().contains(INSTRUMENTOR));
    assert_eq!(world.log().await.len(), 1);
}

#[rstest]
#[case::a_page("GET", "/page")]
#[case::a_call("POST", "/api/create")]
#[case::anything_else("GET", "/other")]
#[tokio::test]
async fn an_origin_that_is_down_is_an_answer(#[case] method: &str, #[case] path: &str) {
    let world = World::start(&[], |asked| {
        asked.url.contains("shop.example").then_some(Reply::Drop)
    })
    .await;
    let lines = "origin: https://shop.example\nfp-data: signals";
    let got = world
        .send(method, &format!("https://shop.example{path}"), lines, "")
        .await;
    assert_eq!(got.status, 502);
}

#[rstest]
#[case::a_status_without_a_body(json!({"status_code": 204, "body": "no"}), 204, "")]
#[case::not_modified(json!({"status_code": 304, "body": "no"}), 304, "")]
#[case::an_illegal_name(json!({"status_code": 403, "body": "no", "headers": [{"name": "a b", "value": "1"}]}), 403, "no")]
#[case::an_illegal_value(json!({"status_code": 403, "body": "no", "headers": [{"name": "a", "value": "1\r\nset-cookie: x=1"}]}), 403, "no")]
#[case::a_length_of_its_own(json!({"status_code": 403, "body": "no", "headers": [{"name": "content-length", "value": "99"}]}), 403, "no")]
#[tokio::test]
async fn a_rule_never_ends_in_an_exception(
    #[case] block: Value,
    #[case] status: u16,
    #[case] body: &str,
) {
    let mut action = json!({"type": "block", "ruleset_id": "rs_1"});
    action
        .as_object_mut()
        .unwrap()
        .extend(block.as_object().unwrap().clone());
    let world = World::start(&[], move |asked| {
        let action = json!({"rule_action": action});
        asked.url.ends_with("/v4/send").then(|| but(&action))
    })
    .await;
    let got = world.call("").await;
    assert_eq!((got.status, got.text().as_str()), (status, body));
    assert_eq!(got.header("set-cookie"), Some("_iidt=1; Path=/; HttpOnly"));
}

#[tokio::test]
async fn an_edit_the_runtime_refuses_is_left_out() {
    let action = json!({"type": "allow", "ruleset_id": "rs_1",
        "request_header_modifications": {"set": [{"name": "a b", "value": "1"}, {"name": "x-ok", "value": "1"}]}});
    let world = World::start(&[], move |asked| {
        let action = json!({"rule_action": action});
        asked.url.ends_with("/v4/send").then(|| but(&action))
    })
    .await;
    assert_eq!(world.call("").await.status, 200);
    assert_eq!(world.asked_once("/api/create").headers["x-ok"], "1");
}

#[rstest]
#[case::no_secret_key(("FP_SECRET_KEY", ""))]
#[case::apis_that_are_no_json(("PROTECTED_APIS", "[{"))]
#[case::pages_that_are_no_json(("IDENTIFICATION_PAGE_URLS", "shop.example/page"))]
#[case::a_page_that_is_no_pattern(("IDENTIFICATION_PAGE_URLS", r#"["a/*/b"]"#))]
#[case::a_region_that_is_none(("FP_REGION", "mars"))]
#[case::a_fallback_that_is_none(("FP_FAILURE_FALLBACK_ACTION", "{"))]
#[case::a_prefix_that_is_none(("WORKER_ROUTE_PREFIX", ""))]
#[case::no_public_key(("FP_PUBLIC_KEY", ""))]
#[case::a_timeout_that_is_none(("FP_TIMEOUT_MS", "soon"))]
#[tokio::test]
async fn a_wrong_configuration_takes_no_page_down_and_the_log_says_why(
    #[case] wrong: Setting,
    #[values(OPEN, CLOSED, MONITORING)] mode: Setting,
) {
    let world = World::start(&[mode, wrong], |_| None).await;
    assert_eq!(world.page().await.status, 200);
    assert_eq!(
        world
            .send("GET", "https://shop.example/other", "", "")
            .await
            .status,
        200
    );
    let without_signals = world
        .send(
            "POST",
            "https://shop.example/api/create",
            "origin: https://shop.example",
            "",
        )
        .await;
    // Where the variable that names the calls is broken, every call may be a protected one. A fallback that cannot be read
    // is closed.
    let is_closed =
        mode == CLOSED || (wrong.0 == "FP_FAILURE_FALLBACK_ACTION" && mode != MONITORING);
    let expected = if is_closed { 403 } else { 200 };
    assert_eq!(without_signals.status, expected);
    let log = world.log().await;
    assert!(log.iter().any(|line| line.contains(wrong.0)), "{log:?}");
    assert!(!log.iter().any(|line| line.contains("restart")), "{log:?}");
}

#[tokio::test]
async fn a_call_without_what_the_edge_always_sets_is_a_matter_of_the_failure_mode() {
    let world = World::start(&[CLOSED], |_| Some(json_reply(&identified()))).await;
    let got = world.call("cf-connecting-ip: nowhere").await;
    assert_eq!(got.status, 403);
    assert_eq!(world.asked().len(), 0);
}
