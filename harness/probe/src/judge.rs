//! What became of a request, as the trace has it.

use edgeproof_ground::trace::{Exchange, Party};
use serde::{Deserialize, Serialize};

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It reached an origin, and nobody identified the visitor.
    Unprotected,
    /// A cache responded with what somebody else had got, and nobody identified the visitor.
    Cached,
    /// It reached an origin, and the filtering node had not seen it whole, or had blocked it.
    Uninspected,
    /// A cache gave a page without the script of the worker.
    Uninstrumented,
    /// It reached an origin after the platform had identified the visitor.
    Identified,
    /// The worker answered it.
    Blocked,
    /// The edge answered it.
    Refused,
    /// Nothing came back, and no origin saw it.
    Unanswered,
}

impl Fate {
    /// In plain words.
    pub fn says(self) -> &'static str {
        match self {
            Self::Unprotected => "reached the origin unprotected",
            Self::Cached => "served from a cache without an identification",
            Self::Uninspected => "reached the origin past the filtering node",
            Self::Uninstrumented => "got the page without the script from a cache",
            Self::Identified => "reached the origin with an identification",
            Self::Blocked => "answered by the worker",
            Self::Refused => "answered by the edge",
            Self::Unanswered => "no response",
        }
    }
}

/// What happened to one request.
#[derive(Clone, Debug)]
pub struct RequestPath {
    /// How it ended.
    pub fate: Fate,
    /// Why the edge sent it where it went.
    pub decision: Option<String>,
    /// Whether a worker ran.
    pub worker_ran: bool,
    /// The request as it arrived at the origin.
    pub at_origin: Option<Exchange>,
    /// Every hop of it.
    pub hops: Vec<Exchange>,
}

/// What happened to a request, from the hops since it was sent. They may have late hops of earlier requests among them.
pub fn request_path(hops: &[Exchange], was_answered: bool) -> RequestPath {
    let visit = hops.iter().find(|hop| hop.from == Party::Visitor);
    let ray = visit.and_then(|hop| hop.ray.as_deref());
    let is_own = |hop: &&Exchange| ray.is_none() || hop.ray.is_none() || hop.ray.as_deref() == ray;
    let own: Vec<&Exchange> = hops.iter().filter(is_own).collect();
    let to = |party| own.iter().copied().find(|hop| hop.to == party);
    let at_origin = to(Party::Origin);
    let is_identified = |before: Option<&Exchange>| {
        own.iter().any(|hop| {
            hop.to == Party::Fingerprint
                && before.is_none_or(|before| hop.started <= before.started)
                && hop.request.url.ends_with("/v4/send")
                && hop
                    .response
                    .as_ref()
                    .is_some_and(|response| response.status.is_success())
        })
    };
    let worker_ran = to(Party::Worker).is_some();
    let fate = match at_origin {
        Some(hop) if is_identified(Some(hop)) => Fate::Identified,
        Some(_) => Fate::Unprotected,
        None if visit.is_some_and(is_from_cache) && !is_identified(None) => Fate::Cached,
        None if !was_answered => Fate::Unanswered,
        None if worker_ran => Fate::Blocked,
        None => Fate::Refused,
    };
    RequestPath {
        fate,
        decision: visit.and_then(|hop| hop.decision.clone()),
        worker_ran,
        at_origin: at_origin.cloned(),
        hops: own.into_iter().cloned().collect(),
    }
}

/// Whether the visitor got what is stored in a cache, be it in front of the worker or behind it.
fn is_from_cache(visit: &Exchange) -> bool {
    let response = visit.response.as_ref();
    let state = response.and_then(|response| response.headers.get("cf-cache-status"));
    state.is_some_and(|state| {
        ["HIT", "STALE", "UPDATING"]
            .iter()
            .any(|known| state == known)
    })
}

/// Whether an origin got what the filtering node had not seen whole, or had blocked. `node_decides` is whether what it
/// blocks is not to get there.
pub(super) fn is_uninspected(own: &[Exchange], node_decides: bool) -> bool {
    let to = |party| own.iter().find(|hop| hop.to == party);
    let Some(origin) = to(Party::Origin) else {
        return false;
    };
    to(Party::Wallarm).is_none_or(|node| {
        let is_blocked = |response: &edgeproof_ground::trace::ResponseHead| {
            response.status == http::StatusCode::FORBIDDEN
        };
        node.request.body_bytes < origin.request.body_bytes
            || (node_decides && node.response.as_ref().is_some_and(is_blocked))
    })
}

#[cfg(test)]
mod tests {
    use edgeproof_ground::trace::{PackedRequest, RequestHead, ResponseHead, Trace};
    use http::{HeaderMap, Method, StatusCode};
    use rstest::rstest;

    use super::*;

