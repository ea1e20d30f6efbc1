use edgeproof_ground::trace::Trace;
use rstest::rstest;

use super::*;

const FLOW: &str = "/accounts/{a}/workers/scripts/flow";

fn of_flow(rest: &str) -> String {
    format!("{FLOW}/{rest}")
}

#[rstest]
#[case("GET", "")]
#[case("GET", "/settings")]
#[case("GET", "/script-settings")]
#[case("GET", "/bindings")]
#[case("GET", "/versions")]
#[case("GET", "/versions/0")]
#[case("GET", "/deployments")]
#[case("POST", "/deployments")]
#[case("GET", "/secrets")]
#[case("PUT", "/secrets")]
#[case("DELETE", "/secrets/KEY")]
#[case("PATCH", "/secrets-bulk")]
#[case("GET", "/subdomain")]
#[case("GET", "/routes")]
#[case("PUT", "/routes")]
#[case("GET", "/references")]
#[case("PATCH", "/settings")]
#[case("PATCH", "/script-settings")]
#[case("DELETE", "")]
#[case("GET", "/tails")]
#[case("POST", "/tails")]
#[case("DELETE", "/tails/0")]
#[tokio::test]
async fn a_script_that_is_not_there_is_10007(#[case] method: &str, #[case] rest: &str) {
    let api = Api::start().await;
    let body = json!({"enabled": true, "secrets": {}});
    let told = api.ask(method, &format!("{FLOW}{rest}"), &body).await;
    assert_eq!(told.refusal(), (404, 10007));
    let told = api.get("/accounts/{a}/workers/services/flow").await;
    assert_eq!(told.refusal(), (404, 10090));
}

#[tokio::test]
async fn a_script_is_listed_with_what_runs() {
    let api = Api::start().await;
    assert_eq!(
        api.get("/accounts/{a}/workers/scripts").await.result(),
        &json!([])
    );
    let uploaded = api.deploy("flow").await;
    assert!(uploaded.result()["deployment_id"].is_string());
    assert!(uploaded.result()["startup_time_ms"].is_number());
    let listed = api.get("/accounts/{a}/workers/scripts").await;
    let listed = &listed.result()[0];
    assert_eq!(
        (&listed["id"], &listed["handlers"]),
        (&json!("flow"), &json!(["fetch"]))
    );
    assert_eq!(listed["etag"], uploaded.result()["etag"]);
    let service = api.get("/accounts/{a}/workers/services/flow").await;
    assert_eq!(
        service.result()["default_environment"]["script"]["last_deployed_from"],
        "api"
    );
}

