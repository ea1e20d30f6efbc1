//! Faults of the internet: what goes wrong between a request and its destination, on purpose.

use std::{collections::HashMap, fmt, str::FromStr};

use edgeproof_ground::{
    fault,
    pattern::{Pattern, PatternError, Target},
};
use http::{HeaderMap, StatusCode};
use schemars::JsonSchema;
use serde::Deserialize;

/// A fault on the internet, as a scenario writes it: `{ on: ingress, fault: refuse, first: 2 }`.
pub type Fault = fault::Fault<FaultTarget, FaultKind>;

/// The faults of a rig.
pub(super) type Faults = fault::Faults<FaultTarget, FaultKind>;

/// Which requests a fault applies to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub enum FaultTarget {
    /// All requests to a part of the rig, by its name: `origin`, `ingress`, `cdn`, `wallarm`.
    Peer(String),
    /// Requests whose URL matches: `api.shop.example/login*`, with the grammar of a Cloudflare route.
    Url(Pattern),
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum FaultKind {
    /// Nobody listens: the edge makes 521 of it.
    Refuse,
    /// The connection is dropped before a response: 520.
    Reset,
    /// There is no response: 524 after 100 seconds.
    Hang,
    /// No connection is made within the time: 522, at once.
    NoConnection,
    /// There is no route to the address: 523.
    NoRoute,
    /// The TLS handshake fails: 525.
    Tls,
    /// The certificate is not valid: 526.
    Certificate,
    /// The name does not resolve: 530 with 1016.
    NoSuchName,
    /// Another response replaces the real one; the request is not delivered.
    Answer(ResponseFault),
    /// The request is delayed by this many milliseconds.
    Delay(u64),
    /// The connection breaks after this many bytes of the real response's body.
    Truncate(u64),
    /// The real response's body comes in pieces of this many bytes, one every 10 milliseconds.
    Dribble(u64),
}

/// A response that a fault gives.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "WrittenResponse")]
#[schemars(with = "WrittenResponse")]
pub struct ResponseFault {
    /// The status, 200 to 599.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: String,
}

/// [`ResponseFault`] as it stands in a file.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WrittenResponse {
    status: u16,
    #[serde(default)]
    headers: HashMap<String, String>,
    #[serde(default)]
    body: String,
}

/// Why the response of a fault could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResponseFaultError {
    /// The status is not the status of a final response.
    #[error("{0} is not a status from 200 to 599")]
    Status(u16),
    /// HTTP cannot carry the header.
    #[error("`{0}` is not a header that HTTP can carry")]
    Header(String),
}

/// Why the target of a fault could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaultTargetError {
    /// It has a dot or a slash, so it is a URL pattern, and it is not a valid one.
    #[error(transparent)]
    Pattern(#[from] PatternError),
}

impl FaultTarget {
    /// The name of the part, where it names one.
    pub fn peer_name(&self) -> Option<&str> {
        match self {
            Self::Peer(name) => Some(name),
            Self::Url(_) => None,
        }
    }

    /// Whether a request to this part, at this URL, is meant.
    pub(super) fn matches(&self, peer: Option<&str>, url: Option<Target<'_>>) -> bool {
        match self {
            Self::Peer(name) => peer == Some(name),
            Self::Url(pattern) => url.is_some_and(|url| pattern.matches(url)),
        }
    }
}

impl TryFrom<WrittenResponse> for ResponseFault {
    type Error = ResponseFaultError;

    fn try_from(written: WrittenResponse) -> Result<Self, ResponseFaultError> {
        let status = StatusCode::from_u16(written.status)
            .ok()
            .filter(|status| (200..600).contains(&status.as_u16()))
            .ok_or(ResponseFaultError::Status(written.status))?;
        let headers = HeaderMap::try_from(&written.headers)
            .map_err(|_| ResponseFaultError::Header(format!("{:?}", written.headers)))?;
        Ok(Self {
            status,
            headers,
            body: written.body,
        })
    }
}

