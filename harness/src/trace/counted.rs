//! Counts the bytes of a body while it streams past a hop.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};

use super::Hop;
use crate::body::{Body, BodyError};

/// Which of the two bodies of a hop is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// The request's body.
    Request,
    /// The answer's body.
    Response,
}

/// The same body; its bytes are added to the hop's record as they pass.
pub fn counted(body: Body, hop: Hop, side: Counted) -> Body {
    if body.is_end_stream() {
        return body;
    }
    crate::body::stream(CountedBody { body, hop, side })
}

struct CountedBody {
    body: Body,
    hop: Hop,
    side: Counted,
}

impl http_body::Body for CountedBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            let (bytes, side) = (data.len() as u64, self.side);
            self.hop.change(|exchange| match side {
                Counted::Request => exchange.request.body_bytes += bytes,
                Counted::Response => {
                    if let Some(response) = &mut exchange.response {
                        response.body_bytes += bytes;
                    }
                }
            });
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
