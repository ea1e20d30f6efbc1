//! HAR files: those that others write, read by `edgeproof new --har`.

use std::fs;

use edgeproof_ground::tools;
use rstest::rstest;
use serde_json::json;

use super::{edgeproof, node, pass_through, run};

/// An app that sets a cookie with its page, and takes an account only with it.
const APP: &str = r##"
require("node:http").createServer((request, response) => {
  if (request.url === "/signup") {
    response.setHeader("set-cookie", "visit=v-1; Path=/; HttpOnly");
    response.setHeader("content-type", "text/html");
    return response.end(`<form method="post" action="/login"><input name="user" value="ann"><input name="password" type="password" value="hunter-22"><button>Go</button></form>
      <script>document.title = "Sign up"; const send = () => fetch("/api/accounts?from=page", { method: "POST", headers: { "content-type": "application/json", "x-csrf-token": "c-12345678" }, body: JSON.stringify({ email: "ann@shop.example", password: "hunter-22" }) })</script>`);
  }
  const known = (request.headers.cookie ?? "").includes("visit=v-1");
  let body = ""; request.on("data", (data) => body += data).on("end", () => {
    if (!known || !body.includes("hunter-22")) return response.writeHead(400).end(body);
    if (request.url === "/login") return response.writeHead(303, { location: "/signup" }).end();
    response.writeHead(request.headers["x-csrf-token"] === "c-12345678" ? 201 : 400, { "content-type": "application/json" }).end("{}");
  });
}).listen(Number(process.argv[1]), "127.0.0.1", function () { console.log(this.address().port) });
"##;

/// Playwright records a session of that app.
const RECORD: &str = r##"
const { chromium } = require("playwright-core");
const [executablePath, file, url] = process.argv.slice(1);
(async () => {
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  const context = await browser.newContext({ recordHar: { path: file } });
  const page = await context.newPage();
  await page.goto(url + "/signup");
  await page.evaluate("send()");
  await page.getByRole("button").click();
  await page.waitForLoadState();
  await context.close();
  await browser.close();
})().catch((error) => { console.error(error); process.exit(1); });
"##;

/// An app that runs on a port of its own choice, and what it is at.
fn app() -> (super::Running, String) {
    super::start(APP)
}

#[test]
fn a_session_that_playwright_recorded_passes_at_once_and_fails_where_nothing_protects() {
    let (_app, url) = app();
    let folder = tempfile::tempdir().unwrap();
    let chromium = tools::find(tools::Tool::Chromium).unwrap();
    let har = folder.path().join("session.har");
    let recorded = node(
        RECORD,
        &[
            &chromium.display().to_string(),
            &har.display().to_string(),
            &url,
        ],
    );
    assert!(recorded.status.success(), "{recorded:?}");

    let new = edgeproof(
        folder.path(),
        &["new", "--har", "session.har", "--out", "session.yaml"],
        &[],
    );
    let text = fs::read_to_string(folder.path().join("session.yaml"));
    let text = text.unwrap_or_else(|_| panic!("{new:?}"));
    assert_eq!(new.status.code(), Some(0), "{new:?}\n{text}");
    let told = String::from_utf8_lossy(&new.stdout);
    assert!(
        told.contains("export PASSWORD=…") && told.contains("export X_CSRF_TOKEN=…"),
        "{told}"
    );
    for secret in ["hunter-22", "c-12345678", "v-1"] {
        assert!(!text.contains(secret), "{text}");
    }
    for expected in [
        "which is called shop.example here",
        "POST shop.example/api/accounts*",
        "POST shop.example/login*",
        "status: 201",
        "status: 303",
        &url,
    ] {
        assert!(text.contains(expected), "{expected} is not in\n{text}");
    }
    let secrets = [("PASSWORD", "hunter-22"), ("X_CSRF_TOKEN", "c-12345678")];
    let (code, said) = run(folder.path(), &["session.yaml"], &secrets);
    assert_eq!(code, Some(0), "{said}\n{text}");
    let unprotected = ["session.yaml", "--worker", &pass_through()];
    let (code, said) = run(folder.path(), &unprotected, &secrets);
    assert_eq!(code, Some(1), "{said}\n{text}");
}

/// A session as one of the developer tools writes it.
fn session(entries: &serde_json::Value) -> String {
    json!({ "log": { "version": "1.2", "creator": { "name": "x", "version": "1" }, "pages": [], "entries": entries } }).to_string()
}

