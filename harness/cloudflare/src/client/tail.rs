//! A tail of a worker: what its invocations come to, while they happen.

use http::{Method, Request, StatusCode, Uri, header, uri::Scheme};
use http_body_util::Full;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::{Value as Json, json};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        handshake::{client::generate_key, derive_accept_key},
        protocol::{Role, WebSocketConfig},
    },
};
use url::{Host, Url};

use edgeproof_ground::causes;
use futures_util::{SinkExt, StreamExt};

use super::{
    cloudflare::{Cloudflare, of},
    envelope,
    error::ApiError,
    http::{ApiRequest, LIMIT, Repeat},
    network::Network,
};

/// The version of the messages.
const PROTOCOL: &str = "trace-v1";

/// Bytes of one message that are read: an invocation has 256 KB of log at most, which JSON makes longer.
const MESSAGE: usize = 4 * 1024 * 1024;

/// A tail that is read. Its worker has it until [`Tail::end`], or until it expires.
pub struct Tail {
    cloudflare: Cloudflare,
    path: String,
    socket: WebSocketStream<TokioIo<Upgraded>>,
}

#[derive(Deserialize)]
struct Started {
    id: String,
    url: String,
}

impl Cloudflare {
    /// Starts a tail of a worker and reads it, over a machine's own way to the network.
    ///
    /// # Errors
    /// When the API refuses, or its socket cannot be read.
    pub async fn tail(
        &self,
        account: &str,
        script: &str,
        network: &Network,
    ) -> Result<Tail, ApiError> {
        let tails = format!("{}/tails", of(account, script));
        let call = ApiRequest {
            repeat: Repeat::IfUnseen,
            ..ApiRequest::new(Method::POST, tails.clone()).json(&json!({"filters": []}))
        };
        let started: Started = envelope::result(&self.http, &call).await?;
        let path = format!("{tails}/{}", started.id);
        let connected = tokio::time::timeout(LIMIT, connect(&started.url, network)).await;
        let connected = connected.unwrap_or_else(|_| {
            Err(unanswered(&format!(
                "nothing came within {} s",
                LIMIT.as_secs()
            )))
        });
        match connected {
            Ok(socket) => Ok(Tail {
                cloudflare: self.clone(),
                path,
                socket,
            }),
            Err(error) => {
                // It expires by itself too.
                let _ = self.end_tail(path).await;
                Err(error)
            }
        }
    }

    async fn end_tail(&self, path: String) -> Result<(), ApiError> {
        let call = ApiRequest::new(Method::DELETE, path);
        envelope::result::<Json>(&self.http, &call).await.map(drop)
    }
}

impl Tail {
    /// What the next invocation came to; none when there will be no other.
    pub async fn next(&mut self) -> Option<Json> {
        loop {
            let said = match self.socket.next().await?.ok()? {
                Message::Text(text) => serde_json::from_str(&text),
                Message::Binary(bytes) => serde_json::from_slice(&bytes),
                Message::Close(_) => return None,
                // Pings are answered while one reads.
                _ => continue,
            };
            // A message of another kind is none about an invocation.
            if let Ok(said) = said {
                return Some(said);
            }
        }
    }

    /// Takes it from its worker.
    ///
    /// # Errors
    /// When the API refuses or does not answer.
    pub async fn end(mut self) -> Result<(), ApiError> {
        // Whoever has gone needs no farewell.
        let _ = self.socket.close(None).await;
        self.cloudflare.end_tail(self.path).await
    }
}

fn unanswered(reason: &str) -> ApiError {
    ApiError::Unanswered {
        call: "the socket of the tail".to_owned(),
        reason: reason.to_owned(),
    }
}

/// The address of the socket as HTTP's. What a worker logs is not for the network, so it is encrypted except on this machine.
fn address(url: &str) -> Result<(Uri, bool), ApiError> {
    let wrong = |reason| ApiError::Address {
        url: url.to_owned(),
        reason,
    };
    let parsed = Url::parse(url).map_err(|_| wrong("it is not a URL"))?;
    let is_local = match parsed.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => return Err(wrong("it has no host")),
    };
    let scheme = match parsed.scheme() {
        "wss" => Scheme::HTTPS,
        "ws" if is_local => Scheme::HTTP,
        _ => {
            return Err(wrong(
                "a tail is read over wss only, except on this machine",
            ));
        }
    };
    let uri: Uri = url.parse().map_err(|_| wrong("it is not a URL"))?;
    let mut parts = uri.into_parts();
    parts.scheme = Some(scheme);
    let uri = Uri::from_parts(parts).map_err(|_| wrong("it is not a URL"))?;
    Ok((uri, is_local))
}

async fn connect(
    url: &str,
    network: &Network,
) -> Result<WebSocketStream<TokioIo<Upgraded>>, ApiError> {
    let (to, is_local) = address(url)?;
    let connector = network.connector(&to, is_local)?;
    let key = generate_key();
    let request = Request::get(to)
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_VERSION, "13")
        .header(header::SEC_WEBSOCKET_KEY, &key)
        .header(header::SEC_WEBSOCKET_PROTOCOL, PROTOCOL)
        .header(
            header::USER_AGENT,
            concat!("edgeproof/", env!("CARGO_PKG_VERSION")),
        )
        .body(Full::default())
        .map_err(|error| unanswered(&error.to_string()))?;
    let response = connector.request(request).await.map_err(|error| {
        let why = causes::with_causes(&error);
        unanswered(&format!("{why}{}", connector.hint(&why)))
    })?;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(unanswered(&format!(
            "it was answered with status {}",
            response.status().as_u16()
        )));
    }
    let accept = response.headers().get(header::SEC_WEBSOCKET_ACCEPT);
    if accept.is_none_or(|accept| accept.as_bytes() != derive_accept_key(key.as_bytes()).as_bytes())
    {
        return Err(unanswered("it did not answer as a WebSocket does"));
    }
    let upgraded = hyper::upgrade::on(response).await;
    let upgraded = upgraded.map_err(|error| unanswered(&causes::with_causes(&error)))?;
    let limits = WebSocketConfig::default()
        .max_message_size(Some(MESSAGE))
        .max_frame_size(Some(MESSAGE));
    let stream = TokioIo::new(upgraded);
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Client, Some(limits)).await;
    // The first word is the client's.
    let first = Message::text(r#"{"debug":false}"#);
    let sent = socket.send(first).await;
    sent.map_err(|error| unanswered(&error.to_string()))?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(
        "wss://tail.developers.workers.dev/1",
        Some("https://tail.developers.workers.dev/1")
    )]
    #[case(
        "ws://127.0.0.1:8080/tails/1?a=b",
        Some("http://127.0.0.1:8080/tails/1?a=b")
    )]
    #[case("ws://tail.developers.workers.dev/1", None)]
    #[case("http://127.0.0.1:8080/", None)]
    #[case("no address", None)]
    fn what_is_logged_goes_over_wss_or_stays_on_this_machine(
        #[case] url: &str,
        #[case] expected: Option<&str>,
    ) {
        let address = address(url).ok().map(|(uri, _)| uri.to_string());
        assert_eq!(address.as_deref(), expected);
    }
}
