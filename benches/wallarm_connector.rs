//! What the connector adds to a request: bodies of 1 KB and 1 MB, without a connector, inline and async.
//!
//! One iteration is one request of one connection, straight to `workerd`; node and origin are one bare hyper server that
//! reads each body and answers at once. Compare the three functions of a group within one run.
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
    time::{Duration, Instant},
};

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use edgeproof::{
    build::{WorkerBuild, build_worker},
    runtime::{Bundle, Runtime, WorkerConfig, WorkerOptions},
    tools::{self, Tool},
};
use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Full};
use hyper::{body::Incoming, client::conn::http1::SendRequest, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

/// Node and origin.
async fn serve() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).unwrap();
            let service = service_fn(async |request: Request<Incoming>| {
                let mut body = request.into_body();
                while let Some(frame) = body.frame().await {
                    drop(frame.unwrap());
                }
                Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
            });
            tokio::spawn(
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service),
            );
        }
    });
    address
}

async fn start(directory: &Path, internet: SocketAddr, mode: Option<&str>) -> Runtime {
    let mut variables = BTreeMap::from([("WORKER_ROUTE_PREFIX".to_owned(), "fp".to_owned())]);
    if let Some(mode) = mode {
        variables.insert("WALLARM_NODE".to_owned(), "https://node.test".to_owned());
        variables.insert("WALLARM_MODE".to_owned(), mode.to_owned());
    }
    let worker = WorkerConfig {
        options: WorkerOptions::default(),
        name: "worker".to_owned(),
        bundle: Bundle::read(directory).unwrap(),
        variables,
        internet,
    };
    Runtime::start(&tools::find(Tool::Workerd).unwrap(), &[worker])
        .await
        .unwrap()
}

async fn connect(runtime: &Runtime) -> SendRequest<Full<Bytes>> {
    let address = runtime.address("worker").unwrap();
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (sender, driver) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(driver);
    sender
}

/// The time of so many uploads, one after the other.
async fn load(sender: &mut SendRequest<Full<Bytes>>, body: &Bytes, iterations: u64) -> Duration {
    let start = Instant::now();
    for _ in 0..iterations {
        let request = Request::post("/upload")
            .header("host", "shop.example")
            .header("x-edgeproof-proto", "https")
            .header("cf-connecting-ip", "203.0.113.7")
            .body(Full::new(body.clone()))
            .unwrap();
        sender.ready().await.unwrap();
        let answer = sender.send_request(request).await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.into_body().collect().await.unwrap();
    }
    start.elapsed()
}

fn added_latency(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let worker = build_worker(&WorkerBuild::default()).unwrap();
    let modes = [
        ("without", None),
        ("inline", Some("inline")),
        ("async", Some("async")),
    ];
    let workers = runtime.block_on(async {
        let internet = serve().await;
        let mut workers = Vec::new();
        for (name, mode) in modes {
            workers.push((name, start(&worker, internet, mode).await));
        }
        workers
    });
    for (task, bytes) in [("upload_1_kb", 1000), ("upload_1_mb", 1_000_000)] {
        let body = Bytes::from(vec![0xe9; bytes]);
        let mut group = criterion.benchmark_group(task);
        for (name, worker) in &workers {
            let mut sender = runtime.block_on(connect(worker));
            group.bench_function(*name, |bencher| {
                bencher.iter_custom(|iterations| {
                    runtime.block_on(load(&mut sender, &body, iterations))
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, added_latency);
criterion_main!(benches);
