//! Bodies on streams of HTTP/2, for who speaks it on the `h2` crate itself: hyper, which stands on it too, neither sends
//! interim responses nor tells of them.

use std::{
    error::Error,
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, header::CONTENT_LENGTH};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;

use crate::{
    body::{self, Body, BodyError},
    causes::causes,
};

/// The body of a message with these headers, as it comes.
pub fn received(headers: &HeaderMap, stream: RecvStream) -> Body {
    let length = headers.get(CONTENT_LENGTH);
    body::stream(Received {
        stream,
        left: length.and_then(|length| length.to_str().ok()?.parse().ok()),
        has_data: true,
    })
}

struct Received {
    stream: RecvStream,
    /// How many bytes are to come, where the head says so; h2 sees to it that so many come.
    left: Option<u64>,
    /// Whether trailers are not yet all that may come.
    has_data: bool,
}

impl http_body::Body for Received {
    type Data = Bytes;
    type Error = h2::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        if self.has_data {
            match ready!(self.stream.poll_data(context)) {
                Some(Ok(data)) => {
                    // What is read makes room for more; it fails where the stream has ended.
                    let _ = self.stream.flow_control().release_capacity(data.len());
                    self.left = self.left.map(|left| left.saturating_sub(data.len() as u64));
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => self.has_data = false,
            }
        }
        let trailers = ready!(self.stream.poll_trailers(context));
        Poll::Ready(
            trailers
                .map(|trailers| trailers.map(Frame::trailers))
                .transpose(),
        )
    }

    fn is_end_stream(&self) -> bool {
        self.stream.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.left
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

/// Sends a body as fast as the other end takes it, unless that gives the stream up.
///
/// # Errors
/// Where the connection or the stream ends before it.
pub async fn send(mut body: Body, mut stream: SendStream<Bytes>) -> Result<(), h2::Error> {
    loop {
        let frame = tokio::select! {
            reset = poll_fn(|context| stream.poll_reset(context)) => return reset.map(|_| ()),
            frame = body.frame() => frame,
        };
        let frame = match frame {
            None => return stream.send_data(Bytes::new(), true),
            Some(Ok(frame)) => frame,
            Some(Err(error)) => {
                stream.send_reset(reason(&error));
                return Ok(());
            }
        };
        match frame.into_data() {
            Ok(data) => {
                let is_last = body.is_end_stream();
                if !data.is_empty() {
                    room(&mut stream).await?;
                }
                stream.send_data(data, is_last)?;
                if is_last {
                    return Ok(());
                }
            }
            Err(frame) => {
                if let Ok(trailers) = frame.into_trailers() {
                    stream.reserve_capacity(0);
                    return stream.send_trailers(trailers);
                }
            }
        }
    }
}

/// Waits until the other end takes at least one byte more; h2 keeps what it does not take of the next piece.
///
/// No more is asked for: what is reserved for one stream is taken from the others of the connection.
async fn room(stream: &mut SendStream<Bytes>) -> Result<(), h2::Error> {
    stream.reserve_capacity(1);
    while stream.capacity() == 0 {
        match poll_fn(|context| stream.poll_capacity(context)).await {
            Some(room) => {
                room?;
            }
            // The stream has ended.
            None => return Err(Reason::CANCEL.into()),
        }
    }
    Ok(())
}

/// The reason that the one who broke the body off has given.
fn reason(error: &BodyError) -> Reason {
    let error: &(dyn Error + 'static) = error.as_ref();
    std::iter::once(error)
        .chain(causes(error))
        .find_map(|error| error.downcast_ref::<h2::Error>()?.reason())
        .unwrap_or(Reason::INTERNAL_ERROR)
}
