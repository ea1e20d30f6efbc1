//! Ways around the worker that are closed, and secrets that stay where they are.

use rstest::rstest;
use serde_json::json;

use crate::world::{Reply, SECRET, World, json as json_reply, response};

#[rstest]
#[case("/fp//evil.example/x")]
#[case("/fp/%2f%2fevil.example/x")]
#[case("/fp/\\evil.example")]
#[case("/fp/%5c%5cevil.example")]
#[case("/fp/../..//evil.example/x")]
#[case("/fp/%2e%2e/%2e%2e//evil.example")]
#[case("/fp/@evil.example/x")]
#[case("/fp/:443@evil.example/")]
#[case("/fp/.evil.example/x")]
#[case("/fp/https://evil.example/x")]
#[case("/fp/?x=//evil.example")]
#[case("/fp/%00//evil.example")]
#[tokio::test]
async fn the_browser_cache_reaches_the_ingress_and_nobody_else(#[case] path: &str) {
    let world = World::start(&[], |_| None).await;
    let stream = format!("https://shop.example{}", path.replace('\\', "%5C"));
    world.send("GET", &stream, "", "").await;
    for asked in world.asked() {
        let host = asked.url.split('/').nth(2).unwrap();
        assert!(
            ["ingress.example", "shop.example"].contains(&host),
            "{}",
            asked.url
        );
    }
}

#[rstest]
#[case::off("", "GET", "/page", None)]
#[case::on("true", "GET", "/page", Some("?1"))]
#[case::off_on_a_call("", "POST", "/api/create", None)]
#[case::on_on_a_call("true", "POST", "/api/create", None)]
#[case::off_elsewhere("", "GET", "/other", None)]
#[case::on_elsewhere("true", "GET", "/other", None)]
#[tokio::test]
async fn what_the_worker_says_of_a_visitor_nobody_else_can_say(
    #[case] edge_api: &str,
    #[case] method: &str,
    #[case] path: &str,
    #[case] vpn: Option<&str>,
) {
    let world = World::start(&[("FP_EDGE_API", edge_api)], |_| None).await;
    let lines = "origin: https://shop.example\nfp-data: signals\nfp-agent-data: forged\nfp-vpn: ?0\n\
                 fp-bot-info-name: forged\nFP-IP-Info-V4-Address: \"192.0.2.1\"\nfp-own: kept";
    world
        .send(method, &format!("https://shop.example{path}"), lines, "")
        .await;
    let origin = world.asked_once(&format!("shop.example{path}"));
    let seen = |name: &str| {
        origin
            .headers
            .get(name)
            .map(|value| value.to_str().unwrap())
    };
    assert_eq!(seen("fp-vpn"), vpn);
    assert_eq!(seen("fp-bot-info-name"), None);
    assert_ne!(seen("fp-ip-info-v4-address"), Some("\"192.0.2.1\""));
    assert_eq!(seen("fp-data"), None);
    assert_eq!(seen("fp-agent-data"), None);
    assert_eq!(seen("fp-own"), Some("kept"));
}

const SECRETS: &str = "cookie: session=v1s1tor; _iidt=x\nauthorization: Bearer v1s1tor\nproxy-authorization: Basic v1s1tor";

#[rstest]
#[case::a_call("POST", "/api/create")]
#[case::a_page("GET", "/page")]
#[case::the_agent("GET", "/fp/loader.js?v=1")]
#[case::the_browser_cache("GET", "/fp/abc?q=1")]
#[tokio::test]
async fn the_visitors_secrets_go_to_the_origin_alone(#[case] method: &str, #[case] path: &str) {
    let world = World::start(&[("FP_EDGE_API", "true")], |_| None).await;
    let lines = format!("origin: https://shop.example\nfp-data: signals\n{SECRETS}");
    world
        .send(method, &format!("https://shop.example{path}"), &lines, "")
        .await;
    let platform: Vec<_> = world
        .asked()
        .into_iter()
        .filter(|asked| !asked.url.contains("shop.example"))
        .collect();
    assert!(!platform.is_empty());
    for asked in platform {
        let told = format!("{:?} {:?}", asked.headers, asked.body());
        assert!(!told.contains("v1s1tor"), "{}: {told}", asked.url);
    }
}

