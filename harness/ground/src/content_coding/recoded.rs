//! A body in other codings.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_util::Stream;
use http::HeaderMap;
use http_body::{Body as _, Frame};
use http_body_util::BodyExt;
use tokio_util::io::StreamReader;

use super::{
    Coding,
    layers::{self, Reader},
};
use crate::body::{Body, BodyError};

/// A body is not in the codings that its head names.
#[derive(Debug, thiserror::Error)]
#[error("the body cannot be decoded as {codings}")]
pub struct CodingError {
    codings: String,
    #[source]
    source: io::Error,
}

/// `body` with the codings `undone`, which are in the order of their application, taken off and then `applied` put on.
/// Its trailers stay. Where it is not in those codings it breaks off with a [`CodingError`].
pub fn recoded(body: Body, undone: &[Coding], applied: Option<Coding>) -> Body {
    let source = Source(Arc::new(Mutex::new(State {
        body,
        is_empty: true,
        has_ended: false,
        trailers: None,
        error: None,
        is_drained: false,
    })));
    let mut reader: Reader = Box::pin(StreamReader::new(source.clone()));
    for &coding in undone.iter().rev() {
        reader = layers::decoder(coding, reader);
    }
    if let Some(coding) = applied {
        reader = layers::encoder(coding, reader);
    }
    let names: Vec<_> = undone.iter().map(|coding| coding.name()).collect();
    Recoded {
        reader,
        source,
        codings: names.join(", "),
        reading: Reading::Content,
    }
    .boxed_unsync()
}

struct Recoded {
    reader: Reader,
    source: Source,
    codings: String,
    reading: Reading,
}

#[derive(Clone, Copy, PartialEq)]
enum Reading {
    Content,
    /// The content is whole; what follows it in the source is read away, up to the trailers.
    Rest,
    Nothing,
}

impl http_body::Body for Recoded {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        if this.reading == Reading::Content {
            match ready!(this.poll_content(context)) {
                Ok(content) if content.is_empty() => this.reading = Reading::Rest,
                Ok(content) => return Poll::Ready(Some(Ok(Frame::data(content)))),
                // What has no content is not in any coding either: servers send such for HEAD, and for empty files.
                Err(_) if this.source.lock().is_without_content() => this.reading = Reading::Rest,
                Err(error) => {
                    this.reading = Reading::Nothing;
                    return Poll::Ready(Some(Err(this.error(error))));
                }
            }
        }
        if this.reading == Reading::Rest {
            // A body that is read to its end fills the cache, and leaves its connection for the next request.
            let mut source = this.source.lock();
            source.is_drained = true;
            ready!(source.poll_to_end(context));
            this.reading = Reading::Nothing;
            let broken = source.error.take().map(Err);
            let trailers = source.trailers.take().map(Frame::trailers).map(Ok);
            return Poll::Ready(broken.or(trailers));
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.reading == Reading::Nothing
    }
}

impl Recoded {
    /// The next content; empty at its end. An error of the source comes behind all that came before it: when layers get
    /// nothing they pass on what they hold, and when they get an error they drop it.
    fn poll_content(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        let content = self.poll_layers(context);
        if content.is_pending() && self.source.lock().is_drained() {
            return self.poll_layers(context);
        }
        content
    }

    fn poll_layers(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        let content = ready!(self.reader.as_mut().poll_fill_buf(context));
        let content = content.map(Bytes::copy_from_slice)?;
        self.reader.as_mut().consume(content.len());
        Poll::Ready(Ok(content))
    }

    /// The source's own error where it broke off, else that its content is not in the codings.
    fn error(&self, source: io::Error) -> BodyError {
        let broken = self.source.lock().error.take();
        broken.unwrap_or_else(|| {
            Box::new(CodingError {
                codings: self.codings.clone(),
                source,
            })
        })
    }
}

/// The content of a body, read by the first layer; what is learnt beside it is kept. Clones are the same one.
#[derive(Clone)]
struct Source(Arc<Mutex<State>>);

struct State {
    body: Body,
    is_empty: bool,
    has_ended: bool,
    trailers: Option<HeaderMap>,
    error: Option<BodyError>,
    /// The layers hold nothing any more of what came before the error.
    is_drained: bool,
}

impl Source {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stream for Source {
    type Item = io::Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.lock().poll_content(context)
    }
}

impl State {
    fn is_without_content(&self) -> bool {
        self.is_empty && self.has_ended && self.error.is_none()
    }

    /// Nothing more came out of the layers: says so where it is because of an error.
    fn is_drained(&mut self) -> bool {
        self.is_drained |= self.error.is_some();
        self.is_drained
    }

    fn poll_content(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        while !self.has_ended {
            if self.error.is_some() {
                if !self.is_drained {
                    return Poll::Pending;
                }
                self.has_ended = true;
                return Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into())));
            }
            match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(content) if content.is_empty() => {}
                    Ok(content) => {
                        self.is_empty = false;
                        return Poll::Ready(Some(Ok(content)));
                    }
                    Err(frame) => self.trailers = frame.into_trailers().ok(),
                },
                Some(Err(error)) => self.error = Some(error),
                None => self.has_ended = true,
            }
        }
        Poll::Ready(None)
    }

    fn poll_to_end(&mut self, context: &mut Context<'_>) -> Poll<()> {
        while ready!(self.poll_content(context)).is_some() {}
        Poll::Ready(())
    }
}
