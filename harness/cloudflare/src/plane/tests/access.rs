use http::StatusCode;
use indexmap::IndexMap;
use rstest::rstest;

use super::*;

async fn with_token(token: Token) -> Api {
    Api::with(AccountSettings {
        tokens: IndexMap::from([("only".to_owned(), token)]),
        ..AccountSettings::default()
    })
    .await
}

fn permissions(names: &[&str]) -> Token {
    let permissions = names.iter().map(|name| name.parse().unwrap());
    Token::with("sesame", &permissions.collect::<Vec<_>>())
}

#[rstest]
#[case(TokenStatus::Active, "active")]
#[case(TokenStatus::Disabled, "disabled")]
#[case(TokenStatus::Expired, "expired")]
#[tokio::test]
async fn a_token_of_any_status_is_told_its_status(
    #[case] status: TokenStatus,
    #[case] expected: &str,
) {
    let api = with_token(Token {
        status,
        ..Token::default()
    })
    .await;
    let told = api.get("/user/tokens/verify").await;
    assert_eq!(told.result()["status"], expected);
    let elsewhere = api.get("/zones").await;
    match status {
        TokenStatus::Active => assert_eq!(elsewhere.status, 200),
        _ => assert_eq!(elsewhere.refusal(), (403, 10000)),
    }
}

#[rstest]
#[case(TokenOwner::User, "/user/tokens/verify", true)]
#[case(TokenOwner::User, "/accounts/{a}/tokens/verify", false)]
#[case(TokenOwner::Account, "/user/tokens/verify", false)]
#[case(TokenOwner::Account, "/accounts/{a}/tokens/verify", true)]
#[tokio::test]
async fn a_token_is_known_where_its_owner_is(
    #[case] owner: TokenOwner,
    #[case] path: &str,
    #[case] known: bool,
) {
    let told = with_token(Token {
        owner,
        ..Token::default()
    })
    .await
    .get(path)
    .await;
    if known {
        assert_eq!(told.result()["status"], "active");
    } else {
        assert_eq!(told.refusal(), (401, 1000));
    }
}

#[rstest]
#[case::nobody_has_it(Some("Bearer other"), 401, 1000)]
#[case::no_bearer(Some("sesame"), 400, 6003)]
#[case::another_scheme(Some("Basic c2VzYW1l"), 400, 6003)]
#[case::none(None, 400, 9106)]
#[tokio::test]
async fn who_cannot_be_told_is_refused(
    #[case] authorization: Option<&str>,
    #[case] status: u16,
    #[case] code: u64,
) {
    let api = Api::start().await;
    let mut request = Request::get(format!("{}/zones", api.plane.base_url()));
    if let Some(value) = authorization {
        request = request.header("authorization", value);
    }
    let response = api
        .client
        .request(request.body(Full::default()).unwrap())
        .await;
    let (parts, body) = response.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let told = told(&Response::from_parts(parts, body));
    assert_eq!(told.refusal(), (status, code));
}

const SCRIPT: &str = "/accounts/{a}/workers/scripts/flow";

