//! Waits for an app until it is ready.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Empty;
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::sleep};
use url::Url;

use super::output::Output;
use crate::Address;

/// The first pause between two attempts; each one is half as long again, up to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LAST_PAUSE: Duration = Duration::from_millis(250);

/// What an app must do to be ready.
pub(super) enum Condition {
    /// Accept connections at its address.
    Accepts(Address),
    /// Give a response for a URL.
    Responds(Url),
    /// Print the text that its output waits for.
    Prints(String, Output),
}

impl Condition {
    /// Waits until it is met.
    pub(super) async fn met(&self) {
        let mut pause = FIRST_PAUSE;
        while !self.holds().await {
            sleep(pause).await;
            pause = (pause * 3 / 2).min(LAST_PAUSE);
        }
    }

    /// Tries once.
    async fn holds(&self) -> bool {
        match self {
            Self::Accepts(address) => address.accepts().await,
            Self::Responds(url) => responds(url).await.is_ok(),
            Self::Prints(_, output) => {
                output.awaited().await;
                true
            }
        }
    }

    /// What is missing while it is not met.
    pub(super) fn missing(&self) -> String {
        match self {
            Self::Prints(text, _) => format!("it did not print `{text}`"),
            Self::Accepts(address) => format!("nothing listens at {address}"),
            Self::Responds(url) => format!("{url} gives no response"),
        }
    }
}

/// Whether a GET has a response, whatever its status.
async fn responds(url: &Url) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let authority = url.authority();
    let sockets = url.socket_addrs(|| None)?;
    let stream = TcpStream::connect(sockets.as_slice()).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let request = http::Request::get(&url[url::Position::BeforePath..url::Position::AfterQuery])
        .header(http::header::HOST, authority)
        .body(Empty::<Bytes>::new())?;
    tokio::select! {
        response = sender.send_request(request) => { response?; }
        ended = connection => ended?,
    }
    Ok(())
}
