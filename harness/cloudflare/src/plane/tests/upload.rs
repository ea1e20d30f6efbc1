use rstest::rstest;

use super::*;

const FLOW: &str = "/accounts/{a}/workers/scripts/flow";

fn text(name: &str, value: &str) -> Value {
    json!({"name": name, "type": "plain_text", "text": value})
}

fn many(count: usize) -> Value {
    let all = (0..count).map(|number| text(&format!("V{number}"), "v"));
    json!({"bindings": all.collect::<Vec<_>>()})
}

#[tokio::test]
async fn every_kind_of_module_and_binding_arrives() {
    let api = Api::start().await;
    let mut form = Form::module(&json!({"bindings": [
        text("TEXT", "t"),
        {"name": "JSON", "type": "json", "json": {"a": [1]}},
        {"name": "SECRET", "type": "secret_text", "text": "s"},
    ]}));
    for (name, kind) in [
        ("index_bg.wasm", "application/wasm"),
        ("page.html", "text/plain; charset=utf-8"),
        ("data.bin", "application/octet-stream"),
        ("index.js.map", "application/source-map"),
    ] {
        form.parts.push((name, kind, b"content".to_vec()));
    }
    api.upload("PUT", FLOW, &form).await.result();
    let state = &api.plane.state().scripts["flow"];
    assert_eq!(
        state.modules,
        ["index.js", "data.bin", "index_bg.wasm", "page.html"]
    );
    assert_eq!(
        (
            state.variables["TEXT"].as_str(),
            state.variables["JSON"].as_str()
        ),
        ("t", "{\"a\":[1]}")
    );
    assert!(state.secrets.contains("SECRET"));
}

#[rstest]
#[case::unknown_main(json!({"main_module": "other.js"}), 400, 10021)]
#[case::both(json!({"body_part": "index.js"}), 400, 10021)]
#[case::neither(json!({"main_module": null}), 400, 10021)]
#[case::no_date(json!({"compatibility_date": "yesterday"}), 400, 10021)]
#[case::no_list(json!({"bindings": 1}), 400, 10006)]
#[case::no_name(json!({"bindings": [{"type": "plain_text", "text": "x"}]}), 400, 10052)]
#[case::no_type(json!({"bindings": [{"name": "A"}]}), 400, 10052)]
#[case::no_text(json!({"bindings": [{"name": "A", "type": "plain_text"}]}), 400, 10052)]
#[case::twice(json!({"bindings": [text("A", "1"), text("A", "2")]}), 400, 10053)]
#[case::large(json!({"bindings": [text("A", &"v".repeat(5 * 1024 + 1))]}), 400, 10054)]
#[case::many(many(129), 400, 10055)]
#[case::nothing_to_inherit(json!({"bindings": [{"name": "A", "type": "inherit"}]}), 400, 10057)]
#[case::long_name(json!({"bindings": [text(&"n".repeat(256), "v")]}), 400, 10100)]
#[case::kv(json!({"bindings": [{"name": "KV", "type": "kv_namespace", "namespace_id": "1"}]}), 400, 7000)]
#[case::tail_consumers(json!({"tail_consumers": [{"service": "a"}]}), 400, 7000)]
#[case::cache_of_another_kind(json!({"cache_options": {"enabled": true, "tiers": 2}}), 400, 7000)]
#[case::cache_of_another_entrypoint(json!({"exports": {"Admin": {"type": "worker", "cache": {"enabled": true}}}}), 400, 7000)]
#[case::cache_of_another_kind_of_the_entrypoint(json!({"exports": {"default": {"type": "worker", "cache": {"enabled": true, "tiers": 2}}}}), 400, 7000)]
#[case::durable_object_class(json!({"exports": {"Room": {"type": "durable-object"}}}), 400, 7000)]
#[case::unheard_of(json!({"warp_drive": 9}), 400, 7000)]
#[case::subrequests(json!({"limits": {"subrequests": 10}}), 400, 7000)]
#[case::much_processor_time(json!({"limits": {"cpu_ms": 300_001}}), 400, 10206)]
#[case::future_date(json!({"compatibility_date": "9999-01-01"}), 400, 10021)]
#[case::durable_objects(json!({"migrations": {"new_tag": "v1"}}), 400, 7000)]
#[tokio::test]
async fn metadata_that_makes_no_script_is_refused_and_nothing_changes(
    #[case] metadata: Value,
    #[case] status: u16,
    #[case] code: u64,
) {
    let api = Api::start().await;
    let told = api.upload("PUT", FLOW, &Form::module(&metadata)).await;
    assert_eq!(told.refusal(), (status, code));
    assert!(api.plane.state().scripts.is_empty());
    api.deploy("flow").await.result();
    let path = format!("{FLOW}/versions");
    let told = api.upload("POST", &path, &Form::module(&metadata)).await;
    assert_eq!(told.refusal(), (status, code));
    assert_eq!(api.plane.state().scripts["flow"].versions, 1);
}

