//! What protects a call and was not able to identify it: the API it belongs to, the reason, the failure mode.
//!
//! What a deployment says and what the platform's documentation says of signals is enough for that; no worker is asked.

use std::collections::BTreeMap;

use edgeproof_deployment::{Deployment, FailureMode, ProtectedApi};
use edgeproof_ground::{
    pattern::{Pattern, Scheme, Target},
    trace::{Exchange, Party},
};
use http::{Method, Uri};

use super::record::HopRecord;

/// Says at the worker's hop of each protected call that was not identified why, and what is to become of it.
pub(super) fn explain(
    hops: &mut [HopRecord],
    exchanges: &[Exchange],
    deployments: &BTreeMap<String, Deployment>,
) {
    for index in 0..hops.len().min(exchanges.len()) {
        let exchange = &exchanges[index];
        if exchange.to != Party::Worker {
            continue;
        }
        let Some((deployment, api)) = protecting(exchange, deployments) else {
            continue;
        };
        let Some(reason) = unidentified(exchange, exchanges) else {
            continue;
        };
        let goes_on = |hop: &Exchange| hop.ray == exchange.ray && hop.to == Party::Origin;
        let becomes = match deployment.failure_mode {
            FailureMode::Open => "failure mode open: it goes on to the origin",
            FailureMode::Closed if exchanges.iter().any(goes_on) => {
                "failure mode closed: it was to be blocked, and the worker sent it on"
            }
            FailureMode::Closed => "failure mode closed: it is blocked",
        };
        let told = format!(
            "protected by `{} {}`, not identified: {reason}; {becomes}",
            api.method, api.url
        );
        // The hop before says which route it was.
        let is_told_before =
            |hop: &HopRecord| hop.ray == exchange.ray && hop.decision == exchange.decision;
        hops[index].decision = Some(match &hops[index].decision {
            Some(decision) if !hops[..index].iter().any(is_told_before) => {
                format!("{decision}; {told}")
            }
            _ => told,
        });
    }
}

/// The deployment and the API that protect a call.
fn protecting<'a>(
    exchange: &Exchange,
    deployments: &'a BTreeMap<String, Deployment>,
) -> Option<(&'a Deployment, &'a ProtectedApi)> {
    let uri: Uri = exchange.request.url.parse().ok()?;
    let target = Target {
        scheme: match uri.scheme_str() {
            Some("http") => Scheme::Http,
            _ => Scheme::Https,
        },
        host: uri.host()?,
        path_and_query: uri.path_and_query().map_or("/", |path| path.as_str()),
    };
    let method = &exchange.request.method;
    // Of others the worker knows no rules: it only monitors them.
    let deployments = deployments.values();
    let blocking = deployments.filter(|deployment| deployment.ruleset.is_some());
    let mut apis = blocking.flat_map(|deployment| {
        let apis = deployment.protected_apis.iter();
        apis.map(move |api| (deployment, api))
    });
    apis.find(|(_, api)| {
        let pattern = api.url.parse::<Pattern>();
        *method == api.method && pattern.is_ok_and(|pattern| pattern.matches(target))
    })
}

