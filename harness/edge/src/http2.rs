//! HTTP/2 with a visitor, on the `h2` crate itself: hyper's server, which stands on it too, has no way to send interim
//! responses.
//!
//! All streams of a connection are run by the task that runs the connection: nothing of what a stream has ready is written
//! before all of it is there to be written, which [`one_piece`](super::one_piece) relies on.

use std::{
    error::Error,
    future::poll_fn,
    pin::{Pin, pin},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use edgeproof_ground::{
    body::{self, Body, BodyError},
    causes::causes,
    hop_by_hop::remove_hop_by_hop,
    interim::Interim,
};
use futures_util::stream::{FuturesUnordered, StreamExt};
use h2::{
    Reason, RecvStream, SendStream,
    server::{Builder, Connection, SendResponse},
};
use http::{
    HeaderMap, HeaderValue, Request, Response,
    header::{CONNECTION, CONTENT_LENGTH, DATE, UPGRADE},
};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;
use jiff::{Timestamp, fmt::rfc2822::DateTimePrinter};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::mpsc,
};

use super::{
    connection::{LARGEST_HEAD, Stop},
    egress::Dropped,
    turns::Turns,
};

/// What a connection and a stream may have on their way to the edge, as in hyper.
const WINDOW: u32 = 1024 * 1024;
/// What a stream may keep that the visitor does not take, as in hyper.
const SEND_BUFFER: usize = 400 * 1024;
/// How many requests may be under way, as in hyper.
const STREAMS: u32 = 200;
/// How many interim responses may wait for a visitor who does not read; what comes beyond is dropped.
const MOST_INTERIM: usize = 64;

type Stream = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Serves a connection until it ends, or until the edge stops and the requests under way have their responses.
pub(super) async fn serve<S, F>(
    stream: S,
    service: impl Fn(Request<Body>) -> F + Send + Sync,
    turns: &Turns,
    stop: Stop,
) -> Result<(), h2::Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
    F: Future<Output = Result<Response<Body>, Dropped>> + Send + 'static,
{
    let handshake = Builder::new()
        .initial_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(LARGEST_HEAD as u32)
        .max_send_buffer_size(SEND_BUFFER)
        .handshake(stream);
    let connection = handshake.await?;
    let (begin, mut begun) = mpsc::unbounded_channel::<Stream>();
    let accept = pin!(accept(connection, stop, |request, responder| {
        let (interim, request) = taken(request);
        let stream = respond(service(request), interim, responder);
        // How a stream ends concerns its visitor only. The receiver is here until the connection has ended.
        let _ = begin.send(Box::pin(async move {
            let _ = stream.await;
        }));
    }));
    let mut open = FuturesUnordered::new();
    let run = poll_fn(|context| {
        while let Poll::Ready(Some(stream)) = begun.poll_recv(context) {
            open.push(stream);
        }
        while let Poll::Ready(Some(())) = open.poll_next_unpin(context) {}
        Poll::<()>::Pending
    });
    tokio::select! {
        ended = turns.count(accept) => ended,
        () = run => Ok(()),
    }
}

/// Drives the connection; each request that comes is for `begin`.
async fn accept<S>(
    mut connection: Connection<S, Bytes>,
    stop: Stop,
    begin: impl Fn(Request<RecvStream>, SendResponse<Bytes>) + Send,
) -> Result<(), h2::Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut stop = pin!(stop.asked());
    let mut stopping = false;
    loop {
        tokio::select! {
            accepted = connection.accept() => match accepted {
                Some(accepted) => {
                    let (request, responder) = accepted?;
                    begin(request, responder);
                }
                None => return Ok(()),
            },
            () = &mut stop, if !stopping => {
                stopping = true;
                connection.graceful_shutdown();
            }
        }
    }
}

/// A request as every version of HTTP has it, and the interim responses that come for it.
fn taken(request: Request<RecvStream>) -> (mpsc::Receiver<Response<()>>, Request<Body>) {
    let length = request.headers().get(CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
    let mut request = request.map(|stream| {
        body::stream(Upload {
            stream,
            left: length,
            has_data: true,
        })
    });
    let (interim, came) = mpsc::channel(MOST_INTERIM);
    request
        .extensions_mut()
        .insert(Interim::to(move |response| {
            // Where there is no room, or nobody waits any more, it is dropped.
            let _ = interim.try_send(response);
        }));
    (came, request)
}

/// Sends the response of the service, unless the visitor gives the stream up.
async fn respond(
    response: impl Future<Output = Result<Response<Body>, Dropped>>,
    mut interim: mpsc::Receiver<Response<()>>,
    mut responder: SendResponse<Bytes>,
) -> Result<(), h2::Error> {
    let mut response = pin!(response);
    let response = loop {
        tokio::select! {
            biased;
            Some(early) = interim.recv() => responder.send_informational(early)?,
            response = &mut response => break response,
            reset = poll_fn(|context| responder.poll_reset(context)) => return reset.map(|_| ()),
        }
    };
    while let Ok(early) = interim.try_recv() {
        responder.send_informational(early)?;
    }
    let Ok(response) = response else {
        responder.send_reset(Reason::INTERNAL_ERROR);
        return Ok(());
    };
    let (mut head, body) = response.into_parts();
    complete(&mut head.headers, &body);
    let is_whole = body.is_end_stream();
    match responder.send_response(Response::from_parts(head, ()), is_whole) {
        Ok(_) if is_whole => Ok(()),
        Ok(stream) => send(body, stream).await,
        Err(error) => {
            responder.send_reset(Reason::INTERNAL_ERROR);
            Err(error)
        }
    }
}

/// What HTTP/2 forbids goes, and what every response has comes.
fn complete(headers: &mut HeaderMap, body: &Body) {
    remove_hop_by_hop(headers);
    headers.remove(CONNECTION);
    headers.remove(UPGRADE);
    if !headers.contains_key(DATE)
        && let Ok(now) = DateTimePrinter::new().timestamp_to_rfc9110_string(&Timestamp::now())
        && let Ok(now) = HeaderValue::from_str(&now)
    {
        headers.insert(DATE, now);
    }
    if !headers.contains_key(CONTENT_LENGTH)
        && !body.is_end_stream()
        && let Some(length) = body.size_hint().exact()
    {
        headers.insert(CONTENT_LENGTH, length.into());
    }
}

/// Sends the body as fast as the visitor takes it, unless she gives the stream up.
async fn send(mut body: Body, mut stream: SendStream<Bytes>) -> Result<(), h2::Error> {
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

/// Waits until the visitor takes at least one byte more; h2 keeps what she does not take of the next piece.
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

/// The reason that whoever broke the body off has given.
fn reason(error: &BodyError) -> Reason {
    let error: &(dyn Error + 'static) = error.as_ref();
    std::iter::once(error)
        .chain(causes(error))
        .find_map(|error| error.downcast_ref::<h2::Error>()?.reason())
        .unwrap_or(Reason::INTERNAL_ERROR)
}

/// The body of a request.
struct Upload {
    stream: RecvStream,
    /// How many bytes are to come, where the head says so; h2 sees to it that so many come.
    left: Option<u64>,
    /// Whether trailers are not yet all that may come.
    has_data: bool,
}

impl http_body::Body for Upload {
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
