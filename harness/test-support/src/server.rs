//! Servers on a port of their own, as foreign as a test needs them.

use std::{net::SocketAddr, sync::Arc};

use edgeproof_ground::body::{Body, BodyError};
use http::{Request, Response};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Gives each connection to `serve`; says where.
pub async fn listening<F, S>(serve: F) -> SocketAddr
where
    F: Fn(TcpStream) -> S + Send + 'static,
    S: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    serve_all(listener, serve);
    address
}

/// Gives each connection of the listener to `serve`.
pub fn serve_all<F, S>(listener: TcpListener, serve: F)
where
    F: Fn(TcpStream) -> S + Send + 'static,
    S: Future<Output = ()> + Send + 'static,
{
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
}

/// Reads until the end of a head; nothing where the connection ended before.
pub async fn head(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8(head).unwrap())
}

/// Reads the head of a request, answers with these bytes, and closes on the rest.
pub async fn hasty(response: &'static str) -> SocketAddr {
    listening(move |mut stream| async move {
        if head(&mut stream).await.is_some() {
            stream.write_all(response.as_bytes()).await.unwrap();
        }
    })
    .await
}

/// Responds to requests over HTTP/1.1.
pub async fn http<F, R>(respond: F) -> SocketAddr
where
    F: Fn(Request<Incoming>) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Response<Body>, BodyError>> + Send + 'static,
{
    let respond = Arc::new(respond);
    listening(move |stream| serve_http(stream, Arc::clone(&respond))).await
}

/// Responds to the requests of one connection, whose heads may be a megabyte long.
pub async fn serve_http<F, R>(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    respond: Arc<F>,
) where
    F: Fn(Request<Incoming>) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Response<Body>, BodyError>> + Send + 'static,
{
    let service = service_fn(move |request| respond(request));
    let mut builder = http1::Builder::new();
    let connection = builder.max_buf_size(1 << 20);
    // A client that goes away is nothing to speak of.
    let _ = connection
        .serve_connection(TokioIo::new(stream), service)
        .await;
}
