//! Every hop of a case as a bar over time, with request and answer behind it.

use std::time::Duration;

use edgeproof_ground::time::shown;
use edgeproof_run::record::HopRecord;
use maud::{Markup, html};

/// The hops in the order of arrival.
pub(super) fn draw(hops: &[HopRecord]) -> Markup {
    if hops.is_empty() {
        return html! {};
    }
    let start = hops.iter().map(|hop| hop.started_us).min().unwrap_or(0);
    let end = hops
        .iter()
        .map(|hop| hop.started_us + hop.took_us.unwrap_or(0))
        .max()
        .unwrap_or(0);
    let whole = (end - start).max(1);
    html! {
        h3 { "Requests" }
        div.waterfall {
            @for hop in hops { (bar(hop, start, whole)) }
        }
    }
}

fn bar(hop: &HopRecord, start: u64, whole: u64) -> Markup {
    let percent = |part: u64| format!("{:.2}%", part as f64 / whole as f64 * 100.0);
    let place = format!(
        "margin-left:{};width:{}",
        percent(hop.started_us - start),
        percent(hop.took_us.unwrap_or(0))
    );
    let indent = format!("padding-left:{}em", hop.depth);
    let bad = hop.status.is_none_or(|status| status >= 400);
    html! {
        details.hop {
            summary {
                span.parties style=(indent) { (hop.from) " → " (hop.to) }
                span.request { (hop.method) " " (hop.url) }
                span.status.bad[bad] {
                    @match hop.status { Some(status) => (status), None => "no response" }
                }
                span.lane { span.bar style=(place) {} }
                span.took {
                    @if let Some(took) = hop.took_us { (shown(Duration::from_micros(took))) }
                }
            }
            @if let Some(decision) = &hop.decision { p.decision { (decision) } }
            @if let Some(exception) = &hop.exception { pre.exception { (exception) } }
            @if let Some(fault) = &hop.fault { p.fault { "fault: " (fault) } }
            div.heads {
                (head("Request", &hop.request_headers, hop.request_bytes))
                (head("Response", &hop.response_headers, hop.response_bytes))
            }
        }
    }
}

fn head(name: &str, headers: &[(String, String)], bytes: u64) -> Markup {
    html! {
        table {
            caption { (name) ", " (bytes) " bytes of body" }
            @for (name, value) in headers {
                tr { th { (name) } td { (value) } }
            }
        }
    }
}
