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
use http::{Request, Response, Version};
use hyper::{body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, PublicKeyData};
use rstest::rstest;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::Notify,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring::default_provider,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

use super::traps::assert_a_cut_call_fails;

/// What the site proves itself with, and browsers that believe it.
struct World {
    tls: TlsAcceptor,
    pool: Pool,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let mut parameters = CertificateParams::default();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let host = CertificateParams::new(["shop.example".to_owned()]).unwrap();
    let chain = vec![
        host.signed_by(&key, &issuer).unwrap().der().clone(),
        issuer.der().clone(),
    ];
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let mut tls = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    tls.alpn_protocols = vec![b"h2".to_vec()];
    let spki = issuer.key().subject_public_key_info();
    let trust = Trust {
        key: STANDARD.encode(ring::digest::digest(&ring::digest::SHA256, &spki)),
        certificate: issuer.pem(),
    };
    World {
        tls: TlsAcceptor::from(Arc::new(tls)),
        pool: Pool::new(&tools::cache().join("profiles-http2"), trust),
    }
});

/// A site that ends the whole connection at a call of `/cut`, and counts those calls.
async fn site(cuts: Arc<AtomicUsize>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, Arc::clone(&cuts)));
        }
    });
    address
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
