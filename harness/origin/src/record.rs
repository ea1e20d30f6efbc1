//! What an origin saw of each request.

use std::sync::Arc;

use bytes::Bytes;
use edgeproof_ground::{
    body::{Body, BodyError, Observer, observed},
    memory::{Latest, Memory},
    trace::{PackedRequest, RequestHead},
};
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
    /// Whether its first bytes had to make room for what came later.
    pub is_forgotten: bool,
    hash: Option<blake3::Hash>,
}

impl RecordedBody {
    /// The BLAKE3 hash of what has come, in hexadecimal.
    pub fn hash(&self) -> String {
        let hash = self.hash.unwrap_or_else(|| blake3::hash(&self.start));
        hash.to_hex().to_string()
    }
}

/// Everything that reached an origin, as far as there is room for it. Clones share it.
#[derive(Clone, Debug)]
pub struct Requests {
    heads: Latest<Head>,
    starts: Latest<Vec<u8>>,
}

#[derive(Clone, Debug)]
struct Head {
    request: Arc<PackedRequest>,
    version: Version,
    length: u64,
    complete: bool,
    hash: Option<blake3::Hash>,
    /// Where the start of the body is.
    start: Option<usize>,
}

impl Requests {
    /// Nothing yet.
    pub fn new(memory: &Memory) -> Self {
        Self {
            heads: Latest::new(memory),
            starts: Latest::of_bodies(memory),
        }
    }

    /// Those that are kept, in the order of arrival.
    pub fn all(&self) -> Vec<RecordedRequest> {
        let heads = self.heads.since(0).into_iter();
        heads.map(|head| self.recorded(&head)).collect()
    }

    /// The last.
    pub fn latest(&self) -> Option<RecordedRequest> {
        self.heads.last().map(|head| self.recorded(&head))
    }

    /// How many have arrived.
    pub fn count(&self) -> usize {
        self.heads.count()
    }

    /// How many of the oldest are no longer kept.
    pub fn forgotten(&self) -> usize {
        self.heads.forgotten()
    }

    /// Records the head of a request.
    pub fn begin(&self, request: &Request<Body>) -> Entry {
        let head = Head {
            request: Arc::new(request.into()),
            version: request.version(),
            length: 0,
            complete: false,
            hash: None,
            start: None,
        };
        Entry {
            number: self.push(head),
            requests: self.clone(),
        }
    }

    fn push(&self, head: Head) -> usize {
        let bytes = size_of::<PackedRequest>() + size_of::<Head>() + head.request.bytes();
        self.heads.push(head, bytes)
    }

    fn recorded(&self, head: &Head) -> RecordedRequest {
        let RequestHead {
            method,
            url,
            headers,
            ..
        } = head.request.head();
        let start = match head.start {
            Some(number) => self.starts.read(number, Vec::clone),
            None => Some(Vec::new()),
        };
        RecordedRequest {
            method,
            url,
            version: head.version,
            headers,
            body: RecordedBody {
                is_forgotten: start.is_none(),
                start: start.unwrap_or_default(),
                length: head.length,
                complete: head.complete,
                hash: head.hash,
            },
        }
    }
}

/// The entry of a request whose body is still coming.
#[derive(Clone, Debug)]
pub struct Entry {
    requests: Requests,
    number: usize,
}

impl Entry {
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
        let recorder = Recorder {
            entry: self,
            start: None,
            hasher: blake3::Hasher::new(),
        };
        observed(body, recorder)
    }

    /// Records that the same request arrived once more.
    pub fn again(&self) {
        if let Some(again) = self.requests.heads.read(self.number, Head::clone) {
            self.requests.push(again);
        }
    }

    fn change(&self, change: impl FnOnce(&mut Head)) {
        // One that is no longer kept may go on coming.
        let _ = self.requests.heads.change(self.number, |head| {
            change(head);
            0
        });
    }
}

struct Recorder {
    entry: Entry,
    /// Where the start of the body is, once something of it has come.
    start: Option<usize>,
    hasher: blake3::Hasher,
}

impl Observer for Recorder {
    fn data(&mut self, data: &Bytes) -> Result<(), BodyError> {
        let starts = &self.entry.requests.starts;
        let number = *self.start.get_or_insert_with(|| starts.push(Vec::new(), 0));
        starts.change(number, |start| {
            let before = start.capacity();
            let room = KEPT_BYTES.saturating_sub(start.len()).min(data.len());
            start.extend_from_slice(&data[..room]);
            start.capacity() - before
        });
        self.hasher.update(data);
        let hash = self.hasher.finalize();
        self.entry.change(|head| {
            head.start = Some(number);
            head.length += data.len() as u64;
            head.hash = Some(hash);
        });
        Ok(())
    }

    fn ended(self) {
        self.entry.change(|head| head.complete = true);
    }
}

#[cfg(test)]
mod tests {
    use edgeproof_ground::body;

    use super::*;

    async fn arrived(requests: &Requests, body: Vec<u8>) {
        let request = Request::get("https://shop.example/")
            .body(body::full(body))
            .unwrap();
        let entry = requests.begin(&request);
        entry.read(request.into_body()).await.unwrap();
    }

    #[tokio::test]
    async fn a_body_goes_before_what_is_known_of_its_request() {
        let requests = Requests::new(&Memory::of_megabytes(2));
        for _ in 0..4 {
            arrived(&requests, vec![b'a'; KEPT_BYTES / 2 + 1]).await;
        }
        let all = requests.all();
        assert_eq!((all.len(), requests.forgotten()), (4, 0));
        assert!(all[0].body.is_forgotten && all[0].body.complete);
        assert_eq!(all[0].body.length, KEPT_BYTES as u64 / 2 + 1);
        assert_eq!(all[0].body.hash(), all[3].body.hash());
        assert_eq!(all[3].body.start.len(), KEPT_BYTES / 2 + 1);
    }

    #[tokio::test]
    async fn of_many_requests_the_latest_are_kept_and_all_are_counted() {
        let requests = Requests::new(&Memory::of_bytes(64 * 1024));
        for _ in 0..1000 {
            arrived(&requests, Vec::new()).await;
        }
        assert_eq!(requests.count(), 1000);
        let kept = requests.all().len();
        assert_eq!(kept + requests.forgotten(), 1000);
        assert!((50..500).contains(&kept), "{kept}");
        assert!(requests.latest().is_some_and(|latest| latest.body.complete));
    }
}
