//! What the way of a request costs: `workerd` alone against edge + `workerd` + internet, with a worker that only
//! forwards, a page of 48 KB and eight connections. The stages in between are measured one by one.
//!
//! One iteration is one request; all eight connections work on the same iterations.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a bench that cannot go on has failed, and criterion's macros have no documentation"
)]

use std::{
    collections::{BTreeMap, HashMap},
    convert::Infallible,
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use edgeproof::{
    body::{self, Body},
    edge::{CertificateAuthority, Edge, EdgeOptions, Route, Zone, preamble},
    internet::{Caller, Destination, Handler, Internet, Outbound, Peer},
    rig::FailureMode,
    runtime::{Bundle, Runtime, WorkerConfig},
    tools::{self, Tool},
    trace::{Party, Trace},
};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{client::conn::http1::SendRequest, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
};

const CONNECTIONS: usize = 8;
const PAGE: &[u8] = &[b'x'; 48 * 1024];

struct Page;

impl Handler for Page {
    fn handle(&self, _: Request<Body>) -> Pin<Box<dyn Future<Output = Response<Body>> + Send>> {
        Box::pin(async { Response::new(body::full(PAGE)) })
    }
}

/// Everything that is measured, side by side in one process.
struct Rig {
    /// A server that answers with the page, as bare as hyper makes it.
    origin: SocketAddr,
    /// `workerd` whose worker forwards to that server.
    alone: Runtime,
    edge: Edge,
    _runtime: Runtime,
    _door: Outbound,
    _directory: tempfile::TempDir,
}

async fn serve_page() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).unwrap();
            let service = service_fn(|_| async {
                Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(PAGE))))
            });
            let connection = hyper::server::conn::http1::Builder::new();
            tokio::spawn(connection.serve_connection(TokioIo::new(stream), service));
        }
    });
    address
}

async fn run_worker(directory: &std::path::Path, internet: SocketAddr) -> Runtime {
    let worker = WorkerConfig {
        name: "pass".to_owned(),
        bundle: Bundle::read(directory).unwrap(),
        variables: BTreeMap::new(),
        internet,
    };
    let workerd = tools::find(Tool::Workerd).unwrap();
    Runtime::start(&workerd, &[worker]).await.unwrap()
}

async fn rig() -> Rig {
    let directory = tempfile::tempdir().unwrap();
    let source = "export default { fetch: (request) => fetch(request) }";
    std::fs::write(directory.path().join("index.js"), source).unwrap();
    let origin = serve_page().await;
    let alone = run_worker(directory.path(), origin).await;

    let trace = Trace::new();
    let internet = Internet::new(trace.clone());
    let peer = Peer {
        name: "origin".to_owned(),
        party: Party::Origin,
        destination: Destination::Handler(Arc::new(Page)),
    };
    internet.connect("shop.example", peer);
    let caller = Caller {
        worker: "pass".to_owned(),
        zone: Some("shop.example".to_owned()),
    };
    let door = internet.listen(caller).await.unwrap();
    let runtime = run_worker(directory.path(), door.address()).await;
    let edge = Edge::start(EdgeOptions {
        zones: vec![Zone {
            name: "shop.example".to_owned(),
            hosts: [("shop.example".to_owned(), true)].into(),
            ..Zone::default()
        }],
        routes: vec![Route {
            pattern: "shop.example/worker*".parse().unwrap(),
            worker: Some("pass".to_owned()),
            over_daily_limit: FailureMode::Open,
        }],
        workers: [("pass".to_owned(), runtime.address("pass").unwrap())].into(),
        internet,
        visitors: HashMap::new(),
        colo: "FRA".to_owned(),
        authority: CertificateAuthority::of_process().unwrap(),
        trace,
    })
    .await
    .unwrap();
    Rig {
        origin,
        alone,
        edge,
        _runtime: runtime,
        _door: door,
        _directory: directory,
    }
}

async fn connect(address: SocketAddr, through_the_edge: bool) -> SendRequest<Body> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    if through_the_edge {
        let visitor = "203.0.113.7:50000".parse().unwrap();
        stream.write_all(&preamble(visitor, address)).await.unwrap();
    }
    let (sender, driver) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(driver);
    sender
}

/// The time that `iterations` requests take over all connections.
async fn load(connections: &mut Vec<SendRequest<Body>>, path: &str, iterations: u64) -> Duration {
    let left = Arc::new(AtomicI64::new(i64::try_from(iterations).unwrap()));
    let start = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for mut sender in connections.drain(..) {
        let (left, path) = (Arc::clone(&left), path.to_owned());
        tasks.spawn(async move {
            while left.fetch_sub(1, Ordering::Relaxed) > 0 {
                sender.ready().await.unwrap();
                let request = Request::get(&path)
                    .header("host", "shop.example")
                    .body(body::empty())
                    .unwrap();
                let answer = sender.send_request(request).await.unwrap();
                assert_eq!(answer.status(), 200);
                let mut body = answer.into_body();
                let mut bytes = 0;
                while let Some(frame) = body.frame().await {
                    bytes += frame.unwrap().data_ref().map_or(0, Bytes::len);
                }
                assert_eq!(bytes, PAGE.len());
            }
            sender
        });
    }
    while let Some(sender) = tasks.join_next().await {
        connections.push(sender.unwrap());
    }
    start.elapsed()
}

fn page_of_48_kb(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let rig = runtime.block_on(rig());
    let mut group = criterion.benchmark_group("page_of_48_kb");
    group.throughput(Throughput::Elements(1));
    let edge = rig.edge.address();
    let stages = [
        ("origin_alone", rig.origin, false, "/"),
        ("edge_and_internet", edge, true, "/"),
        (
            "workerd_alone",
            rig.alone.address("pass").unwrap(),
            false,
            "/worker",
        ),
        ("edge_workerd_internet", edge, true, "/worker"),
    ];
    for (name, address, through_the_edge, path) in stages {
        let mut connections = runtime.block_on(async {
            let mut connections = Vec::new();
            for _ in 0..CONNECTIONS {
                connections.push(connect(address, through_the_edge).await);
            }
            connections
        });
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|iterations| {
                runtime.block_on(load(&mut connections, path, iterations))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, page_of_48_kb);
criterion_main!(benches);