#[rstest]
#[case(WorkersPlan::Free, 64, true)]
#[case(WorkersPlan::Free, 65, false)]
#[case(WorkersPlan::Paid, 128, true)]
#[tokio::test]
async fn the_plan_sets_how_many_variables_there_may_be(
    #[case] plan: WorkersPlan,
    #[case] count: usize,
    #[case] accepted: bool,
) {
    let api = Api::with(AccountSettings {
        plan,
        ..AccountSettings::default()
    })
    .await;
    let told = api.upload("PUT", FLOW, &Form::module(&many(count))).await;
    assert_eq!(told.status == 200, accepted, "{told:?}");
}

#[tokio::test]
async fn the_plan_sets_how_many_scripts_there_may_be() {
    let workers = (0..100).map(|number| (format!("w{number}"), GivenWorker::default()));
    let api = Api::with(AccountSettings {
        plan: WorkersPlan::Free,
        workers: workers.collect(),
        ..AccountSettings::default()
    })
    .await;
    assert_eq!(api.deploy("flow").await.refusal(), (400, 10037));
    api.deploy("w1").await.result();
}

#[rstest]
#[case::not_utf8(MODULE, b"\xff\xfe".to_vec(), 10021)]
#[case::not_javascript("application/wasm", b"\0asm".to_vec(), 10021)]
#[case::python("text/x-python", b"print()".to_vec(), 7000)]
#[case::untyped("", b"x".to_vec(), 7000)]
#[tokio::test]
async fn a_main_module_that_is_none_is_refused(
    #[case] kind: &'static str,
    #[case] content: Vec<u8>,
    #[case] code: u64,
) {
    let mut form = Form::module(&json!({}));
    form.parts = vec![("index.js", kind, content)];
    let told = Api::start().await.upload("PUT", FLOW, &form).await;
    assert_eq!(told.refusal(), (400, code));
}

#[tokio::test]
async fn two_modules_of_one_name_are_refused() {
    let mut form = Form::module(&json!({}));
    form.parts.push(form.parts[0].clone());
    let told = Api::start().await.upload("PUT", FLOW, &form).await;
    assert_eq!(told.refusal(), (400, 10021));
}

#[tokio::test]
async fn a_script_over_the_limit_is_refused() {
    let mut form = Form::module(&json!({}));
    let mut random = fastrand::Rng::with_seed(1);
    let noise = std::iter::repeat_with(|| random.u8(..))
        .take(4 << 20)
        .collect();
    form.parts
        .push(("data.bin", "application/octet-stream", noise));
    let free = AccountSettings {
        plan: WorkersPlan::Free,
        ..AccountSettings::default()
    };
    let told = Api::with(free).await.upload("PUT", FLOW, &form).await;
    assert_eq!(told.refusal(), (413, 10027));
    Api::start().await.upload("PUT", FLOW, &form).await.result();
}

#[rstest]
#[case("multipart/form-data; boundary=limit", "--limit\r\n", 10006)]
#[case("multipart/form-data; boundary=limit", "--limit--\r\n", 10006)]
#[case("multipart/form-data", "", 10006)]
#[case("application/javascript", "addEventListener('fetch', () => {})", 7000)]
#[tokio::test]
async fn a_body_that_is_no_form_is_refused(
    #[case] content_type: &str,
    #[case] body: &'static str,
    #[case] code: u64,
) {
    let response = Api::start()
        .await
        .send("PUT", FLOW, content_type, body)
        .await;
    assert_eq!(told(&response.unwrap()).refusal(), (400, code));
}

#[rstest]
#[case("a%2Fb")]
#[case("a.b")]
#[case("ä")]
#[case("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")]
#[tokio::test]
async fn a_name_that_no_script_can_have_is_refused(#[case] name: &str) {
    let name = percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC);
    let told = Api::start().await.deploy(&name.to_string()).await;
    assert_eq!(told.refusal(), (400, 10016));
}

