//! A worker is at work until its answer has ended: a body that keeps the visit open.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use crate::{
    body::{Body, BodyError, stream},
    internet::VisitGuard,
};

/// `body`; the visit is open until it has ended or was dropped.
pub(super) fn until_end(body: Body, visit: VisitGuard) -> Body {
    stream(UnderWay {
        body,
        visit: Some(visit),
    })
}

struct UnderWay {
    body: Body,
    visit: Option<VisitGuard>,
}

impl http_body::Body for UnderWay {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(None | Some(Err(_))) = frame {
            self.visit = None;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
