//! A body that is stored once it has passed whole.

use bytes::{Bytes, BytesMut};
use edgeproof_ground::body::{Body, BodyError, Observer, observed};

use super::LARGEST;

/// `body`, which is given to `keep` when it has ended without an error.
pub(crate) fn recorded(body: Body, keep: impl FnOnce(Bytes) + Send + Unpin + 'static) -> Body {
    observed(
        body,
        Recorder {
            keep,
            bytes: Some(BytesMut::new()),
        },
    )
}

struct Recorder<K> {
    keep: K,
    /// Nothing once it is known to be too large.
    bytes: Option<BytesMut>,
}

impl<K: FnOnce(Bytes) + Send + Unpin + 'static> Observer for Recorder<K> {
    fn data(&mut self, data: &Bytes) -> Result<(), BodyError> {
        if let Some(bytes) = &mut self.bytes {
            bytes.extend_from_slice(data);
            if bytes.len() > LARGEST {
                self.bytes = None;
            }
        }
        Ok(())
    }

    fn ended(self) {
        if let Some(bytes) = self.bytes {
            (self.keep)(bytes.freeze());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use edgeproof_ground::body::stream;
    use http_body::Frame;
    use http_body_util::{BodyExt, StreamBody};

    use super::*;

    async fn record(pieces: Vec<Result<&'static str, &'static str>>) -> Option<Bytes> {
        let (sender, kept) = mpsc::channel();
        let frames = pieces.into_iter().map(|piece| {
            piece
                .map(|text| Frame::data(Bytes::from_static(text.as_bytes())))
                .map_err(BodyError::from)
        });
        let body = stream(StreamBody::new(futures_util::stream::iter(frames)));
        let body = recorded(body, move |content| sender.send(content).unwrap());
        let _ = body.collect().await;
        kept.try_recv().ok()
    }

    #[tokio::test]
    async fn a_whole_body_is_kept() {
        assert_eq!(
            record(vec![Ok("con"), Ok("tent")]).await.unwrap(),
            "content"
        );
    }

    #[tokio::test]
    async fn a_body_that_broke_off_is_not_kept() {
        assert_eq!(record(vec![Ok("con"), Err("connection lost")]).await, None);
    }
}
