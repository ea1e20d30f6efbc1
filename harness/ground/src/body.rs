//! The body type that every hop passes on: streamed, never held whole; and who may look at it on its way.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::{BodyExt, Empty, Full, combinators::UnsyncBoxBody};

/// Why a body broke off: the peer's transport error, or a fault that was asked for.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// A streamed body of any source.
pub type Body = UnsyncBoxBody<Bytes, BodyError>;

/// A body without content.
pub fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// A body that is already in memory.
pub fn full(content: impl Into<Bytes>) -> Body {
    Full::new(content.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// Any other body, its error boxed.
pub fn stream<B>(body: B) -> Body
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BodyError>,
{
    body.map_err(Into::into).boxed_unsync()
}

/// Sees what passes of a body. It is dropped with the body, or told when the body has ended.
pub trait Observer: Send + Unpin + 'static {
    /// A piece passes.
    ///
    /// # Errors
    /// Breaks the body off in place of the piece.
    fn data(&mut self, data: &Bytes) -> Result<(), BodyError>;

    /// The body has come to its end, whole.
    fn ended(self)
    where
        Self: Sized,
    {
    }

    /// The body has broken off with this error before it came to the observer.
    fn broke_off(self, _error: &BodyError)
    where
        Self: Sized,
    {
    }
}

/// The same body, observed. One without content has ended at once.
pub fn observed(body: Body, observer: impl Observer) -> Body {
    if body.is_end_stream() {
        observer.ended();
        return body;
    }
    Observed {
        body,
        observer: Some(observer),
    }
    .boxed_unsync()
}

struct Observed<O> {
    body: Body,
    /// None once the body has ended, in whatever way.
    observer: Option<O>,
}

impl<O: Observer> http_body::Body for Observed<O> {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        let passes = match &frame {
            Some(Ok(frame)) => match (frame.data_ref(), &mut self.observer) {
                (Some(data), Some(observer)) => observer.data(data),
                _ => Ok(()),
            },
            Some(Err(error)) => {
                if let Some(observer) = self.observer.take() {
                    observer.broke_off(error);
                }
                Ok(())
            }
            None => Ok(()),
        };
        if let Err(error) = passes {
            self.observer = None;
            return Poll::Ready(Some(Err(error)));
        }
        // A body of known length is not asked again after its last byte.
        if (frame.is_none() || self.body.is_end_stream())
            && let Some(observer) = self.observer.take()
        {
            observer.ended();
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
    use std::sync::{Arc, Mutex};

    use http_body_util::StreamBody;
    use rstest::rstest;

    use super::*;

    /// Writes down what it sees, and its own end.
    #[derive(Clone, Default)]
    struct Notes(Arc<Mutex<String>>);

    impl Observer for Notes {
        fn data(&mut self, data: &Bytes) -> Result<(), BodyError> {
            if data == "bad" {
                return Err("bad".into());
            }
            self.0
                .lock()
                .unwrap()
                .push_str(std::str::from_utf8(data).unwrap());
            Ok(())
        }

        fn ended(self) {
            self.0.lock().unwrap().push('.');
        }
    }

    fn pieces(pieces: &'static [Result<&'static str, &'static str>]) -> Body {
        let frames = pieces.iter().map(|piece| match piece {
            Ok(text) => Ok(Frame::data(Bytes::from_static(text.as_bytes()))),
            Err(error) => Err(BodyError::from(*error)),
        });
        stream(StreamBody::new(futures_util::stream::iter(frames)))
    }

    #[rstest]
    #[case::unknown_length(pieces(&[Ok("con"), Ok("tent")]), "content.", true)]
    #[case::known_length(full("content"), "content.", true)]
    #[case::no_content(empty(), ".", true)]
    #[case::broken(pieces(&[Ok("con"), Err("lost")]), "con", false)]
    #[case::broken_by_the_observer(pieces(&[Ok("con"), Ok("bad"), Ok("tent")]), "con", false)]
    #[tokio::test]
    async fn an_observer_sees_every_piece_and_only_a_whole_end(
        #[case] body: Body,
        #[case] seen: &str,
        #[case] whole: bool,
    ) {
        let notes = Notes::default();
        let body = observed(body, notes.clone());
        assert_eq!(body.collect().await.is_ok(), whole);
        assert_eq!(*notes.0.lock().unwrap(), seen);
        // The body has let its observer go.
        assert_eq!(Arc::strong_count(&notes.0), 1);
    }
}