fn entry(method: &str, url: &str, more: serde_json::Value) -> serde_json::Value {
    let mut entry = json!({
        "startedDateTime": "2026-11-27T12:00:00.000Z", "time": 1, "cache": {}, "timings": { "send": 0, "wait": 1, "receive": 0 },
        "request": { "method": method, "url": url, "httpVersion": "HTTP/2", "headers": [{ "name": ":method", "value": method }], "cookies": [], "queryString": [], "headersSize": -1, "bodySize": 0 },
        "response": { "status": 200, "statusText": "", "httpVersion": "h2", "headers": [], "cookies": [], "redirectURL": "", "headersSize": -1, "bodySize": -1, "content": { "size": 0, "mimeType": "text/html; charset=utf-8" } },
    });
    let (Some(entry_map), serde_json::Value::Object(more)) = (entry.as_object_mut(), more) else {
        return entry;
    };
    entry_map.extend(more);
    entry
}

#[test]
fn of_a_session_in_the_developer_tools_the_site_stays_and_the_rest_is_named() {
    let posted = json!({ "_resourceType": "fetch", "request": {
        "method": "POST", "url": "https://api.shop.example/orders/81726/pay?session=s-1234567",
        "headers": [{ "name": "referer", "value": "https://www.shop.example/" }, { "name": "authorization", "value": "Bearer tok-123456" }],
        "postData": { "mimeType": "application/x-www-form-urlencoded", "params": [{ "name": "cc-number", "value": "4111" }, { "name": "a", "value": "${b}" }] },
    } });
    let text = session(&json!([
        entry("GET", "chrome-extension://abc/page.html", json!({})),
        entry(
            "GET",
            "https://www.shop.example/cart",
            json!({ "_resourceType": "document" })
        ),
        entry(
            "GET",
            "https://www.shop.example/app.js",
            json!({ "_resourceType": "script" })
        ),
        entry(
            "POST",
            "https://analytics.example/hit",
            json!({ "_resourceType": "fetch" })
        ),
        entry(
            "OPTIONS",
            "https://api.shop.example/orders/81726/pay",
            json!({ "_resourceType": "fetch" })
        ),
        entry("POST", "https://api.shop.example/", posted),
        entry(
            "GET",
            "https://www.shop.example/blocked",
            json!({ "_resourceType": "xhr", "response": { "status": 0 } })
        ),
    ]));
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.har"), format!("\u{feff}{text}")).unwrap();
    let new = edgeproof(
        folder.path(),
        &[
            "new",
            "--har",
            "a.har",
            "--app",
            "http://127.0.0.1:4000",
            "--out",
            "a.yaml",
        ],
        &[],
    );
    let text = fs::read_to_string(folder.path().join("a.yaml"));
    let text = text.unwrap_or_else(|_| panic!("{new:?}"));
    assert_eq!(new.status.code(), Some(0), "{new:?}\n{text}");
    for expected in [
        "# Calls of other sites are left out: analytics.example (1).",
        "# 1 calls that had no response are left out.",
        "GET https://www.shop.example/cart",
        "POST api.shop.example/orders/*",
        "www.shop.example/cart",
        r#"authorization: "Bearer ${env.AUTHORIZATION}""#,
        "?session=${env.SESSION}",
        r#"a: "$${b}""#,
    ] {
        assert!(text.contains(expected), "{expected} is not in\n{text}");
    }
    for left_out in ["app.js", "OPTIONS", "tok-123456", "s-1234567", ":method"] {
        assert!(!text.contains(left_out), "{left_out} is in\n{text}");
    }
}

#[rstest]
#[case::empty("", "a.har:1:0: this is no HAR file: EOF while parsing a value")]
#[case::other_json("{\"a\": 1}", "a.har:1:8: this is no HAR file: missing field `log`")]
#[case::no_entries(
    "{\"log\": {}}",
    "a.har:1:10: this is no HAR file: missing field `entries`"
)]
#[case::a_text(
    "{\"log\": {\"entries\": \"hunter-22\"}}",
    "a.har:1:31: this is no HAR file: invalid type: a text, expected a sequence"
)]
#[case::no_url(r#"{"log": {"entries": [{"request": {"method": "GET", "url": "hunter-22"}, "response": {"status": 1}}]}}"#, "`url` is no URL")]
#[case::no_method(
    "{\"log\": {\"entries\": [\n{\"request\": {\"method\": \"a b\", \"url\": \"http://a/\"}}]}}",
    "a.har:2:28: this is no HAR file: `method` is none of HTTP"
)]
#[case::nothing(
    r#"{"log": {"entries": []}}"#,
    "`a.har` has no page or API call of a site"
)]
#[case::only_a_picture(r#"{"log": {"entries": [{"_resourceType": "image", "request": {"method": "GET", "url": "https://a.example/x.png"}, "response": {"status": 200}}]}}"#, "`a.har` has no page or API call")]
fn what_is_no_session_is_refused_where_it_is_none(#[case] text: &str, #[case] expected: &str) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.har"), text).unwrap();
    refused(folder.path(), expected);
}

