//! The worker's decisions, on the host rather than in wasm: which route, which signals, what the platform's response means.
//!
//! Expected: each of them far below what the runtime takes for a request (200 µs), with 1,000 routes too.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a bench that cannot go on has failed, and criterion's macros have no documentation"
)]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use edgeproof_benches::noise;
use edgeproof_worker_core::{
    configuration::Configuration, edge, edge_headers, form::FormScanner, headers::Headers,
    identification, matching, protection, request::RequestHead, signals,
};
use serde_json::json;

/// Bytes of signals, as a real visit has them.
const SIGNALS: usize = 20 * 1024;

/// The variables of a deployment with so many protected APIs and pages together.
fn variables(routes: usize) -> impl Fn(&str) -> Option<String> {
    let apis: Vec<_> = (0..routes.div_ceil(2))
        .map(|index| json!({ "method": "POST", "url": format!("shop.example/api/{index}/*") }))
        .collect();
    let pages: Vec<_> = (0..routes / 2)
        .map(|index| format!("shop.example/page/{index}*"))
        .collect();
    let (apis, pages) = (json!(apis).to_string(), json!(pages).to_string());
    move |name| {
        let value = match name {
            "WORKER_ROUTE_PREFIX" => "fp",
            "FP_PUBLIC_KEY" => "public",
            "FP_SECRET_KEY" => "secret",
            "FP_RULESET_ID" => "rs_1",
            "PROTECTED_APIS" => &apis,
            "IDENTIFICATION_PAGE_URLS" => &pages,
            _ => return None,
        };
        Some(value.to_owned())
    }
}

/// A protected call as the edge hands it to the worker.
fn call(path: &str) -> RequestHead {
    let lines = format!(
        "accept: */*\naccept-encoding: gzip, br\naccept-language: de-DE,de;q=0.9\ncf-connecting-ip: 203.0.113.7\n\
         cf-ipcountry: DE\ncf-ray: 0123456789abcdef-FRA\ncontent-type: application/json\ncookie: session=1; _iidt=abc\n\
         fp-data: {}\nhost: shop.example\norigin: https://shop.example\nuser-agent: Mozilla/5.0 Chrome/140.0.0.0",
        // The shell hands the first two characters on, no more.
        &noise(SIGNALS)[..2]
    );
    let url = format!("https://shop.example{path}");
    RequestHead::new("POST", &url, Headers::from_lines(lines)).unwrap()
}

fn routes(criterion: &mut Criterion) {
    let mut matched = criterion.benchmark_group("worker/route");
    for count in [1, 20, 1000] {
        let configuration = Configuration::read(variables(count));
        assert!(configuration.problems.is_empty());
        for (what, path) in [
            ("first", "/api/0/x".to_owned()),
            ("none", "/other".to_owned()),
        ] {
            let head = call(&path);
            matched.bench_function(BenchmarkId::new(what, count), |bencher| {
                bencher.iter(|| matching::route(black_box(&configuration), black_box(&head)))
            });
        }
    }
    matched.finish();
    let mut read = criterion.benchmark_group("worker/configuration");
    for count in [1, 20, 1000] {
        let variables = variables(count);
        read.bench_function(BenchmarkId::from_parameter(count), |bencher| {
            bencher.iter(|| Configuration::read(black_box(&variables)))
        });
    }
    read.finish();
}

fn found_signals(criterion: &mut Criterion) {
    let head = call("/api/0/x");
    criterion.bench_function("worker/signals/header", |bencher| {
        bencher.iter(|| signals::find(black_box(&head), None))
    });
    let data: String = noise(SIGNALS)
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect();
    let url_encoded = format!("email=ann%40shop.example&fp-data={data}&note=red+shoes");
    let multipart = format!(
        "--b\r\ncontent-disposition: form-data; name=\"fp-data\"\r\n\r\n{data}\r\n\
         --b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n{}\r\n--b--\r\n",
        "x".repeat(SIGNALS)
    );
    let forms = [
        (
            "url_encoded",
            "application/x-www-form-urlencoded",
            url_encoded,
        ),
        ("multipart", "multipart/form-data; boundary=b", multipart),
    ];
    let mut group = criterion.benchmark_group("worker/signals/form");
    for (name, content_type, body) in &forms {
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(*name, |bencher| {
            bencher.iter(|| {
                let mut scanner = FormScanner::new(content_type).unwrap();
                scanner.push(black_box(body.as_bytes()));
                let form = scanner.finish(true);
                assert!(form.data.is_some());
                form
            })
        });
    }
    group.finish();
}

fn responses(criterion: &mut Criterion) {
    const NOW: i64 = 1_795_000_000_000;
    let ip_info = json!({
        "v4": {
            "address": "203.0.113.7",
            "geolocation": { "country_code": "DE", "city_name": "Berlin", "latitude": 52.5, "longitude": 13.4 },
            "asn": "64496", "asn_name": "Example", "asn_network": "203.0.113.0/24", "asn_type": "isp",
        },
    });
    let event = json!({
        "replayed": false, "timestamp": NOW, "url": "https://shop.example/signup", "ip_address": "203.0.113.7",
        "ip_info": ip_info,
    });
    let response = json!({
        "agent_data": noise(1000), "event": event,
        "rule_action": { "type": "allow", "ruleset_id": "rs_1" },
        "set_cookie_headers": ["_iidt=abc; Path=/; Secure; HttpOnly"],
    })
    .to_string();
    let configuration = Configuration::read(variables(2));
    let head = call("/api/0/x");
    let signals = signals::find(&head, None).unwrap();
    criterion.bench_function("worker/send/request", |bencher| {
        bencher.iter(|| identification::request(&configuration, black_box(&head), &signals))
    });
    criterion.bench_function("worker/send/answer", |bencher| {
        bencher.iter(|| {
            let identified = identification::judge(
                &configuration,
                &head,
                200,
                black_box(response.as_bytes()),
                NOW,
            );
            assert!(identified.is_ok());
            protection::decide(&configuration, &head, Some(&signals), identified)
        })
    });
    let known = event.to_string();
    criterion.bench_function("worker/edge_headers", |bencher| {
        bencher.iter(|| {
            let stripped = edge_headers::strip(black_box(&head.headers));
            (stripped, edge::judge(200, black_box(known.as_bytes())))
        })
    });
}

criterion_group!(benches, routes, found_signals, responses);
criterion_main!(benches);