impl FromStr for FaultTarget {
    type Err = FaultTargetError;

    fn from_str(text: &str) -> Result<Self, FaultTargetError> {
        if text.contains(['.', '/', '*']) {
            Ok(Self::Url(text.parse()?))
        } else {
            Ok(Self::Peer(text.to_owned()))
        }
    }
}

impl TryFrom<String> for FaultTarget {
    type Error = FaultTargetError;

    fn try_from(text: String) -> Result<Self, FaultTargetError> {
        text.parse()
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refuse => f.write_str("connection refused"),
            Self::Reset => f.write_str("connection dropped before a response"),
            Self::Hang => f.write_str("no response"),
            Self::NoConnection => f.write_str("no connection within the time limit"),
            Self::NoRoute => f.write_str("no route to the address"),
            Self::Tls => f.write_str("TLS handshake failed"),
            Self::Certificate => f.write_str("certificate not valid"),
            Self::NoSuchName => f.write_str("name does not resolve"),
            Self::Answer(response) => {
                write!(
                    f,
                    "responded with {} in its place",
                    response.status.as_u16()
                )
            }
            Self::Delay(milliseconds) => write!(f, "delayed by {milliseconds} ms"),
            Self::Truncate(bytes) => write!(f, "cut off after {bytes} bytes of body"),
            Self::Dribble(bytes) => write!(f, "body in pieces of {bytes} bytes"),
        }
    }
}

#[cfg(test)]
mod tests {
    use edgeproof_ground::pattern::Scheme;
    use rstest::rstest;

    use super::*;

    fn read(yaml: &str) -> Result<Fault, String> {
        serde_saphyr::from_str(yaml).map_err(|error| error.to_string())
    }

    #[rstest]
    #[case("{on: ingress, fault: refuse}", FaultKind::Refuse)]
    #[case("{on: cdn, fault: no_such_name}", FaultKind::NoSuchName)]
    #[case("{on: origin, fault: {delay: 250}}", FaultKind::Delay(250))]
    #[case(
        "{on: shop.example/api*, fault: {truncate: 10}}",
        FaultKind::Truncate(10)
    )]
    #[case(
        "{on: wallarm, fault: {answer: {status: 500, body: no}}}",
        FaultKind::Answer(ResponseFault { status: StatusCode::INTERNAL_SERVER_ERROR, headers: HeaderMap::new(), body: "no".into() })
    )]
    fn a_fault_is_read_as_a_scenario_writes_it(#[case] yaml: &str, #[case] expected: FaultKind) {
        assert_eq!(read(yaml).unwrap().fault, expected);
    }

    #[rstest]
    #[case("{on: ingress, fault: refused}", "unknown variant `refused`")]
    #[case("{on: a.example/*x/, fault: refuse}", "a.example/*x/")]
    #[case(
        "{on: wallarm, fault: {answer: {status: 500, code: 1}}}",
        "unknown field `code`"
    )]
    #[case(
        "{on: wallarm, fault: {answer: {status: 100}}}",
        "100 is not a status from 200 to 599"
    )]
    #[case(
        "{on: wallarm, fault: {answer: {status: 500, headers: {a b: c}}}}",
        "is not a header that HTTP can carry"
    )]
    fn a_misspelt_fault_is_refused(#[case] yaml: &str, #[case] message: &str) {
        let error = read(yaml).unwrap_err();
        assert!(error.contains(message), "{error}");
    }

    #[test]
    fn a_fault_on_a_url_meets_only_that_url() {
        let on = read("{on: shop.example/api*, fault: reset}").unwrap().on;
        let target = |path_and_query| {
            Some(Target {
                scheme: Scheme::Https,
                host: "shop.example",
                path_and_query,
            })
        };
        assert!(on.matches(Some("origin"), target("/api?a=b")));
        assert!(!on.matches(Some("origin"), target("/")));
    }
}