#[tokio::test]
async fn the_analysis_of_a_page_gets_the_names_of_secrets_and_not_their_values() {
    let world = World::start(&[("FP_EDGE_API", "true")], |_| None).await;
    world
        .send("GET", "https://shop.example/page", SECRETS, "")
        .await;
    let asked = world.asked_once("/v4/edge");
    let body: serde_json::Value = serde_json::from_slice(&asked.body()).unwrap();
    let fields = body["headers"].as_array().unwrap();
    for name in ["cookie", "authorization", "proxy-authorization"] {
        let field = fields.iter().find(|field| field["name"] == name).unwrap();
        assert_eq!(field["value"], "", "{name}");
    }
}

#[tokio::test]
async fn the_secret_key_is_seen_by_the_platform_alone() {
    let world = World::start(
        &[("FP_LOG_LEVEL", "debug"), ("FP_EDGE_API", "true")],
        |asked| match asked.url.as_str() {
            // A platform that repeats what it was told.
            url if url.ends_with("/v4/send") => Some(response(
                401,
                &[("x-echo", asked.headers["authorization"].to_str().unwrap())],
                asked.headers["authorization"].as_bytes().to_vec(),
            )),
            _ => None,
        },
    )
    .await;
    let mut seen = String::new();
    for (method, path) in [
        ("GET", "/page"),
        ("POST", "/api/create"),
        ("GET", "/fp/instrumentor.iife.js"),
        ("GET", "/fp/agent-processor.iife.js"),
        ("GET", "/fp/loader.js"),
        ("GET", "/fp/cache"),
        ("GET", "/other"),
    ] {
        let lines = "origin: https://shop.example\nfp-data: signals";
        let got = world
            .send(method, &format!("https://shop.example{path}"), lines, "")
            .await;
        seen += &format!("{:?}\n{}\n", got.headers, got.text());
    }
    seen += &world.log().await.join("\n");
    assert!(seen.contains("status 401"), "{seen}");
    assert!(!seen.contains(SECRET));
    for asked in world.asked() {
        if asked.url.contains("shop.example") || asked.url.contains("cdn.example") {
            assert!(!format!("{asked:?}").contains(SECRET), "{}", asked.url);
        }
    }
}

#[rstest]
#[case::ends_the_script(r#"shop.example/</script><script>alert(1)//"#)]
#[case::ends_the_literal(r#"shop.example/\"}]);alert(1);//"#)]
#[case::is_a_replacement("shop.example/$&$'$`")]
#[case::is_the_placeholder("shop.example/__EDGEPROOF_CONFIG__")]
#[case::ends_the_line("shop.example/\u{2028}alert(1)//")]
#[tokio::test]
async fn configuration_stays_data_in_the_scripts(#[case] url: &str) {
    let apis = json!([{"method": "POST", "url": url}]).to_string();
    let world = World::start(&[("PROTECTED_APIS", &apis)], |_| None).await;
    let got = world
        .send(
            "GET",
            "https://shop.example/fp/instrumentor.iife.js",
            "",
            "",
        )
        .await;
    let script = got.text();
    assert!(
        !script.contains("</script") && !script.contains('\u{2028}'),
        "{script}"
    );
    // What stands where the configuration does is one JSON object, and says what was configured if that is a pattern.
    let start = script.find("{\"routePrefix\"").unwrap();
    let mut values = serde_json::Deserializer::from_str(&script[start..]).into_iter();
    let configuration: serde_json::Value = values.next().unwrap().unwrap();
    for api in configuration["protectedApis"].as_array().unwrap() {
        assert_eq!(api["url"], url);
    }
}

#[tokio::test]
async fn the_platform_cannot_send_the_worker_elsewhere() {
    let world = World::start(&[], |asked| {
        let to = "https://evil.example/";
        match asked.url.as_str() {
            url if url.contains("shop.example") => None,
            url if url.contains("evil.example") => Some(json_reply(&json!({}))),
            _ => Some(redirect(to)),
        }
    })
    .await;
    for path in ["/fp/loader.js", "/fp/cache"] {
        let got = world
            .send("GET", &format!("https://shop.example{path}"), "", "")
            .await;
        assert_eq!(got.status, 302, "{path}");
    }
    assert_eq!(world.asked_of("evil.example").len(), 0);
}

fn redirect(to: &str) -> Reply {
    response(302, &[("location", to)], "")
}
