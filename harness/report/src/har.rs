//! HAR 1.2 (<http://www.softwareishard.com/blog/har-12-spec/>), for the developer tools of browsers, Playwright's `routeFromHAR`
//! and whatever else reads it: a page for each case, an entry for each request of a visitor, as it saw the response.
//!
//! What the format has no word for stands in `_edgeproof`, as the format allows: of a page the case, of an entry every hop behind
//! the edge, with what was decided there and why.

use edgeproof_run::{
    record::{BodyContent, CaseRecord, HopRecord},
    results::Results,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value as Json, json};
use url::Url;

/// The results of a run that began at this time.
///
/// # Errors
/// None for results, whose maps have text keys; the writer's errors are kept rather than hidden.
pub fn text(results: &Results, started: Timestamp) -> Result<String, serde_json::Error> {
    let pages = results.cases.iter().map(|case| page(case, started));
    let entries = results.cases.iter().flat_map(|case| entries(case, started));
    let har = json!({
        "log": {
            "version": "1.2",
            "creator": { "name": "edgeproof", "version": results.edgeproof },
            "pages": pages.collect::<Vec<_>>(),
            "entries": entries.collect::<Vec<_>>(),
        }
    });
    let mut text = serde_json::to_string_pretty(&har)?;
    text.push('\n');
    Ok(text)
}

fn page(case: &CaseRecord, started: Timestamp) -> Json {
    json!({
        "startedDateTime": started.to_string(),
        "id": case.name,
        "title": case.title,
        "pageTimings": { "onContentLoad": -1, "onLoad": -1 },
        "_edgeproof": { "verdict": case.verdict.word(), "file": case.file, "tags": case.tags },
    })
}

/// The requests of visitors, each with the hops that came of it.
fn entries<'a>(case: &'a CaseRecord, started: Timestamp) -> impl Iterator<Item = Json> + 'a {
    let visits = case.hops.iter().filter(|hop| hop.depth == 0);
    visits.map(move |visit| {
        let behind = case
            .hops
            .iter()
            .filter(|hop| visit.ray.is_some() && hop.ray == visit.ray);
        let hops: Vec<Json> = behind.map(|hop| self::hop(hop, started)).collect();
        let wait = visit.took_us.map_or(0.0, milliseconds);
        json!({
            "pageref": case.name,
            "startedDateTime": at(visit, started),
            "time": wait,
            "request": request(visit),
            "response": response(visit),
            "cache": {},
            "timings": { "send": 0, "wait": wait, "receive": 0 },
            "_edgeproof": { "ray": visit.ray, "hops": hops },
        })
    })
}

/// A hop in the words of the JSON report, with the time of day.
fn hop(hop: &HopRecord, started: Timestamp) -> Json {
    json!({
        "from": hop.from,
        "to": hop.to,
        "startedDateTime": at(hop, started),
        "time": hop.took_us.map(milliseconds),
        "method": hop.method,
        "url": hop.url,
        "status": hop.status,
        "decision": hop.decision,
        "fault": hop.fault,
        "exception": hop.exception,
        "requestHeaders": pairs(&hop.request_headers),
        "responseHeaders": pairs(&hop.response_headers),
    })
}

fn request(hop: &HopRecord) -> Json {
    let query = Url::parse(&hop.url).ok();
    let query = query.iter().flat_map(Url::query_pairs);
    let query: Vec<Json> = query
        .map(|(name, value)| json!({ "name": name, "value": value }))
        .collect();
    let mut request = json!({
        "method": hop.method,
        "url": hop.url,
        "httpVersion": "unknown",
        "cookies": [],
        "headers": pairs(&hop.request_headers),
        "queryString": query,
        "headersSize": -1,
        "bodySize": hop.request_bytes,
    });
    if let Some(BodyContent::Text(text)) = hop.request_body.as_ref().map(|body| &body.content) {
        request["postData"] =
            json!({ "mimeType": content_type(&hop.request_headers), "text": text });
    }
    request
}

/// The response as the visitor saw it; status 0 where none came.
fn response(hop: &HopRecord) -> Json {
    let mut content = json!({
        "size": hop.response_bytes,
        "mimeType": content_type(&hop.response_headers),
    });
    // Without its content codings, as the format wants it.
    match hop.response_body.as_ref().map(|body| &body.content) {
        Some(BodyContent::Text(text)) => {
            content["size"] = text.len().into();
            content["text"] = text.as_str().into();
        }
        Some(BodyContent::Base64(bytes)) => {
            content["text"] = bytes.as_str().into();
            content["encoding"] = "base64".into();
        }
        Some(BodyContent::NotShown(why)) => content["comment"] = why.as_str().into(),
        None => {}
    }
    let status = hop.status.unwrap_or(0);
    let reason = http::StatusCode::from_u16(status).ok();
    let reason = reason
        .and_then(|status| status.canonical_reason())
        .unwrap_or_default();
    json!({
        "status": status,
        "statusText": reason,
        "httpVersion": "unknown",
        "cookies": [],
        "headers": pairs(&hop.response_headers),
        "content": content,
        "redirectURL": header(&hop.response_headers, "location").unwrap_or_default(),
        "headersSize": -1,
        "bodySize": hop.response_bytes,
    })
}

fn pairs(headers: &[(String, String)]) -> Vec<Json> {
    let pair = |(name, value): &(String, String)| json!({ "name": name, "value": value });
    headers.iter().map(pair).collect()
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let found = headers
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.as_str())
}

/// The type of a body, as the format names one that is not known.
fn content_type(headers: &[(String, String)]) -> &str {
    header(headers, "content-type").unwrap_or("x-unknown")
}

fn at(hop: &HopRecord, started: Timestamp) -> String {
    let since = i64::try_from(hop.started_us).unwrap_or(i64::MAX);
    let at = started.checked_add(SignedDuration::from_micros(since));
    at.unwrap_or(started).to_string()
}

fn milliseconds(micros: u64) -> f64 {
    micros as f64 / 1000.0
}
