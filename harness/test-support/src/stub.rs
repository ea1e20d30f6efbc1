//! A server that keeps every request and answers by a script.

use std::{
    fmt::{self, Write as _},
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use edgeproof_ground::body::{self, Body, BodyError};
use futures_util::{StreamExt as _, stream};
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use tokio::sync::{Notify, watch};

use crate::{server, wait::PATIENCE};

/// Bytes of a body that are shown.
const MOST_SHOWN: usize = 4096;

/// A request, as far as it has come.
#[derive(Clone)]
pub struct Seen {
    /// The method.
    pub method: Method,
    /// The target as it came: with the host where the client takes the server for a proxy.
    pub url: String,
    /// The header fields.
    pub headers: HeaderMap,
    /// The body has come to its end.
    pub is_whole: bool,
    uri: http::Uri,
    pieces: Vec<Bytes>,
}

impl Seen {
    /// The host of the URL, else that of the header.
    pub fn host(&self) -> &str {
        let header = || self.headers.get("host")?.to_str().ok();
        self.uri.host().or_else(header).unwrap()
    }

    /// Path and query as they came.
    pub fn target(&self) -> &str {
        self.uri.path_and_query().unwrap().as_str()
    }

    /// What has come of the body.
    pub fn body(&self) -> Bytes {
        match self.pieces.as_slice() {
            [one] => one.clone(),
            pieces => pieces.concat().into(),
        }
    }

    /// How much of the body has come.
    pub fn bytes(&self) -> usize {
        self.pieces.iter().map(Bytes::len).sum()
    }

    /// A hash of it: to compare, where the bodies themselves are too large to be shown.
    pub fn hash(&self) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new();
        for piece in &self.pieces {
            hasher.update(piece);
        }
        hasher.finalize()
    }

    /// The head as lines of small letters.
    pub fn head(&self) -> String {
        let mut head = format!("{} {}\n", self.method, self.url);
        for (name, value) in &self.headers {
            let value = String::from_utf8_lossy(value.as_bytes());
            writeln!(head, "{name}: {value}").unwrap();
        }
        head.to_lowercase()
    }

    /// The header's text, where it is there.
    pub fn header(&self, name: &str) -> Option<&str> {
        Some(self.headers.get(name)?.to_str().unwrap())
    }
}

impl fmt::Debug for Seen {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, url, .. } = self;
        let so_far = if self.is_whole { "" } else { " so far" };
        let (body, bytes) = (self.body(), self.bytes());
        let start = String::from_utf8_lossy(&body[..bytes.min(MOST_SHOWN)]);
        write!(formatter, "{method} {url} {:?} ", self.headers)?;
        write!(formatter, "{start:?}, {bytes} bytes{so_far}")
    }
}

/// What is done with a request.
pub enum Reply {
    /// The head, and the pieces of the body.
    Response(StubResponse),
    /// The connection ends without a response.
    Drop,
    /// No response ever comes.
    Silence,
    /// The head comes, the body never does.
    SilentBody,
    /// The first piece comes at once, the others when the test says so.
    Held(StubResponse, Arc<Notify>),
    /// The body breaks off behind its pieces.
    BreaksOff(StubResponse),
    /// The other reply, once this is so.
    Once(watch::Receiver<bool>, Box<Reply>),
}

/// A response.
#[derive(Clone, Debug, Default)]
pub struct StubResponse {
    status: u16,
    headers: Vec<(String, String)>,
    pieces: Vec<Bytes>,
}

impl StubResponse {
    /// One with a body of these pieces.
    pub fn of(status: u16, headers: &[(&str, &str)], pieces: Vec<Bytes>) -> Self {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self {
            status,
            headers: headers.iter().map(own).collect(),
            pieces,
        }
    }

    fn frames(&self) -> Vec<Result<Frame<Bytes>, BodyError>> {
        let pieces = self.pieces.iter().cloned();
        pieces.map(|piece| Ok(Frame::data(piece))).collect()
    }

    fn with(&self, body: Body) -> Response<Body> {
        let mut response = Response::builder().status(self.status);
        for (name, value) in &self.headers {
            response = response.header(name, value);
        }
        response.body(body).unwrap()
    }
}