/// Why a call was not identified; nothing where it was.
fn unidentified(call: &Exchange, exchanges: &[Exchange]) -> Option<String> {
    let is_asked = |hop: &&Exchange| {
        hop.ray == call.ray
            && hop.to == Party::Fingerprint
            && hop.request.method == Method::POST
            && hop
                .request
                .url
                .split('?')
                .next()
                .is_some_and(|url| url.ends_with("/send"))
    };
    match exchanges.iter().rev().find(is_asked) {
        None if !call.request.headers.contains_key("fp-data") => {
            Some("the request has no signals (`fp-data`)".to_owned())
        }
        None => Some("Fingerprint was not asked about its signals".to_owned()),
        Some(asked) => match &asked.response {
            None => Some("Fingerprint gave no response".to_owned()),
            Some(response) if !response.status.is_success() => Some(format!(
                "Fingerprint responded with {}",
                response.status.as_u16()
            )),
            Some(_) => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use edgeproof_ground::trace::{RequestHead, ResponseHead, Trace};
    use http::{HeaderMap, StatusCode};
    use rstest::rstest;

    use super::*;
    use crate::{journey, redact::Redactor};

    fn head(method: Method, url: &str, signals: bool) -> RequestHead {
        let mut headers = HeaderMap::new();
        headers.insert("cf-ray", "1-FRA".parse().unwrap());
        if signals {
            headers.insert("fp-data", "abc".parse().unwrap());
        }
        RequestHead {
            method,
            url: url.to_owned(),
            headers,
            body_bytes: 0,
        }
    }

    fn deployment() -> Deployment {
        Deployment {
            protected_apis: vec!["POST shop.example/api/login*".parse().unwrap()],
            failure_mode: FailureMode::Closed,
            ruleset: Some("anybody".to_owned()),
            ..Deployment::default()
        }
    }

    /// What is said of the hops in front of that deployment.
    fn explained(trace: &Trace) -> Vec<HopRecord> {
        let exchanges = trace.exchanges();
        let mut hops = journey::records(&exchanges, &Redactor::default());
        let deployments = [("flow".to_owned(), deployment())].into();
        explain(&mut hops, &exchanges, &deployments);
        hops
    }

    #[test]
    fn a_worker_that_lets_pass_what_it_is_to_block_is_not_said_to_block_it() {
        let trace = Trace::new();
        let login = || head(Method::POST, "https://shop.example/api/login", false);
        let _hop = trace.begin(Party::Edge, Party::Worker, login());
        let _sent_on = trace.begin(Party::Worker, Party::Origin, login());
        let hops = explained(&trace);
        let decision = hops[0].decision.as_deref().unwrap_or_default();
        assert!(
            decision.ends_with("it was to be blocked, and the worker sent it on"),
            "{decision}"
        );
    }

    #[rstest]
    #[case::no_signals(
        "/api/login?a=1",
        false,
        None,
        Some("the request has no signals (`fp-data`)")
    )]
    #[case::not_asked(
        "/api/login",
        true,
        None,
        Some("Fingerprint was not asked about its signals")
    )]
    #[case::no_response("/api/login", true, Some(None), Some("Fingerprint gave no response"))]
    #[case::refused(
        "/api/login",
        true,
        Some(Some(500)),
        Some("Fingerprint responded with 500")
    )]
    #[case::identified("/api/login", true, Some(Some(200)), None)]
    #[case::not_protected("/other", false, None, None)]
    fn a_protected_call_that_is_not_identified_says_why(
        #[case] path: &str,
        #[case] signals: bool,
        #[case] asked: Option<Option<u16>>,
        #[case] expected: Option<&str>,
    ) {
        let trace = Trace::new();
        let url = format!("https://shop.example{path}");
        let hop = trace.begin(
            Party::Edge,
            Party::Worker,
            head(Method::POST, &url, signals),
        );
        hop.decided("route shop.example/* runs flow");
        if let Some(status) = asked {
            let send = head(Method::POST, "https://api.fpjs.io/v4/send", false);
            let hop = trace.begin(Party::Worker, Party::Fingerprint, send);
            if let Some(status) = status {
                hop.answered(ResponseHead {
                    status: StatusCode::from_u16(status).unwrap(),
                    headers: HeaderMap::new(),
                    body_bytes: 0,
                });
            }
        }
        let hops = explained(&trace);
        let expected = match expected {
            Some(reason) => format!(
                "route shop.example/* runs flow; protected by `POST shop.example/api/login*`, not identified: {reason}; failure mode closed: it is blocked"
            ),
            None => "route shop.example/* runs flow".to_owned(),
        };
        assert_eq!(hops[0].decision.as_deref(), Some(expected.as_str()));
    }
}
