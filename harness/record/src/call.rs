//! A call of a visitor, as a trace or a HAR file tells it.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use edgeproof_fingerprint::{self as fingerprint, Signals};
use edgeproof_ground::trace::{Counted, Exchange, Party};
use edgeproof_origin::RecordedRequest;
use edgeproof_rig::Rig;

/// The header of the signals.
pub(crate) const SIGNALS: &str = "fp-data";

/// A request that a visitor made, and what came of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Call {
    /// The method.
    pub method: String,
    /// The absolute URL.
    pub url: String,
    /// The headers of the request.
    pub headers: Vec<(String, String)>,
    /// The body of the request.
    pub body: Body,
    /// The status of the response; none where none came.
    pub status: Option<u16>,
    /// What happened behind the edge, where that is known.
    pub behind: Option<Behind>,
    /// When it began, since its trace did.
    pub started: Duration,
    /// Whether its signals are none that an agent makes, so that they are sent as they were.
    pub forged: bool,
    /// Steps that were taken before it, and after the one before: YAML of one, or of a list.
    pub before: Vec<String>,
}

/// The body of a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Body {
    /// There is none.
    #[default]
    None,
    /// It is known.
    Known(Bytes),
    /// Only its length in bytes is.
    Unknown(u64),
}

/// What happened to a call behind the edge.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Behind {
    /// Whether it reached the origin.
    pub reached: bool,
    /// Whether the origin saw the signals.
    pub signals_at_origin: bool,
    /// The event by which it was identified.
    pub event: Option<serde_json::Value>,
}

impl Call {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Whether it carried signals.
    pub fn has_signals(&self) -> bool {
        self.header(SIGNALS).is_some()
    }
}

/// The calls of visitors that a rig has recorded and `picked` accepts, in the order they came. Their bodies are those that the
/// trace keeps, where it was told to, and else what the origin or the filtering node saw.
pub fn of_rig(rig: &Rig, picked: impl Fn(&Exchange) -> bool) -> Vec<Call> {
    let seen = Seen::of(rig);
    let visits = seen.exchanges.iter();
    let visits = visits.filter(|exchange| exchange.from == Party::Visitor && picked(exchange));
    visits.map(|visit| seen.call(visit)).collect()
}

/// What a rig has seen.
pub(crate) struct Seen {
    pub(crate) exchanges: Vec<Exchange>,
    bodies: Vec<RecordedRequest>,
    events: Vec<Arc<fingerprint::Record>>,
}

impl Seen {
    pub(crate) fn of(rig: &Rig) -> Self {
        let mut bodies = rig.origin_requests();
        bodies.extend(rig.wallarm().requests());
        Self {
            exchanges: rig.trace().exchanges(),
            bodies,
            events: rig.fingerprint().events(),
        }
    }

    fn call(&self, visit: &Exchange) -> Call {
        let headers = visit.request.headers.iter();
        let kept = visit.body(Counted::Request);
        let ray = visit.ray.as_deref().unwrap_or_default();
        Call {
            method: visit.request.method.to_string(),
            url: visit.request.url.clone(),
            headers: headers
                .map(|(name, value)| {
                    let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                    (name.to_string(), value)
                })
                .collect(),
            body: match kept.len() as u64 == visit.request.body_bytes && !kept.is_empty() {
                true => Body::Known(Bytes::from(kept)),
                false => self.body(ray, visit.request.body_bytes),
            },
            status: visit
                .response
                .as_ref()
                .map(|response| response.status.as_u16()),
            behind: Some(self.behind(ray)),
            started: visit.started,
            forged: visit.request.headers.get(SIGNALS).is_some_and(|value| {
                let signals = value.to_str().ok();
                signals.is_none_or(|signals| Signals::decode(signals).is_err())
            }),
            before: Vec::new(),
        }
    }

    /// Where the origin or the filtering node has seen it whole, what they saw; a worker passes bodies on as they are.
    fn body(&self, ray: &str, bytes: u64) -> Body {
        if bytes == 0 {
            return Body::None;
        }
        let of_ray = |request: &&RecordedRequest| {
            let named = request.headers.get("cf-ray");
            named.is_some_and(|named| named == ray)
        };
        let is_whole = |request: &&RecordedRequest| {
            request.body.length == bytes && request.body.start.len() as u64 == bytes
        };
        let known = self.bodies.iter().filter(of_ray).find(is_whole);
        match known {
            Some(request) => Body::Known(Bytes::from(request.body.start.clone())),
            None => Body::Unknown(bytes),
        }
    }

    /// What happened to the visitor's request with this ray.
    pub(crate) fn behind(&self, ray: &str) -> Behind {
        let of_ray = self
            .exchanges
            .iter()
            .filter(|exchange| exchange.ray.as_deref() == Some(ray));
        let mut at_origin = of_ray
            .filter(|exchange| exchange.to == Party::Origin)
            .peekable();
        let event = self
            .events
            .iter()
            .rev()
            .find(|event| event.ray.as_deref() == Some(ray));
        Behind {
            reached: at_origin.peek().is_some(),
            signals_at_origin: at_origin
                .any(|exchange| exchange.request.headers.contains_key(SIGNALS)),
            event: event.and_then(|event| serde_json::to_value(&event.event).ok()),
        }
    }

    /// Every event of the platform, in order, with the ray of its call.
    pub(crate) fn events(&self) -> impl Iterator<Item = (Option<&str>, serde_json::Value)> {
        let events = self.events.iter();
        events.filter_map(|event| {
            Some((
                event.ray.as_deref(),
                serde_json::to_value(&event.event).ok()?,
            ))
        })
    }
}
