//! Content codings over real sockets: what an origin sends, and what each visitor gets of it, past a worker as through
//! one.

use std::{
    convert::Infallible,
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_compression::tokio::{bufread as decode, write as encode};
use bytes::Bytes;
use edgeproof_edge::{Compression, EdgeSettings, Plan};
use edgeproof_ground::{
    body::{self, Body},
    trace::Party,
};
use edgeproof_internet::{Destination, Handled, Handler};
use futures_util::StreamExt;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use rstest::rstest;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::mpsc,
    time::timeout,
};

use crate::world::{World, get, world, world_with};

const SOON: Duration = Duration::from_secs(60);
const CHROMIUM: &str = "gzip, deflate, br, zstd";
const TAG: &str = "\"v1\"";

/// A page long enough to be worth a coding.
fn page() -> Bytes {
    format!("<!doctype html><p>{}</p>", "Grüße ".repeat(300)).into()
}

async fn encoded(content: &[u8], coding: &str) -> Vec<u8> {
    macro_rules! with {
        ($encoder:ident) => {{
            let mut encoder = encode::$encoder::new(Vec::new());
            encoder.write_all(content).await.unwrap();
            encoder.shutdown().await.unwrap();
            encoder.into_inner()
        }};
    }
    match coding {
        "gzip" => with!(GzipEncoder),
        "br" => with!(BrotliEncoder),
        "deflate" => with!(ZlibEncoder),
        "raw deflate" => with!(DeflateEncoder),
        "zstd" => with!(ZstdEncoder),
        _ => content.to_vec(),
    }
}

async fn decoded(content: &[u8], coding: &str) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    match coding {
        "gzip" => {
            let mut decoder = decode::GzipDecoder::new(content);
            decoder.read_to_end(&mut text).await?;
        }
        "br" => {
            let mut decoder = decode::BrotliDecoder::new(content);
            decoder.read_to_end(&mut text).await?;
        }
        "deflate" => {
            // Browsers read both: the name means zlib's format (RFC 9110 §8.4.1.2), and servers send it without that too.
            let mut decoder = decode::ZlibDecoder::new(content);
            if decoder.read_to_end(&mut text).await.is_err() {
                text.clear();
                let mut decoder = decode::DeflateDecoder::new(content);
                decoder.read_to_end(&mut text).await?;
            }
        }
        "zstd" => {
            let mut decoder = decode::ZstdDecoder::new(content);
            decoder.read_to_end(&mut text).await?;
        }
        other => panic!("nobody can read `{other}`"),
    }
    Ok(text)
}

/// An origin with one response, whatever it is asked.
struct Always {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    asked: AtomicU64,
}

impl Always {
    fn new(headers: &[(&str, &str)], body: impl Into<Bytes>) -> Self {
        let field = |(name, value): &(&str, &str)| {
            let name: HeaderName = name.parse().unwrap();
            (name, HeaderValue::from_str(value).unwrap())
        };
        let body = body.into();
        let mut headers: HeaderMap = headers.iter().map(field).collect();
        headers.insert("content-length", HeaderValue::from(body.len()));
        headers
            .entry("content-type")
            .or_insert(HeaderValue::from_static("text/html"));
        headers
            .entry("etag")
            .or_insert(HeaderValue::from_static(TAG));
        Self {
            status: StatusCode::OK,
            headers,
            body,
            asked: AtomicU64::new(0),
        }
    }
}

struct Handle(Arc<Always>);

impl Handler for Handle {
    fn handle(&self, request: Request<Body>) -> Handled {
        let origin = Arc::clone(&self.0);
        Box::pin(async move {
            origin.asked.fetch_add(1, Ordering::SeqCst);
            let is_head = request.method() == Method::HEAD;
            let mut response = Response::new(match is_head {
                true => body::empty(),
                false => body::full(origin.body.clone()),
            });
            *response.status_mut() = origin.status;
            *response.headers_mut() = origin.headers.clone();
            Ok(response)
        })
    }
}

fn serve(world: &World, origin: Always) -> Arc<Always> {
    let origin = Arc::new(origin);
    connect(world, Arc::new(Handle(Arc::clone(&origin))));
    origin
}

