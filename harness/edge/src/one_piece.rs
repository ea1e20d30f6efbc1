//! An early response over HTTP/2 leaves in one piece.
//!
//! A client that meets a refusal in its upload stops, and many end the stream then, short of the length they announced
//! (curl among them). h2 resets such a stream, as malformed, with what it has not written of the response. So a short
//! response to an upload that has not ended is written with its head: the client has it before it can react to it.
//!
//! A response that is longer, or of unknown length, may still lose its rest in this way.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
};

use bytes::Bytes;
use edgeproof_ground::body::{self, Body, BodyError, Observer, observed};
use futures_util::stream::{FuturesUnordered, StreamExt};
use http::{Response, header::CONTENT_LENGTH};
use http_body_util::{BodyExt, StreamBody};
use hyper::rt::Executor;
use tokio::sync::mpsc;

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

/// The streams of one HTTP/2 connection, run by the task that runs the connection: nothing of what a stream has ready
/// is written before all of it is there to be written.
pub(super) struct Streams {
    open: FuturesUnordered<Stream>,
    begun: mpsc::UnboundedReceiver<Stream>,
}

type Stream = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Takes the streams of a connection from hyper.
#[derive(Clone)]
pub(super) struct Begin(mpsc::UnboundedSender<Stream>);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Begin {
    fn execute(&self, stream: F) {
        // Where nobody takes it, the connection has ended.
        let _ = self.0.send(Box::pin(stream));
    }
}

impl Streams {
    pub(super) fn new() -> (Begin, Self) {
        let (begin, begun) = mpsc::unbounded_channel();
        let open = FuturesUnordered::new();
        (Begin(begin), Self { open, begun })
    }

    /// Runs the streams, without end.
    pub(super) async fn run(&mut self) -> Infallible {
        std::future::poll_fn(|context| {
            while let Poll::Ready(Some(stream)) = self.begun.poll_recv(context) {
                self.open.push(stream);
            }
            while let Poll::Ready(Some(())) = self.open.poll_next_unpin(context) {}
            Poll::Pending
        })
        .await
    }
}
