//! What the harness does for each request, scenario and report, without sockets and processes.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a bench that cannot go on has failed, and criterion's macros have no documentation"
)]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use edgeproof_deployment::FailureMode;
use edgeproof_edge::{
    Ray, Route, RouteTable,
    headers::{
        WorkerHeaders, remove_forged, rewrite_for_origin, rewrite_for_worker, rewrite_response,
    },
};
use edgeproof_ground::{
    header_limits::header_bytes,
    pattern::{Scheme, Target},
    tools,
};
use edgeproof_report::{html, json, junit, tap};
use edgeproof_run::results::Results;
use edgeproof_scenario::load;
use http::{HeaderMap, HeaderName, HeaderValue};

fn routes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("edge/route");
    for count in [1, 20, 1000] {
        let route = |index| Route {
            pattern: format!("shop.example/path/{index}/*").parse().unwrap(),
            worker: Some("flow".to_owned()),
            over_daily_limit: FailureMode::Open,
        };
        let table = RouteTable::new((0..count).map(route).collect());
        let target = Target {
            scheme: Scheme::Https,
            host: "shop.example",
            path_and_query: "/other?x=1",
        };
        group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
            bencher.iter(|| black_box(&table).choose(black_box(target)))
        });
    }
    group.finish();
}

/// A browser's headers, of about 1 KB, with the cookies.
fn headers() -> HeaderMap {
    let cookies = "session=0123456789abcdef; ".repeat(20);
    let fields = [
        ("host", "shop.example"),
        ("accept", "text/html,application/xhtml+xml,*/*;q=0.8"),
        ("accept-encoding", "gzip, deflate, br, zstd"),
        ("accept-language", "de-DE,de;q=0.9,en;q=0.8"),
        ("cookie", cookies.trim()),
        ("referer", "https://shop.example/"),
        ("sec-fetch-dest", "document"),
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-site", "same-origin"),
        ("upgrade-insecure-requests", "1"),
        (
            "user-agent",
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
        ),
    ];
    fields
        .into_iter()
        .map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_str(value).unwrap(),
            )
        })
        .collect()
}

fn edge_headers(criterion: &mut Criterion) {
    let sent = headers();
    let ray = Ray::new("FRA");
    let ip = "203.0.113.7".parse().unwrap();
    let told = WorkerHeaders {
        ip,
        country: "DE",
        scheme: Scheme::Https,
        ray: &ray,
        forwarded_for: true,
    };
    let mut group = criterion.benchmark_group("edge/headers");
    // Each begins with the headers as they were sent; what the copy costs is the first.
    group.bench_function("copy", |bencher| bencher.iter(|| black_box(&sent).clone()));
    group.bench_function("for_worker", |bencher| {
        bencher.iter(|| {
            let mut headers = black_box(&sent).clone();
            remove_forged(&mut headers);
            rewrite_for_worker(&mut headers, told);
            headers
        })
    });
    group.bench_function("for_origin", |bencher| {
        bencher.iter(|| {
            let mut headers = black_box(&sent).clone();
            rewrite_for_origin(&mut headers, ip);
            headers
        })
    });
    group.bench_function("answer", |bencher| {
        bencher.iter(|| {
            let mut headers = black_box(&sent).clone();
            rewrite_response(&mut headers, &ray);
            headers
        })
    });
    group.bench_function("accounting", |bencher| {
        bencher.iter(|| header_bytes(black_box(&sent)))
    });
    group.finish();
}

fn scenarios(criterion: &mut Criterion) {
    let files = load::find(&[tools::home().join("scenarios")]).unwrap();
    let one = tools::home().join("scenarios/flow/incognito_is_blocked.yaml");
    criterion.bench_function("scenario/parse one", |bencher| {
        bencher.iter(|| load::load_file(black_box(&one)).unwrap())
    });
    let mut group = criterion.benchmark_group("scenario/parse all");
    group.sample_size(10);
    group.throughput(Throughput::Elements(files.len() as u64));
    group.bench_function("scenarios/", |bencher| {
        bencher.iter(|| load::load(black_box(&files)).unwrap())
    });
    group.finish();
}

/// A thousand cases with hops, a failure among every nine.
fn reports(criterion: &mut Criterion) {
    const CASES: usize = 1000;
    let golden = tools::home().join("fixtures/golden/reports/report.json");
    let golden: Results = serde_json::from_str(&std::fs::read_to_string(golden).unwrap()).unwrap();
    let cases = golden.cases.iter().cycle().take(CASES).cloned();
    let results = Results::new(cases.collect(), golden.summary.took_ms);
    let mut group = criterion.benchmark_group("report");
    group.throughput(Throughput::Elements(CASES as u64));
    group.bench_function("html", |bencher| {
        bencher.iter(|| html::text(black_box(&results)))
    });
    group.bench_function("json", |bencher| {
        bencher.iter(|| json::text(black_box(&results)).unwrap())
    });
    group.bench_function("junit", |bencher| {
        bencher.iter(|| junit::text(black_box(&results)).unwrap())
    });
    group.bench_function("tap", |bencher| {
        bencher.iter(|| tap::text(black_box(&results)))
    });
    group.finish();
}

criterion_group!(benches, routes, edge_headers, scenarios, reports);
criterion_main!(benches);
