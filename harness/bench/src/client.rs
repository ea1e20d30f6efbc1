//! One visitor's connection, and what one request over it took.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::visitor::BenchRequest;

/// A connection that stays open.
pub(super) struct Connection(SendRequest<Full<Bytes>>);

/// When the parts of a response came, and how much it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ResponseTimes {
    pub(super) first_byte: Instant,
    pub(super) whole: Instant,
    pub(super) bytes: u64,
}

/// Why a request has no response that can be measured.
#[derive(Debug, thiserror::Error)]
pub enum VisitError {
    /// No connection.
    #[error("no connection could be opened")]
    Connect(#[source] std::io::Error),
    /// The exchange broke off.
    #[error("the exchange broke off")]
    Broken(#[from] hyper::Error),
    /// The response is not the one that the case is about.
    #[error("expected status 200, got {0}")]
    Status(StatusCode),
    /// No response.
    #[error("no response within {} s", .0.as_secs())]
    Silent(Duration),
}

impl VisitError {
    /// Whether another attempt may go better: a connection broke, rather than that the response is another one.
    pub(super) fn is_broken_connection(&self) -> bool {
        match self {
            Self::Connect(_) | Self::Broken(_) => true,
            Self::Status(_) | Self::Silent(_) => false,
        }
    }
}

/// How long a response may take before there is nothing to measure.
const PATIENCE: Duration = Duration::from_secs(30);

impl Connection {
    pub(super) async fn open(address: SocketAddr) -> Result<Self, VisitError> {
        let stream = TcpStream::connect(address)
            .await
            .map_err(VisitError::Connect)?;
        stream.set_nodelay(true).map_err(VisitError::Connect)?;
        let (sender, driver) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        // What breaks it off, the request over it says as well.
        tokio::spawn(driver);
        Ok(Self(sender))
    }

    /// So many connections.
    pub(super) async fn several(
        address: SocketAddr,
        count: usize,
    ) -> Result<Vec<Self>, VisitError> {
        let mut connections = Vec::with_capacity(count);
        for _ in 0..count {
            connections.push(Self::open(address).await?);
        }
        Ok(connections)
    }

    /// Sends the request and reads the whole response.
    pub(super) async fn visit(
        &mut self,
        visit: &BenchRequest,
    ) -> Result<ResponseTimes, VisitError> {
        tokio::time::timeout(PATIENCE, self.exchange(visit))
            .await
            .map_err(|_| VisitError::Silent(PATIENCE))?
    }

    async fn exchange(&mut self, visit: &BenchRequest) -> Result<ResponseTimes, VisitError> {
        self.0.ready().await?;
        let response = self.0.send_request(visit.request()).await?;
        if response.status() != StatusCode::OK {
            return Err(VisitError::Status(response.status()));
        }
        let mut body = response.into_body();
        // The head alone is nothing that a visitor sees: a worker may send it long before it has something to show.
        let mut first_byte = None;
        let mut bytes = 0;
        while let Some(frame) = body.frame().await {
            first_byte.get_or_insert_with(Instant::now);
            bytes += frame?.data_ref().map_or(0, |data| data.len() as u64);
        }
        let whole = Instant::now();
        Ok(ResponseTimes {
            first_byte: first_byte.unwrap_or(whole),
            whole,
            bytes,
        })
    }
}
