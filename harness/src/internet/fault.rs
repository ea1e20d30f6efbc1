//! Faults: what goes wrong between a request and its destination, on purpose.

use std::{
    collections::HashMap,
    fmt,
    str::FromStr,
    sync::atomic::{AtomicU64, Ordering},
};

use http::{HeaderMap, StatusCode};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::edge::{Pattern, PatternError, Target};

/// A fault, as a scenario writes it: `{ on: ingress, fault: refuse, first: 2 }`.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Which requests.
    pub on: FaultTarget,
    /// What happens to them.
    pub fault: FaultKind,
    /// Only the first so many requests; all of them where it is absent.
    pub first: Option<u64>,
    /// So many requests are let through before it begins.
    #[serde(default)]
    pub after: u64,
    /// Only so many per cent of these requests, chosen by chance; all of them where it is absent.
    pub percent: Option<Percent>,
    /// Where chance begins: the same seed chooses the same requests.
    #[serde(default)]
    pub seed: u64,
}

/// A share of requests: 1 to 99.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "u8")]
pub struct Percent(#[schemars(range(min = 1, max = 99))] u8);

/// Why a number is no share of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a share of requests from 1 to 99 per cent")]
pub struct PercentError(u8);

impl TryFrom<u8> for Percent {
    type Error = PercentError;

    fn try_from(percent: u8) -> Result<Self, PercentError> {
        if (1..100).contains(&percent) {
            Ok(Self(percent))
        } else {
            Err(PercentError(percent))
        }
    }
}

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
    /// The connection is dropped before an answer: 520.
    Reset,
    /// No answer ever comes: 524 after 100 seconds.
    Hang,
    /// No connection is made within the time: 522, at once.
    NoConnection,
    /// No way leads to the address: 523.
    NoRoute,
    /// The TLS handshake fails: 525.
    Tls,
    /// The certificate is not valid: 526.
    Certificate,
    /// The name does not resolve: 530 with 1016.
    NoSuchName,
    /// Another answer comes in place of the real one, which is never asked.
    Answer(AnswerFault),
    /// The request is held back for so many milliseconds and then goes on.
    Delay(u64),
    /// The connection breaks after so many bytes of the real answer's body.
    Truncate(u64),
    /// The real answer's body comes in pieces of so many bytes, one every 10 milliseconds.
    Dribble(u64),
}

/// An answer that a fault gives.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "WrittenAnswer")]
#[schemars(with = "WrittenAnswer")]
pub struct AnswerFault {
    /// The status, 200 to 599.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: String,
}

/// [`AnswerFault`] as it stands in a file.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WrittenAnswer {
    status: u16,
    #[serde(default)]
    headers: HashMap<String, String>,
    #[serde(default)]
    body: String,
}

/// Why the answer of a fault could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerFaultError {
    /// The status is not the status of a final answer.
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

impl Fault {
    /// The name of the part it applies to, where it names one.
    pub(super) fn peer_name(&self) -> Option<&str> {
        match &self.on {
            FaultTarget::Peer(name) => Some(name),
            FaultTarget::Url(_) => None,
        }
    }

    /// Whether chance chooses the request of this number.
    fn chosen(&self, number: u64) -> bool {
        self.percent.is_none_or(|Percent(percent)| {
            // The golden ratio keeps neighbouring seeds and numbers from choosing alike.
            let seed = self
                .seed
                .wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            fastrand::Rng::with_seed(seed).u8(0..100) < percent
        })
    }
}

impl TryFrom<WrittenAnswer> for AnswerFault {
    type Error = AnswerFaultError;

    fn try_from(written: WrittenAnswer) -> Result<Self, AnswerFaultError> {
        let status = StatusCode::from_u16(written.status)
            .ok()
            .filter(|status| (200..600).contains(&status.as_u16()))
            .ok_or(AnswerFaultError::Status(written.status))?;
        let headers = HeaderMap::try_from(&written.headers)
            .map_err(|_| AnswerFaultError::Header(format!("{:?}", written.headers)))?;
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
            Self::Reset => f.write_str("connection dropped before an answer"),
            Self::Hang => f.write_str("no answer ever"),
            Self::NoConnection => f.write_str("no connection within the time limit"),
            Self::NoRoute => f.write_str("no route to the address"),
            Self::Tls => f.write_str("TLS handshake failed"),
            Self::Certificate => f.write_str("certificate not valid"),
            Self::NoSuchName => f.write_str("name does not resolve"),
            Self::Answer(answer) => write!(f, "answered {} in its place", answer.status.as_u16()),
            Self::Delay(milliseconds) => write!(f, "held back for {milliseconds} ms"),
            Self::Truncate(bytes) => write!(f, "cut off after {bytes} bytes of body"),
            Self::Dribble(bytes) => write!(f, "body in pieces of {bytes} bytes"),
        }
    }
}

