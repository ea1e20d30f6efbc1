//! A body that is stored once it has passed whole.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use http_body::{Frame, SizeHint};

use super::{
    LARGEST,
    store::{Cache, Stored},
};
use crate::body::{Body, BodyError, stream};

/// `body`, which becomes the body of `stored` under `key` when it has ended without an error.
pub(crate) fn recorded(body: Body, cache: Cache, key: String, stored: Stored) -> Body {
    stream(Recorder {
        body,
        kept: Some((cache, key, stored, BytesMut::new())),
    })
}

struct Recorder {
    body: Body,
    /// Nothing once it was stored or is known to be too large.
    kept: Option<(Cache, String, Stored, BytesMut)>,
}

impl Recorder {
    fn finish(&mut self) {
        if let Some((cache, key, mut stored, bytes)) = self.kept.take() {
            stored.body = bytes.freeze();
            cache.store(key, stored);
        }
    }
}

impl http_body::Body for Recorder {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        match &frame {
            Some(Ok(frame)) => {
                if let (Some(data), Some((.., bytes))) = (frame.data_ref(), &mut self.kept) {
                    bytes.extend_from_slice(data);
                    if bytes.len() > LARGEST {
                        self.kept = None;
                    }
                }
                // A body of known length is not asked again after its last byte.
                if self.body.is_end_stream() {
                    self.finish();
                }
            }
            Some(Err(_)) => self.kept = None,
            None => self.finish(),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        // Without a kept body there is nothing left to store; with one, the end must be seen.
        self.kept.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use http::{HeaderMap, StatusCode};
    use http_body_util::{BodyExt, StreamBody};

    use super::*;
    use crate::edge::cache::Lookup;

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
        };
        let body = recorded(body, cache.clone(), "key".to_owned(), stored);
        let _ = body.collect().await;
        cache.look_up("key", Instant::now())
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