fn connect(world: &World, handler: Arc<dyn Handler>) {
    world.put(Destination::Handler(handler));
}

fn asking(path: &str, accepts: Option<&str>) -> Request<Body> {
    let mut request = get(path);
    if let Some(accepts) = accepts {
        let accepts = HeaderValue::from_str(accepts).unwrap();
        request.headers_mut().insert("accept-encoding", accepts);
    }
    request
}

fn header<'a>(response: &'a Response<Bytes>, name: &str) -> Option<&'a str> {
    let value = response.headers().get(name)?;
    Some(value.to_str().unwrap())
}

/// What a visitor makes of a response: its text, once every coding that its head names is undone.
async fn read(response: &Response<Bytes>) -> Vec<u8> {
    let mut text = response.body().to_vec();
    let codings = header(response, "content-encoding").unwrap_or_default();
    for coding in codings.split(',').map(str::trim).rev() {
        if !coding.is_empty() {
            text = decoded(&text, coding).await.unwrap();
        }
    }
    text
}

#[rstest]
#[case::past_the_worker("/page")]
#[case::through_the_worker("/w/page")]
#[tokio::test]
async fn every_visitor_reads_what_an_origin_sends_in_any_coding(#[case] path: &str) {
    let world = world().await;
    for sent in [
        "",
        "gzip",
        "br",
        "deflate",
        "raw deflate",
        "zstd",
        "gzip, gzip",
        "br, gzip",
        "identity",
    ] {
        let mut body = page().to_vec();
        for coding in sent.split(", ") {
            body = encoded(&body, coding).await;
        }
        let named = sent.strip_prefix("raw ").unwrap_or(sent);
        serve(
            &world,
            Always::new(&[("content-encoding", named)], body.clone()),
        );
        for accepts in [
            None,
            Some(""),
            Some("identity"),
            Some("gzip"),
            Some("br;q=0.5"),
            Some("*"),
            Some(CHROMIUM),
        ] {
            let response = world.ask(asking(path, accepts)).await;
            let context = format!("{path}: `{sent}` for {accepts:?}: {response:?}");
            assert_eq!(response.status(), 200, "{context}");
            let coding = header(&response, "content-encoding").unwrap_or_default();
            for coding in coding
                .split(", ")
                .filter(|coding| !coding.is_empty() && *coding != "identity")
            {
                let accepts = accepts.unwrap_or_default();
                assert!(accepts.contains(coding) || accepts == "*", "{context}");
            }
            if coding != "identity" {
                assert_eq!(read(&response).await, page(), "{context}");
            }
            if coding == named {
                assert_eq!(*response.body(), body, "byte for byte: {context}");
                assert_eq!(header(&response, "etag"), Some(TAG), "{context}");
            } else {
                assert_eq!(header(&response, "etag"), Some("W/\"v1\""), "{context}");
                assert_eq!(header(&response, "content-length"), None, "{context}");
                assert_eq!(
                    header(&response, "vary"),
                    Some("Accept-Encoding"),
                    "{context}"
                );
            }
        }
    }
}

#[rstest]
#[case::free(EdgeSettings::default(), Some("zstd"))]
#[case::pro(EdgeSettings { plan: Plan::Pro, ..EdgeSettings::default() }, Some("br"))]
#[case::enterprise(EdgeSettings { plan: Plan::Enterprise, ..EdgeSettings::default() }, Some("gzip"))]
#[case::a_rule(EdgeSettings { compression: Some(vec![Compression::Gzip]), ..EdgeSettings::default() }, Some("gzip"))]
#[case::off(EdgeSettings { compression: Some(vec![]), ..EdgeSettings::default() }, None)]
#[tokio::test]
async fn a_page_is_compressed_as_its_zone_says(
    #[case] settings: EdgeSettings,
    #[case] expected: Option<&str>,
) {
    let world = world_with(settings).await;
    serve(&world, Always::new(&[], page()));
    for path in ["/page", "/w/page"] {
        let response = world.ask(asking(path, Some(CHROMIUM))).await;
        assert_eq!(header(&response, "content-encoding"), expected, "{path}");
        assert_eq!(read(&response).await, page());
        let plain = world.get(path).await;
        assert_eq!(header(&plain, "content-encoding"), None);
        assert_eq!(header(&plain, "etag"), Some(TAG));
        assert_eq!(header(&plain, "vary"), None);
    }
}

