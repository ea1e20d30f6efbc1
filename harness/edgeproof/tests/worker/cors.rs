//! Calls from another origin: preflights, and what a response says so that the page may read it.

use rstest::rstest;

use crate::world::{CLOSED, Got, MONITORING, OPEN, World, response};

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
#[case::with_a_header_of_its_own("fp-data, x-own", PAGE, Some("x-own"), true)]
#[case::in_other_case("X-Own,FP-Data", PAGE, Some("X-Own"), true)]
#[case::from_another_site("fp-data", "https://evil.example", None, false)]
#[case::from_another_host_of_the_site("fp-data", "https://blog.shop.example", None, false)]
#[case::from_the_page_without_tls("fp-data", "http://www.shop.example", None, false)]
#[case::from_no_origin("fp-data", "null", None, false)]
#[tokio::test]
async fn any_other_preflight_is_the_origins_without_the_workers_header(
    #[case] headers: &str,
    #[case] origin: &str,
    #[case] asked_for: Option<&str>,
    #[case] is_completed: bool,
) {
    let (world, got) = preflight(headers, origin).await;
    let asked = world.asked_once("/api/create");
    let seen = asked.headers.get("access-control-request-headers");
    assert_eq!(seen.map(|value| value.to_str().unwrap()), asked_for);
    if !is_completed {
        assert_eq!(got.header("access-control-allow-origin"), Some("*"));
        assert_eq!(got.header("access-control-allow-credentials"), None);
        assert_eq!(got.header("access-control-allow-headers"), Some("x-own"));
        return;
    }
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

/// The event of signals that a page of this origin collected, and an origin that opens its response as `allowed` says.
async fn called_from(
    origin: &'static str,
    allowed: &'static str,
    mode: (&str, &str),
) -> (World, Got) {
    let world = World::start(&[mode], move |asked| {
        if asked.url.ends_with("/v4/send") {
            let event = serde_json::json!({"event": {"url": format!("{origin}/page")}});
            Some(crate::world::json(&crate::world::identified_but(&event)))
        } else {
            let fields = [("access-control-allow-origin", allowed)];
            Some(response(200, &fields, "private"))
        }
    })
    .await;
    let lines = format!("origin: {origin}\nfp-data: _signals\ncookie: session=1");
    let url = "https://shop.example/api/create";
    let got = world.send("POST", url, &lines, "").await;
    (world, got)
}

const FOREIGN: [&str; 5] = [
    "https://evil.example",
    "https://blog.shop.example",
    "https://shop.example.evil.example",
    "https://shop.example:8443",
    "http://www.shop.example",
];

#[rstest]
#[tokio::test]
async fn signals_of_a_page_without_identification_are_refused_and_cost_nothing(
    #[values(0, 1, 2, 3, 4)] page: usize,
) {
    let variables = [
        CLOSED,
        ("IDENTIFICATION_PAGE_URLS", r#"["www.shop.example/*"]"#),
    ];
    let origin = FOREIGN[page];
    let world = World::start(&variables, move |asked| {
        asked.url.ends_with("/v4/send").then(|| {
            let event = serde_json::json!({"event": {"url": format!("{origin}/page")}});
            crate::world::json(&crate::world::identified_but(&event))
        })
    })
    .await;
    let lines = format!("origin: {origin}\nfp-data: _signals\ncookie: session=1");
    let url = "https://shop.example/api/create";
    let got = world.send("POST", url, &lines, "").await;
    assert_eq!(got.status, 403, "{got:?}");
    assert_eq!(world.asked().len(), 0, "{:?}", world.asked());
    let is_open = |(name, _): (&http::HeaderName, _)| name.as_str().starts_with("access-control");
    assert!(!got.headers.iter().any(is_open), "{got:?}");
}

#[rstest]
#[case::open_to_everybody("*")]
#[case::open_to_whoever_asks("https://blog.shop.example")]
#[tokio::test]
async fn what_an_origin_opens_without_credentials_is_not_opened_with_them(
    #[case] allowed: &'static str,
    #[values(OPEN, MONITORING)] mode: (&str, &str),
) {
    let (_, got) = called_from("https://blog.shop.example", allowed, mode).await;
    assert_eq!(got.status, 200, "{got:?}");
    assert_eq!(got.header("access-control-allow-origin"), Some(allowed));
    assert_eq!(got.header("access-control-allow-credentials"), None);
    assert_eq!(got.header("access-control-expose-headers"), None);
    assert_eq!(got.header("fp-agent-data"), None);
}

#[tokio::test]
async fn an_origin_that_names_the_identification_page_opens_it_with_credentials() {
    let (_, got) = called_from(PAGE, PAGE, CLOSED).await;
    assert_eq!(got.status, 200, "{got:?}");
    assert_eq!(got.header("access-control-allow-credentials"), Some("true"));
    assert_eq!(got.header("vary"), Some("Origin"));
}

#[rstest]
#[case::its_own("https://shop.example/page", 200)]
#[case::of_an_identification_page("https://www.shop.example/", 200)]
#[case::of_another_host_of_the_site("https://blog.shop.example/", 403)]
#[tokio::test]
async fn a_call_without_an_origin_needs_signals_of_a_page_with_identification(
    #[case] page: &'static str,
    #[case] status: u16,
) {
    let world = World::start(&[], move |asked| {
        asked.url.ends_with("/v4/send").then(|| {
            let event = serde_json::json!({"event": {"url": page}});
            crate::world::json(&crate::world::identified_but(&event))
        })
    })
    .await;
    let url = "https://shop.example/report";
    let got = world.send("GET", url, "fp-data: signals", "").await;
    assert_eq!(got.status, status, "{got:?}");
}