    const VISIT: (Party, Party, &str, u16) =
        (Party::Visitor, Party::Edge, "https://shop.example/a", 200);
    const RUN: (Party, Party, &str, u16) =
        (Party::Edge, Party::Worker, "https://shop.example/a", 200);
    const SENT: (Party, Party, &str, u16) = (
        Party::Worker,
        Party::Fingerprint,
        "https://api.fpjs.io/v4/send",
        200,
    );
    const UNSENT: (Party, Party, &str, u16) = (
        Party::Worker,
        Party::Fingerprint,
        "https://api.fpjs.io/v4/send",
        400,
    );
    const REACHED: (Party, Party, &str, u16) =
        (Party::Worker, Party::Origin, "https://shop.example/a", 201);
    const DIRECT: (Party, Party, &str, u16) =
        (Party::Visitor, Party::Origin, "https://shop.example/a", 201);

    fn hops(of: &[(Party, Party, &str, u16)]) -> Vec<Exchange> {
        let trace = Trace::new();
        for (from, to, url, status) in of {
            let request = RequestHead {
                method: Method::POST,
                url: (*url).to_owned(),
                headers: HeaderMap::new(),
                body_bytes: 0,
            };
            let request = PackedRequest::from(request).of_ray("0123456789abcdef");
            let hop = trace.begin(*from, *to, request);
            hop.answered(ResponseHead {
                status: StatusCode::from_u16(*status).unwrap(),
                headers: HeaderMap::new(),
                body_bytes: 0,
            });
        }
        trace.exchanges()
    }

    #[rstest]
    #[case(&[VISIT], Fate::Refused)]
    #[case(&[], Fate::Refused)]
    #[case(&[VISIT, RUN], Fate::Blocked)]
    #[case(&[VISIT, RUN, SENT], Fate::Blocked)]
    #[case(&[VISIT, RUN, SENT, REACHED], Fate::Identified)]
    #[case(&[VISIT, RUN, UNSENT, REACHED], Fate::Unprotected)]
    #[case(&[VISIT, RUN, REACHED], Fate::Unprotected)]
    #[case(&[VISIT, RUN, REACHED, SENT], Fate::Unprotected)]
    #[case(&[VISIT, REACHED], Fate::Unprotected)]
    #[case(&[DIRECT], Fate::Unprotected)]
    fn the_trace_says_what_became_of_a_request(
        #[case] of: &[(Party, Party, &str, u16)],
        #[case] expected: Fate,
    ) {
        assert_eq!(request_path(&hops(of), true).fate, expected);
    }

    #[rstest]
    #[case(&[VISIT], "HIT", Fate::Cached)]
    #[case(&[VISIT, RUN], "STALE", Fate::Cached)]
    #[case(&[VISIT, RUN, SENT], "HIT", Fate::Blocked)]
    #[case(&[VISIT, RUN, REACHED], "HIT", Fate::Unprotected)]
    #[case(&[VISIT, RUN], "MISS", Fate::Blocked)]
    fn what_a_cache_serves_reached_nobody(
        #[case] of: &[(Party, Party, &str, u16)],
        #[case] state: &'static str,
        #[case] expected: Fate,
    ) {
        let mut hops = hops(of);
        let visit = hops[0].response.as_mut().unwrap();
        visit
            .headers
            .insert("cf-cache-status", http::HeaderValue::from_static(state));
        assert_eq!(request_path(&hops, true).fate, expected);
    }

    const SEEN: (Party, Party, &str, u16) = (
        Party::Worker,
        Party::Wallarm,
        "https://node.wallarm.example/a",
        200,
    );
    const STOPPED: (Party, Party, &str, u16) = (
        Party::Worker,
        Party::Wallarm,
        "https://node.wallarm.example/a",
        403,
    );

    #[rstest]
    #[case::not_there(&[VISIT, RUN], true, false)]
    #[case::seen(&[VISIT, RUN, SEEN, REACHED], true, false)]
    #[case::skipped(&[VISIT, RUN, REACHED], true, true)]
    #[case::blocked_and_sent_on(&[VISIT, RUN, STOPPED, REACHED], true, true)]
    #[case::watched(&[VISIT, RUN, REACHED, STOPPED], false, false)]
    fn what_the_node_did_not_let_pass_is_uninspected(
        #[case] of: &[(Party, Party, &str, u16)],
        #[case] node_decides: bool,
        #[case] expected: bool,
    ) {
        assert_eq!(is_uninspected(&hops(of), node_decides), expected);
    }

    #[test]
    fn a_node_that_gets_a_part_has_not_seen_the_request() {
        let mut hops = hops(&[VISIT, RUN, SEEN, REACHED]);
        hops[2].request.body_bytes = 65_536;
        hops[3].request.body_bytes = 65_537;
        assert!(is_uninspected(&hops, true));
    }

    #[test]
    fn a_late_hop_of_an_earlier_request_is_not_its_own() {
        let mut late = hops(&[REACHED]);
        late[0].ray = Some("fedcba9876543210".to_owned());
        let all = [hops(&[VISIT, RUN]), late].concat();
        assert_eq!(request_path(&all, true).fate, Fate::Blocked);
    }

    #[test]
    fn a_request_without_a_response_was_not_refused() {
        assert_eq!(request_path(&hops(&[VISIT]), false).fate, Fate::Unanswered);
    }
}
