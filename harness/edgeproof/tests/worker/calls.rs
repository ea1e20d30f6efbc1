//! Protected calls: what the platform is told, what the origin gets, and what comes back.

use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{Reply, SECRET, VISITOR, World, identified_but, json as json_reply, response};

fn body_of(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap()
}

#[tokio::test]
async fn the_platform_is_told_what_it_needs_and_nothing_in_the_visitors_name() {
    let world = World::start(&[], |_| None).await;
    world
        .call("accept: */*\ncookie: session=secret; _iidt=a%20b; _iidt=2\nauthorization: Bearer visitor")
        .await;
    let asked = world.asked_once("/v4/send");
    assert_eq!(asked.url, "https://ingress.example/v4/send");
    assert_eq!(asked.headers["content-type"], "application/json");
    assert_eq!(asked.headers["authorization"], format!("Bearer {SECRET}"));
    assert!(!asked.headers.contains_key("cookie"));
    let mut body = body_of(&asked.body());
    let told = body["client_headers"].take();
    assert_eq!(
        body,
        json!({
            "fingerprint_data": "signals",
            "client_ip": VISITOR,
            "client_host": "shop.example",
            "client_user_agent": "Chromium",
            "client_cookie": "_iidt=a%20b",
            "client_headers": null,
            "ruleset_context": {"ruleset_id": "rs_1"},
        })
    );
    assert_eq!(told["accept"], "*/*");
    assert_eq!(told["origin"], "https://shop.example");
    for secret in ["cookie", "authorization", "fp-data"] {
        assert_eq!(told[secret], Value::Null, "{secret}");
    }
}

#[rstest]
#[case::ours("signals", "signals")]
#[case::the_app_sends_credentials("_signals", "signals")]
#[case::quotes(r#"a","client_ip":"192.0.2.1"#, r#"a","client_ip":"192.0.2.1"#)]
#[case::a_backslash(r"a\", r"a\")]
#[case::a_tab("a\tb", "a\tb")]
#[tokio::test]
async fn signals_are_handed_on_as_they_are(#[case] sent: &str, #[case] told: &str) {
    let world = World::start(&[], |_| None).await;
    let lines = format!("origin: https://shop.example\nfp-data: {sent}");
    world
        .send("POST", "https://shop.example/api/create", &lines, "")
        .await;
    let body = body_of(&world.asked_once("/v4/send").body());
    assert_eq!(body["fingerprint_data"], told);
    assert_eq!(body["client_ip"], VISITOR);
}

const MULTIPART: &str = "multipart/form-data; boundary=b";
const URLENCODED: &str = "application/x-www-form-urlencoded";

/// 5 MB that no text holds.
fn upload() -> Vec<u8> {
    (0..5_000_000_u32).map(|n| (n * 7 % 256) as u8).collect()
}

fn multipart(with_signals: bool) -> Vec<u8> {
    let signals: &[u8] =
        b"--b\r\nContent-Disposition: form-data; name=\"fp-data\"\r\n\r\nsignals\r\n";
    let file: &[u8] =
        b"--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"\xff.bin\"\r\n\r\n";
    let signals = if with_signals { signals } else { b"" };
    [signals, file, &upload(), b"\r\n--b--\r\n"].concat()
}

#[rstest]
#[case::urlencoded(URLENCODED, b"a=%7e+x&fp-data=signals&b=%zz\xff".to_vec(), b"a=%7e+x&b=%zz\xff".to_vec())]
#[case::with_an_upload(MULTIPART, multipart(true), multipart(false))]
#[tokio::test]
async fn a_form_arrives_byte_for_byte_without_the_signals(
    #[case] content_type: &str,
    #[case] sent: Vec<u8>,
    #[case] arrives: Vec<u8>,
) {
    let world = World::start(&[], |_| None).await;
    let lines = format!("origin: https://shop.example\ncontent-type: {content_type}");
    let got = world
        .send("POST", "https://shop.example/api/create", &lines, sent)
        .await;
    assert_eq!(got.status, 200);
    assert_eq!(
        body_of(&world.asked_once("/v4/send").body())["fingerprint_data"],
        "signals"
    );
    let origin = world.asked_once("/api/create");
    assert!(
        origin.body() == arrives,
        "{} of {} bytes",
        origin.body().len(),
        arrives.len()
    );
}

