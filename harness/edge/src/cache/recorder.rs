//! A body that is stored once it has passed whole.

use bytes::{Bytes, BytesMut};
use edgeproof_ground::body::{Body, BodyError, Observer, observed};

use super::{
    LARGEST,
    store::{Cache, Stored},
};

/// `body`, which becomes the body of `stored` under `key` when it has ended without an error.
pub(crate) fn recorded(body: Body, cache: Cache, key: String, stored: Stored) -> Body {
    observed(
        body,
        Recorder {
            cache,
            key,
            stored,
            bytes: Some(BytesMut::new()),
        },
    )
}

struct Recorder {
    cache: Cache,
    key: String,
    stored: Stored,
    /// Nothing once it is known to be too large.
    bytes: Option<BytesMut>,
}

impl Observer for Recorder {
    fn data(&mut self, data: &Bytes) -> Result<(), BodyError> {
        if let Some(bytes) = &mut self.bytes {
            bytes.extend_from_slice(data);
            if bytes.len() > LARGEST {
                self.bytes = None;
            }
        }
        Ok(())
    }

    fn ended(mut self) {
        if let Some(bytes) = self.bytes {
            self.stored.body = bytes.freeze();
            self.cache.store(self.key, self.stored);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use edgeproof_ground::body::stream;
    use http::{HeaderMap, StatusCode};
    use http_body::Frame;
    use http_body_util::{BodyExt, StreamBody};

    use super::*;
    use crate::cache::Lookup;

    async fn record(pieces: Vec<Result<&'static str, &'static str>>) -> Lookup {
        let cache = Cache::default();
        let frames = pieces.into_iter().map(|piece| {
            piece
                .map(|text| Frame::data(Bytes::from_static(text.as_bytes())))
                .map_err(BodyError::from)
        });
        let body = stream(StreamBody::new(futures_util::stream::iter(frames)));
        let stored = Stored {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            lifetime: Duration::from_secs(10),
            encoding: None,
        };
        let body = recorded(body, cache.clone(), "key".to_owned(), stored);
        let _ = body.collect().await;
        cache.look_up("key", &HeaderMap::new(), Instant::now())
    }

    #[tokio::test]
    async fn a_whole_body_is_stored() {
        let Lookup::Hit(stored, _) = record(vec![Ok("con"), Ok("tent")]).await else {
            panic!("the body ended without an error");
        };
        assert_eq!(stored.body, "content");
    }

    #[tokio::test]
    async fn a_body_that_broke_off_is_not_stored() {
        let lookup = record(vec![Ok("con"), Err("connection lost")]).await;
        assert!(matches!(lookup, Lookup::Miss));
    }
}
