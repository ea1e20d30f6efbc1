//! Steps of visitors without a browser.

use std::{error::Error as _, future::Future, io, time::Duration};

use bytes::{Bytes, BytesMut};
use edgeproof_fingerprint::{
    Signals,
    signals::{Bot, Head, Incognito, Measurements},
};
use edgeproof_ground::{
    causes::with_causes,
    clock::Clock,
    header_limits::{header_bytes, header_line_bytes},
    time::shown,
};
use edgeproof_rig::{Client, ClientError, Cookies, Visitor};
use edgeproof_scenario::request::{
    Carrier, HttpVersion, OneOrMany, Pad, RawRequest, Request, RequestBody, StatedSignals,
};
use http::{
    HeaderMap, HeaderValue, Method, Response, StatusCode, Version, header, response::Parts,
};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};

use super::{cookies::Jar, decoding::decoded, trouble::Trouble};
use crate::observed::ObservedCall;

/// Who sends a request, and from where.
pub(super) struct Sender<'a> {
    pub(super) client: Client,
    pub(super) clock: &'a Clock,
    pub(super) visitor: &'a Visitor,
    pub(super) jar: &'a mut Jar,
    pub(super) limit: Duration,
}

/// Sends the request and waits for the response.
pub(super) async fn send(sender: Sender<'_>, request: &Request) -> Result<ObservedCall, Trouble> {
    let (mut sent_body, content_type) = body(request.body.as_ref())?;
    let mut headers = headers(request, content_type, sender.visitor)?;
    if sender.visitor.cookies == Cookies::Kept {
        sender.jar.add_to(&mut headers, &request.url);
    }
    if let Some(signals) = &request.signals {
        let value = fp_data(signals, sender.clock, sender.visitor.clock.ahead)?;
        match signals.by {
            Carrier::Header => {
                headers.insert("fp-data", HeaderValue::try_from(value)?);
            }
            Carrier::HeaderWithCredentials => {
                headers.insert("fp-data", HeaderValue::try_from(format!("_{value}"))?);
            }
            Carrier::Form => {
                let field = format!("&fp-data={value}");
                sent_body = [sent_body.as_ref(), field.as_bytes()].concat().into();
            }
        }
    }
    let url: http::Uri = request.url.parse()?;
    if let Some(pad) = &request.pad {
        fill_up(&mut headers, pad, &url, sent_body.len())?;
    }
    let mut message = http::Request::builder()
        .method(request.method.clone())
        .uri(url)
        .version(version(request.version))
        .body(sent_body.clone())?;
    *message.headers_mut() = headers.clone();

    let name = format!("{} {}", request.method, request.url);
    let sent = sender.client.exchange(message.map(Full::new));
    let Received {
        head,
        body,
        broke_off,
        took,
    } = received(&name, sender.limit, sent).await?;
    let is_short = is_short(&request.method, &head, &body);
    let broke_off = broke_off.or_else(|| is_short.then_some(body.len()));
    let (body, undecoded) = decoded(&head.headers, body).await;
    if sender.visitor.cookies == Cookies::Kept {
        sender.jar.keep(&head.headers, &request.url);
    }
    Ok(ObservedCall {
        is_faulty: false,
        method: request.method.clone(),
        url: request.url.clone(),
        sent_headers: headers,
        sent_body: Some(sent_body),
        status: head.status,
        headers: head.headers,
        body,
        broke_off,
        undecoded,
        took,
    })
}

/// Sends bytes as they are written and waits for the response.
pub(super) async fn send_raw(
    sender: Sender<'_>,
    raw: &RawRequest,
) -> Result<ObservedCall, Trouble> {
    let to: http::Uri = raw.to.parse()?;
    let bytes = Bytes::from(raw.send.clone());
    let (method, target) = start_line(&raw.send);
    let url = match target {
        Some(path) if path.starts_with('/') => format!("{}{path}", raw.to.trim_end_matches('/')),
        _ => raw.to.clone(),
    };
    let name = format!("what is sent to {}", raw.to);
    let sent = sender.client.send_raw(&to, method.clone(), bytes.clone());
    let Received {
        head,
        body,
        broke_off,
        took,
    } = received(&name, sender.limit, sent).await?;
    let (body, undecoded) = decoded(&head.headers, body).await;
    Ok(ObservedCall {
        is_faulty: false,
        method,
        url,
        sent_headers: HeaderMap::new(),
        sent_body: None,
        status: head.status,
        headers: head.headers,
        body,
        broke_off,
        undecoded,
        took,
    })
}