#[test]
fn bytes_that_are_no_text_and_depth_without_end_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.har"), b"{\n\xff").unwrap();
    refused(
        folder.path(),
        "a.har:2:1: this is no HAR file: it is not UTF-8 text",
    );
    fs::write(
        folder.path().join("a.har"),
        format!("{{\"log\": {{\"x\": {}", "[".repeat(100_000)),
    )
    .unwrap();
    refused(
        folder.path(),
        "this is no HAR file: EOF while parsing a list",
    );
}

fn refused(folder: &std::path::Path, expected: &str) {
    let output = edgeproof(folder, &["new", "--har", "a.har", "--out", "a.yaml"], &[]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains(expected) && !said.contains("hunter"),
        "{said}"
    );
    assert!(!folder.join("a.yaml").exists());
}

/// Says what is not as the format wants it.
const VALIDATE: &str = r#"
const validate = require("har-validator");
validate.har(JSON.parse(require("fs").readFileSync(process.argv[1], "utf8")))
  .catch((error) => { console.error(error.errors); process.exit(1); });
"#;

/// A browser without a network that is given the responses of a report.
const REPLAY: &str = r#"
const { chromium } = require("playwright-core");
const [executablePath, file] = process.argv.slice(1);
(async () => {
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND"] });
  const page = await browser.newPage();
  await page.routeFromHAR(file, { notFound: "abort" });
  const response = await page.goto("https://shop.example/signup");
  const title = await page.title();
  const called = await page.evaluate(`fetch("/api/create-account", { method: "POST", body: "{}" }).then(async (response) => response.status + " " + await response.text())`);
  console.log(JSON.stringify([response.status(), title, called]));
  await browser.close();
})().catch((error) => { console.error(error); process.exit(1); });
"#;

#[test]
fn a_report_is_valid_and_playwright_replays_it() {
    let (folder, _) = super::shop(true);
    let text = fs::read_to_string(folder.path().join("shop.yaml")).unwrap();
    let text = text.replace("profile: regular", "profile: http")
        + "steps:\n  - request: GET https://shop.example/signup?token=t-1234567\n  - request: GET https://shop.example/signup\n"
        + "  - request:\n      method: POST\n      url: https://shop.example/api/create-account\n      headers: { origin: https://shop.example }\n      body: \"{}\"\n"
        + "      signals: { page: https://shop.example/signup }\n    expect: { status: 451 }\n"
        + "  - raw: { to: http://shop.example, send: \"nonsense\\r\\n\\r\\n\" }\n";
    fs::write(folder.path().join("replay.yaml"), text).unwrap();
    let (code, said) = run(
        folder.path(),
        &["replay.yaml", "--report", "har=out/run.har"],
        &[],
    );
    assert_eq!(code, Some(0), "{said}");
    let file = folder.path().join("out/run.har").display().to_string();
    let text = fs::read_to_string(&file).unwrap();
    assert!(!text.contains("t-1234567"), "{text}");
    let har: serde_json::Value = serde_json::from_str(&text).unwrap();
    let hops = har["log"]["entries"][2]["_edgeproof"]["hops"]
        .as_array()
        .unwrap();
    let parties: Vec<_> = hops
        .iter()
        .map(|hop| format!("{} → {}", hop["from"], hop["to"]).replace('"', ""))
        .collect();
    assert_eq!(
        parties,
        ["visitor → edge", "edge → worker", "worker → Fingerprint"]
    );
    assert!(
        hops[2]["decision"].as_str().unwrap().contains("`vpn`"),
        "{hops:?}"
    );

    let valid = node(VALIDATE, &[&file]);
    assert!(
        valid.status.success(),
        "{}",
        String::from_utf8_lossy(&valid.stderr)
    );
    let chromium = tools::find(tools::Tool::Chromium).unwrap();
    let replayed = node(REPLAY, &[&chromium.display().to_string(), &file]);
    let shown = String::from_utf8_lossy(&replayed.stdout);
    assert_eq!(
        shown.trim(),
        r#"[200,"Sign up · Fernweh Plants","451 "]"#,
        "{replayed:?}"
    );
}
