//! What an origin saw of each request.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use edgeproof_ground::body::{Body, BodyError, Observer, observed};
use http::{HeaderMap, Method, Request, Version};
use http_body_util::BodyExt;

/// Bodies up to this size are kept whole; of longer ones the start, the length and the hash are.
const KEPT_BYTES: usize = 1024 * 1024;

/// One request as the origin saw it.
#[derive(Clone, Debug)]
pub struct RecordedRequest {
    /// The method.
    pub method: Method,
    /// The absolute URL, as it arrived.
    pub url: String,
    /// The version it arrived in.
    pub version: Version,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, as far as it has come.
    pub body: RecordedBody,
}

/// A body as the origin saw it.
#[derive(Clone, Debug, Default)]
pub struct RecordedBody {
    /// Its first bytes, up to 1 MiB.
    pub start: Vec<u8>,
    /// Its length in bytes.
    pub length: u64,
    /// Whether it came to its end.
    pub complete: bool,
    hasher: blake3::Hasher,
}

impl RecordedBody {
    /// The BLAKE3 hash of what has come, in hexadecimal.
    pub fn hash(&self) -> String {
        self.hasher.finalize().to_hex().to_string()
    }

    fn push(&mut self, data: &[u8]) {
        let room = KEPT_BYTES.saturating_sub(self.start.len());
        self.start.extend(data.iter().take(room));
        self.length += data.len() as u64;
        self.hasher.update(data);
    }
}

/// The entry of a request whose body is still coming.
#[derive(Clone, Debug)]
pub struct Entry {
    requests: Arc<Mutex<Vec<RecordedRequest>>>,
    index: usize,
}

impl Entry {
    /// Records the head of a request.
    pub fn begin(requests: &Arc<Mutex<Vec<RecordedRequest>>>, request: &Request<Body>) -> Self {
        let mut list = requests.lock().unwrap_or_else(PoisonError::into_inner);
        list.push(RecordedRequest {
            method: request.method().clone(),
            url: request.uri().to_string(),
            version: request.version(),
            headers: request.headers().clone(),
            body: RecordedBody::default(),
        });
        Self {
            index: list.len() - 1,
            requests: Arc::clone(requests),
        }
    }

    /// Reads the body to its end.
    pub(super) async fn read(self, body: Body) -> Result<(), BodyError> {
        let mut body = self.observe(body);
        while let Some(frame) = body.frame().await {
            frame?;
        }
        Ok(())
    }

    /// The same body; what passes is recorded.
    pub fn observe(self, body: Body) -> Body {
        observed(body, self)
    }

    /// Records that the same request arrived once more.
    pub fn again(&self) {
        let mut list = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let again = list.get(self.index).cloned();
        list.extend(again);
    }

    fn change(&self, change: impl FnOnce(&mut RecordedBody)) {
        let mut list = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(request) = list.get_mut(self.index) {
            change(&mut request.body);
        }
    }
}

impl Observer for Entry {
    fn data(&mut self, data: &Bytes) -> Result<(), BodyError> {
        self.change(|body| body.push(data));
        Ok(())
    }

    fn ended(self) {
        self.change(|body| body.complete = true);
    }
}
