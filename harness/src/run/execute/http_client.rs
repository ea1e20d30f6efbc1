//! Steps of visitors without a browser.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};

use super::session::Trouble;
use crate::{
    clock::Clock,
    edge::limits::{header_bytes, header_line_bytes},
    fingerprint::{
        Signals,
        signals::{Bot, Head, Incognito, Measurements},
    },
    rig::Rig,
    run::observed::Call,
    scenario::{
        request::{OneOrMany, Pad, Request, RequestBody, StatedSignals},
        time::shown,
    },
};

/// Sends the request and waits for the answer.
pub(super) async fn send(
    rig: &Rig,
    clock: &Clock,
    visitor: &str,
    request: &Request,
    limit: Duration,
) -> Result<Call, Trouble> {
    let (sent_body, content_type) = body(request.body.as_ref())?;
    let mut headers = headers(request, content_type)?;
    if let Some(signals) = &request.signals {
        let value = fp_data(signals, clock)?;
        headers.insert("fp-data", HeaderValue::try_from(value)?);
    }
    let url: http::Uri = request.url.parse()?;
    if let Some(pad) = &request.pad {
        fill_up(&mut headers, pad, &url, sent_body.len())?;
    }
    let mut message = http::Request::builder()
        .method(request.method.clone())
        .uri(url)
        .body(sent_body.clone())?;
    *message.headers_mut() = headers.clone();

    let started = Instant::now();
    let name = format!("{} {}", request.method, request.url);
    let unmet = |actual: String| Trouble::Unmet {
        claim: format!("{name} is answered within {}", shown(limit)),
        actual,
    };
    let answer = match tokio::time::timeout(limit, rig.client(visitor)?.send(message)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => return Err(unmet(error.to_string())),
        Err(_) => return Err(unmet("no answer had come by then".to_owned())),
    };
    let (head, body) = answer.into_parts();
    Ok(Call {
        method: request.method.clone(),
        url: request.url.clone(),
        sent_headers: headers,
        sent_body: Some(sent_body),
        status: head.status,
        headers: head.headers,
        body,
        took: started.elapsed(),
    })
}

/// The bytes of a body and the content type they are of.
fn body(body: Option<&RequestBody>) -> Result<(Bytes, Option<&'static str>), Trouble> {
    Ok(match body {
        None => (Bytes::new(), None),
        Some(RequestBody::Text(text)) => (Bytes::from(text.clone()), None),
        Some(RequestBody::Json(json)) => (Bytes::from(json.to_string()), Some("application/json")),
        Some(RequestBody::Form(fields)) => {
            let form = url::form_urlencoded::Serializer::new(String::new())
                .extend_pairs(fields)
                .finish();
            (Bytes::from(form), Some("application/x-www-form-urlencoded"))
        }
        Some(RequestBody::Bytes(count)) => (Bytes::from(vec![b'a'; *count]), None),
    })
}

fn headers(request: &Request, content_type: Option<&'static str>) -> Result<HeaderMap, Trouble> {
    let mut headers = HeaderMap::new();
    if let Some(content_type) = content_type {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    for (name, OneOrMany(values)) in &request.headers {
        headers.remove(&name.0);
        for value in values {
            headers.append(name.0.clone(), HeaderValue::try_from(value)?);
        }
    }
    // What every browser sends and the worker's identification needs.
    headers
        .entry(header::USER_AGENT)
        .or_insert(HeaderValue::from_static("edgeproof"));
    Ok(headers)
}

/// What the agent of a page would have collected.
fn fp_data(stated: &StatedSignals, clock: &Clock) -> Result<String, Trouble> {
    let age = stated.age.map_or(Duration::ZERO, |age| age.0);
    let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
    let signals = Signals {
        head: Head {
            url: stated.page.clone(),
            timestamp: clock.now().saturating_sub(age),
            nonce: format!("{:032x}", fastrand::u128(..)),
            visitor_token: None,
        },
        body: Measurements {
            bot: Bot {
                bot: stated.bot.is_some(),
                bot_kind: stated.bot.clone(),
            },
            incognito: Incognito {
                is_private: stated.incognito,
                browser_name: None,
            },
            ..Measurements::default()
        },
    };
    Ok(signals.encode()?)
}

/// Lets one header grow until all headers that the edge will count have the wanted size. The client adds `host`, and
/// `content-length` where there is a body.
fn fill_up(
    headers: &mut HeaderMap,
    pad: &Pad,
    url: &http::Uri,
    body_length: usize,
) -> Result<(), Trouble> {
    headers.insert(pad.header.0.clone(), HeaderValue::from_static(""));
    let host = url.authority().map_or("", http::uri::Authority::as_str);
    let mut have = header_bytes(headers) + header_line_bytes("host", host.as_bytes());
    if body_length > 0 {
        have += header_line_bytes("content-length", body_length.to_string().as_bytes());
    }
    let missing = pad.total.checked_sub(have).ok_or_else(|| {
        format!(
            "the request has {have} bytes of headers already, more than {}",
            pad.total
        )
    })?;
    headers.insert(
        pad.header.0.clone(),
        HeaderValue::try_from("a".repeat(missing))?,
    );
    Ok(())
}