#[tokio::test]
async fn a_version_runs_once_it_is_deployed() {
    let api = Api::start().await;
    api.deploy("flow").await.result();
    let first = api.plane.state().scripts["flow"].version.clone();
    let form = Form::module(&json!({
        "bindings": [{"name": "MODE", "type": "plain_text", "text": "new"}],
        "annotations": {"workers/message": "second"},
    }));
    let made = api.upload("POST", &of_flow("versions"), &form).await;
    let second = made.result()["id"].as_str().unwrap().to_owned();
    assert_eq!(
        (&made.result()["number"], &made.result()["startup_time_ms"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(api.plane.state().scripts["flow"].version, first);
    let listed = api.get(&of_flow("versions")).await;
    assert_eq!(listed.result()["items"][0]["id"], second.as_str());
    assert_eq!(
        listed.result()["items"][0]["annotations"]["workers/message"],
        "second"
    );
    let told = api.get(&of_flow(&format!("versions/{second}"))).await;
    assert_eq!(told.result()["resources"]["bindings"][0]["text"], "new");

    let wanted =
        json!({"strategy": "percentage", "versions": [{"version_id": second, "percentage": 100}]});
    api.ask("POST", &of_flow("deployments"), &wanted)
        .await
        .result();
    assert_eq!(api.plane.state().scripts["flow"].version, second);
    assert_eq!(api.plane.state().scripts["flow"].variables["MODE"], "new");
    let told = api.get(&of_flow("deployments")).await;
    let versions =
        |number: usize| &told.result()["deployments"][number]["versions"][0]["version_id"];
    assert_eq!((versions(0), versions(1)), (&json!(second), &json!(first)));
}

#[rstest]
#[case(json!({"strategy": "percentage", "versions": [{"version_id": "0", "percentage": 100}]}), 404, 10007)]
#[case(json!({"strategy": "percentage", "versions": [{"version_id": "0", "percentage": 50}, {"version_id": "1", "percentage": 50}]}), 400, 7000)]
#[case(json!({"strategy": "percentage", "versions": []}), 400, 7000)]
#[case(json!({"strategy": "percentage"}), 400, 10006)]
#[tokio::test]
async fn a_deployment_that_cannot_be_is_refused(
    #[case] wanted: Value,
    #[case] status: u16,
    #[case] code: u64,
) {
    let api = Api::start().await;
    api.deploy("flow").await.result();
    let told = api.ask("POST", &of_flow("deployments"), &wanted).await;
    assert_eq!(told.refusal(), (status, code));
}

#[tokio::test]
async fn a_secret_is_written_and_never_read_back() {
    let trace = Trace::new();
    let api = Api::with(AccountSettings {
        trace: trace.clone(),
        ..AccountSettings::default()
    })
    .await;
    let form = Form::module(&json!({
        "bindings": [
            {"name": "FIRST", "type": "secret_text", "text": "open-sesame"},
            {"name": "MODE", "type": "plain_text", "text": "x"},
        ],
    }));
    api.upload("PUT", FLOW, &form).await.result();
    let second = json!({"name": "SECOND", "text": "open-sesame", "type": "secret_text"});
    let put = api.ask("PUT", &of_flow("secrets"), &second).await;
    assert_eq!(
        put.result(),
        &json!({"name": "SECOND", "type": "secret_text"})
    );

    let version = api.plane.state().scripts["flow"].version.clone();
    for path in [
        FLOW.to_owned(),
        "/accounts/{a}/workers/scripts".to_owned(),
        "/accounts/{a}/workers/services/flow".to_owned(),
        of_flow("settings"),
        of_flow("script-settings"),
        of_flow("bindings"),
        of_flow("secrets"),
        of_flow("secrets/FIRST"),
        of_flow("versions"),
        of_flow(&format!("versions/{version}")),
        of_flow("deployments"),
    ] {
        let response = api.send("GET", &path, "", "").await.unwrap();
        let body = String::from_utf8_lossy(response.body()).into_owned();
        assert_eq!(response.status(), 200, "{path} {body}");
        assert!(!body.contains("sesame"), "{path} {body}");
    }
    let listed = api.get(&of_flow("secrets")).await;
    let names: Vec<&Value> = listed
        .result()
        .as_array()
        .unwrap()
        .iter()
        .map(|secret| &secret["name"])
        .collect();
    assert_eq!(names, ["FIRST", "SECOND"]);
    let shown = format!(
        "{:?} {:?} {:?}",
        api.plane,
        api.plane.state(),
        trace.exchanges()
    );
    assert!(
        !shown.contains("sesame") && !shown.contains(&api.token),
        "{shown}"
    );
    assert_eq!(trace.count(), 14);
}

#[tokio::test]
async fn secrets_are_changed_one_by_one_and_together() {
    let api = Api::start().await;
    api.deploy("flow").await.result();
    let secret = |name: &str| json!({"name": name, "text": "v", "type": "secret_text"});
    api.ask("PUT", &of_flow("secrets"), &secret("A"))
        .await
        .result();
    let bulk = json!({"secrets": {"A": null, "B": secret("B"), "C": secret("C")}});
    api.ask("PATCH", &of_flow("secrets-bulk"), &bulk)
        .await
        .result();
    api.delete(&of_flow("secrets/C")).await.result();
    assert_eq!(
        api.delete(&of_flow("secrets/C")).await.refusal(),
        (404, 10056)
    );
    let names: Vec<String> = api.plane.state().scripts["flow"]
        .secrets
        .iter()
        .cloned()
        .collect();
    assert_eq!(names, ["B"]);

    api.upload("POST", &of_flow("versions"), &Form::module(&json!({})))
        .await
        .result();
    let told = api.ask("PUT", &of_flow("secrets"), &secret("D")).await;
    assert_eq!(told.refusal(), (400, 10215));
}

#[rstest]
#[case(json!({"name": "A", "text": "v", "type": "secret_key"}), 7000)]
#[case(json!({"name": "", "text": "v", "type": "secret_text"}), 10052)]
#[case(json!({"name": "A", "type": "secret_text"}), 10006)]
#[case(json!({"name": "A", "text": "v".repeat(5 * 1024 + 1), "type": "secret_text"}), 10054)]
#[case(json!({"name": "MODE", "text": "v".repeat(5 * 1024), "type": "secret_text"}), 0)]
#[tokio::test]
async fn a_secret_has_a_name_and_a_text_of_up_to_5_kilobytes(
    #[case] secret: Value,
    #[case] code: u64,
) {
    let api = Api::start().await;
    let form =
        Form::module(&json!({"bindings": [{"name": "MODE", "type": "plain_text", "text": "x"}]}));
    api.upload("PUT", FLOW, &form).await.result();
    let told = api.ask("PUT", &of_flow("secrets"), &secret).await;
    match code {
        0 => assert!(
            api.plane.state().scripts["flow"].secrets.contains("MODE"),
            "{told:?}"
        ),
        code => assert_eq!(told.refusal(), (400, code)),
    }
}

#[tokio::test]
async fn settings_are_changed_and_the_rest_stays() {
    let api = Api::start().await;
    let form = Form::module(&json!({"bindings": [
        {"name": "KEY", "type": "secret_text", "text": "s"},
        {"name": "MODE", "type": "plain_text", "text": "old"},
    ]}));
    api.upload("PUT", FLOW, &form).await.result();
    let etag = api.plane.state().scripts["flow"].etag.clone();
    let patch = json!({"bindings": [
        {"name": "KEY", "type": "secret_text"},
        {"name": "MODE", "type": "plain_text", "text": "new"},
    ]});
    let told = api.ask("PATCH", &of_flow("settings"), &patch).await;
    assert_eq!(told.result()["compatibility_date"], "2026-11-01");
    let state = &api.plane.state().scripts["flow"];
    assert_eq!(
        (state.variables["MODE"].as_str(), &state.etag),
        ("new", &etag)
    );
    assert!(state.secrets.contains("KEY"));

    let form = b"--limit\r\ncontent-disposition: form-data; name=\"settings\"\r\n\r\n{\"bindings\":[]}\r\n--limit--\r\n";
    let response = api
        .send(
            "PATCH",
            &of_flow("settings"),
            "multipart/form-data; boundary=limit",
            &form[..],
        )
        .await;
    told_ok(&response.unwrap());
    assert!(api.plane.state().scripts["flow"].variables.is_empty());
    let told = api
        .ask("PATCH", &of_flow("settings"), &json!({"migrations": {}}))
        .await;
    assert_eq!(told.refusal(), (400, 7000));
}

fn told_ok(response: &Response<Bytes>) {
    told(response).result();
}

#[tokio::test]
async fn a_deleted_script_takes_its_routes_along() {
    let api = Api::start().await;
    api.deploy("flow").await.result();
    for (pattern, script) in [
        ("shop.example/*", Some("flow")),
        ("shop.example/static*", None),
    ] {
        let wanted = json!({"pattern": pattern, "script": script});
        api.ask("POST", "/zones/{shop}/workers/routes", &wanted)
            .await
            .result();
    }
    assert!(
        api.delete(&format!("{FLOW}?force=true"))
            .await
            .result()
            .is_null()
    );
    let state = api.plane.state();
    assert!(state.scripts.is_empty());
    let left: Vec<&str> = state
        .routes
        .iter()
        .map(|route| route.pattern.as_str())
        .collect();
    assert_eq!(left, ["shop.example/static*"]);
}

#[tokio::test]
async fn workers_dev_is_remembered() {
    let api = Api::start().await;
    assert_eq!(
        api.get("/accounts/{a}/workers/subdomain").await.refusal(),
        (404, 10007)
    );
    api.ask(
        "PUT",
        "/accounts/{a}/workers/subdomain",
        &json!({"subdomain": "me"}),
    )
    .await
    .result();
    assert_eq!(
        api.get("/accounts/{a}/workers/subdomain").await.result()["subdomain"],
        "me"
    );
    api.deploy("flow").await.result();
    assert_eq!(
        api.get(&of_flow("subdomain")).await.result()["enabled"],
        false
    );
    api.ask("POST", &of_flow("subdomain"), &json!({"enabled": true}))
        .await
        .result();
    assert_eq!(
        api.get(&of_flow("subdomain")).await.result()["previews_enabled"],
        true
    );
    api.delete(&of_flow("subdomain")).await.result();
    assert_eq!(
        api.get(&of_flow("subdomain")).await.result()["enabled"],
        false
    );
}

#[tokio::test]
async fn the_code_that_runs_can_be_downloaded() {
    let api = Api::start().await;
    api.deploy("flow").await.result();
    let response = api
        .send("GET", &of_flow("content/v2"), "", "")
        .await
        .unwrap();
    let content_type = response.headers()["content-type"].to_str().unwrap();
    assert!(
        content_type.starts_with("multipart/form-data; boundary="),
        "{content_type}"
    );
    let body = String::from_utf8_lossy(response.body()).into_owned();
    assert!(
        body.contains("name=\"index.js\"") && body.contains("return fetch(request)"),
        "{body}"
    );
}

#[tokio::test]
async fn given_workers_are_there_with_their_routes() {
    let given = GivenWorker {
        variables: [("A".to_owned(), "1".to_owned())].into(),
        secrets: [("B".to_owned(), Secret::new("s"))].into(),
        routes: vec!["shop.example/*".parse().unwrap()],
        ..GivenWorker::default()
    };
    let api = Api::with(AccountSettings {
        workers: [("legacy".to_owned(), given)].into(),
        ..AccountSettings::default()
    })
    .await;
    let state = api.plane.state();
    assert_eq!(state.routes_of("legacy"), ["shop.example/*"]);
    assert_eq!(state.scripts["legacy"].variables["A"], "1");
    let wanted = json!({"pattern": "shop.example/*"});
    let told = api
        .ask("POST", "/zones/{shop}/workers/routes", &wanted)
        .await;
    assert_eq!(told.refusal(), (409, 10020));
}
