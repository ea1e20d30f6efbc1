//! Connections of HTTP/2, which carry many calls at once, and end for all of them.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use edgeproof_browser::{
    DEFAULT_LIMIT,
    Engine::{self, Chromium, Firefox},
    GatewayTarget, Pool, Profile, Trust,
};
use edgeproof_ground::tools;
use edgeproof_test_support::{authority::Authority, server::listening};
use http::{Request, Response, Version};
use hyper::{body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use ring::digest::{SHA256, digest};
use rstest::rstest;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::TcpStream,
    sync::Notify,
};
use tokio_rustls::TlsAcceptor;

use super::traps::assert_a_cut_call_fails;

/// What the site proves itself with, and browsers that believe it.
struct World {
    tls: TlsAcceptor,
    pool: Pool,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let authority = Authority::new("A test");
    let mut tls = authority.server_with_chain(&["shop.example"]);
    tls.alpn_protocols = vec![b"h2".to_vec()];
    let key = digest(&SHA256, &authority.public_key());
    let trust = Trust {
        key: STANDARD.encode(key),
        certificate: authority.pem(),
    };
    World {
        tls: TlsAcceptor::from(Arc::new(tls)),
        pool: Pool::new(&tools::cache().join("profiles-http2"), trust),
    }
});

/// A site that ends the whole connection at a call of `/cut`, and counts those calls.
async fn site(cuts: Arc<AtomicUsize>) -> SocketAddr {
    listening(move |stream| {
        let served = serve(stream, Arc::clone(&cuts));
        async move {
            served.await;
        }
    })
    .await
}

async fn page(
    request: Request<Incoming>,
    cuts: Arc<AtomicUsize>,
    cut: Arc<Notify>,
) -> Result<Response<String>, Infallible> {
    assert_eq!(request.version(), Version::HTTP_2);
    if request.uri().path() == "/cut" {
        cuts.fetch_add(1, Ordering::Relaxed);
        cut.notify_one();
        std::future::pending::<()>().await;
    }
    let page = "<!doctype html><title>site</title>".to_owned();
    Ok(Response::new(page))
}

async fn serve(stream: TcpStream, cuts: Arc<AtomicUsize>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    stream.read_line(&mut String::new()).await.ok()?;
    let stream = WORLD.tls.accept(stream).await.ok()?;
    let cut = Arc::new(Notify::new());
    let told = Arc::clone(&cut);
    let respond = service_fn(move |request| page(request, Arc::clone(&cuts), Arc::clone(&told)));
    let connection =
        http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), respond);
    tokio::select! {
        _ = connection => {}
        () = cut.notified() => {}
    }
    Some(())
}

#[rstest]
#[tokio::test]
async fn a_call_of_http2_whose_connection_is_cut_has_failed(
    #[values(Chromium, Firefox)] engine: Engine,
) {
    let cuts = Arc::new(AtomicUsize::new(0));
    let target = GatewayTarget::Edge {
        edge: site(Arc::clone(&cuts)).await,
        preamble: b"from ann\n".to_vec(),
    };
    let lease = WORLD.pool.lend(engine, Profile::Regular, target).await;
    let lease = lease.unwrap();
    let page = lease.open().await.unwrap();
    page.visit("https://shop.example/", DEFAULT_LIMIT)
        .await
        .unwrap();
    assert_a_cut_call_fails(&page).await;
    let cuts = cuts.load(Ordering::Relaxed);
    // A person's browser may send it again; Chromium cannot be kept from that.
    assert!(
        cuts == 1 || engine == Chromium && cuts > 1,
        "sent {cuts} times"
    );
    lease.give_back(page).await.unwrap();
}
