//! A connection from a visitor: PROXY preamble, TLS or not, then HTTP/1.1 or HTTP/2.

use std::{
    convert::Infallible,
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use http::Request;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::Watcher},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{CipherSuite, ProtocolVersion, ServerConnection},
};

use super::{front::Front, limits, preamble, request_cf::Protocol, routes::Scheme};

/// How long a visitor may take for the preamble, the TLS handshake, and each request head.
///
/// Cloudflare publishes no such limit. It is what keeps slow clients from holding connections for ever.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// The largest head that is read at all; between the header limit and this one the edge answers 413, above it hyper
/// answers 431 and closes.
const LARGEST_HEAD: usize = 512 * 1024;
/// The first byte of a TLS record that holds a handshake.
const TLS_HANDSHAKE: u8 = 0x16;

/// What is known of a connection before the first request.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) ip: IpAddr,
    pub(super) scheme: Scheme,
    pub(super) protocol: Protocol,
}

/// Serves one connection until it ends.
pub(super) async fn serve(
    front: Arc<Front>,
    tls: TlsAcceptor,
    mut stream: TcpStream,
    watcher: Watcher,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let visitor = within(preamble::read(&mut stream)).await?;
    let mut first = [0];
    let read = within(stream.peek(&mut first)).await?;
    if read == 0 {
        return Ok(());
    }
    if first == [TLS_HANDSHAKE] {
        let stream = within(tls.accept(stream)).await?;
        let facts = facts_of(visitor, Some(stream.get_ref().1));
        let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        serve_http(front, facts, http2, stream, watcher).await
    } else {
        serve_http(front, facts_of(visitor, None), false, stream, watcher).await
    }
}

async fn within<T>(step: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(HEAD_TIMEOUT, step)
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

async fn serve_http<S>(
    front: Arc<Front>,
    facts: Facts,
    http2: bool,
    stream: S,
    watcher: Watcher,
) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let facts = Arc::new(facts);
    let service = service_fn(move |request: Request<Incoming>| {
        let (front, facts) = (Arc::clone(&front), Arc::clone(&facts));
        async move { Ok::<_, Infallible>(front.answer(&facts, request).await) }
    });
    let builder = protocol(http2);
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
    watcher.watch(connection).await.map_err(io::Error::other)
}

fn protocol(http2: bool) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_headers(limits::HEADER_COUNT)
        .max_buf_size(LARGEST_HEAD);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(LARGEST_HEAD as u32);
    if http2 {
        builder.http2_only()
    } else {
        builder.http1_only()
    }
}

fn facts_of(visitor: SocketAddr, tls: Option<&ServerConnection>) -> Facts {
    Facts {
        ip: visitor.ip().to_canonical(),
        scheme: if tls.is_some() {
            Scheme::Https
        } else {
            Scheme::Http
        },
        protocol: Protocol {
            http: match tls.and_then(|tls| tls.alpn_protocol()) {
                Some(b"h2") => "HTTP/2",
                _ => "HTTP/1.1",
            },
            tls: match tls.and_then(|tls| tls.protocol_version()) {
                Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
                Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
                _ => "",
            },
            cipher: tls
                .and_then(|tls| tls.negotiated_cipher_suite())
                .map_or("", |suite| cipher_name(suite.suite())),
        },
    }
}

/// The suites of rustls as OpenSSL calls them, which is what `request.cf.tlsCipher` says.
fn cipher_name(suite: CipherSuite) -> &'static str {
    match suite {
        CipherSuite::TLS13_AES_128_GCM_SHA256 => "AEAD-AES128-GCM-SHA256",
        CipherSuite::TLS13_AES_256_GCM_SHA384 => "AEAD-AES256-GCM-SHA384",
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256 => "AEAD-CHACHA20-POLY1305-SHA256",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 => "ECDHE-ECDSA-AES128-GCM-SHA256",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 => "ECDHE-ECDSA-AES256-GCM-SHA384",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 => {
            "ECDHE-ECDSA-CHACHA20-POLY1305"
        }
        _ => "",
    }
}