#[tokio::test]
async fn bindings_stay_where_the_upload_says_so() {
    let api = Api::start().await;
    let first = Form::module(&json!({"bindings": [
        text("A", "1"), text("B", "1"),
        {"name": "SECRET", "type": "secret_text", "text": "s"},
        {"name": "OTHER", "type": "secret_text", "text": "s"},
    ]}));
    api.upload("PUT", FLOW, &first).await.result();
    let second = Form::module(&json!({
        "bindings": [text("B", "2"), {"name": "OTHER", "type": "inherit"}],
        "keep_bindings": ["plain_text", "json"],
    }));
    api.upload("PUT", FLOW, &second).await.result();
    let state = &api.plane.state().scripts["flow"];
    assert_eq!(
        (state.variables["A"].as_str(), state.variables["B"].as_str()),
        ("1", "2")
    );
    assert_eq!(state.secrets.iter().collect::<Vec<_>>(), ["OTHER"]);
}

#[tokio::test]
async fn an_upload_that_says_nothing_of_secrets_keeps_them() {
    let api = Api::start().await;
    let first = Form::module(&json!({"bindings": [
        text("A", "1"),
        {"name": "SECRET", "type": "secret_text", "text": "s"},
    ]}));
    api.upload("PUT", FLOW, &first).await.result();
    api.deploy("flow").await.result();
    let state = &api.plane.state().scripts["flow"];
    assert!(state.variables.is_empty() && state.secrets.contains("SECRET"));
}

#[tokio::test]
async fn a_service_worker_is_accepted_as_one() {
    let api = Api::start().await;
    let mut form = Form::module(&json!({}));
    form.metadata = json!({"body_part": "script"});
    form.parts = vec![(
        "script",
        "application/javascript",
        b"addEventListener('fetch', () => {})".to_vec(),
    )];
    let told = api.upload("PUT", FLOW, &form).await;
    assert_eq!(told.result()["has_modules"], false);
}

#[rstest]
#[case("export default { fetch( }", "SyntaxError")]
#[case("import './missing.js'; export default {}", "missing.js")]
#[case("throw new Error('at start'); export default {}", "at start")]
#[tokio::test]
async fn code_that_does_not_start_is_refused_with_what_the_runtime_says(
    #[case] code: &str,
    #[case] reason: &str,
) {
    let workerd = edgeproof_ground::tools::find(edgeproof_ground::tools::Tool::Workerd).unwrap();
    let api = Api::with(AccountSettings {
        workerd: Some(workerd),
        ..AccountSettings::default()
    })
    .await;
    let mut form = Form::module(&json!({}));
    form.parts = vec![("index.js", MODULE, code.as_bytes().to_vec())];
    let told = api.upload("PUT", FLOW, &form).await;
    assert_eq!(told.refusal(), (400, 10021));
    let message = told.body["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains(reason), "{message}");
    api.deploy("flow").await.result();
}

// Documentation, Workers › Cache › Configuration: an entrypoint's own setting wins, and the cache is the version's.
#[rstest]
#[case(json!({}), None)]
#[case(json!({"cache_options": {"enabled": true}}), Some(true))]
#[case(json!({"cache_options": {"enabled": true, "cross_version_cache": true}}), Some(false))]
#[case(json!({"exports": {"default": {"type": "worker", "cache": {"enabled": true}}}}), Some(true))]
#[case(json!({"cache_options": {"enabled": true}, "exports": {"default": {"type": "worker", "cache": {"enabled": false}}}}), None)]
#[tokio::test]
async fn workers_cache_is_in_front_of_the_version_that_asks_for_it(
    #[case] metadata: Value,
    #[case] is_of_one_version: Option<bool>,
) {
    let api = Api::start().await;
    api.upload("PUT", FLOW, &Form::module(&metadata))
        .await
        .result();
    let workers = api.plane.snapshot().workers;
    let cache = workers[0].cache.as_ref();
    assert_eq!(
        cache.map(|cache| cache.version.is_some()),
        is_of_one_version
    );
}

#[tokio::test]
async fn what_has_no_effect_is_said_and_what_is_switched_off_is_not() {
    let api = Api::start().await;
    let form = Form::module(&json!({
        "observability": {"enabled": true},
        "placement": {"mode": "smart"},
        "logpush": false,
        "cache_options": {"enabled": false},
        "tail_consumers": [],
        "exports": {"default": {"type": "worker", "cache": {"enabled": false}}},
        "limits": {"cpu_ms": 50},
    }));
    let told = api.upload("PUT", FLOW, &form).await;
    told.result();
    let messages = told.body["messages"].as_array().unwrap();
    let messages: Vec<_> = messages.iter().map(|one| &one["message"]).collect();
    assert_eq!(
        messages,
        [
            "edgeproof keeps `observability`; it has no effect here",
            "edgeproof keeps `placement`; it has no effect here",
        ]
    );
}