// Each endpoint with the one permission it takes, and what it says without: every other permission does not help.
#[rstest]
#[case("GET", "/accounts/{a}/workers/scripts", "Workers Scripts:Read", 10000)]
#[case(
    "GET",
    "/accounts/{a}/workers/services/flow",
    "Workers Scripts:Read",
    10000
)]
#[case(
    "GET",
    "/accounts/{a}/workers/subdomain",
    "Workers Scripts:Read",
    10000
)]
#[case("DELETE", SCRIPT, "Workers Scripts:Edit", 10000)]
#[case(
    "PUT",
    "/accounts/{a}/workers/scripts/flow/secrets",
    "Workers Scripts:Edit",
    10000
)]
#[case("GET", "/zones/{shop}/workers/routes", "Workers Routes:Read", 10000)]
#[case("POST", "/zones/{shop}/workers/routes", "Workers Routes:Edit", 10000)]
#[case(
    "DELETE",
    "/zones/{shop}/workers/routes/0",
    "Workers Routes:Edit",
    10000
)]
#[case("GET", "/zones/{shop}/dns_records", "DNS:Read", 10000)]
#[case("GET", "/accounts/{a}", "Account Settings:Read", 10000)]
#[case(
    "GET",
    "/accounts/{a}/storage/kv/namespaces",
    "Workers KV Storage:Read",
    10000
)]
#[case(
    "GET",
    "/accounts/{a}/workers/tails/by-consumer/flow",
    "Workers Tail:Read",
    10000
)]
#[case("GET", "/user", "User Details:Read", 9109)]
#[case("GET", "/memberships", "Memberships:Read", 10000)]
#[tokio::test]
async fn every_endpoint_takes_its_permission(
    #[case] method: &str,
    #[case] path: &str,
    #[case] permission: Permission,
    #[case] code: u64,
) {
    let refused = |told: &ApiResponse| {
        told.status == u16::from(StatusCode::FORBIDDEN)
            && told.body["errors"][0]["code"] == code
            && told.body["errors"][0]["documentation_url"].is_string()
    };
    let with = with_token(Token::with("sesame", &[permission])).await;
    let told = with.ask(method, path, &json!({})).await;
    assert!(!refused(&told), "{told:?}");

    let all = [
        "Account Settings:Edit",
        "DNS:Edit",
        "Memberships:Edit",
        "User Details:Edit",
        "Workers KV Storage:Edit",
        "Workers Routes:Edit",
        "Workers Scripts:Edit",
        "Workers Tail:Edit",
        "Zone:Edit",
    ];
    let mut others = permissions(&all);
    others
        .permissions
        .retain(|other| other.group != permission.group);
    let without = with_token(others).await;
    let told = without.ask(method, path, &json!({})).await;
    assert!(refused(&told), "{told:?}");
}

#[tokio::test]
async fn a_token_for_one_zone_sees_and_changes_no_other() {
    let api = with_token(Token {
        zones: Some(vec!["shop.example".to_owned()]),
        ..Token::default()
    })
    .await;
    let seen = api.get("/zones").await;
    assert_eq!(seen.result()[0]["name"], "shop.example");
    assert_eq!(seen.result().as_array().unwrap().len(), 1);
    assert_eq!(api.get("/zones/{blog}").await.refusal(), (403, 9109));
    assert_eq!(
        api.get("/zones/{blog}/dns_records").await.refusal(),
        (403, 10000)
    );
    let route = json!({"pattern": "blog.example/*"});
    let told = api
        .ask("POST", "/zones/{blog}/workers/routes", &route)
        .await;
    assert_eq!(told.refusal(), (403, 10000));
    // All routes of a script at once are for tokens of all zones: wrangler goes zone by zone where it is told so.
    api.deploy("flow").await.result();
    let told = api
        .ask(
            "PUT",
            "/accounts/{a}/workers/scripts/flow/routes",
            &json!([]),
        )
        .await;
    assert_eq!(told.refusal(), (403, 10000));
}

#[tokio::test]
async fn any_permission_on_a_zone_shows_it() {
    for (names, seen) in [
        (["DNS:Read"], 1),
        (["Workers Routes:Edit"], 1),
        (["Zone:Read"], 1),
        (["Workers Scripts:Edit"], 0),
    ] {
        let api = with_token(permissions(&names)).await;
        let told = api.get("/zones?name=shop.example").await;
        assert_eq!(told.body["result_info"]["total_count"], seen, "{names:?}");
    }
}

#[rstest]
#[case("/accounts/xyz/workers/scripts", 400, 7003)]
#[case(
    "/accounts/00000000000000000000000000000000/workers/scripts",
    403,
    10000
)]
#[case("/zones/xyz", 400, 7003)]
#[case("/zones/00000000000000000000000000000000", 400, 7003)]
#[case("/zones/{shop}/rulesets", 400, 7000)]
#[case("/accounts/{a}/pages/projects", 400, 7000)]
#[case("/accounts/{a}/workers/scripts/flow/schedules", 400, 7000)]
#[case("/", 400, 7000)]
#[tokio::test]
async fn what_is_not_there_or_not_emulated_is_said(
    #[case] path: &str,
    #[case] status: u16,
    #[case] code: u64,
) {
    let told = Api::start().await.get(path).await;
    assert_eq!(told.refusal(), (status, code));
    if code == 7000 {
        let message = told.body["errors"][0]["message"].as_str().unwrap();
        assert!(
            message.starts_with("edgeproof does not emulate GET /"),
            "{message}"
        );
    }
}
