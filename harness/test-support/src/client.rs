//! Clients of one connection, on any stream.

use std::{io, sync::Arc};

use bytes::Bytes;
use edgeproof_ground::body::Body;
use http::Response;
use http_body_util::BodyExt;
use hyper::{
    body::Incoming,
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{ClientConfig, pki_types::ServerName},
};

/// Speaks HTTP/1.1, and takes more header fields than most clients do.
pub async fn http1<B>(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> http1::SendRequest<B>
where
    B: hyper::body::Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>>
        + Send
        + 'static,
{
    let mut builder = http1::Builder::new();
    let connection = builder.max_headers(1000).handshake(TokioIo::new(stream));
    let (sender, driver) = connection.await.unwrap();
    tokio::spawn(driver.with_upgrades());
    sender
}

/// Speaks HTTP/2, and takes a megabyte of header fields.
pub async fn http2(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> http2::SendRequest<Body> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    let connection = builder.max_header_list_size(1 << 20);
    let (sender, driver) = connection.handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(driver);
    sender
}

/// TLS to a host.
///
/// # Errors
/// When the two do not agree.
pub async fn tls<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    host: &'static str,
    config: ClientConfig,
) -> io::Result<TlsStream<S>> {
    let name = ServerName::try_from(host).unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    connector.connect(name, stream).await
}

/// The response with all of its body.
pub async fn whole(response: Response<Incoming>) -> Response<Bytes> {
    let (head, body) = response.into_parts();
    Response::from_parts(head, body.collect().await.unwrap().to_bytes())
}
