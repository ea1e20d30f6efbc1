//! Finds attacks in a request: a pure function of its bytes.
//!
//! 1. The request is taken apart into *points*: path, query, headers, cookies, body, and what lies in them.
//! 2. Each value is decoded again and again, by every decoder that fits ([`decode`](self)), so that an attack hides
//!    behind no number of encodings within the [`Limits`].
//! 3. Typed detectors look at each decoded value.

mod attack;
mod decode;
mod detectors;
mod inspect;
mod parts;
mod point;
#[cfg(test)]
mod tests;
mod value;

use http::HeaderMap;

pub use attack::AttackType;
pub use point::Point;

/// A request as the detectors see it.
#[derive(Clone, Copy, Debug)]
pub struct Inspected<'a> {
    /// Path and query as they were sent.
    pub path_and_query: &'a str,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The whole body, as it was sent.
    pub body: &'a [u8],
}

/// How much work one request may cause.
///
/// The vendor's limit is a second of time; this one is counted, so that the same request always gets the same response.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Encodings inside of one another.
    pub depth: usize,
    /// Decoded values.
    pub values: usize,
    /// Bytes of all decoded values together.
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: 8,
            values: 4096,
            bytes: 16 * 1024 * 1024,
        }
    }
}

/// An attack that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its kind.
    pub attack: AttackType,
    /// Where it was.
    pub point: Point,
    /// The part of the decoded value that gave it away, with a little of what stands around it.
    pub payload: String,
    /// The name of the sign.
    pub sign: &'static str,
}

/// The attacks in a request: the first of each kind, in the order of the request.
///
/// A request that takes more than the limits ends with a finding of [`AttackType::OverlimitRes`]; what came after that
/// has not been looked at.
pub fn detect(request: Inspected<'_>, limits: Limits) -> Vec<Finding> {
    let mut inspection = inspect::Inspection::new(limits);
    // An error is the limit; it is in the findings.
    let _ = parts::inspect(request, &mut inspection);
    inspection.into_findings()
}
