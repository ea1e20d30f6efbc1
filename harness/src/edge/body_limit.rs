//! Breaks off a request's body that is larger than the zone's plan allows.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use crate::body::{Body, BodyError, stream};

/// Whether a limited body went over its limit.
#[derive(Clone, Debug, Default)]
pub(super) struct Exceeded(Arc<AtomicBool>);

impl Exceeded {
    pub(super) fn happened(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// `body` while it has no more than `limit` bytes; an error after that.
pub(super) fn limited(body: Body, limit: u64) -> (Body, Exceeded) {
    let exceeded = Exceeded::default();
    if http_body::Body::is_end_stream(&body) {
        return (body, exceeded);
    }
    let limited = Limited {
        body,
        left: limit,
        exceeded: exceeded.clone(),
    };
    (stream(limited), exceeded)
}

struct Limited {
    body: Body,
    left: u64,
    exceeded: Exceeded,
}

impl http_body::Body for Limited {
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
            match self.left.checked_sub(data.len() as u64) {
                Some(left) => self.left = left,
                None => {
                    self.exceeded.0.store(true, Ordering::Relaxed);
                    return Poll::Ready(Some(
                        Err("the body is larger than the plan allows".into()),
                    ));
                }
            }
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

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use rstest::rstest;

    use super::*;
    use crate::body::full;

    #[rstest]
    #[case(7, false)]
    #[case(6, true)]
    #[tokio::test]
    async fn one_byte_over_the_limit_breaks_the_body_off(
        #[case] limit: u64,
        #[case] expected: bool,
    ) {
        let (body, exceeded) = limited(full("content"), limit);
        assert_eq!(body.collect().await.is_err(), expected);
        assert_eq!(exceeded.happened(), expected);
    }
}
