//! A connection from a visitor: PROXY preamble, TLS or not, then HTTP/1.1 or HTTP/2.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use edgeproof_ground::{
    body::Body, header_limits as limits, lingering::lingering, pattern::Scheme,
};
use http::{Request, StatusCode, Version};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::watch,
    time::timeout,
};
use tokio_rustls::rustls::{CipherSuite, ProtocolVersion, ServerConnection};

use super::{
    egress::Dropped, framing::Checked, front::Front, http2, interim::Interspersed, preamble,
    request_cf::Protocol, turns::Turns, way_in::WayIn,
};

/// The largest head that is read at all; between the header limit and this one the edge answers 413, above it hyper
/// answers 431 and closes.
pub(super) const LARGEST_HEAD: usize = 512 * 1024;
/// The first byte of a TLS record that holds a handshake.
const TLS_HANDSHAKE: u8 = 0x16;

/// What is known of a connection before the first request.
#[derive(Clone, Debug)]
pub(super) struct ConnectionInfo {
    pub(super) ip: IpAddr,
    pub(super) scheme: Scheme,
    pub(super) protocol: Protocol,
}

/// Tells the connections that the edge stops.
#[derive(Clone, Debug)]
pub(super) struct Stop(pub(super) watch::Receiver<bool>);

impl Stop {
    /// Comes back when the edge stops, or is gone.
    pub(super) async fn asked(mut self) {
        let _ = self.0.wait_for(|stopped| *stopped).await;
    }
}

/// Serves one connection until it ends, or until the edge stops and the requests under way are answered.
pub(super) async fn serve(way_in: WayIn, mut stream: TcpStream) -> io::Result<()> {
    let WayIn {
        front,
        tls,
        visitor,
        stop,
    } = way_in;
    stream.set_nodelay(true)?;
    let limit = front.head_timeout;
    let visitor = match visitor {
        Some(visitor) => visitor,
        None => within(limit, preamble::read(&mut stream)).await?,
    };
    let mut first = [0];
    let read = within(limit, stream.peek(&mut first)).await?;
    if read == 0 {
        return Ok(());
    }
    if first == [TLS_HANDSHAKE] {
        let stream = within(limit, tls.accept(stream)).await?;
        let connection_info = connection_info_of(visitor, Some(stream.get_ref().1));
        if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
            serve_http2(front, connection_info, stream, stop).await
        } else {
            serve_http1(front, connection_info, stream, stop).await
        }
    } else {
        serve_http1(front, connection_info_of(visitor, None), stream, stop).await
    }
}

async fn within<T>(limit: Duration, step: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(limit, step)
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

async fn serve_http2<S>(
    front: Arc<Front>,
    connection_info: ConnectionInfo,
    stream: S,
    stop: Stop,
) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let connection_info = Arc::new(connection_info);
    let turns = Turns::default();
    let of_service = turns.clone();
    let service = move |request: Request<Body>| {
        let (front, connection_info) = (Arc::clone(&front), Arc::clone(&connection_info));
        let turns = of_service.clone();
        async move {
            let request = lingering(request);
            let response = front.response(&connection_info, request, None).await?;
            Ok(response.map(|body| turns.before_error(body)))
        }
    };
    let ended = http2::serve(stream, service, &turns, stop).await;
    ended.map_err(io::Error::other)
}

async fn serve_http1<S>(
    front: Arc<Front>,
    connection_info: ConnectionInfo,
    stream: S,
    stop: Stop,
) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let builder = http1_builder(front.head_timeout);
    let connection_info = Arc::new(connection_info);
    let (stream, left_http) = Checked::new(stream);
    let (stream, interim) = Interspersed::new(stream);
    let turns = Turns::default();
    let of_service = turns.clone();
    let service = service_fn(move |mut request: Request<Incoming>| {
        let (front, connection_info, left_http) = (
            Arc::clone(&front),
            Arc::clone(&connection_info),
            left_http.clone(),
        );
        let (turns, interim) = (of_service.clone(), interim.clone());
        async move {
            // HTTP/1.0 has no interim responses (RFC 9110 §15.2).
            if request.version() == Version::HTTP_11 {
                request.extensions_mut().insert(interim.taker());
            }
            let upgrade = hyper::upgrade::on(&mut request);
            let request = lingering(request);
            let response = front.response(&connection_info, request, Some(upgrade));
            let response = response.await?;
            interim.written().await;
            if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                left_http.set();
            }
            Ok::<_, Dropped>(response.map(|body| turns.before_error(body)))
        }
    });
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection.with_upgrades());
    let ended = tokio::select! {
        ended = turns.count(connection.as_mut()) => ended,
        () = stop.asked() => {
            connection.as_mut().graceful_shutdown();
            turns.count(connection).await
        }
    };
    ended.map_err(io::Error::other)
}

fn http1_builder(head_timeout: Duration) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(head_timeout)
        .max_headers(limits::HEADER_COUNT)
        .max_buf_size(LARGEST_HEAD);
    builder
}

fn connection_info_of(visitor: SocketAddr, tls: Option<&ServerConnection>) -> ConnectionInfo {
    ConnectionInfo {
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
