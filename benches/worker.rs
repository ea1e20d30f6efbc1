//! What the worker costs, against the same tasks in plain JavaScript in the same `workerd`: pages of 5 KB, 50 KB and 1 MB,
//! and a protected call with 20 KB of signals. `fixtures/workers/minimal-js` is the least that does the tasks at all,
//! `fixtures/workers/plain-js` makes the worker's checks as well.
//!
//! One iteration is one request of one connection, straight to `workerd`; the platform and the origin are one bare hyper
//! server. Compare the functions of a group: a ratio of one run is a figure, a time of its own is not.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a bench that cannot go on has failed, and criterion's macros have no documentation"
)]

use std::{
    collections::BTreeMap,
    convert::Infallible,
    net::SocketAddr,
    path::Path,
    time::{Duration, Instant, SystemTime},
};

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use edgeproof::{
    build::{WorkerBuild, build_worker},
    runtime::{Bundle, Runtime, WorkerConfig, WorkerOptions},
    tools::{self, Tool},
};
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, client::conn::http1::SendRequest, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

const SIGNALS: usize = 20 * 1024;
const VISITOR: &str = "203.0.113.7";

/// A page with a usual head and paragraphs up to the size.
fn page(bytes: usize) -> Bytes {
    let head = "<!doctype html><html><head><meta charset=utf-8><title>Shop</title><script src=/app.js></script></head>";
    let paragraph =
        "<div class=\"row\"><p>Lorem ipsum dolor sit amet</p><a href=\"/more\">more</a></div>\n";
    let paragraphs = paragraph.repeat(bytes / paragraph.len());
    format!("{head}<body>{paragraphs}</body></html>").into()
}

/// The answer of the platform to every call: allowed, and of this very moment.
fn identified() -> Bytes {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis();
    format!(
        r#"{{"agent_data":"agent","rule_action":{{"type":"allow","ruleset_id":"rs_1"}},
        "set_cookie_headers":["_iidt=1; Path=/"],"event":{{"replayed":false,"timestamp":{now},
        "url":"https://shop.example/","ip_address":"{VISITOR}","ip_info":{{"v4":{{"address":"{VISITOR}"}}}}}}}}"#
    )
    .into()
}

/// The internet of both workers.
async fn serve() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let pages = [5, 50, 1000].map(|kilobytes| (format!("/{kilobytes}"), page(kilobytes * 1000)));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let pages = pages.clone();
            let service = service_fn(move |request: Request<Incoming>| {
                let page = pages.iter().find(|(path, _)| path == request.uri().path());
                let (kind, body) = match (request.uri().path(), page) {
                    ("/v4/send", _) => ("application/json", identified()),
                    (_, Some((_, page))) => ("text/html; charset=utf-8", page.clone()),
                    _ => ("application/json", Bytes::from_static(b"{}")),
                };
                async move {
                    request.into_body().collect().await.unwrap();
                    let answer = Response::builder().header("content-type", kind);
                    Ok::<_, Infallible>(answer.body(Full::new(body)).unwrap())
                }
            });
            tokio::spawn(
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service),
            );
        }
    });
    address
}

async fn start(directory: &Path, internet: SocketAddr) -> Runtime {
    let variables = [
        ("WORKER_ROUTE_PREFIX", "fp"),
        ("FP_PUBLIC_KEY", "public"),
        ("FP_SECRET_KEY", "secret"),
        ("FP_RULESET_ID", "rs_1"),
        ("FP_INGRESS_BASE_HOST", "api.fpjs.io"),
        (
            "PROTECTED_APIS",
            r#"[{"method":"POST","url":"shop.example/api/*"}]"#,
        ),
        ("IDENTIFICATION_PAGE_URLS", r#"["shop.example/*"]"#),
    ];
    let worker = WorkerConfig {
        options: WorkerOptions::default(),
        name: "worker".to_owned(),
        bundle: Bundle::read(directory).unwrap(),
        variables: BTreeMap::from(
            variables.map(|(name, value)| (name.to_owned(), value.to_owned())),
        ),
        internet,
    };
    Runtime::start(&tools::find(Tool::Workerd).unwrap(), &[worker])
        .await
        .unwrap()
}

/// The time of so many requests, one after the other.
async fn load(
    sender: &mut SendRequest<Full<Bytes>>,
    method: &Method,
    path: &str,
    iterations: u64,
) -> Duration {
    let signals = "A".repeat(SIGNALS);
    let start = Instant::now();
    for _ in 0..iterations {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "shop.example")
            .header("x-forwarded-proto", "https")
            .header("user-agent", "bench")
            .header("cf-connecting-ip", VISITOR);
        if method == Method::POST {
            request = request
                .header("origin", "https://shop.example")
                .header("fp-data", &signals);
        }
        sender.ready().await.unwrap();
        let request = request.body(Full::default()).unwrap();
        let answer = sender.send_request(request).await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.into_body().collect().await.unwrap();
    }
    start.elapsed()
}

fn against_javascript(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let ours = build_worker(&WorkerBuild::default()).unwrap();
    let javascript = |name| tools::home().join("fixtures/workers").join(name);
    let workers = runtime.block_on(async {
        let internet = serve().await;
        [
            ("ours", start(&ours, internet).await),
            ("plain-js", start(&javascript("plain-js"), internet).await),
            (
                "minimal-js",
                start(&javascript("minimal-js"), internet).await,
            ),
        ]
    });
    let tasks = [
        ("page_5_kb", Method::GET, "/5"),
        ("page_50_kb", Method::GET, "/50"),
        ("page_1_mb", Method::GET, "/1000"),
        ("protected_call", Method::POST, "/api/create"),
    ];
    for (task, method, path) in tasks {
        let mut group = criterion.benchmark_group(task);
        for (name, worker) in &workers {
            let mut sender = runtime.block_on(async {
                let stream = TcpStream::connect(worker.address("worker").unwrap())
                    .await
                    .unwrap();
                stream.set_nodelay(true).unwrap();
                let (sender, driver) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
                    .await
                    .unwrap();
                tokio::spawn(driver);
                sender
            });
            group.bench_function(*name, |bencher| {
                bencher.iter_custom(|iterations| {
                    runtime.block_on(load(&mut sender, &method, path, iterations))
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, against_javascript);
criterion_main!(benches);
