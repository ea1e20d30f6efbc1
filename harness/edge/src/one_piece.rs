//! An early response over HTTP/2 leaves in one piece.
//!
//! A client that meets a refusal in its upload stops, and many end the stream then, short of the length they announced
//! (curl among them). h2 resets such a stream, as malformed, with what it has not written of the response. So a short
//! response to an upload that has not ended is written with its head: the client has it before it can react to it.
//!
//! A response that is longer, or of unknown length, may still lose its rest in this way.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use bytes::Bytes;
use edgeproof_ground::body::{self, Body, BodyError, Observer, observed};
use http::{Response, header::CONTENT_LENGTH};
use http_body_util::{BodyExt, StreamBody};

/// The longest response that leaves in one piece: what a client takes of a stream before it says more (RFC 9113 §6.9.2).
const LONGEST: u64 = 65_535;

/// Whether an upload has come to its end.
#[derive(Clone, Debug, Default)]
pub(super) struct Upload(Arc<AtomicBool>);

impl Upload {
    /// The same body of a request, whose end is noted.
    pub(super) fn noted(&self, body: Body) -> Body {
        observed(body, self.clone())
    }

    /// The response to the upload, as it leaves.
    pub(super) async fn respond(&self, response: Response<Body>) -> Response<Body> {
        let length = response.headers().get(CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if self.0.load(Ordering::Relaxed) || length.is_none_or(|length| length > LONGEST) {
            return response;
        }
        let (head, mut body) = response.into_parts();
        let mut frames = Vec::new();
        while let Some(frame) = body.frame().await {
            frames.push(frame);
        }
        let frames = futures_util::stream::iter(frames);
        Response::from_parts(head, body::stream(StreamBody::new(frames)))
    }
}

impl Observer for Upload {
    fn data(&mut self, _: &Bytes) -> Result<(), BodyError> {
        Ok(())
    }

    fn ended(self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
