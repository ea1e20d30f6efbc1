//! The official SDKs, as they are published, against the emulated Server API.

use std::{fs, path::Path, process::Output};

use tokio::process::Command;

use super::{
    super::rules::fields::{FIELDS, Kind},
    server_api::now,
    *,
};

const HOME: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// A workspace with two events of one visitor, and everything that a scenario may state of them.
async fn workspace_of_two() -> Fingerprint {
    let mut signals = serde_json::Map::new();
    for field in FIELDS.iter() {
        let value = match field.kind {
            Kind::Bool => json!(true),
            Kind::Number => json!(1),
            Kind::Text if field.name.starts_with("ip_info.v6.") => json!("DE"),
            Kind::Text => continue,
            Kind::OneOf(words) => json!(words[0]),
        };
        signals.insert(field.name.clone(), value);
    }
    for (name, value) in [
        ("ip_info.v6.address", "2001:db8::7"),
        ("bundle_id", "com.example.app"),
        ("package_name", "com.example.app"),
        ("vpn_origin_country", "DE"),
        ("bot_info.provider", "Example"),
        ("bot_info.name", "Example"),
    ] {
        signals.insert(name.to_owned(), json!(value));
    }
    let platform = workspace(json!({ "signals": signals })).await;
    for nonce in ["1", "2"] {
        let mut signals = now(nonce);
        signals.body.linked_id = Some("order-0".to_owned());
        signals.body.tag = Some(json!({ "plan": "silver" }));
        signals.body.bot.bot = true;
        signals.body.bot.bot_kind = Some("headless_chrome".to_owned());
        signals.body.sdk.integrations = vec!["fingerprint-flow-cloudflare/0.1/agent/2".to_owned()];
        signals.body.fingerprint.components = components();
        let mut body = send_body(&signals, None);
        body["client_ip"] = json!("198.51.100.130");
        assert_eq!(send(&platform, &body).await.status, StatusCode::OK);
    }
    platform
}

/// One of each component, in the types of FingerprintJS.
fn components() -> serde_json::Map<String, Json> {
    let values = json!({
        "fontPreferences": { "default": 149.3, "apple": 149.3, "serif": 149.3, "sans": 144.0, "mono": 121.5, "min": 9.3, "system": 147.9 },
        "fonts": ["Arial"],
        "deviceMemory": 0.5,
        "timezone": "Europe/Berlin",
        "canvas": { "winding": true, "geometry": "a", "text": "b" },
        "languages": [["en-US"]],
        "webGlExtensions": {
            "contextAttributes": ["alpha=true"], "parameters": ["A=1"], "shaderPrecisions": ["P"],
            "extensions": ["E"], "extensionParameters": ["X"], "unsupportedExtensions": ["U"],
        },
        "webGlBasics": {
            "version": "1", "vendor": "2", "vendorUnmasked": "3", "renderer": "4", "rendererUnmasked": "5",
            "shadingLanguageVersion": "6",
        },
        "screenResolution": [1920, 1080],
        "touchSupport": { "maxTouchPoints": 0, "touchEvent": false, "touchStart": false },
        "osCpu": "Linux x86_64",
        "architecture": 255,
        "cookiesEnabled": true,
        "hardwareConcurrency": 2,
        "dateTimeLocale": "en-US",
        "vendor": "Google Inc.",
        "colorDepth": 24,
        "platform": "Linux x86_64",
        "sessionStorage": true,
        "localStorage": true,
        "audio": 124.04347527516074,
        "plugins": [{ "name": "PDF Viewer", "description": "PDF", "mimeTypes": [{ "type": "application/pdf", "suffixes": "pdf" }] }],
        "indexedDB": true,
        "math": { "acos": 1.4 },
    });
    let Json::Object(values) = values else {
        unreachable!("it is written above")
    };
    let measured = |(name, value): (String, Json)| (name, json!({ "value": value, "duration": 1 }));
    values.into_iter().map(measured).collect()
}

