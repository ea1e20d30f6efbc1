use rstest::rstest;

use super::*;

const ROUTES: &str = "/zones/{shop}/workers/routes";

async fn with_flow() -> Api {
    let api = Api::start().await;
    api.deploy("flow").await.result();
    api
}

#[tokio::test]
async fn a_route_is_made_read_changed_and_deleted() {
    let api = with_flow().await;
    let wanted = json!({"pattern": "shop.example/*", "script": "flow"});
    let made = api.ask("POST", ROUTES, &wanted).await;
    let id = made.result()["id"].as_str().unwrap().to_owned();
    assert_eq!(api.get(ROUTES).await.result(), &json!([made.result()]));
    let path = format!("{ROUTES}/{id}");
    assert_eq!(api.get(&path).await.result(), made.result());

    let wanted = json!({"pattern": "shop.example/a*", "request_limit_fail_open": true});
    let changed = api.ask("PUT", &path, &wanted).await;
    let expected = json!({"id": id, "pattern": "shop.example/a*", "request_limit_fail_open": true});
    assert_eq!(changed.result(), &expected);
    assert_eq!(api.plane.state().routes[0].script, None);

    assert_eq!(api.delete(&path).await.result(), &json!({"id": id}));
    assert_eq!(api.delete(&path).await.refusal(), (404, 10009));
    assert_eq!(api.get(ROUTES).await.result(), &json!([]));
}

#[rstest]
#[case::again(json!({"pattern": "shop.example/*", "script": "flow"}), 409, 10020)]
#[case::again_for_nobody(json!({"pattern": "shop.example/*"}), 409, 10020)]
#[case::no_such_script(json!({"pattern": "shop.example/a", "script": "other"}), 400, 10019)]
#[case::infix_wildcard(json!({"pattern": "shop.example/*.jpg", "script": "flow"}), 400, 10022)]
#[case::query(json!({"pattern": "shop.example/?a=b", "script": "flow"}), 400, 10022)]
#[case::host_wildcard_inside(json!({"pattern": "a.*.shop.example/", "script": "flow"}), 400, 10022)]
#[case::another_zone(json!({"pattern": "blog.example/*", "script": "flow"}), 400, 10022)]
#[case::no_zone(json!({"pattern": "notshop.example/*", "script": "flow"}), 400, 10022)]
#[case::no_pattern(json!({"script": "flow"}), 400, 10006)]
#[case::no_object(json!([]), 400, 10006)]
#[tokio::test]
async fn a_route_that_cannot_be_is_refused_and_nothing_changes(
    #[case] wanted: Value,
    #[case] status: u16,
    #[case] code: u64,
) {
    let api = with_flow().await;
    let first = json!({"pattern": "shop.example/*", "script": "flow"});
    let first = api.ask("POST", ROUTES, &first).await;
    let before = api.plane.state();
    assert_eq!(
        api.ask("POST", ROUTES, &wanted).await.refusal(),
        (status, code)
    );
    let another = api
        .ask("POST", ROUTES, &json!({"pattern": "shop.example/z"}))
        .await;
    let path = format!("{ROUTES}/{}", another.result()["id"].as_str().unwrap());
    assert_eq!(
        api.ask("PUT", &path, &wanted).await.refusal(),
        (status, code)
    );
    api.delete(&path).await.result();
    assert_eq!(api.plane.state(), before);
    // Replaced by itself it is no duplicate.
    let path = format!("{ROUTES}/{}", first.result()["id"].as_str().unwrap());
    api.ask(
        "PUT",
        &path,
        &json!({"pattern": "shop.example/*", "script": "flow"}),
    )
    .await
    .result();
}

#[tokio::test]
async fn a_zone_has_at_most_a_thousand_routes() {
    let api = with_flow().await;
    let all: Vec<Value> = (0..1000)
        .map(|number| json!({"pattern": format!("shop.example/{number}"), "zone_name": "shop.example"}))
        .collect();
    let path = "/accounts/{a}/workers/scripts/flow/routes";
    api.ask("PUT", path, &Value::Array(all)).await.result();
    let told = api
        .ask("POST", ROUTES, &json!({"pattern": "shop.example/x"}))
        .await;
    assert_eq!(told.refusal(), (400, 10073));
}

#[tokio::test]
async fn the_routes_of_a_script_are_replaced_at_once_or_not_at_all() {
    let api = with_flow().await;
    api.deploy("other").await.result();
    let path = "/accounts/{a}/workers/scripts/flow/routes";
    let wanted = json!([
        {"pattern": "shop.example/a", "zone_id": stable_id("zone", "shop.example")},
        {"pattern": "blog.example/*"},
    ]);
    api.ask("PUT", path, &wanted).await.result();
    let taken = json!({"pattern": "shop.example/other", "script": "other"});
    api.ask("POST", ROUTES, &taken).await.result();
    assert_eq!(
        api.plane.state().routes_of("flow"),
        ["shop.example/a", "blog.example/*"]
    );

    // The second of them is another script's.
    let before = api.plane.state();
    let wanted = json!([{"pattern": "shop.example/b"}, {"pattern": "shop.example/other"}]);
    assert_eq!(api.ask("PUT", path, &wanted).await.refusal(), (409, 10020));
    assert_eq!(api.plane.state(), before);

    let wanted = json!([{"pattern": "shop.example/b"}]);
    api.ask("PUT", path, &wanted).await.result();
    assert_eq!(api.plane.state().routes_of("flow"), ["shop.example/b"]);
    assert_eq!(api.plane.state().routes_of("other"), ["shop.example/other"]);
    let told = api.get(path).await;
    assert_eq!(told.result()[0]["zone_name"], "shop.example");
    let told = api
        .ask("PUT", path, &json!([{"pattern": "elsewhere.test/*"}]))
        .await;
    assert_eq!(told.refusal(), (400, 10022));
}
