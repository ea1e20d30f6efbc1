//! What a worker's `fetch()` meets, and what a visitor meets where a worker fails.

use std::{sync::atomic::Ordering, time::Duration};

use bytes::Bytes;
use edgeproof_edge::{EdgeSettings, Normalization, NormalizationType, Plan};
use edgeproof_ground::{body, trace::Party};
use edgeproof_internet::Fault;
use http::{HeaderValue, Response};
use rstest::rstest;

use crate::world::{World, get, post, saw, text, world, world_with};

#[tokio::test]
async fn a_worker_that_fetches_its_own_zone_reaches_the_origin_and_no_worker() {
    let world = world().await;
    let response = world.get("/w/same").await;
    // The URL is one of the route's, and yet the origin answers.
    assert_eq!(text(&response), "GET https://shop.example/w/url ");
    assert_eq!(world.hops(Party::Edge, Party::Worker).len(), 1);
    assert_eq!(saw(&response, "cf-worker"), Some("shop.example"));
    assert_eq!(saw(&response, "cf-ew-via"), Some("15"));
    assert_eq!(saw(&response, "cdn-loop"), Some("cloudflare; loops=1"));
    assert_eq!(saw(&response, "cf-connecting-ip"), Some("203.0.113.7"));
    assert_eq!(saw(&response, "x-forwarded-for"), Some("203.0.113.7"));
}

#[rstest]
#[case("/w/pass")]
#[case("/w/same")]
#[case("/w/other")]
#[case("/w/elsewhere")]
#[tokio::test]
async fn one_ray_goes_through_all_hops(#[case] path: &str) {
    let world = world().await;
    let response = world.get(path).await;
    let ray = response.headers()["cf-ray"].to_str().unwrap();
    let rays: Vec<_> = world
        .trace
        .exchanges()
        .into_iter()
        .map(|hop| hop.ray)
        .collect();
    assert!(rays.len() >= 3, "{rays:?}");
    assert!(
        rays.iter().all(|own| own.as_deref() == Some(ray)),
        "{rays:?}"
    );
    assert_eq!(saw(&response, "cf-ray"), Some(ray));
}

#[tokio::test]
async fn another_zone_is_entered_through_its_front_door() {
    let world = world().await;
    let response = world.get("/w/other").await;
    assert_eq!(text(&response), "GET https://other.example/headers ");
    let entered = &world.hops(Party::Worker, Party::Edge)[0];
    assert_eq!(
        entered.decision.as_deref(),
        Some("route other.example/* runs other")
    );
    let run = &world.hops(Party::Edge, Party::Worker)[1];
    assert_eq!(
        run.request.headers["cf-connecting-ip"],
        "2a06:98c0:3600::103"
    );
    assert_eq!(run.request.headers["cf-worker"], "shop.example");
    assert_eq!(saw(&response, "cf-worker"), Some("other.example"));
    assert_eq!(saw(&response, "cf-ew-via"), Some("14"));
}

#[tokio::test]
async fn a_name_that_is_not_behind_the_edge_sees_the_visitor_but_not_the_country() {
    let world = world().await;
    let response = world.get("/w/elsewhere").await;
    assert_eq!(saw(&response, "cf-connecting-ip"), Some("203.0.113.7"));
    assert_eq!(saw(&response, "x-real-ip"), Some("203.0.113.7"));
    assert_eq!(saw(&response, "cf-ipcountry"), None);
}

#[tokio::test]
async fn a_worker_can_choose_the_visitor_for_its_own_zone() {
    let world = world().await;
    let response = world.get("/w/chosen").await;
    assert_eq!(saw(&response, "cf-connecting-ip"), Some("192.0.2.99"));
}

#[tokio::test]
async fn a_custom_domain_of_the_same_zone_is_reached() {
    let world = world().await;
    let response = world.get("/w/domain").await;
    assert_eq!(
        text(&response),
        "domain https://domain.shop.example/from-worker"
    );
}

// Documentation, Support › 5xx errors and error 1016.
#[rstest]
#[case("https://nobody.test/", None, "530")]
#[case("https://vendor.test/", Some("refuse"), "521")]
#[case("https://vendor.test/", Some("reset"), "520")]
#[case("https://vendor.test/", Some("tls"), "525")]
#[tokio::test]
async fn a_fetch_that_reaches_nobody_is_answered_and_not_rejected(
    #[case] url: &str,
    #[case] fault: Option<&str>,
    #[case] expected: &str,
) {
    let world = world().await;
    if let Some(fault) = fault {
        let fault: Fault =
            serde_saphyr::from_str(&format!("{{on: vendor, fault: {fault}}}")).unwrap();
        world.internet.set_faults(vec![fault]).unwrap();
    }
    let response = world.get(&format!("/w/unreachable?url={url}")).await;
    assert_eq!(text(&response), expected);
}

#[tokio::test]
async fn one_subrequest_too_many_rejects() {
    let world = world_with(EdgeSettings {
        subrequests: 7,
        ..EdgeSettings::default()
    })
    .await;
    let response = world.get("/w/many").await;
    assert_eq!(text(&response), "7 answered, then Error");
}