/// What an SDK is called with: the address, the key, an event, a ruleset that blocks it, and its visitor.
fn arguments(platform: &Fingerprint) -> [String; 5] {
    let rules = json!({ "rules": [{ "if": "incognito", "block": { "status": 403, "headers": { "x-why": "private" }, "body": "no" } }] });
    let event = &platform.events()[1].event;
    [
        platform.address().to_string(),
        platform.keys().secret.clone(),
        event.event_id.clone(),
        platform.set_ruleset("private", ruleset(rules)),
        event.identification.as_ref().unwrap().visitor_id.clone(),
    ]
}

async fn output(command: &mut Command) -> Output {
    let output = command.kill_on_drop(true).output().await.unwrap();
    let (out, err) = (&output.stdout, &output.stderr);
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(out),
        String::from_utf8_lossy(err)
    );
    output
}

/// Where a program that `ci/setup` installs is; in CI it is there.
#[expect(
    clippy::print_stderr,
    reason = "who runs tests is told what was left out"
)]
fn installed(path: &str) -> Option<String> {
    let path = format!("{HOME}/{path}");
    let is_there = Path::new(&path).exists();
    let is_ci = std::env::var_os("CI").is_some();
    assert!(
        is_there || !is_ci,
        "{path} is not there; ci/setup installs it"
    );
    if !is_there {
        eprintln!("skipped: {path} is not there; ci/setup installs it");
    }
    is_there.then_some(path)
}

/// `@fingerprint/node-sdk` from npm.
#[tokio::test]
async fn the_published_node_sdk_works_unchanged() {
    let Some(_) = installed("ci/node_modules/@fingerprint/node-sdk") else {
        return;
    };
    let platform = workspace_of_two().await;
    let [_, _, first, ..] = arguments(&platform);
    let mut command = Command::new("node");
    command
        .arg(format!("{HOME}/harness/fingerprint/src/tests/node_sdk.mjs"))
        .arg(format!("{HOME}/ci/package.json"))
        .args(arguments(&platform));
    let found: Json = serde_json::from_slice(&output(&mut command).await.stdout).unwrap();

    assert_eq!(found["event"]["event_id"], first);
    assert_eq!(found["decided"]["type"], "block");
    assert_eq!(found["updated"]["linked_id"], "order-1");
    assert_eq!(found["updated"]["suspect"], true);
    assert_eq!(found["found"]["events"].as_array().unwrap().len(), 1);
    assert_eq!(found["next"]["events"].as_array().unwrap().len(), 1);
    assert_ne!(
        found["next"]["events"][0]["event_id"],
        found["found"]["events"][0]["event_id"]
    );
    let error = |status: u16, code: &str, throttled: bool| json!({ "status": status, "code": code, "server": true, "throttled": throttled });
    assert_eq!(found["unknown"], error(404, "event_not_found", false));
    assert_eq!(found["region"], error(403, "wrong_region", false));
    assert_eq!(
        found["stranger"],
        error(403, "secret_api_key_not_found", false)
    );
    assert_eq!(found["throttled"], error(429, "too_many_requests", true));
}

