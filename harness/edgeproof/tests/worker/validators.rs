//! Visitors who have the page already: from before the deployment, or with its script.

use rstest::rstest;

use crate::world::{INSTRUMENTOR, NAVIGATION, Reply, SentRequest, World, response};

const DATE: &str = "Wed, 25 Nov 2026 10:00:00 GMT";
const FOREIGN: &str = "if-none-match: \"v1\"\nif-modified-since: Wed, 25 Nov 2026 10:00:00 GMT";
const FETCH: &str = "sec-fetch-dest: empty\naccept: */*";

/// An origin that confirms what the visitor has.
fn origin(asked: &SentRequest, validator: (&'static str, &'static str)) -> Option<Reply> {
    let condition = match validator.0 {
        "etag" => "if-none-match",
        _ => "if-modified-since",
    };
    let condition = asked
        .headers
        .get(condition)
        .map(|value| value.to_str().unwrap());
    let is_html = asked.url.contains("/page") && !asked.url.contains("data");
    let content_type = if is_html {
        "text/html"
    } else {
        "application/json"
    };
    let headers = [
        ("content-type", content_type),
        validator,
        ("cache-control", "no-cache"),
    ];
    let status = if condition == Some(validator.1) {
        304
    } else {
        200
    };
    let body = if status == 304 || asked.method == "HEAD" {
        ""
    } else {
        "<!doctype html><head></head>"
    };
    asked
        .url
        .contains("shop.example")
        .then(|| response(status, &headers, body))
}

async fn world(validator: (&'static str, &'static str)) -> World {
    World::start(&[], move |asked| origin(asked, validator)).await
}

#[rstest]
#[case::a_window(NAVIGATION)]
#[case::a_frame("sec-fetch-dest: iframe")]
#[case::an_older_browser("accept: text/html,*/*;q=0.8")]
#[case::a_cache("accept: */*")]
#[case::a_router("sec-fetch-dest: empty\naccept: text/html, application/xhtml+xml")]
#[case::a_prefetch("sec-fetch-dest: empty\nsec-purpose: prefetch")]
#[tokio::test]
async fn a_page_from_before_the_deployment_is_sent_again_with_its_script(
    #[case] lines: &str,
    #[values(("etag", "\"v1\""), ("last-modified", DATE))] validator: (&'static str, &'static str),
) {
    let world = world(validator).await;
    let got = world.get("/page", &format!("{lines}\n{FOREIGN}")).await;
    assert_eq!(got.status, 200);
    assert!(got.text().contains(INSTRUMENTOR), "{got:?}");
    assert_ne!(got.header(validator.0), Some(validator.1));
}

#[rstest]
#[case::a_script_of_the_page("/page-data.js", "sec-fetch-dest: script")]
#[case::a_call_of_an_api("/page-data", FETCH)]
#[case::no_identification_page("/elsewhere", NAVIGATION)]
#[tokio::test]
async fn what_gets_no_script_is_still_confirmed(#[case] target: &str, #[case] lines: &str) {
    let world = world(("etag", "\"v1\"")).await;
    let got = world.get(target, &format!("{lines}\n{FOREIGN}")).await;
    assert_eq!((got.status, got.header("etag")), (304, Some("\"v1\"")));
}

#[rstest]
#[case::strong(("etag", "\"v1\""))]
#[case::weak(("etag", "W/\"v1\""))]
#[case::a_date(("last-modified", DATE))]
#[tokio::test]
async fn a_page_with_its_script_is_confirmed_without_a_body(
    #[case] validator: (&'static str, &'static str),
    #[values(NAVIGATION, FETCH, "accept: */*")] lines: &str,
) {
    let world = world(validator).await;
    let first = world.get("/page", lines).await;
    let tag = first
        .header("etag")
        .expect("a page that can be confirmed")
        .to_owned();
    assert_eq!(first.header("last-modified"), None);
    // Browsers send the date that they have, and caches more than one tag.
    let lines = format!("{lines}\nif-none-match: \"other\", {tag}");
    let second = world.get("/page", &lines).await;
    assert_eq!((second.status, second.body.len()), (304, 0));
    assert_eq!(second.header("etag"), Some(tag.as_str()));
    assert_eq!(second.header("last-modified"), None);
}

#[tokio::test]
async fn a_page_of_another_configuration_is_sent_again() {
    let old = World::start(&[("WORKER_ROUTE_PREFIX", "old")], |asked| {
        origin(asked, ("etag", "\"v1\""))
    })
    .await;
    let tag = old.page().await.header("etag").unwrap().to_owned();
    let new = world(("etag", "\"v1\"")).await;
    let got = new
        .get("/page", &format!("{NAVIGATION}\nif-none-match: {tag}"))
        .await;
    assert_eq!(got.status, 200);
    assert!(got.text().contains(INSTRUMENTOR));
}

#[tokio::test]
async fn head_tells_of_the_page_with_its_script() {
    let world = world(("etag", "\"v1\"")).await;
    let tag = world.page().await.header("etag").unwrap().to_owned();
    let head = |lines: &'static str| world.send("HEAD", "https://shop.example/page", lines, "");
    let got = head("accept: */*").await;
    assert_eq!((got.status, got.header("etag")), (200, Some(tag.as_str())));
    assert_eq!(got.header("accept-ranges"), None);
}

#[rstest]
#[case::a_window(NAVIGATION, None)]
#[case::a_video("sec-fetch-dest: video", Some("bytes=9-"))]
#[tokio::test]
async fn a_window_gets_no_part_of_a_page(#[case] lines: &str, #[case] expected: Option<&str>) {
    let world = world(("etag", "\"v1\"")).await;
    let lines = format!("{lines}\nrange: bytes=9-\nif-range: \"v1\"");
    world.get("/page", &lines).await;
    let asked = world.asked_once("/page");
    let of = |name: &str| {
        asked
            .headers
            .get(name)
            .map(|value| value.to_str().unwrap().to_owned())
    };
    assert_eq!(of("range").as_deref(), expected);
    assert_eq!(of("if-range").is_some(), expected.is_some());
}

#[tokio::test]
async fn a_page_with_agent_data_is_made_for_one_visitor() {
    let world = World::start(&[], |asked| {
        let headers = [
            ("content-type", "text/html"),
            ("etag", "\"v1\""),
            ("last-modified", DATE),
        ];
        let is_report = asked.url.contains("/report");
        is_report.then(|| response(200, &headers, "<!doctype html><p>"))
    })
    .await;
    let lines = format!("{NAVIGATION}\nfp-data: signals\n{FOREIGN}");
    let got = world.get("/report", &lines).await;
    assert!(got.text().contains("data-agent-data"), "{got:?}");
    assert_eq!(
        (got.header("etag"), got.header("last-modified")),
        (None, None)
    );
    let asked = world.asked_once("/report");
    assert!(!asked.headers.contains_key("if-none-match"));
    assert!(!asked.headers.contains_key("if-modified-since"));
}