#[rstest]
#[case("/w/throw")]
#[case("/w/hang")]
#[tokio::test]
async fn a_worker_that_throws_or_hangs_is_error_1101(#[case] path: &str) {
    let world = world().await;
    let mut request = get(path);
    let json = HeaderValue::from_static("application/json");
    request.headers_mut().insert("accept", json);
    let response = world.ask(request).await;
    assert_eq!(response.status(), 500);
    let problem: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
    assert_eq!(problem["error_code"], 1101);
    assert_eq!(world.origin.requests.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_worker_that_takes_too_much_processor_time_is_error_1102_and_runs_on() {
    let world = world_with(EdgeSettings {
        cpu_ms: Some(50),
        ..EdgeSettings::default()
    })
    .await;
    let busy = world.get("/w/busy").await;
    assert_eq!(busy.status(), 503);
    assert_eq!(busy.headers()["cf-error-type"], "1102");
    let decision = world.hops(Party::Edge, Party::Worker)[0].decision.clone();
    assert!(decision.unwrap().contains("more than 50 ms"));
    // Nobody ends the worker: it is over the limit until its loop has ended.
    while world.get("/w/url").await.status() != 200 {}
    assert_eq!(world.runtime.log(), []);
}

#[rstest]
#[case("/w/open", "POST https://shop.example/w/open content")]
// A body that was read cannot be sent again.
#[case(
    "/w/open-after-reading",
    "POST https://shop.example/w/open-after-reading "
)]
#[tokio::test]
async fn a_worker_that_fails_open_sends_the_request_to_the_origin(
    #[case] path: &str,
    #[case] expected: &str,
) {
    let world = world().await;
    let response = world.ask(post(path, body::full("content"))).await;
    assert_eq!(response.status(), 200);
    assert_eq!(text(&response), expected);
}

#[tokio::test]
async fn the_daily_limit_stops_workers_and_not_the_zone() {
    let world = world_with(EdgeSettings {
        daily_requests: Some(1),
        ..EdgeSettings::default()
    })
    .await;
    assert_eq!(world.get("/w/url").await.status(), 200);
    let over = world.get("/w/url").await;
    assert_eq!(over.status(), 429);
    assert_eq!(over.headers()["cf-error-type"], "1027");
    assert_eq!(world.get("/").await.status(), 200);
}

#[rstest]
#[case(NormalizationType::Rfc3986, "https://shop.example/w/url")]
#[case(NormalizationType::Cloudflare, "https://shop.example/w/url")]
#[tokio::test]
async fn a_worker_sees_the_normalised_url(#[case] kind: NormalizationType, #[case] expected: &str) {
    let world = world_with(EdgeSettings {
        normalization: Normalization {
            kind,
            ..Normalization::default()
        },
        ..EdgeSettings::default()
    })
    .await;
    assert_eq!(text(&world.get("/x/../%77/./u%72l").await), expected);
}

#[tokio::test]
async fn without_a_worker_the_origin_sees_the_url_as_it_came() {
    let world = world().await;
    let response = world.get("/x/../%70lain//y").await;
    assert_eq!(text(&response), "GET https://shop.example/x/../%70lain//y ");
}

