//! HTTP/2 with a visitor, on the `h2` crate itself: hyper's server, which stands on it too, has no way to send interim
//! responses.
//!
//! All streams of a connection are run by the task that runs the connection, and end with it.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    task::Poll,
};

use bytes::Bytes;
use edgeproof_ground::{
    body::Body,
    hop_by_hop::remove_hop_by_hop,
    http2::{received, send},
    interim::Interim,
};
use futures_util::stream::{FuturesUnordered, StreamExt};
use h2::{
    Reason, RecvStream,
    server::{Builder, Connection, SendResponse},
};
use http::{
    HeaderMap, HeaderValue, Request, Response,
    header::{CONNECTION, CONTENT_LENGTH, DATE, UPGRADE},
};
use http_body::Body as _;
use jiff::{Timestamp, fmt::rfc2822::DateTimePrinter};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::mpsc,
};

use super::{
    connection::{LARGEST_HEAD, Stop},
    egress::Dropped,
    short_uploads::{Lenient, Uploads},
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
    let (stream, uploads) = Lenient::new(stream);
    let handshake = Builder::new()
        .initial_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(LARGEST_HEAD as u32)
        .max_send_buffer_size(SEND_BUFFER)
        .handshake(stream);
    let mut connection = handshake.await?;
    if let Some(pings) = connection.ping_pong() {
        turns.wait_for(pings);
    }
    let (begin, mut begun) = mpsc::unbounded_channel::<Stream>();
    let accept = pin!(accept(connection, stop, |request, responder| {
        let (interim, request) = taken(request, &uploads);
        let stream = respond(service(request), interim, responder, uploads.clone());
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
fn taken(
    request: Request<RecvStream>,
    uploads: &Uploads,
) -> (mpsc::Receiver<Response<()>>, Request<Body>) {
    let (head, stream) = request.into_parts();
    let id = stream.stream_id().as_u32();
    let body = uploads.known(id, received(&head.headers, stream));
    let mut request = Request::from_parts(head, body);
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
    uploads: Uploads,
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
    uploads.respond(responder.stream_id().as_u32());
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
