//! A page of this machine, for whoever started the command: of a running rig, or of a run.
//!
//! It shows what sites and visitors send, so it takes nothing from them: it listens on the loopback interface, below a secret
//! in its address; it does not answer to another name, so that no site can reach it by one of its own; nothing happens by GET,
//! and no other page may send what acts; and the page's policy lets nothing run but the viewer.

mod entrance;

use std::{convert::Infallible, fmt::Write as _, future::Future, io, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use edgeproof_ground::body::{self, Body, BodyError};
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body::Frame;
use http_body_util::{BodyExt, Limited, StreamBody};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use ring::rand::{SecureRandom, SystemRandom};
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::{JoinHandle, JoinSet},
};

use self::entrance::Entrance;

/// Bytes of what the page may send: a step, the calls to be saved, the cases to be run.
const LARGEST: usize = 256 * 1024;

/// What a page shows, and what can be done there.
pub(super) trait Page: Send + Sync + 'static {
    /// The response to a request that may come in.
    fn respond(
        self: Arc<Self>,
        request: PageRequest,
    ) -> impl Future<Output = Response<Body>> + Send;
}

/// A request of the page.
pub(super) struct PageRequest {
    pub(super) method: Method,
    /// Its path below the secret.
    pub(super) path: String,
    query: Vec<(String, String)>,
    body: Incoming,
}

impl PageRequest {
    /// A value of the query; empty where there is none.
    pub(super) fn query(&self, name: &str) -> &str {
        let mut pairs = self.query.iter();
        pairs
            .find(|(key, _)| key == name)
            .map_or("", |(_, value)| value.as_str())
    }

    /// What was sent, as JSON.
    ///
    /// # Errors
    /// Where it is too long, was broken off or is something else.
    pub(super) async fn json<T: DeserializeOwned>(self) -> Result<T, String> {
        let body = self.body().await?;
        serde_json::from_slice(&body).map_err(|error| error.to_string())
    }

    /// What was sent.
    ///
    /// # Errors
    /// Where it is too long or was broken off.
    pub(super) async fn body(self) -> Result<Bytes, String> {
        let body = Limited::new(self.body, LARGEST).collect().await;
        let too_large = |_| format!("at most {LARGEST} bytes are taken");
        Ok(body.map_err(too_large)?.to_bytes())
    }
}

/// A server with one page.
pub(super) struct Server {
    url: String,
    close: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Server {
    /// Serves the page until it is closed.
    ///
    /// # Errors
    /// Where no port can be had, or the system has no random numbers.
    pub(super) async fn open(page: Arc<impl Page>) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let entrance = Entrance {
            address: listener.local_addr()?,
            secret: secret()?,
        };
        let url = entrance.url();
        let (close, closed) = oneshot::channel();
        let task = tokio::spawn(serve(listener, page, Arc::new(entrance), closed));
        Ok(Self { url, close, task })
    }

    /// Where it is, with its secret.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Closes it and every connection to it.
    pub(super) async fn close(self) {
        // Where it has ended by itself there is nobody to tell.
        let _ = self.close.send(());
        let _ = self.task.await;
    }
}

/// What nobody can guess.
fn secret() -> io::Result<String> {
    let mut bytes = [0; 16];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| io::Error::other("the system gives no random numbers"))?;
    let mut secret = String::new();
    for byte in bytes {
        // Writing to a text cannot fail.
        let _ = write!(secret, "{byte:02x}");
    }
    Ok(secret)
}

async fn serve(
    listener: TcpListener,
    page: Arc<impl Page>,
    entrance: Arc<Entrance>,
    mut closed: oneshot::Receiver<()>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // An error here concerns one connection that never came to be.
                if let Ok((stream, _)) = accepted {
                    connections.spawn(connection(stream, Arc::clone(&page), Arc::clone(&entrance)));
                }
            }
            Some(_) = connections.join_next() => {}
            _ = &mut closed => break,
        }
    }
    connections.shutdown().await;
}

async fn connection(stream: TcpStream, page: Arc<impl Page>, entrance: Arc<Entrance>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let (page, entrance) = (Arc::clone(&page), Arc::clone(&entrance));
        async move { Ok::<_, Infallible>(response(page, &entrance, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service);
    // Whoever has gone away hears of nothing more.
    let _ = connection.await;
}

async fn response(
    page: Arc<impl Page>,
    entrance: &Entrance,
    request: Request<Incoming>,
) -> Response<Body> {
    let (head, body) = request.into_parts();
    let mut response = match entrance.admit(&head) {
        Err(status) => not_here(status),
        Ok(path) => {
            let query = head.uri.query().unwrap_or_default();
            let query = url::form_urlencoded::parse(query.as_bytes());
            let request = PageRequest {
                query: query.into_owned().collect(),
                method: head.method,
                path,
                body,
            };
            page.respond(request).await
        }
    };
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ] {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

/// The document.
pub(super) fn document(text: String) -> Response<Body> {
    with_status(StatusCode::OK, "text/html; charset=utf-8", text)
}

/// JSON, or why there is none.
pub(super) fn answered(answer: Result<Json, String>) -> Response<Body> {
    let (status, json) = match answer {
        Ok(json) => (StatusCode::OK, json),
        Err(problem) => (
            StatusCode::UNPROCESSABLE_ENTITY,
            json!({ "problem": problem }),
        ),
    };
    with_status(status, "application/json", json.to_string())
}

/// Nothing is here.
pub(super) fn not_here(status: StatusCode) -> Response<Body> {
    with_status(status, "text/plain", "not here\n")
}

/// Server-sent events: what a teller has to tell, each time there is something new.
pub(super) fn stream<T: Teller>(teller: T) -> Response<Body> {
    let frames = futures_util::stream::unfold(teller, |mut teller| async move {
        let news = teller.news().await;
        let event = Bytes::from(format!("data: {news}\n\n"));
        Some((Ok::<_, BodyError>(Frame::data(event)), teller))
    });
    let mut response = Response::new(body::stream(StreamBody::new(Box::pin(frames))));
    let kind = HeaderValue::from_static("text/event-stream");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// Knows what one page has been told already.
pub(super) trait Teller: Send + 'static {
    /// What is new, once there is something.
    fn news(&mut self) -> impl Future<Output = Json> + Send;
}

fn with_status(status: StatusCode, kind: &'static str, text: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(body::full(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// Where it listens.
type Address = SocketAddr;