/// TypeScript takes no member that the type of an event has not, and none of another type.
#[tokio::test]
async fn an_event_is_of_the_type_that_the_node_sdk_publishes() {
    let Some(sdk) = installed("ci/node_modules/@fingerprint/node-sdk/dist/index.d.ts") else {
        return;
    };
    let platform = workspace_of_two().await;
    let event = &platform.events()[1].event;
    let folder = tempfile::tempdir().unwrap();
    let sdk = fs::canonicalize(sdk).unwrap();
    let sdk = sdk.display().to_string();
    let check = async |event: &Json| {
        let text = format!(
            "import type {{ Event }} from {sdk:?};\nexport const event: Event = {event:#};\n",
            sdk = sdk.trim_end_matches(".d.ts")
        );
        let file = folder.path().join("event.ts");
        fs::write(&file, text).unwrap();
        Command::new(format!("{HOME}/ci/node_modules/.bin/tsc"))
            .args([
                "--noEmit",
                "--strict",
                "--module",
                "esnext",
                "--moduleResolution",
                "bundler",
            ])
            .args(["--types", "node", "--typeRoots"])
            .arg(format!("{HOME}/ci/node_modules/@types"))
            .arg(file)
            .output()
            .await
            .unwrap()
    };
    let mut event = event.to_json().unwrap();
    let good = check(&event).await;
    assert!(
        good.status.success(),
        "{}",
        String::from_utf8_lossy(&good.stdout)
    );
    event["raw_device_attributes"]["touch_support"]["maxTouchPoints"] = json!(0);
    assert!(!check(&event).await.status.success());
}

/// Fields that the Python SDK types and no event here has: of other kinds of device, of models, or not published how.
const ABSENT: [&str; 28] = [
    "incremental_identification_status",
    "identification.confidence.version",
    "identification.confidence.comment",
    "supplementary_id_high_recall.confidence.comment",
    "proximity",
    "bot_info.provider_url",
    "device_details",
    "factory_reset_timestamp",
    "ip_info.v6.geolocation.postal_code",
    "ip_info.v6.geolocation.subdivisions",
    "proxy_details.last_seen_at",
    "proxy_ml_score",
    "simulator",
    "virtual_machine_ml_score",
    "rare_device",
    "rare_device_percentile_bucket",
    "raw_device_attributes.emoji",
    "raw_device_attributes.plugins.mime_types.description",
    "raw_device_attributes.device_model",
    "raw_device_attributes.device_manufacturer",
    "raw_device_attributes.font_hash",
    "raw_device_attributes.timezone_offset",
    "raw_device_attributes.battery_level",
    "raw_device_attributes.battery_charging",
    "raw_device_attributes.battery_low_power_mode",
    "raw_device_attributes.keyboard_layout_hash",
    "raw_device_attributes.keyboard_layout_name",
    "labels",
];

/// `fingerprint-server-sdk` from PyPI.
#[tokio::test]
async fn the_published_python_sdk_works_unchanged_and_reads_each_field() {
    let Some(python) = installed("fixtures/fingerprint/.venv/bin/python") else {
        return;
    };
    let platform = workspace_of_two().await;
    let arguments = arguments(&platform);
    let other = platform.events()[0].event.event_id.clone();
    let event = json!({ "suspect": false });
    let path = format!("/v4/events/{}", arguments[2]);
    let key = &arguments[1];
    let body = event.to_string().into();
    ask(
        &platform,
        Method::PATCH,
        "api.fpjs.io",
        &path,
        Some(key),
        body,
    )
    .await;
    let mut command = Command::new(python);
    command
        .arg(format!(
            "{HOME}/harness/fingerprint/src/tests/python_sdk.py"
        ))
        .args(&arguments);
    let found: Json = serde_json::from_slice(&output(&mut command).await.stdout).unwrap();

    assert_eq!(found["decided"], "block");
    assert_eq!(
        found["changed"],
        json!(["order-1", true, { "plan": "gold" }])
    );
    assert_eq!(found["found"], json!([arguments[2]]));
    assert_eq!(found["next"], json!([other]));
    let error = |status: u16, code: &str| json!({ "status": status, "code": code });
    assert_eq!(found["unknown"], error(404, "event_not_found"));
    assert_eq!(found["stranger"], error(403, "secret_api_key_not_found"));
    assert_eq!(found["deleted_twice"], error(404, "visitor_not_found"));
    assert_eq!(found["throttled"], error(429, "too_many_requests"));
    assert_eq!(found["absent"], json!(ABSENT));
    assert!(found["read"].as_array().unwrap().len() > 150);
}