/// The method and the target of the first line, as far as it has them.
fn start_line(text: &str) -> (Method, Option<&str>) {
    let mut words = text.lines().next().unwrap_or_default().split(' ');
    let method = words.next().and_then(|word| word.parse().ok());
    (method.unwrap_or(Method::GET), words.next())
}

/// A response whose body may have broken off.
struct Received {
    head: Parts,
    /// As much of it as came.
    body: Bytes,
    /// After how many bytes the body broke off.
    broke_off: Option<usize>,
    /// How long the head took.
    took: Duration,
}

/// Bytes of the longest body that is read: a server that never ends one would fill the memory until the time is up.
const LONGEST_BODY: usize = 256 << 20;

/// Whether less came of a body than was announced. Over HTTP/2 hyper takes a stream that is reset without an error for one that
/// has ended (RFC 9113 §8.1), wherever its body is.
fn is_short(method: &Method, head: &Parts, body: &Bytes) -> bool {
    let has_none = method == Method::HEAD || head.status == StatusCode::NOT_MODIFIED;
    let length = head.headers.get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
    !has_none && length.is_some_and(|length: usize| body.len() < length)
}

/// Whether the connection ended in the middle of TLS, of which TLS has much to say.
fn is_cut(error: &ClientError) -> bool {
    let mut cause = error.source();
    while let Some(found) = cause {
        let end = found.downcast_ref::<io::Error>();
        if end.is_some_and(|end| end.kind() == io::ErrorKind::UnexpectedEof) {
            return true;
        }
        cause = found.source();
    }
    false
}

/// The response as far as it came, or what came instead of one.
async fn received(
    name: &str,
    limit: Duration,
    response: impl Future<Output = Result<Response<Incoming>, ClientError>>,
) -> Result<Received, Trouble> {
    let started = Instant::now();
    let deadline = started + limit;
    let limit = shown(limit);
    let (head, mut body) = match timeout_at(deadline, response).await {
        Ok(Ok(response)) => response.into_parts(),
        Ok(Err(error)) => {
            let claim = format!("expected a response to {name}");
            let why = match is_cut(&error) {
                true => "the connection was closed before one came".to_owned(),
                false => with_causes(&error),
            };
            return Err(Trouble::unmet(claim, format!("but {why}")));
        }
        Err(_) => {
            let claim = format!("expected a response to {name} within {limit}");
            return Err(Trouble::unmet(claim, "got none"));
        }
    };
    let took = started.elapsed();
    let mut came = BytesMut::new();
    let broke_off = loop {
        if came.len() > LONGEST_BODY {
            let claim = format!("expected the whole response to {name}");
            let most = LONGEST_BODY >> 20;
            return Err(Trouble::unmet(
                claim,
                format!("got more than {most} MB of the body and no end"),
            ));
        }
        match timeout_at(deadline, body.frame()).await {
            Ok(Some(Ok(frame))) => came.extend(frame.into_data().ok()),
            Ok(Some(Err(_))) => break Some(came.len()),
            Ok(None) => break None,
            Err(_) => {
                let claim = format!("expected the whole response to {name} within {limit}");
                let status = head.status.as_u16();
                let actual = format!("got status {status} and {} bytes of the body", came.len());
                return Err(Trouble::unmet(claim, actual));
            }
        }
    };
    Ok(Received {
        head,
        body: came.freeze(),
        broke_off,
        took,
    })
}

fn version(version: HttpVersion) -> Version {
    match version {
        HttpVersion::Http10 => Version::HTTP_10,
        HttpVersion::Http11 => Version::HTTP_11,
        HttpVersion::Http2 => Version::HTTP_2,
    }
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
        Some(RequestBody::File(path)) => {
            let content = std::fs::read(path)
                .map_err(|error| format!("`{}` cannot be read: {error}", path.display()))?;
            (Bytes::from(content), None)
        }
    })
}

/// The visitor's own headers, under those of the request.
fn headers(
    request: &Request,
    content_type: Option<&'static str>,
    visitor: &Visitor,
) -> Result<HeaderMap, Trouble> {
    let mut headers = visitor.headers.0.clone();
    if let Some(language) = &visitor.language {
        headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::try_from(language)?);
    }
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
fn fp_data(stated: &StatedSignals, clock: &Clock, ahead: i64) -> Result<String, Trouble> {
    let age = stated.age.map_or(Duration::ZERO, |age| age.0);
    let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
    let signals = Signals {
        head: Head {
            url: stated.page.clone(),
            timestamp: (clock.now().saturating_sub(age)).saturating_add(ahead),
            clock_ahead: Some(ahead),
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
