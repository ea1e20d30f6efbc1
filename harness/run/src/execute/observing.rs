//! What the expectations of a step, and of the end, are judged by.

use std::time::Duration;

use bytes::Bytes;
use edgeproof_cloudflare::plane::{ControlPlane, State};
use edgeproof_ground::trace::{Exchange, Party};
use edgeproof_origin::{Origin, RecordedRequest};
use edgeproof_rig::Rig;
use edgeproof_scenario::expect::{Expect, ExpectAtEnd, ExpectOrigin};
use edgeproof_wallarm::WallarmNode;
use http_body_util::BodyExt;

use super::{HarnessFault, decoding::decoded, log, session::Outcome};
use crate::{
    check, journey,
    observed::{Observed, ObservedCall, OnControlPlane},
};

/// How long a copy for the filtering node may be on its way.
const NODE_LIMIT: Duration = Duration::from_secs(5);

/// Gathers what the expectations are judged by.
pub(super) async fn observed(
    rig: &Rig,
    outcome: Outcome,
    expect: &Expect,
    hops_before: usize,
    is_raw: bool,
) -> Result<Observed, HarnessFault> {
    let since = rig.trace().since(hops_before);
    let mut call = outcome.call;
    let hops = match &call {
        // Bytes may name another URL than they mean: they are the only visit of their step.
        Some(_) if is_raw => since.to_vec(),
        Some(call) => hops_of(&since, call),
        None => Vec::new(),
    };
    if let Some(call) = &mut call {
        call.is_faulty = hops.iter().any(|hop| hop.fault.is_some());
        if call.took.is_zero() {
            call.took = hops.first().and_then(|hop| hop.took).unwrap_or_default();
        }
    }
    let node = match &expect.node {
        Some(expect) => node_saw(rig, expect, &hops).await,
        None => Vec::new(),
    };
    // Everything so far is read only where something is expected of it: a scenario may have many steps.
    let origin_all = match &expect.origin {
        Some(_) => rig.origin_requests(),
        None => Vec::new(),
    };
    let origin = origin_all
        .iter()
        .filter(|request| belongs_to(request, &hops))
        .cloned()
        .collect();
    let all_hops = match check::compares(expect) {
        true => rig.trace().exchanges(),
        false => Vec::new(),
    };
    let node_all = match &expect.node {
        Some(_) => rig.wallarm().requests(),
        None => Vec::new(),
    };
    let log = match &expect.worker {
        Some(_) => log(rig).await,
        None => Vec::new(),
    };
    // What goes from here on has been read, or is counted as gone.
    let forgotten = rig.forgotten();
    let origin_page = match (&expect.unchanged_except, &call) {
        (Some(_), Some(call)) => Some(origin_page(rig, call).await?),
        _ => None,
    };
    Ok(Observed {
        call,
        deployment: outcome.deployment,
        probe: outcome.probe,
        live_page: outcome.live_page,
        console: outcome.console,
        origin_page,
        hops,
        all_hops,
        origin,
        origin_all,
        node,
        node_all,
        log,
        control_plane: OnControlPlane {
            hops: since,
            state: account(rig),
        },
        forgotten,
        has_lost_hops: forgotten.hops > hops_before,
        is_raw,
    })
}

/// What the filtering node saw of a call. A worker may send it a copy that arrives after the visitor's response, so
/// what is expected is waited for.
async fn node_saw(rig: &Rig, expect: &ExpectOrigin, hops: &[Exchange]) -> Vec<RecordedRequest> {
    let node = rig.wallarm();
    let expected = expect.at_least();
    let seen = |node: &WallarmNode| {
        let requests = node.requests().into_iter();
        requests
            .filter(|request| match &expect.call {
                Some(call) => call.matches(&request.method, &request.url),
                None => belongs_to(request, hops),
            })
            .filter(|request| request.body.complete)
            .collect::<Vec<_>>()
    };
    let enough = node.until(|node| node.is_idle() && seen(node).len() as f64 >= expected);
    // Where it never comes, the expectation says so.
    let _ = tokio::time::timeout(NODE_LIMIT, enough).await;
    seen(node)
}

/// The page as the origin serves it, asked for without an edge in between and without a trace of it.
async fn origin_page(rig: &Rig, call: &ObservedCall) -> Result<Bytes, HarnessFault> {
    let url: http::Uri = call.url.parse()?;
    let host = url.host().unwrap_or_default();
    let origin = rig.origin(host).map(Origin::aside);
    let origin = origin.ok_or_else(|| format!("there is no origin for `{host}`"))?;
    let request = http::Request::builder()
        .method(call.method.clone())
        .uri(url)
        .body(edgeproof_ground::body::empty())?;
    let (head, body) = origin.response(request).await?.into_parts();
    let body = body.collect().await?.to_bytes();
    match decoded(&head.headers, body).await {
        (page, None) => Ok(page),
        (_, Some(reason)) => Err(format!("the origin's page: {reason}").into()),
    }
}

pub(super) fn events(rig: &Rig) -> Result<Vec<serde_json::Value>, HarnessFault> {
    let records = rig.fingerprint().events();
    let events = records.iter().map(|record| record.event.to_json());
    Ok(events.collect::<Result<_, _>>()?)
}

/// What the account of the control plane holds; nothing where none is emulated.
pub(super) fn account(rig: &Rig) -> Option<State> {
    rig.control_plane().map(ControlPlane::state)
}

pub(super) fn attacks(rig: &Rig) -> Result<Vec<serde_json::Value>, HarnessFault> {
    let attacks = rig.wallarm().attacks();
    let attacks = attacks.iter().map(serde_json::to_value);
    Ok(attacks.collect::<Result<_, _>>()?)
}

/// Waits for what the filtering node is to see: a copy may still be on its way when the last step is over.
pub(super) async fn node_has_seen(rig: &Rig, expect: &ExpectAtEnd) {
    let attacks = expect.attacks.as_ref().map_or(0, Vec::len);
    let enough = rig.wallarm().until(|node| {
        let requests = node.requests();
        let is_there = |expect: &ExpectOrigin| {
            check::meant(expect, &requests).len() as f64 >= expect.at_least()
        };
        node.is_idle() && node.attacks().len() >= attacks && expect.node.iter().all(is_there)
    });
    // Where it never comes, the expectation says so.
    let _ = tokio::time::timeout(NODE_LIMIT, enough).await;
}

/// The hops of a call: the visitor's own, and all that bear the same ray.
fn hops_of(exchanges: &[Exchange], call: &ObservedCall) -> Vec<Exchange> {
    let Some(visit) = journey::visit(exchanges, &call.method, &call.url) else {
        return Vec::new();
    };
    match &visit.ray {
        Some(ray) => journey::of_ray(exchanges, ray)
            .into_iter()
            .cloned()
            .collect(),
        None => vec![visit.clone()],
    }
}

/// Whether the origin saw this request on behalf of these hops.
fn belongs_to(request: &RecordedRequest, hops: &[Exchange]) -> bool {
    let ray = |headers: &http::HeaderMap| {
        headers
            .get("cf-ray")
            .and_then(|ray| ray.to_str().ok())
            .map(str::to_owned)
    };
    match ray(&request.headers) {
        Some(ray) => hops.iter().any(|hop| hop.ray.as_deref() == Some(&ray)),
        // A worker may have removed it; then the hop to the origin tells.
        None => hops.iter().any(|hop| {
            hop.to == Party::Origin
                && hop.request.method == request.method
                && hop.request.url == request.url
        }),
    }
}