/// The faults of a rig with what each has seen so far.
#[derive(Debug, Default)]
pub(super) struct Faults {
    faults: Vec<(Fault, AtomicU64)>,
}

impl Faults {
    pub(super) fn new(faults: Vec<Fault>) -> Self {
        Self {
            faults: faults
                .into_iter()
                .map(|fault| (fault, AtomicU64::new(0)))
                .collect(),
        }
    }

    /// The faults that this request meets, in the order they were written.
    pub(super) fn meet(&self, peer: Option<&str>, target: Option<Target<'_>>) -> Vec<FaultKind> {
        self.faults
            .iter()
            .filter(|(fault, _)| match &fault.on {
                FaultTarget::Peer(name) => peer == Some(name),
                FaultTarget::Url(pattern) => target.is_some_and(|target| pattern.matches(target)),
            })
            .filter(|(fault, seen)| {
                let before = seen.fetch_add(1, Ordering::Relaxed);
                let end = fault
                    .first
                    .map_or(u64::MAX, |first| fault.after.saturating_add(first));
                (fault.after..end).contains(&before) && fault.chosen(before)
            })
            .map(|(fault, _)| fault.fault.clone())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::edge::Scheme;

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
        FaultKind::Answer(AnswerFault { status: StatusCode::INTERNAL_SERVER_ERROR, headers: HeaderMap::new(), body: "no".into() })
    )]
    fn a_fault_is_read_as_a_scenario_writes_it(#[case] yaml: &str, #[case] expected: FaultKind) {
        assert_eq!(read(yaml).unwrap().fault, expected);
    }

    #[rstest]
    #[case("{on: ingress, fault: refused}")]
    #[case("{on: ingress, fault: refuse, times: 2}")]
    #[case("{on: a.example/*x/, fault: refuse}")]
    #[case("{on: wallarm, fault: {answer: {status: 500, code: 1}}}")]
    #[case("{on: wallarm, fault: {answer: {status: 100}}}")]
    #[case("{on: wallarm, fault: reset, percent: 0}")]
    #[case("{on: wallarm, fault: reset, percent: 100}")]
    #[case("{on: wallarm, fault: {answer: {status: 500, headers: {a b: c}}}}")]
    fn a_misspelt_fault_is_refused(#[case] yaml: &str) {
        assert!(read(yaml).is_err());
    }

    #[test]
    fn a_fault_with_bounds_only_meets_the_requests_between_them() {
        let faults = Faults::new(vec![
            read("{on: ingress, fault: refuse, first: 2, after: 1}").unwrap(),
        ]);
        let met: Vec<bool> = (0..5)
            .map(|_| !faults.meet(Some("ingress"), None).is_empty())
            .collect();
        assert_eq!(met, [false, true, true, false, false]);
        assert!(faults.meet(Some("cdn"), None).is_empty());
    }

    #[test]
    fn chance_chooses_a_share_of_the_requests_and_the_same_with_the_same_seed() {
        let met = |seed: u64| -> Vec<bool> {
            let text = format!("{{on: ingress, fault: refuse, percent: 30, seed: {seed}}}");
            let faults = Faults::new(vec![read(&text).unwrap()]);
            (0..1000)
                .map(|_| !faults.meet(Some("ingress"), None).is_empty())
                .collect()
        };
        assert_eq!(met(1), met(1));
        assert_ne!(met(1), met(2));
        for seed in 0..5 {
            let share = met(seed).iter().filter(|met| **met).count();
            assert!((250..350).contains(&share), "{share} of 1000");
        }
    }

    #[test]
    fn a_fault_on_a_url_meets_only_that_url() {
        let faults = Faults::new(vec![read("{on: shop.example/api*, fault: reset}").unwrap()]);
        let target = |path_and_query| {
            Some(Target {
                scheme: Scheme::Https,
                host: "shop.example",
                path_and_query,
            })
        };
        assert_eq!(
            faults.meet(Some("origin"), target("/api?a=b")),
            [FaultKind::Reset]
        );
        assert!(faults.meet(Some("origin"), target("/")).is_empty());
    }
}
