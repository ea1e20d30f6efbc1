//! Asks a worker: plain HTTP/1.1 to the runtime's socket, over connections that are kept.
//!
//! A worker may answer before it has read the request's body. workerd then throws away 64 KB of the rest and resets the
//! connection, with what the kernel has not yet delivered of the response: a response to such a request arrives whole
//! up to some 64 KB, and a longer one may break off. Nothing here can change that.

use std::net::SocketAddr;

use edgeproof_ground::{
    body::Body,
    pattern::Scheme,
    runtime_headers::{CF_BLOB_HEADER, FORWARDED_PROTO_HEADER},
    server_connection::{Abandoned, Connector},
};
use http::{
    HeaderMap, HeaderValue, Request, Response, StatusCode, Uri, Version,
    header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE},
    uri::{Authority, Scheme as UriScheme},
};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{
        Client,
        connect::{HttpConnector, capture_connection},
    },
    rt::{TokioExecutor, TokioTimer},
};

use super::normalise;

/// The connections to the runtime.
pub(super) struct Workers {
    client: Client<Connector, Body>,
}

/// The runtime gave no answer.
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
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self {
            client: Client::builder(TokioExecutor::new())
                .pool_timer(TokioTimer::new())
                .set_host(false)
                .http1_max_headers(edgeproof_ground::header_limits::HEADER_COUNT)
                // workerd cancels a handler when its connection is reset, and takes an orderly end for half of one.
                .build(Connector::new(connector, Abandoned::Reset)),
        }
    }

    /// Sends the request to the worker at `address`; `scheme` and `cf` are what its `request.url` and `request.cf` say.
    pub(super) async fn ask(
        &self,
        address: SocketAddr,
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
            .authority(Authority::try_from(address.to_string()).map_err(http::Error::from)?)
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

/// Whether an answer is workerd's own for a worker that failed.
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
