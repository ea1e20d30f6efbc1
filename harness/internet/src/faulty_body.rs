//! Bodies that break off or come slowly.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use edgeproof_ground::body::{Body, BodyError, stream};
use http_body::Frame;
use tokio::time::{Sleep, sleep};

/// How long after a piece the next one follows.
const PAUSE: Duration = Duration::from_millis(10);

/// `body` until `bytes` of it have passed; then the connection breaks.
pub(super) fn truncated(body: Body, bytes: u64) -> Body {
    stream(Truncated { body, left: bytes })
}

/// `body` in pieces of `bytes`, with a pause after each.
pub(super) fn dribbled(body: Body, bytes: u64) -> Body {
    stream(Dribbled {
        body,
        piece: usize::try_from(bytes.max(1)).unwrap_or(usize::MAX),
        held: Bytes::new(),
        pause: None,
    })
}

struct Truncated {
    body: Body,
    left: u64,
}

impl http_body::Body for Truncated {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.left == 0 {
            return Poll::Ready(Some(Err("cut off by a fault".into())));
        }
        let Some(frame) = ready!(Pin::new(&mut self.body).poll_frame(context)).transpose()? else {
            return Poll::Ready(None);
        };
        let Ok(mut data) = frame.into_data() else {
            return Poll::Ready(None);
        };
        data.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.left -= data.len() as u64;
        Poll::Ready(Some(Ok(Frame::data(data))))
    }
}

struct Dribbled {
    body: Body,
    piece: usize,
    held: Bytes,
    pause: Option<Pin<Box<Sleep>>>,
}

impl http_body::Body for Dribbled {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(context));
            self.pause = None;
        }
        while self.held.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.held = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                end => return Poll::Ready(end),
            }
        }
        let piece = self.piece.min(self.held.len());
        let piece = self.held.split_to(piece);
        self.pause = Some(Box::pin(sleep(PAUSE)));
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }
}
