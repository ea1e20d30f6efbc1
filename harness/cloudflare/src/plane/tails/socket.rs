//! The socket at which a tail is read.

use std::sync::Arc;

use edgeproof_ground::{
    body::{self, Body},
    clock::Clock,
};
use futures_util::{SinkExt, StreamExt};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use hyper::{body::Incoming, upgrade::OnUpgrade};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        handshake::derive_accept_key,
        protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode},
    },
};

use super::{Tails, Told};

/// Below which the sockets are; the rest is the id of a tail.
pub(in crate::plane) const PATH: &str = "/tails/";

/// The version of the messages, which a client must ask for.
const PROTOCOL: HeaderValue = HeaderValue::from_static("trace-v1");

/// Bytes of a client's message: it has nothing to say but `{"debug":false}`.
const MESSAGE: usize = 1024;

/// Takes in the reader of a tail.
pub(in crate::plane) fn connect(
    tails: &Arc<Tails>,
    clock: &Clock,
    mut request: Request<Incoming>,
) -> Response<Body> {
    let id = request.uri().path().strip_prefix(PATH).unwrap_or_default();
    let headers = request.headers();
    let key = headers.get(header::SEC_WEBSOCKET_KEY);
    let Some(key) = key.filter(|_| is_websocket(headers)) else {
        return refused(StatusCode::BAD_REQUEST, "a tail is read over a WebSocket");
    };
    let accept = derive_accept_key(key.as_bytes());
    if headers.get(header::SEC_WEBSOCKET_PROTOCOL) != Some(&PROTOCOL) {
        return refused(
            StatusCode::BAD_REQUEST,
            "a tail is read with the subprotocol trace-v1",
        );
    }
    let Some((told, expires)) = tails.read(id, clock.now()) else {
        return refused(
            StatusCode::NOT_FOUND,
            "there is no such tail, or it has expired",
        );
    };
    let clock = clock.clone();
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move { tell(upgrade, told, clock, expires).await });
    let mut response = Response::new(body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_PROTOCOL, PROTOCOL);
    if let Ok(accept) = HeaderValue::try_from(accept) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    response
}

fn is_websocket(headers: &HeaderMap) -> bool {
    let upgrade = headers.get(header::UPGRADE);
    upgrade.is_some_and(|upgrade| upgrade.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

fn refused(status: StatusCode, why: &'static str) -> Response<Body> {
    let mut response = Response::new(body::full(why));
    *response.status_mut() = status;
    response
}

/// Gives the reader its messages until one of the two, or the tail, is no more.
async fn tell(upgrade: OnUpgrade, mut told: Told, clock: Clock, expires: i64) {
    let Ok(upgraded) = upgrade.await else { return };
    let limits = WebSocketConfig::default()
        .max_message_size(Some(MESSAGE))
        .max_frame_size(Some(MESSAGE))
        // wrangler does not mask what it sends, and Cloudflare takes it.
        .accept_unmasked_frames(true);
    let mut socket =
        WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(limits)).await;
    let (code, why) = loop {
        tokio::select! {
            message = told.next() => match message {
                Some(message) => tokio::select! {
                    sent = socket.send(Message::text(message)) => if sent.is_err() { return },
                    // A reader that takes nothing hears no farewell.
                    () = clock.reached(expires) => return,
                },
                None => break (CloseCode::Normal, "the tail is no more"),
            },
            said = socket.next() => match said {
                Some(Ok(Message::Text(text))) if wants_debug(&text) => {
                    break (CloseCode::Unsupported, "edgeproof does not emulate the debugging of a tail's filters");
                }
                // Pings are answered while one reads.
                Some(Ok(Message::Text(_) | Message::Binary(_) | Message::Ping(_) | Message::Pong(_))) => {}
                _ => return,
            },
            () = clock.reached(expires) => break (CloseCode::Normal, "the tail has expired"),
        }
    };
    let reason = why.into();
    // Whoever has gone needs no farewell.
    let _ = socket.close(Some(CloseFrame { code, reason })).await;
}

fn wants_debug(text: &str) -> bool {
    serde_json::from_str::<Value>(text).is_ok_and(|said| said["debug"] == true)
}