/// What is left as it is even for a visitor who cannot read it, or who could read it smaller.
#[rstest]
#[case::fixed(200, &[("cache-control", "no-transform"), ("content-encoding", "gzip")])]
#[case::a_part(206, &[("content-range", "bytes 0-6/70"), ("content-encoding", "gzip")])]
#[case::unknown(200, &[("content-encoding", "compress")])]
#[case::image(200, &[("content-type", "image/png")])]
#[case::error(500, &[])]
#[tokio::test]
async fn some_responses_stay_as_they_are(#[case] status: u16, #[case] headers: &[(&str, &str)]) {
    let world = world().await;
    let mut origin = Always::new(headers, "content".repeat(10));
    origin.status = StatusCode::from_u16(status).unwrap();
    let sent = origin.headers.clone();
    serve(&world, origin);
    for accepts in [None, Some(CHROMIUM)] {
        let response = world.ask(asking("/page", accepts)).await;
        assert_eq!(response.status(), status);
        assert_eq!(*response.body(), "content".repeat(10));
        for (name, value) in &sent {
            assert_eq!(response.headers().get(name), Some(value), "{name}");
        }
        assert_eq!(header(&response, "vary"), None);
    }
}

#[rstest]
#[case::coded(Some("gzip"), None, None)]
#[case::accepted(Some("gzip"), Some("gzip"), Some("gzip"))]
#[case::plain(None, Some(CHROMIUM), Some("zstd"))]
#[tokio::test]
async fn a_head_is_that_of_the_whole_response(
    #[case] sent: Option<&str>,
    #[case] accepts: Option<&str>,
    #[case] expected: Option<&str>,
) {
    let world = world().await;
    let headers: Vec<_> = sent
        .map(|coding| ("content-encoding", coding))
        .into_iter()
        .collect();
    let body = encoded(&page(), sent.unwrap_or_default()).await;
    serve(&world, Always::new(&headers, body));
    for path in ["/page", "/w/page"] {
        let mut request = asking(path, accepts);
        *request.method_mut() = Method::HEAD;
        let head = world.ask(request).await;
        let whole = world.ask(asking(path, accepts)).await;
        assert_eq!(header(&head, "content-encoding"), expected, "{path}");
        for name in ["content-encoding", "etag", "vary", "content-type"] {
            assert_eq!(header(&head, name), header(&whole, name), "{path} {name}");
        }
        assert_eq!(*head.body(), "");
    }
}

#[rstest]
#[case::no_content(204)]
#[case::not_modified(304)]
#[tokio::test]
async fn a_response_without_a_body_keeps_its_head(#[case] status: u16) {
    let world = world().await;
    let mut origin = Always::new(&[("content-encoding", "gzip")], "");
    origin.status = StatusCode::from_u16(status).unwrap();
    origin.headers.remove("content-length");
    serve(&world, origin);
    let response = world.get("/page").await;
    assert_eq!(response.status(), status);
    assert_eq!(header(&response, "etag"), Some(TAG));
    assert_eq!(header(&response, "content-encoding"), Some("gzip"));
}

#[tokio::test]
async fn one_stored_form_serves_every_visitor() {
    let world = world().await;
    let packed = encoded(&page(), "gzip").await;
    let headers = [
        ("content-encoding", "gzip"),
        ("vary", "accept-encoding"),
        ("content-type", "text/css"),
    ];
    let origin = serve(&world, Always::new(&headers, packed.clone()));
    for (accepts, status, coding) in [
        (None, "MISS", None),
        (Some("gzip"), "HIT", Some("gzip")),
        (Some("br"), "HIT", Some("br")),
        (Some("deflate"), "HIT", None),
        (Some(CHROMIUM), "HIT", Some("gzip")),
    ] {
        let response = world.ask(asking("/style.css", accepts)).await;
        assert_eq!(
            header(&response, "cf-cache-status"),
            Some(status),
            "{accepts:?}"
        );
        assert_eq!(header(&response, "content-encoding"), coding, "{accepts:?}");
        assert_eq!(read(&response).await, page());
    }
    assert_eq!(origin.asked.load(Ordering::SeqCst), 1);
    // A part of what is stored could not be decoded.
    let mut request = asking("/style.css", None);
    request
        .headers_mut()
        .insert("range", HeaderValue::from_static("bytes=0-9"));
    let response = world.ask(request).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(*response.body(), page());
}

