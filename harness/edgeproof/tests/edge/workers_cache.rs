//! Workers Cache: what a worker sees of the visitors when a cache is in front of it.

use bytes::Bytes;
use edgeproof_ground::{body, trace::Party};
use edgeproof_test_support::wait::until;
use http::{Method, Request, Response};
use rstest::rstest;
use serde_json::{Value, json};
use url::form_urlencoded::byte_serialize;

use super::world::{World, get, text, world};

/// A URL that makes the worker answer with these headers.
fn saying(path: &str, said: &Value) -> String {
    let said: String = byte_serialize(said.to_string().as_bytes()).collect();
    format!("/cached/{path}?say={said}")
}

fn state(response: &Response<Bytes>) -> &str {
    response.headers()["cf-cache-status"].to_str().unwrap()
}

fn runs(world: &World) -> usize {
    world.hops(Party::Edge, Party::Worker).len()
}

// Documentation, Workers › Cache › Configuration.
#[rstest]
#[case::says_nothing(json!({}), ["MISS", "HIT"], 1)]
#[case::fresh(json!({"cache-control": "max-age=60"}), ["MISS", "HIT"], 1)]
#[case::private(json!({"cache-control": "private"}), ["BYPASS", "BYPASS"], 2)]
#[case::a_cookie(json!({"set-cookie": "a=b"}), ["BYPASS", "BYPASS"], 2)]
#[case::varies_by_all(json!({"vary": "*"}), ["BYPASS", "BYPASS"], 2)]
#[case::forbidden(json!({"status": 403}), ["BYPASS", "BYPASS"], 2)]
#[case::no_cache(json!({"cache-control": "no-cache"}), ["MISS", "EXPIRED"], 2)]
#[case::no_cache_and_unchanged(json!({"cache-control": "no-cache", "etag": "\"a\""}), ["MISS", "REVALIDATED"], 2)]
#[case::at_once_stale(json!({"cache-control": "max-age=0"}), ["MISS", "EXPIRED"], 2)]
#[case::stale_while_it_is_renewed(json!({"cache-control": "max-age=0, stale-while-revalidate=60"}), ["MISS", "UPDATING"], 2)]
#[tokio::test]
async fn a_second_visitor_meets_the_worker_or_what_it_said_before(
    #[case] said: Value,
    #[case] states: [&str; 2],
    #[case] expected: usize,
) {
    let world = world().await;
    let url = saying("page", &said);
    let first = world.get(&url).await;
    let mut again = get(&url);
    again
        .headers_mut()
        .insert("cookie", "who=another".parse().unwrap());
    let second = world.ask(again).await;
    assert_eq!([state(&first), state(&second)], states);
    assert_eq!(
        second.headers().contains_key("age"),
        matches!(states[1], "HIT" | "UPDATING" | "REVALIDATED")
    );
    until("the worker runs", || runs(&world) >= expected).await;
    assert_eq!(runs(&world), expected);
}

#[tokio::test]
async fn two_hosts_of_one_worker_share_what_is_stored_and_two_versions_do_not() {
    let world = world().await;
    let first = world.get("/cached/page").await;
    let request = Request::get("/cached/page").header("host", "other.example");
    let second = world.ask(request.body(body::empty()).unwrap()).await;
    assert_eq!([state(&first), state(&second)], ["MISS", "HIT"]);
    assert_eq!(text(&second), "run 1 GET whole");
    let header = ("x-forwarded-host", "evil.example");
    let mut poisoned = get("/cached/page");
    poisoned
        .headers_mut()
        .insert(header.0, header.1.parse().unwrap());
    assert_eq!(state(&world.ask(poisoned).await), "MISS");
}

#[tokio::test]
async fn a_head_and_a_range_are_taken_of_the_whole_that_the_worker_is_asked_for() {
    let world = world().await;
    let mut head = get("/cached/head");
    *head.method_mut() = Method::HEAD;
    let head = world.ask(head).await;
    assert_eq!((state(&head), head.body().len()), ("MISS", 0));
    assert_eq!(text(&world.get("/cached/head").await), "run 1 GET whole");

    let mut range = get("/cached/range");
    range
        .headers_mut()
        .insert("range", "bytes=0-2".parse().unwrap());
    let range = world.ask(range).await;
    assert_eq!(
        (range.status().as_u16(), text(&range), state(&range)),
        (206, "run", "MISS")
    );
    let whole = world.get("/cached/range").await;
    assert_eq!((text(&whole), state(&whole)), ("run 2 GET whole", "HIT"));
}

#[tokio::test]
async fn what_is_no_longer_fresh_outlives_a_worker_that_fails() {
    let world = world().await;
    let lasting = saying("page", &json!({"cache-control": "max-age=0"}));
    let strict = saying(
        "page",
        &json!({"cache-control": "max-age=0, must-revalidate"}),
    );
    for url in [&lasting, &strict, "/cached/fail"] {
        assert_eq!(world.get(url).await.status(), 200);
    }
    let stale = world.get(&lasting).await;
    assert_eq!((stale.status().as_u16(), state(&stale)), (200, "STALE"));
    let failed = world.get(&strict).await;
    assert_eq!((failed.status().as_u16(), state(&failed)), (500, "BYPASS"));
}

#[tokio::test]
async fn a_worker_purges_what_it_names() {
    let world = world().await;
    let tagged = saying("blog/1", &json!({"cache-tag": "Blog, front"}));
    let others = ["/cached/shop/1", "/cached/shop/2", "/cached/about"];
    let first = world.get(&tagged).await;
    assert!(!first.headers().contains_key("cache-tag"));
    for url in others {
        world.get(url).await;
    }
    let purged = world
        .get(&saying(
            "purge",
            &json!({"tags": ["BLOG"], "pathPrefixes": ["/cached/shop/"]}),
        ))
        .await;
    assert_eq!(text(&purged), r#"{"success":true,"errors":[]}"#);
    let states = async |urls: [&str; 4]| {
        let mut states = Vec::new();
        for url in urls {
            states.push(state(&world.get(url).await).to_owned());
        }
        states
    };
    let urls = [&tagged, others[0], others[1], others[2]];
    assert_eq!(states(urls).await, ["MISS", "MISS", "MISS", "HIT"]);
    world
        .get(&saying("purge", &json!({"purgeEverything": true})))
        .await;
    assert_eq!(states(urls).await, ["MISS"; 4]);
}

#[tokio::test]
async fn requests_that_wait_for_one_response_run_the_worker_once() {
    let world = world().await;
    let ask = async || state(&world.get("/cached/gate").await).to_owned();
    let opened = async {
        let arrived = || world.hops(Party::Visitor, Party::Edge).len();
        let asked = || {
            world
                .origin
                .requests
                .load(std::sync::atomic::Ordering::SeqCst)
        };
        until("four wait for one", || arrived() >= 4 && asked() >= 1).await;
        world.origin.gate.notify_one();
    };
    let (first, second, third, fourth, ()) = tokio::join!(ask(), ask(), ask(), ask(), opened);
    let mut states = [first, second, third, fourth];
    states.sort_unstable();
    assert_eq!(states, ["HIT", "HIT", "HIT", "MISS"]);
    assert_eq!(runs(&world), 1);
}