#[tokio::test]
async fn a_rule_that_blocks_answers_and_the_origin_hears_nothing() {
    let world = World::start(&[], |asked| {
        let action = json!({"type": "block", "ruleset_id": "rs_1", "status_code": 451,
            "headers": [{"name": "x-rule", "value": "1"}], "body": "no"});
        asked
            .url
            .ends_with("/v4/send")
            .then(|| json_reply(&identified_but(&json!({"rule_action": action}))))
    })
    .await;
    let got = world.call("").await;
    assert_eq!((got.status, got.text().as_str()), (451, "no"));
    assert_eq!(got.header("x-rule"), Some("1"));
    assert_eq!(world.asked_of("/api/create").len(), 0);
}

#[rstest]
#[case::v4(VISITOR, "", VISITOR, true)]
#[case::another("192.0.2.1", "", VISITOR, false)]
#[case::v6_written_otherwise("2001:db8::1", "", "2001:0DB8:0:0:0:0:0:1", true)]
#[case::mapped("203.0.113.7", "", "::ffff:203.0.113.7", true)]
#[case::pseudo_v4("240.1.2.3", "cf-connecting-ipv6: 2001:db8::1", "2001:db8::1", true)]
#[case::pseudo_v4_itself("240.1.2.3", "cf-connecting-ipv6: 2001:db8::1", "240.1.2.3", true)]
#[case::claimed(VISITOR, "cf-connecting-ipv6: 2001:db8::1", "2001:db8::1", false)]
#[case::claimed_in_vain(VISITOR, "cf-connecting-ipv6: 2001:db8::1", VISITOR, true)]
#[case::claimed_by_a_worker_of_another_zone(
    "2a06:98c0:3600::103",
    "cf-connecting-ipv6: 2001:db8::1",
    "2001:db8::1",
    false
)]
#[tokio::test]
async fn addresses_compare_as_addresses(
    #[case] connecting: &str,
    #[case] line: &str,
    #[case] of_event: &'static str,
    #[case] is_accepted: bool,
) {
    let world = World::start(&[crate::world::CLOSED], move |asked| {
        let event = json!({"event": {"ip_address": of_event}});
        asked
            .url
            .ends_with("/v4/send")
            .then(|| json_reply(&identified_but(&event)))
    })
    .await;
    let got = world
        .call(&format!("cf-connecting-ip: {connecting}\n{line}"))
        .await;
    assert_eq!(got.status == 200, is_accepted, "{got:?}");
}

#[tokio::test]
async fn agent_data_reaches_a_document_as_text_and_nothing_else() {
    const HOSTILE: &str = "\"><script>alert(1)</script><!-- '&amp;";
    let world = World::start(&[], |asked| {
        if asked.url.ends_with("/v4/send") {
            Some(json_reply(&identified_but(&json!({"agent_data": HOSTILE}))))
        } else if asked.url.contains("/report") {
            Some(html_report())
        } else {
            None
        }
    })
    .await;
    let lines = "fp-data: signals\nsec-fetch-dest: document\nsec-fetch-mode: navigate";
    let got = world
        .send("GET", "https://shop.example/report", lines, "")
        .await;
    let page = scraper::Html::parse_document(&got.text());
    let script = scraper::Selector::parse("script").unwrap();
    let scripts: Vec<_> = page.select(&script).collect();
    assert_eq!(scripts.len(), 1, "{}", got.text());
    assert_eq!(scripts[0].value().attr("data-agent-data"), Some(HOSTILE));
    assert_eq!(scripts[0].inner_html(), "");
}

fn html_report() -> Reply {
    response(
        200,
        &[("content-type", "text/html")],
        "<html><head></head><body>report</body></html>",
    )
}
