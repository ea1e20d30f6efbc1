//! Asks a worker: plain HTTP/1.1 to the runtime's socket, over connections that are kept.

use std::net::SocketAddr;

use http::{
    HeaderMap, HeaderValue, Request, Response, StatusCode, Uri, Version,
    header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE},
    uri::{Authority, PathAndQuery, Scheme as UriScheme},
};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};

use super::{
    headers::{CF_BLOB_HEADER, FORWARDED_PROTO_HEADER},
    routes::Scheme,
};
use crate::body::Body;

/// Where the runtime serves a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkerEndpoint {
    /// The socket: plain HTTP/1.1.
    pub address: SocketAddr,
    /// The process behind it, whose processor time [`super::Settings::cpu_ms`] limits; no limit holds where it is
    /// not known.
    pub process: Option<u32>,
}

/// The connections to the runtime.
pub(super) struct Workers {
    client: Client<HttpConnector, Body>,
}

/// The runtime gave no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum WorkerError {
    #[error("the runtime cannot be reached")]
    Down(#[source] hyper_util::client::legacy::Error),
    #[error("the runtime dropped the connection before an answer")]
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
                .http1_max_headers(super::limits::HEADER_COUNT)
                .build(connector),
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
            .cloned()
            .unwrap_or(PathAndQuery::from_static("/"));
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
        self.client.request(request).await.map_err(|error| {
            if error.is_connect() {
                WorkerError::Down(error)
            } else {
                WorkerError::Dropped(error)
            }
        })
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
