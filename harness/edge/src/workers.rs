//! Asks a worker: plain HTTP/1.1 to the runtime's socket, over connections that are kept.
//!
//! The socket is one of the file system. A worker may answer before it has read the request's body; workerd then throws away
//! 64 KB of the rest and closes the connection. Over TCP that is a reset, with which the kernel drops what it has not yet
//! delivered of the response; here the whole of it is there to be read. And an end here is the end of both directions, at
//! which workerd cancels the handler; over TCP it takes an orderly end for half of one.

use std::{
    ffi::OsString,
    future::Future,
    io,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
    pin::Pin,
    task::{Context, Poll},
};

use edgeproof_ground::{
    body::Body,
    pattern::Scheme,
    runtime_headers::{CF_BLOB_HEADER, FORWARDED_PROTO_HEADER},
    server_connection::ServerConnection,
};
use http::{
    HeaderMap, HeaderValue, Request, Response, StatusCode, Uri, Version,
    header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE},
    uri::Scheme as UriScheme,
};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::capture_connection},
    rt::{TokioExecutor, TokioIo, TokioTimer},
};
use tokio::net::UnixStream;
use tower_service::Service;

use super::normalise;

/// The connections to the runtime.
pub(super) struct Workers {
    client: Client<Connector, Body>,
}

/// Opens connections to sockets of the file system. The client knows a connection by its URL, so that has the path in the
/// place of the host.
#[derive(Clone, Copy, Debug)]
struct Connector;

/// The path of a socket as a host, in digits: the case of a host has no meaning.
fn host(socket: &Path) -> String {
    let bytes = socket.as_os_str().as_bytes().iter();
    bytes.map(|byte| format!("{byte:02x}")).collect()
}

/// The socket whose path is this host.
fn socket(host: &str) -> Option<PathBuf> {
    let bytes = (0..host.len()).step_by(2).map(|at| {
        let digits = host.get(at..at + 2)?;
        u8::from_str_radix(digits, 16).ok()
    });
    let bytes: Option<Vec<u8>> = bytes.collect();
    Some(OsString::from_vec(bytes?).into())
}

impl Service<Uri> for Connector {
    type Response = TokioIo<ServerConnection<UnixStream>>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, url: Uri) -> Self::Future {
        let socket = url.host().and_then(socket);
        Box::pin(async move {
            let socket = socket.ok_or(io::ErrorKind::InvalidInput)?;
            let stream = UnixStream::connect(socket).await?;
            Ok(TokioIo::new(ServerConnection::new(stream)))
        })
    }
}

/// The runtime gave no response.
#[derive(Debug, thiserror::Error)]
pub(super) enum WorkerError {
    #[error("the runtime cannot be reached")]
    Down(#[source] hyper_util::client::legacy::Error),
    #[error("the runtime dropped the connection before a response")]
    Dropped(#[source] hyper_util::client::legacy::Error),
    #[error("the path cannot be passed on")]
    Target(#[from] http::Error),
}

impl Workers {
    pub(super) fn new() -> Self {
        Self {
            client: Client::builder(TokioExecutor::new())
                .pool_timer(TokioTimer::new())
                .set_host(false)
                .http1_max_headers(edgeproof_ground::header_limits::HEADER_COUNT)
                .build(Connector),
        }
    }

    /// Sends the request to the worker behind `socket`; `scheme` and `cf` are what its `request.url` and `request.cf` say.
    pub(super) async fn ask(
        &self,
        socket: &Path,
        mut request: Request<Body>,
        scheme: Scheme,
        cf: HeaderValue,
    ) -> Result<Response<Incoming>, WorkerError> {
        let path = request
            .uri()
            .path_and_query()
            .map_or("/", |path| path.as_str());
        let path = normalise::encode_unsafe(path);
        *request.uri_mut() = Uri::builder()
            .scheme(UriScheme::HTTP)
            .authority(host(socket))
            .path_and_query(path)
            .build()?;
        *request.version_mut() = Version::HTTP_11;
        let headers = request.headers_mut();
        headers.insert(
            FORWARDED_PROTO_HEADER,
            HeaderValue::from_static(scheme.as_str()),
        );
        headers.insert(CF_BLOB_HEADER, cf);
        let has_body = !request.body().is_end_stream();
        let connection = capture_connection(&mut request);
        let response = self.client.request(request).await.map_err(|error| {
            if error.is_connect() {
                WorkerError::Down(error)
            } else {
                WorkerError::Dropped(error)
            }
        })?;
        // After a body that the worker did not read workerd closes the connection at some time, and says nothing of it
        // in the response: the next request would be lost in it.
        if has_body && let Some(connection) = connection.connection_metadata().as_ref() {
            connection.poison();
        }
        Ok(response)
    }
}

/// How a worker failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// It threw, or will never answer.
    Threw,
    /// The runtime has no room for it.
    Overloaded,
}

/// Whether a response is workerd's own for a worker that failed.
///
/// Measured on workerd 1.20261117.1: `Connection: close`, the status's own phrase as text, and no content type. A worker's own
/// answer with the same text has a content type, or keeps the connection open. Status 503 comes where workerd is
/// overloaded (its source, `io/worker-entrypoint.c++`).
pub(super) fn failure(status: StatusCode, headers: &HeaderMap) -> Option<Failure> {
    let is_plain = |length: &str| {
        headers
            .get(CONNECTION)
            .is_some_and(|value| value == "close")
            && headers
                .get(CONTENT_LENGTH)
                .is_some_and(|value| value == length)
            && !headers.contains_key(CONTENT_TYPE)
    };
    match status {
        StatusCode::INTERNAL_SERVER_ERROR if is_plain("21") => Some(Failure::Threw),
        StatusCode::SERVICE_UNAVAILABLE if is_plain("19") => Some(Failure::Overloaded),
        _ => None,
    }
}
