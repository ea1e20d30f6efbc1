//! The socket of the platform: requests are read whole, responses are written whole, and nothing of either is kept.

use std::{convert::Infallible, sync::Arc};

use bytes::{Bytes, BytesMut};
use edgeproof_ground::header_limits::HEADER_COUNT;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use url::Url;

use super::{MAX_REQUEST, Platform};

/// What the platform answers with.
pub(super) type Response = http::Response<Full<Bytes>>;

/// What somebody asks of the platform.
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    /// The body, or the first bytes of one that is too large.
    pub(super) body: Bytes,
}

/// A response without headers.
pub(super) fn response(status: u16, body: impl Into<Bytes>) -> Response {
    let mut response = http::Response::new(Full::new(body.into()));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
}

/// A response with a body of this type.
pub(super) fn response_of(
    status: u16,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Response {
    let mut response = response(status, body);
    let content_type = HeaderValue::from_static(content_type);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, content_type);
    response
}

/// Takes connections until it is aborted; they end with it.
pub(super) async fn accept(listener: TcpListener, platform: Arc<Platform>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // An error here concerns one connection that never came to be.
                if let Ok((stream, _)) = accepted {
                    connections.spawn(serve(Arc::clone(&platform), stream));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(platform: Arc<Platform>, stream: TcpStream) {
    // Without it a small response waits for the acknowledgement of the one before.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let platform = Arc::clone(&platform);
        async move { Ok::<_, Infallible>(answer(&platform, request).await) }
    });
    // A client that breaks off has nobody to be told.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .max_headers(HEADER_COUNT)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(platform: &Platform, request: http::Request<Incoming>) -> Response {
    let (head, body) = request.into_parts();
    // Which host is meant stands in its header; of the URL only path and query are read.
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let Ok(url) = format!("http://platform.invalid{path}").parse() else {
        return response(400, Bytes::new());
    };
    match read(body).await {
        Ok(body) => platform.answer(&Request {
            method: head.method,
            url,
            headers: head.headers,
            body,
        }),
        Err(_) => response(400, Bytes::new()),
    }
}

/// A body, of which no more is kept than shows that it is too large.
async fn read(mut body: Incoming) -> Result<Bytes, hyper::Error> {
    let mut kept = BytesMut::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            let room = (MAX_REQUEST + 1).saturating_sub(kept.len());
            kept.extend_from_slice(&data[..data.len().min(room)]);
        }
    }
    Ok(kept.freeze())
}
