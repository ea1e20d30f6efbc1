//! Calls from another origin: preflights, and what an answer says so that the page may read it.

use rstest::rstest;

use crate::world::{Got, World, response};

const PAGE: &str = "https://www.shop.example";

async fn preflight(headers: &str, origin: &str) -> (World, Got) {
    let world = World::start(&[], |asked| {
        (asked.method == "OPTIONS").then(|| {
            response(
                204,
                &[
                    ("access-control-allow-origin", "*"),
                    ("access-control-allow-headers", "x-own"),
                ],
                "",
            )
        })
    })
    .await;
    let lines = format!(
        "origin: {origin}\naccess-control-request-method: POST\naccess-control-request-headers: {headers}"
    );
    let got = world
        .send("OPTIONS", "https://shop.example/api/create", &lines, "")
        .await;
    (world, got)
}

#[tokio::test]
async fn a_call_that_would_be_simple_needs_no_origin_for_its_preflight() {
    let (world, got) = preflight("fp-data", PAGE).await;
    assert_eq!(got.status, 204);
    assert_eq!(world.asked().len(), 0);
    assert_eq!(got.header("access-control-allow-origin"), Some(PAGE));
    assert_eq!(got.header("access-control-allow-headers"), Some("fp-data"));
    assert_eq!(got.header("access-control-allow-credentials"), Some("true"));
    assert_eq!(got.header("vary"), Some("Origin"));
}

#[rstest]
#[case::with_a_header_of_its_own("fp-data, x-own", PAGE, Some("x-own"))]
#[case::in_other_case("X-Own,FP-Data", PAGE, Some("X-Own"))]
#[case::from_a_page_nobody_named("fp-data", "https://evil.example", None)]
#[tokio::test]
async fn any_other_preflight_is_the_origins_without_the_workers_header(
    #[case] headers: &str,
    #[case] origin: &str,
    #[case] asked_for: Option<&str>,
) {
    let (world, got) = preflight(headers, origin).await;
    let asked = world.asked_once("/api/create");
    let seen = asked.headers.get("access-control-request-headers");
    assert_eq!(seen.map(|value| value.to_str().unwrap()), asked_for);
    assert_eq!(got.header("access-control-allow-origin"), Some(origin));
    assert_eq!(got.header("vary"), Some("Origin"));
    assert!(
        got.headers
            .get_all("access-control-allow-headers")
            .iter()
            .any(|value| { value.to_str().unwrap().contains("fp-data") })
    );
}

#[tokio::test]
async fn an_answer_open_to_all_becomes_one_for_this_page_that_may_be_read_with_credentials() {
    let world = World::start(&[], |asked| {
        asked
            .url
            .contains("/api/")
            .then(|| response(200, &[("access-control-allow-origin", "*")], "{}"))
    })
    .await;
    let lines = format!("origin: {PAGE}\nfp-data: signals\ncookie: session=1");
    let got = world
        .send("POST", "https://shop.example/api/create", &lines, "")
        .await;
    // The signals come from `shop.example`: another origin than the call's, so the failure mode answers first.
    assert_eq!(got.status, 403);
    assert_eq!(got.header("access-control-allow-origin"), Some(PAGE));
    assert_eq!(got.header("vary"), Some("Origin"));
}

#[rstest]
#[case::without_the_flag("signals", None)]
#[case::with_the_flag("_signals", Some("session=1"))]
#[tokio::test]
async fn a_call_from_another_origin_carries_cookies_where_the_page_asked_for_it(
    #[case] signals: &str,
    #[case] cookie: Option<&str>,
) {
    let world = World::start(&[], |asked| {
        if asked.url.ends_with("/v4/send") {
            let event = serde_json::json!({"event": {"url": format!("{PAGE}/page")}});
            Some(crate::world::json(&crate::world::identified_but(&event)))
        } else {
            let headers = [
                ("access-control-allow-origin", "*"),
                ("set-cookie", "origin=1"),
            ];
            Some(response(200, &headers, "{}"))
        }
    })
    .await;
    let lines = format!("origin: {PAGE}\nfp-data: {signals}\ncookie: session=1");
    let got = world
        .send("POST", "https://shop.example/api/create", &lines, "")
        .await;
    assert_eq!(got.status, 200);
    assert_eq!(got.header("access-control-allow-origin"), Some(PAGE));
    assert_eq!(got.header("access-control-allow-credentials"), Some("true"));
    assert_eq!(
        got.header("access-control-expose-headers"),
        Some("fp-agent-data")
    );
    assert_eq!(got.header("vary"), Some("Origin"));
    let seen = world
        .asked_once("/api/create")
        .headers
        .get("cookie")
        .cloned();
    assert_eq!(seen.as_ref().map(|value| value.to_str().unwrap()), cookie);
    let sets_cookie = got
        .headers
        .get_all("set-cookie")
        .iter()
        .any(|value| value == "origin=1");
    assert_eq!(sets_cookie, cookie.is_some());
}
