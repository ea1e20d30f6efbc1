//! How long a destination may take.

use std::time::Duration;

/// How long a destination may take: an extension of a request.
///
/// The defaults are Cloudflare's (documentation, Fundamentals › Connection limits).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For a connection; more is error 522. Default 19 s.
    pub connect: Duration,
    /// For the head of a response, once there is a connection; more is error 524. Default 100 s.
    pub read: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(19),
            read: Duration::from_secs(100),
        }
    }
}
