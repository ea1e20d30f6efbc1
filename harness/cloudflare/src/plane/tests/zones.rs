use rstest::rstest;

use super::*;

fn names(told: &ApiResponse) -> Vec<&str> {
    let items = told.result().as_array().unwrap().iter();
    items.map(|item| item["name"].as_str().unwrap()).collect()
}

#[rstest]
#[case("", &["shop.example", "blog.example"])]
#[case("?name=shop.example", &["shop.example"])]
#[case("?name=SHOP.example", &["shop.example"])]
#[case("?name=www.shop.example", &[])]
#[case("?name=blog.example&account.id={a}", &["blog.example"])]
#[case("?account.id=00000000000000000000000000000000", &[])]
#[case("?status=pending", &[])]
#[case("?per_page=1", &["shop.example"])]
#[case("?per_page=1&page=2", &["blog.example"])]
#[case("?per_page=1&page=3", &[])]
#[tokio::test]
async fn zones_are_found_by_name_and_page(#[case] query: &str, #[case] expected: &[&str]) {
    let told = Api::start().await.get(&format!("/zones{query}")).await;
    assert_eq!(names(&told), expected);
    assert_eq!(told.body["result_info"]["count"], expected.len());
}

#[rstest]
#[case("", &["shop.example", "api.shop.example", "direct.shop.example"])]
#[case("?proxied=false", &["direct.shop.example"])]
#[case("?proxied=true&per_page=1&page=2", &["api.shop.example"])]
#[case("?name=api.shop.example", &["api.shop.example"])]
#[case("?name.exact=api.shop.example&type=A", &["api.shop.example"])]
#[case("?type=CNAME", &[])]
#[case("?content=192.0.2.1&name=shop.example", &["shop.example"])]
#[tokio::test]
async fn records_are_found_by_what_they_say(#[case] query: &str, #[case] expected: &[&str]) {
    let told = Api::start()
        .await
        .get(&format!("/zones/{{shop}}/dns_records{query}"))
        .await;
    assert_eq!(names(&told), expected);
}

#[tokio::test]
async fn a_zone_says_how_it_normalises_urls_to_those_who_may_read_its_rules() {
    let mut settings = AccountSettings::default();
    let reader = r#"{"permissions":["Zone:Read","Transform Rules:Read"]}"#;
    settings
        .tokens
        .insert("reader".to_owned(), serde_json::from_str(reader).unwrap());
    let told = Api::with(settings)
        .await
        .get("/zones/{shop}/url_normalization")
        .await;
    assert_eq!(
        told.result(),
        &json!({"scope": "incoming", "type": "rfc3986"})
    );
    let told = Api::start()
        .await
        .get("/zones/{shop}/url_normalization")
        .await;
    assert_eq!(told.refusal(), (403, 10000));
}

#[tokio::test]
async fn a_record_says_whether_it_is_proxied() {
    let api = Api::start().await;
    let told = api.get("/zones/{shop}/dns_records").await;
    let direct = &told.result()[2];
    assert_eq!(
        (&direct["proxied"], &direct["type"]),
        (&json!(false), &json!("A"))
    );
    let path = format!(
        "/zones/{{shop}}/dns_records/{}",
        direct["id"].as_str().unwrap()
    );
    assert_eq!(api.get(&path).await.result(), direct);
    let told = api.get("/zones/{blog}/dns_records/0").await;
    assert_eq!(told.refusal(), (404, 81044));
}

#[rstest]
#[case("/zones?per_page=51", 1004)]
#[case("/zones?page=0", 1004)]
#[case("/zones?name=contains:shop", 7000)]
#[case("/zones?match=any&name=x", 7000)]
#[case("/zones/{shop}/dns_records?name.contains=shop", 7000)]
#[case("/zones/{shop}/dns_records?proxied=maybe", 7000)]
#[tokio::test]
async fn a_question_that_is_not_understood_is_refused(#[case] path: &str, #[case] code: u64) {
    assert_eq!(Api::start().await.get(path).await.refusal(), (400, code));
}

#[tokio::test]
async fn the_account_is_found_and_so_are_its_members() {
    let api = Api::start().await;
    let told = api.get("/accounts?page=1").await;
    assert_eq!(told.result()[0]["id"], api.plane.account_id());
    let told = api.get("/memberships?page=1").await;
    assert_eq!(told.result()[0]["account"]["name"], "edgeproof");
    assert_eq!(api.get("/accounts/{a}").await.result()["name"], "edgeproof");
}

#[tokio::test]
async fn a_zone_may_have_a_twin_in_another_account_whose_contents_are_not_emulated() {
    let api = Api::with(AccountSettings {
        zone_status: [("blog.example".to_owned(), ZoneStatus::Moved)].into(),
        other_accounts: vec![OtherAccount {
            name: "Agency".to_owned(),
            zones: [("shop.example".to_owned(), ZoneStatus::Pending)].into(),
        }],
        ..AccountSettings::default()
    })
    .await;
    let told = api.get("/accounts").await;
    assert_eq!(names(&told), ["Agency", "edgeproof"]);
    let statuses = async |query: &str| {
        let told = api.get(&format!("/zones{query}")).await;
        let zones = told.result().as_array().unwrap().iter();
        let status = |zone: &Value| format!("{} {}", zone["account"]["name"], zone["status"]);
        zones
            .map(|zone| status(zone).replace('"', ""))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        statuses("?name=shop.example").await,
        ["Agency pending", "edgeproof active"]
    );
    assert_eq!(
        statuses("?name=shop.example&account.id={a}").await,
        ["edgeproof active"]
    );
    assert_eq!(statuses("?status=moved").await, ["edgeproof moved"]);
    let told = api.get("/zones?name=shop.example&status=pending").await;
    let twin = told.result()[0].clone();
    let id = twin["id"].as_str().unwrap();
    assert_eq!(api.get(&format!("/zones/{id}")).await.result(), &twin);
    let told = api.get(&format!("/zones/{id}/workers/routes")).await;
    assert_eq!(told.refusal(), (400, 7000));
    let account = twin["account"]["id"].as_str().unwrap();
    let told = api
        .get(&format!("/accounts/{account}/workers/scripts"))
        .await;
    assert_eq!(told.refusal(), (400, 7000));
}
