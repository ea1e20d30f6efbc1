//! The emulated platform: identifications over real sockets, and the evaluation of one rule.
//!
//! Expected on 2 cores: at least 3,000 identifications a second, one rule in less than 20 µs.
#![allow(
    clippy::print_stdout,
    reason = "what a bench measured is what it prints"
)]

use std::{hint::black_box, time::Instant};

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use edgeproof_bench::processor_time;
use edgeproof_benches::noise;
use edgeproof_fingerprint::{
    Fingerprint, PlatformSettings, Ruleset, Signals,
    rules::Expression,
    signals::{Head, Measurements},
};
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::{Value as Json, json};

/// Connections that ask at the same time, as a worker under load does.
const CONNECTIONS: u64 = 8;

fn signals(nonce: u64) -> Signals {
    let body: Measurements = serde_json::from_value(json!({
        "fingerprint": {
            "visitorId": "0123456789abcdef0123456789abcdef",
            "confidence": { "score": 0.7 },
            "components": {
                "timezone": { "value": "Europe/Berlin", "duration": 1 },
                "fonts": { "value": (0..400).map(|font| format!("Font {font}")).collect::<Vec<_>>(), "duration": 9 },
                "raster": { "value": noise(16_000), "duration": 1 },
            },
        },
        "incognito": { "isPrivate": true },
    }))
    .unwrap_or_default();
    Signals {
        head: Head {
            url: "https://shop.example/sign-up".to_owned(),
            timestamp: 1_795_000_000_000,
            clock_ahead: None,
            nonce: nonce.to_string(),
            visitor_token: None,
        },
        body,
    }
}

/// Ten rules of which the last decides.
fn ruleset() -> Ruleset {
    let rule = |condition: &str| json!({ "if": condition, "block": {} });
    let mut rules = vec![rule("bot in ['bad'] || suspect_score > 40 and vpn"); 9];
    rules.push(rule("incognito"));
    serde_json::from_value(json!({ "rules": rules })).unwrap_or_default()
}

fn send(criterion: &mut Criterion) {
    let Ok(runtime) = tokio::runtime::Runtime::new() else {
        return;
    };
    let Ok(platform) = runtime.block_on(Fingerprint::start(PlatformSettings::default())) else {
        return;
    };
    let ruleset_id = platform.set_ruleset("ten", ruleset());
    let client: Client<HttpConnector, Full<Bytes>> =
        Client::builder(TokioExecutor::new()).build_http();
    let uri = format!("http://{}/v4/send", platform.address());
    let authorization = format!("Bearer {}", platform.keys().secret);
    let body = json!({
        "fingerprint_data": signals(1).encode().unwrap_or_default(),
        "client_ip": "203.0.113.7",
        "client_host": "shop.example",
        "client_user_agent": "Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0.0.0 Safari/537.36",
        "client_headers": { "cf-ray": "0123456789abcdef-FRA" },
        "ruleset_context": { "ruleset_id": ruleset_id },
    });
    let body = Bytes::from(body.to_string());
    let ask = async |requests: u64| {
        for _ in 0..requests {
            let request = Request::post(&uri)
                .header("authorization", &authorization)
                .header("content-type", "application/json")
                .body(Full::new(body.clone()));
            if let Ok(request) = request
                && let Ok(response) = client.request(request).await
            {
                assert!(response.status().is_success());
                black_box(response.into_body().collect().await.ok());
            }
        }
    };
    // What others do on the machine does not change this number.
    const COUNTED: u64 = 4000;
    let used = || processor_time(std::process::id()).unwrap_or_default();
    let before = used();
    runtime.block_on(futures_util::future::join_all(
        (0..CONNECTIONS).map(|_| ask(COUNTED / CONNECTIONS)),
    ));
    let each = (used() - before).as_secs_f64() / COUNTED as f64;
    println!(
        "processor time of one identification, asking included: {:.0} µs, so {:.0} a second on 2 cores",
        each * 1e6,
        2.0 / each
    );
    let mut group = criterion.benchmark_group("platform");
    group.throughput(Throughput::Elements(1)).sample_size(10);
    group.bench_function("send", |bencher| {
        bencher.iter_custom(|requests| {
            let start = Instant::now();
            let each = requests.div_ceil(CONNECTIONS);
            runtime.block_on(futures_util::future::join_all(
                (0..CONNECTIONS).map(|_| ask(each)),
            ));
            start
                .elapsed()
                .mul_f64(requests as f64 / (each * CONNECTIONS) as f64)
        });
    });
    group.finish();
}

fn rule(criterion: &mut Criterion) {
    let event: Json = json!({
        "bot": "not_detected",
        "incognito": true,
        "suspect_score": 12,
        "url": "https://shop.example/sign-up?x=1",
        "browser_details": { "os": "Linux" },
        "ip_info": { "v4": { "geolocation": { "country_code": "DE" } } },
    });
    let text = "bot in ['bad'] || url matches '^https://shop' and ip_info.v4.geolocation.country_code in ['US', 'DE'] \
                and browser_details.os == 'Linux' and suspect_score > 10";
    let Ok(expression) = text.parse::<Expression>() else {
        return;
    };
    criterion.bench_function("rule/evaluate", |bencher| {
        bencher.iter(|| expression.holds(black_box(&event)))
    });
    criterion.bench_function("rule/parse", |bencher| {
        bencher.iter(|| black_box(text).parse::<Expression>())
    });
}

criterion_group!(benches, send, rule);
criterion_main!(benches);
