//! HTTP/2 with an application, on the `h2` crate itself: hyper's client, which stands on it too, reads over interim
//! responses.

use std::future::poll_fn;

use bytes::Bytes;
use edgeproof_ground::{
    body::{Body, BodyError, Observer, observed},
    http2::{received, send},
    interim::PassOn,
};
use h2::{
    SendStream,
    client::{Builder, ResponseFuture, SendRequest},
};
use http::{HeaderMap, Request, Response, header::CONTENT_LENGTH};
use http_body::Body as _;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    task::AbortHandle,
};

use super::connections::LARGEST_HEAD;

/// What a stream and a connection may have on their way to the edge, as in hyper.
const STREAM_WINDOW: u32 = 2 * 1024 * 1024;
const CONNECTION_WINDOW: u32 = 5 * 1024 * 1024;
/// What a stream may keep that the application does not take, as in hyper.
const SEND_BUFFER: usize = 1024 * 1024;

/// Sends requests over one connection. Clones share it.
#[derive(Clone)]
pub(super) struct Sender(SendRequest<Bytes>);

impl Sender {
    /// Begins HTTP/2 on a new connection.
    pub(super) async fn begin<S>(stream: S) -> Result<Self, h2::Error>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (sender, connection) = Builder::new()
            .enable_push(false)
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buffer_size(SEND_BUFFER)
            .max_header_list_size(LARGEST_HEAD as u32)
            .handshake(stream)
            .await?;
        // How a connection ends is told to the requests on it.
        tokio::spawn(connection);
        Ok(Self(sender))
    }

    /// The response to a request; with the error the request, where nothing of it was sent.
    pub(super) async fn send(
        self,
        request: Request<Body>,
    ) -> Result<Response<Body>, (h2::Error, Option<Request<Body>>)> {
        // One that has ended, or is about to, takes no request.
        let mut sender = match self.0.ready().await {
            Ok(sender) => sender,
            Err(error) => return Err((error, Some(request))),
        };
        let (mut head, body) = request.into_parts();
        let pass_on = head.extensions.remove::<PassOn>();
        announce(&mut head.headers, &body);
        let is_whole = body.is_end_stream();
        let (response, stream) = sender
            .send_request(Request::from_parts(head, ()), is_whole)
            .map_err(|error| (error, None))?;
        let upload = (!is_whole).then(|| Upload::begin(body, stream));
        let response = final_response(response, pass_on).await;
        let response = response.map_err(|error| (error, None))?;
        let (head, stream) = response.into_parts();
        let body = received(&head.headers, stream);
        Ok(Response::from_parts(
            head,
            match upload {
                Some(upload) => observed(body, upload),
                None => body,
            },
        ))
    }
}

/// Says how long the body is, where that is known.
fn announce(headers: &mut HeaderMap, body: &Body) {
    if !headers.contains_key(CONTENT_LENGTH)
        && !body.is_end_stream()
        && let Some(length) = body.size_hint().exact()
    {
        headers.insert(CONTENT_LENGTH, length.into());
    }
}

/// Passes the interim responses on, and gives the final one.
async fn final_response(
    mut response: ResponseFuture,
    pass_on: Option<PassOn>,
) -> Result<Response<h2::RecvStream>, h2::Error> {
    // The final response must not be asked for before there are no interim ones left: h2 would drop them.
    while let Some(early) = poll_fn(|context| response.poll_informational(context)).await {
        let early = early?;
        if let Some(pass_on) = &pass_on {
            pass_on.response(&early);
        }
    }
    response.await
}

/// The body of a request on its way. It is given up with its response, unless that came to its end.
struct Upload(Option<AbortHandle>);

impl Upload {
    fn begin(body: Body, stream: SendStream<Bytes>) -> Self {
        // How it ends is told to the request.
        let task = tokio::spawn(send(body, stream));
        Self(Some(task.abort_handle()))
    }
}

impl Observer for Upload {
    fn data(&mut self, _: &Bytes) -> Result<(), BodyError> {
        Ok(())
    }

    fn ended(mut self) {
        self.0 = None;
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}