/// A response of one piece.
pub fn response(status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Reply {
    Reply::Response(StubResponse::of(status, headers, vec![body.into()]))
}

/// Asked when the head of a request has come and again after each piece of its body, until there is a reply.
type Script = dyn Fn(&Seen) -> Option<Reply> + Send + Sync;

/// The server. Clones are the same one.
#[derive(Clone)]
pub struct Stub {
    /// Where it listens.
    pub address: SocketAddr,
    kept: Arc<Kept>,
}

struct Kept {
    seen: Mutex<Vec<Seen>>,
    changed: watch::Sender<()>,
    script: Box<Script>,
}

impl Stub {
    /// Starts one. A request that has come whole must have a reply.
    pub async fn start(script: impl Fn(&Seen) -> Option<Reply> + Send + Sync + 'static) -> Self {
        let kept = Arc::new(Kept {
            seen: Mutex::default(),
            changed: watch::Sender::new(()),
            script: Box::new(script),
        });
        let serving = Arc::clone(&kept);
        let address = server::http(move |request| Arc::clone(&serving).respond(request)).await;
        Self { address, kept }
    }

    /// Starts one for a test that is not asynchronous.
    pub fn in_thread(script: impl Fn(&Seen) -> Option<Reply> + Send + Sync + 'static) -> Self {
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = runtime.enable_all().build().unwrap();
            runtime.block_on(async {
                sender.send(Self::start(script).await).unwrap();
                std::future::pending::<()>().await;
            });
        });
        receiver.recv().unwrap()
    }

    /// Everything it was asked.
    pub fn seen(&self) -> Vec<Seen> {
        self.kept.seen.lock().unwrap().clone()
    }

    /// What a host was asked.
    pub fn at(&self, host: &str) -> Vec<Seen> {
        let mut seen = self.seen();
        seen.retain(|seen| seen.host() == host);
        seen
    }

    /// Waits until the first request of a host is as wanted.
    pub async fn until(&self, host: &str, wanted: impl Fn(&Seen) -> bool) -> Seen {
        let is_first = |seen: &[Seen]| seen.first().is_some_and(&wanted);
        self.until_all(host, is_first).await.remove(0)
    }

    /// Waits until all requests of a host are as wanted.
    pub async fn until_all(&self, host: &str, wanted: impl Fn(&[Seen]) -> bool) -> Vec<Seen> {
        let mut changes = self.kept.changed.subscribe();
        let found = async {
            loop {
                let seen = self.at(host);
                if wanted(&seen) {
                    return seen;
                }
                changes.changed().await.unwrap();
            }
        };
        match tokio::time::timeout(PATIENCE, found).await {
            Ok(seen) => seen,
            Err(_) => panic!("it never happened at {host}: {:#?}", self.at(host)),
        }
    }
}

impl Kept {
    async fn respond(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, BodyError> {
        let (head, mut body) = request.into_parts();
        let mut seen = Seen {
            method: head.method,
            url: head.uri.to_string(),
            uri: head.uri,
            headers: head.headers,
            is_whole: false,
            pieces: Vec::new(),
        };
        let index = {
            let mut all = self.seen.lock().unwrap();
            all.push(seen.clone());
            all.len() - 1
        };
        let reply = loop {
            self.changed.send_replace(());
            if let Some(reply) = (self.script)(&seen) {
                break reply;
            }
            assert!(!seen.is_whole, "nothing replies to {seen:?}");
            let frame = body.frame().await.transpose()?;
            seen.is_whole = frame.is_none();
            let piece = frame.and_then(|frame| frame.into_data().ok());
            seen.pieces.extend(piece.clone());
            let mut all = self.seen.lock().unwrap();
            all[index].is_whole = seen.is_whole;
            all[index].pieces.extend(piece);
            drop(all);
        };
        if !seen.is_whole {
            // The rest stays unread, and the connection open.
            std::mem::forget(body);
        }
        given(reply).await
    }
}

async fn given(mut reply: Reply) -> Result<Response<Body>, BodyError> {
    while let Reply::Once(mut so, then) = reply {
        so.wait_for(|so| *so).await?;
        reply = *then;
    }
    match reply {
        Reply::Drop => Err("dropped".into()),
        Reply::Silence | Reply::Once(..) => std::future::pending().await,
        Reply::SilentBody => {
            let never = stream::pending::<Result<Frame<Bytes>, BodyError>>();
            Ok(Response::new(body::stream(StreamBody::new(never.boxed()))))
        }
        Reply::Response(response) => {
            let whole = match response.pieces.as_slice() {
                [whole] => body::full(whole.clone()),
                _ => body::stream(StreamBody::new(stream::iter(response.frames()))),
            };
            Ok(response.with(whole))
        }
        Reply::Held(response, release) => {
            let frames = stream::iter(response.frames()).enumerate();
            let held = frames.then(move |(index, frame)| {
                let release = Arc::clone(&release);
                async move {
                    if index > 0 {
                        release.notified().await;
                    }
                    frame
                }
            });
            Ok(response.with(body::stream(StreamBody::new(held.boxed()))))
        }
        Reply::BreaksOff(response) => {
            // hyper drops what it has not written when a body fails, so the end waits for a turn of the connection.
            let end = stream::once(async {
                tokio::time::sleep(Duration::from_millis(20)).await;
                Err("the body broke off".into())
            });
            let frames = stream::iter(response.frames()).chain(end);
            Ok(response.with(body::stream(StreamBody::new(frames.boxed()))))
        }
    }
}
