//! Why a request got no response, and what the real edge makes of it.

use std::time::Duration;

use http::StatusCode;

/// A destination gave no response. A worker's `fetch()` never rejects for these: the edge answers in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreachable {
    /// The name has no address.
    #[error("the name does not resolve")]
    NameUnknown,
    /// Nobody listens at the address.
    #[error("the connection was refused")]
    Refused,
    /// The connection was dropped, or what came was not HTTP.
    #[error("the connection was dropped before a response")]
    Reset,
    /// No connection was made within the time.
    #[error("no connection within the time limit")]
    ConnectTimeout,
    /// No way leads to the address.
    #[error("no route leads to the address")]
    NoRoute,
    /// No response came within the time.
    #[error("no response within {} s", .0.as_secs_f64())]
    ReadTimeout(Duration),
    /// The TLS handshake failed.
    #[error("the TLS handshake failed")]
    Tls,
    /// The certificate is not one the edge trusts.
    #[error("the certificate is not valid")]
    Certificate,
}

/// A destination gave no response, and what is known of why: who was asked, and what went wrong there.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{cause}")]
pub struct Failure {
    /// What the edge makes of it.
    pub unreachable: Unreachable,
    /// For the trace.
    pub cause: String,
}

impl From<Unreachable> for Failure {
    fn from(unreachable: Unreachable) -> Self {
        Self {
            unreachable,
            cause: unreachable.to_string(),
        }
    }
}

impl Unreachable {
    /// Cloudflare's own status for it (documentation, Support › 5xx errors; 1016 for the name).
    pub fn status(self) -> StatusCode {
        let code = match self {
            Self::Reset => 520,
            Self::Refused => 521,
            Self::ConnectTimeout => 522,
            Self::NoRoute => 523,
            Self::ReadTimeout(_) => 524,
            Self::Tls => 525,
            Self::Certificate => 526,
            Self::NameUnknown => 530,
        };
        StatusCode::from_u16(code).unwrap_or(StatusCode::BAD_GATEWAY)
    }

    /// The number on the error page: the status, or 1016 with 530.
    pub fn code(self) -> u16 {
        match self {
            Self::NameUnknown => 1016,
            other => other.status().as_u16(),
        }
    }
}