#[tokio::test]
async fn request_cf_reaches_the_worker() {
    let world = world().await;
    let mut request = get("/w/cf");
    let forged = HeaderValue::from_static(r#"{"country":"XX","forged":true}"#);
    request.headers_mut().insert("x-edgeproof-cf", forged);
    let response = world.ask(request).await;
    let cf: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
    assert_eq!(cf["country"], "DE");
    assert_eq!(cf["city"], "Köln");
    assert_eq!(cf["tlsVersion"], "TLSv1.3");
    assert!(cf.get("forged").is_none());
}

#[tokio::test]
async fn the_cache_is_asked_behind_the_worker_which_runs_on_every_request() {
    let world = world().await;
    let first = world.get("/w/asset").await;
    let second = world.get("/w/asset").await;
    assert_eq!(first.headers()["cf-cache-status"], "MISS");
    assert_eq!(second.headers()["cf-cache-status"], "HIT");
    assert!(second.headers().contains_key("age"));
    assert_eq!(first.body(), second.body());
    assert_eq!(world.origin.requests.load(Ordering::SeqCst), 1);
    assert_eq!(world.hops(Party::Edge, Party::Worker).len(), 2);
    // What a worker stored also serves visitors whom no worker meets.
    let direct = world.get("/asset.js").await;
    assert_eq!(direct.headers()["cf-cache-status"], "HIT");
}

#[tokio::test]
async fn a_worker_can_have_a_page_of_another_host_cached() {
    let world = world().await;
    for expected in ["MISS", "HIT"] {
        let response = world.get("/w/forced").await;
        assert_eq!(response.headers()["cf-cache-status"], expected);
    }
}

#[tokio::test]
async fn an_answer_with_too_many_headers_is_520() {
    let world = world().await;
    assert_eq!(world.get("/w/oversized").await.status(), 520);
    let response = world.get("/").await;
    assert!(!response.headers().contains_key("x-accel-redirect"));
}

#[rstest]
#[case::at_the_limit(32 * 1024, 200)]
#[case::one_more(32 * 1024 + 1, 414)]
#[tokio::test]
async fn a_url_over_the_limit_is_414(#[case] length: usize, #[case] expected: u16) {
    let world = world().await;
    let path = format!("/{}", "x".repeat(length - 1));
    assert_eq!(world.get(&path).await.status(), expected);
}

#[rstest]
#[case("/%zz", 400)]
#[case("/%", 400)]
#[case("/?%zz", 200)]
#[tokio::test]
async fn a_badly_escaped_path_is_400(#[case] path: &str, #[case] expected: u16) {
    let world = world().await;
    assert_eq!(world.get(path).await.status(), expected);
}

#[tokio::test]
async fn a_body_over_the_plan_is_413() {
    let world = world().await;
    let mut request = post("/", body::empty());
    let length = HeaderValue::from(Plan::Free.body_bytes() + 1);
    request.headers_mut().insert("content-length", length);
    let response = world.http1().await.send_request(request).await.unwrap();
    assert_eq!(response.status(), 413);
    assert_eq!(world.origin.requests.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn what_a_worker_puts_into_the_cache_it_finds_there() {
    let world = world().await;
    let first = world.get("/w/cache").await;
    let second = world.get("/w/cache").await;
    assert_eq!(text(&first), "made by the worker");
    assert_eq!(text(&second), text(&first));
    assert_eq!(second.headers()["cf-cache-status"], "HIT");
    let done: Vec<_> = world
        .hops(Party::Worker, Party::Edge)
        .into_iter()
        .filter_map(|hop| hop.decision)
        .collect();
    assert_eq!(
        done,
        [
            "cache.match: MISS",
            "cache.put: stored for 60 s",
            "cache.match: HIT"
        ]
    );
}

/// Asks for a path with one more header.
async fn get_with(world: &World, path: &str, name: &'static str, value: &str) -> Response<Bytes> {
    let mut request = get(path);
    let value = HeaderValue::from_str(value).unwrap();
    request.headers_mut().insert(name, value);
    world.ask(request).await
}

#[tokio::test]
async fn the_cache_answers_ranges_and_conditions_without_the_origin() {
    let world = world().await;
    world.get("/renewed.css").await;
    let part = get_with(&world, "/renewed.css", "range", "bytes=2-4").await;
    assert_eq!((part.status().as_u16(), text(&part)), (206, "234"));
    assert_eq!(part.headers()["content-range"], "bytes 2-4/10");
    assert_eq!(part.headers()["cf-cache-status"], "HIT");
    let unchanged = get_with(&world, "/renewed.css", "if-none-match", "\"a\"").await;
    assert_eq!(unchanged.status(), 304);
    assert_eq!(world.origin.requests.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_part_is_not_stored_in_place_of_the_whole() {
    let world = world().await;
    let unchanged = get_with(&world, "/renewed.css", "if-none-match", "\"a\"").await;
    assert_eq!(unchanged.status(), 304);
    let whole = world.get("/renewed.css").await;
    assert_eq!(text(&whole), "0123456789");
    assert_eq!(whole.headers()["cf-cache-status"], "MISS");
}

#[tokio::test]
async fn what_is_no_longer_fresh_is_asked_for_again_and_outlives_a_failing_origin() {
    let world = world().await;
    world.get("/renewed.css").await;
    // Fresh for one second, by the only clock that the cache has.
    tokio::time::sleep(Duration::from_millis(1001)).await;
    let again = world.get("/renewed.css").await;
    assert_eq!(text(&again), "0123456789");
    assert_eq!(again.headers()["cf-cache-status"], "REVALIDATED");
    let asked = world.hops(Party::Edge, Party::Origin);
    assert_eq!(asked[1].request.headers["if-none-match"], "\"a\"");
    assert_eq!(asked[1].response.as_ref().unwrap().status, 304);

    tokio::time::sleep(Duration::from_millis(1001)).await;
    let fault: Fault = serde_saphyr::from_str("{on: origin, fault: refuse}").unwrap();
    world.internet.set_faults(vec![fault]).unwrap();
    let stale = world.get("/renewed.css").await;
    assert_eq!((stale.status().as_u16(), text(&stale)), (200, "0123456789"));
    assert_eq!(stale.headers()["cf-cache-status"], "STALE");
    assert_eq!(world.get("/other.css").await.status(), 521);
}

#[tokio::test]
async fn of_vary_only_the_encoding_counts() {
    let world = world().await;
    let first = get_with(&world, "/varying.css", "accept-language", "de").await;
    let second = get_with(&world, "/varying.css", "accept-language", "en").await;
    assert_eq!(text(&first), "gzip, br; de");
    assert_eq!(text(&second), text(&first));
    // A worker can ask with another encoding than the edge does for visitors.
    let other = world.get("/w/encoding").await;
    assert_eq!(text(&other), "identity; ");
}