#[rstest]
#[case::past_the_worker("/page")]
#[case::through_the_worker("/w/page")]
#[tokio::test]
async fn a_body_that_is_not_in_its_coding_is_502_with_the_reason(#[case] path: &str) {
    let world = world().await;
    serve(
        &world,
        Always::new(&[("content-encoding", "gzip")], "plain text"),
    );
    let response = world.get(path).await;
    assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
    let hops = world.hops(Party::Visitor, Party::Edge);
    let decision = hops[0].decision.as_deref().unwrap_or_default();
    assert!(
        decision.starts_with("the body cannot be decoded as gzip: "),
        "{decision}"
    );
    // Whoever accepts it gets it as it is.
    let response = world.ask(asking(path, Some("gzip"))).await;
    assert_eq!(*response.body(), "plain text");
}

/// An origin that flushes its encoder after each event.
struct Events(
    std::sync::Mutex<Option<mpsc::UnboundedReceiver<Bytes>>>,
    &'static str,
);

impl Handler for Events {
    fn handle(&self, _: Request<Body>) -> Handled {
        let receiver = self.0.lock().unwrap().take().unwrap();
        let coding = self.1;
        Box::pin(async move {
            let pieces = futures_util::stream::unfold(receiver, |mut receiver| async {
                let piece = receiver.recv().await?;
                Some((Ok::<_, Infallible>(Frame::data(piece)), receiver))
            });
            let mut response = Response::new(body::stream(StreamBody::new(pieces.boxed())));
            let headers = response.headers_mut();
            headers.insert(
                "content-type",
                HeaderValue::from_static("text/event-stream"),
            );
            if !coding.is_empty() {
                headers.insert("content-encoding", HeaderValue::from_static(coding));
            }
            Ok(response)
        })
    }
}

#[rstest]
#[tokio::test]
async fn events_reach_a_visitor_as_they_come(
    #[values("/events", "/w/events")] path: &str,
    #[values("gzip", "")] coding: &'static str,
    #[values(None, Some(CHROMIUM))] accepts: Option<&str>,
) {
    let world = world().await;
    let (sender, receiver) = mpsc::unbounded_channel();
    connect(
        &world,
        Arc::new(Events(std::sync::Mutex::new(Some(receiver)), coding)),
    );
    let mut connection = world.http1().await;
    let mut encoder = encode::GzipEncoder::new(Vec::new());
    let mut packed = async |text: &str| {
        if coding.is_empty() {
            return Bytes::from(text.to_owned());
        }
        encoder.write_all(text.as_bytes()).await.unwrap();
        encoder.flush().await.unwrap();
        Bytes::from(std::mem::take(encoder.get_mut()))
    };
    // The head comes before any event does.
    let response = connection.send_request(asking(path, accepts));
    let response = timeout(SOON, response)
        .await
        .expect("the head is there")
        .unwrap();
    let coded = response.headers().contains_key("content-encoding");
    assert_eq!(coded, accepts.is_some() && !coding.is_empty());
    let mut body = response.into_body();
    for text in ["data: one\n\n", "data: two\n\n"] {
        let piece = packed(text).await;
        sender.send(piece.clone()).unwrap();
        let expected = if coded { piece } else { Bytes::from(text) };
        let mut found = Vec::new();
        while found.len() < expected.len() {
            let frame = timeout(SOON, body.frame()).await.expect("it is passed on");
            found.extend_from_slice(frame.unwrap().unwrap().data_ref().unwrap());
        }
        assert_eq!(found, expected);
    }
}
