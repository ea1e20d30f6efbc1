//! Calls as their visitors saw them, where nobody knows what happened behind the edge.

use edgeproof_browser::{BrowserCall, CallOutcome};
use edgeproof_ground::trace::Party;

use crate::{
    observed::ObservedCall,
    record::HopRecord,
    redact::{self, Redactor},
};

pub(super) fn hop_of(call: &ObservedCall, redactor: &Redactor) -> HopRecord {
    let took = u64::try_from(call.took.as_micros()).unwrap_or(u64::MAX);
    let sent = call.sent_body.as_ref().map_or(0, |body| body.len());
    let (sent, received) = (sent as u64, call.body.len() as u64);
    HopRecord {
        method: call.method.to_string(),
        status: Some(call.status.as_u16()),
        took_us: Some(took),
        request_bytes: sent,
        response_bytes: received,
        ..seen(&call.url, (&call.sent_headers, &call.headers), redactor)
    }
}

pub(super) fn hop_of_page(call: &BrowserCall, redactor: &Redactor) -> HopRecord {
    let failed = match &call.outcome {
        CallOutcome::Failed(reason) => Some(reason.clone()),
        CallOutcome::BrokeOff => Some("the body broke off".to_owned()),
        CallOutcome::Pending | CallOutcome::Finished => None,
    };
    HopRecord {
        method: call.method.clone(),
        status: call.status,
        decision: failed,
        request_bytes: call.posted.as_ref().map_or(0, |body| body.len() as u64),
        response_bytes: call.body_bytes as u64,
        ..seen(
            &call.url,
            (&call.request_headers, &call.response_headers),
            redactor,
        )
    }
}

pub(super) fn ray_of(response: &http::HeaderMap) -> Option<String> {
    let ray = response.get("cf-ray")?.to_str().ok()?;
    Some(ray.to_owned())
}

/// A call as its visitor saw it: what happened behind the edge nobody knows.
fn seen(
    url: &str,
    (request, response): (&http::HeaderMap, &http::HeaderMap),
    redactor: &Redactor,
) -> HopRecord {
    HopRecord {
        ray: ray_of(response),
        from: Party::Visitor.to_string(),
        to: Party::Edge.to_string(),
        depth: 0,
        method: String::new(),
        url: redactor.text(url),
        status: None,
        started_us: 0,
        took_us: None,
        decision: None,
        fault: None,
        exception: None,
        request_headers: redact::headers(redactor, request),
        request_bytes: 0,
        response_headers: redact::headers(redactor, response),
        response_bytes: 0,
        request_body: None,
        response_body: None,
        log: Vec::new(),
    }
}
