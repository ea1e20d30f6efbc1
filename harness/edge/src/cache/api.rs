//! The Cache API of workers, as workerd speaks it over HTTP: `GET` is `match`, `PUT` is `put` with the whole response in
//! its body, `PURGE` is `delete`. Measured on workerd 1.20261117.1.
//!
//! `caches.default` is the zone's own cache, `caches.open(name)` one beside it (documentation, Workers › Reference ›
//! How the Cache works).

use std::time::Instant;

use bytes::{Bytes, BytesMut};
use edgeproof_ground::{
    body::{self, Body},
    runtime_headers::WORKERS_CACHE_NAMESPACE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::BodyExt;

use super::{CF_CACHE_STATUS, Cache, CacheOptions, LARGEST, Lookup, Stored, lifetime};

/// Which named cache is meant; `caches.default` where it is absent.
const NAMESPACE: &str = "cf-cache-namespace";
/// More headers than a stored response ever has.
const MOST_HEADERS: usize = 256;

/// Does what a worker asks of the cache of `zone`; gives the response and what was done, in words.
pub(crate) async fn operate(
    cache: &Cache,
    zone: &str,
    request: Request<Body>,
) -> (Response<Body>, String) {
    let namespace = request.headers().get(NAMESPACE);
    let key = match namespace.and_then(|name| name.to_str().ok()) {
        Some(name) => format!("{zone} {name} {}", request.uri()),
        None => super::key(zone, request.uri(), &CacheOptions::default()),
    };
    match request.method().as_str() {
        "GET" => look_up(cache, &key, request.headers()),
        "PUT" => store(cache, key, request).await,
        "PURGE" => match cache.remove(&key) {
            true => (bare(StatusCode::OK), "cache.delete: deleted".to_owned()),
            false => (
                bare(StatusCode::NOT_FOUND),
                "cache.delete: nothing there".to_owned(),
            ),
        },
        _ => (
            bare(StatusCode::METHOD_NOT_ALLOWED),
            "no operation of the Cache API".to_owned(),
        ),
    }
}

/// Whether it is no operation on the zone's cache but `ctx.cache.purge()`, which takes the same way.
pub(crate) fn is_purge<B>(request: &Request<B>) -> bool {
    let namespace = request.headers().get(NAMESPACE);
    namespace.is_some_and(|namespace| namespace == WORKERS_CACHE_NAMESPACE)
}

/// The body of the response that a `put` has.
pub(crate) async fn put_content(request: Request<Body>) -> Option<Bytes> {
    let content = whole(request.into_body()).await?;
    read_response(&content).map(|(_, _, body)| body)
}

fn look_up(cache: &Cache, key: &str, asked: &HeaderMap) -> (Response<Body>, String) {
    let (mut response, state) = match cache.look_up(key, asked, Instant::now()) {
        Lookup::Hit(stored, age) => (super::serve(&stored, age, asked), "HIT"),
        Lookup::Expired(..) => (bare(StatusCode::GATEWAY_TIMEOUT), "EXPIRED"),
        Lookup::Miss => (bare(StatusCode::GATEWAY_TIMEOUT), "MISS"),
    };
    response
        .headers_mut()
        .insert(CF_CACHE_STATUS, HeaderValue::from_static(state));
    (response, format!("cache.match: {state}"))
}

async fn store(cache: &Cache, key: String, request: Request<Body>) -> (Response<Body>, String) {
    let Some(content) = whole(request.into_body()).await else {
        return (
            bare(StatusCode::PAYLOAD_TOO_LARGE),
            "cache.put: too large, or broken off".to_owned(),
        );
    };
    let Some((status, headers, body)) = read_response(&content) else {
        return (
            bare(StatusCode::BAD_REQUEST),
            "cache.put: not a response".to_owned(),
        );
    };
    // What may not be stored is dropped in silence, as the real cache does.
    let options = CacheOptions::default();
    let done = match lifetime(&HeaderMap::new(), status, &headers, &options) {
        Some(lifetime) => {
            let stored = Stored {
                status,
                headers,
                body,
                lifetime,
                encoding: None,
            };
            cache.store(key, stored);
            format!("cache.put: stored for {} s", lifetime.as_secs())
        }
        None => "cache.put: its headers say not to store it".to_owned(),
    };
    (bare(StatusCode::NO_CONTENT), done)
}

/// The whole body, where it ends well and is small enough to be stored.
async fn whole(mut body: Body) -> Option<Bytes> {
    let mut content = BytesMut::new();
    while let Some(frame) = body.frame().await {
        content.extend_from_slice(frame.ok()?.data_ref()?);
        if content.len() > LARGEST {
            return None;
        }
    }
    Some(content.freeze())
}

/// Reads a response in the form of HTTP/1.1. Its body is everything behind the head, whatever the head says of chunks.
fn read_response(content: &Bytes) -> Option<(StatusCode, HeaderMap, Bytes)> {
    let mut fields = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut head = httparse::Response::new(&mut fields);
    let httparse::Status::Complete(length) = head.parse(content).ok()? else {
        return None;
    };
    let status = StatusCode::from_u16(head.code?).ok()?;
    let mut headers = HeaderMap::new();
    for field in head.headers.iter() {
        let name = HeaderName::from_bytes(field.name.as_bytes()).ok()?;
        headers.append(name, HeaderValue::from_bytes(field.value).ok()?);
    }
    headers.remove(http::header::TRANSFER_ENCODING);
    Some((status, headers, content.slice(length..)))
}

fn bare(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(body::empty());
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use http::Method;
    use rstest::rstest;

    use super::*;

    async fn ask(
        cache: &Cache,
        method: &str,
        namespace: Option<&str>,
        content: &'static str,
    ) -> u16 {
        let mut request = Request::new(body::full(content));
        *request.method_mut() = Method::from_bytes(method.as_bytes()).unwrap();
        *request.uri_mut() = "https://shop.example/x?y".parse().unwrap();
        if let Some(namespace) = namespace {
            request
                .headers_mut()
                .insert(NAMESPACE, namespace.parse().unwrap());
        }
        operate(cache, "shop.example", request)
            .await
            .0
            .status()
            .as_u16()
    }

    const ANSWER: &str =
        "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\nstream";

    #[tokio::test]
    async fn what_was_put_is_matched_until_it_is_deleted() {
        let cache = Cache::default();
        assert_eq!(ask(&cache, "GET", None, "").await, 504);
        assert_eq!(ask(&cache, "PUT", None, ANSWER).await, 204);
        assert_eq!(ask(&cache, "GET", None, "").await, 200);
        assert_eq!(ask(&cache, "GET", Some("mine"), "").await, 504);
        assert_eq!(ask(&cache, "PURGE", None, "").await, 200);
        assert_eq!(ask(&cache, "PURGE", None, "").await, 404);
        assert_eq!(ask(&cache, "GET", None, "").await, 504);
    }

    #[rstest]
    #[case("HTTP/1.1 200 OK\r\nCache-Control: no-store\r\n\r\n", 204)]
    #[case("HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\n\r\n", 204)]
    #[case("HTTP/1.1 200 OK\r\n", 400)]
    #[case("hello", 400)]
    #[tokio::test]
    async fn what_may_not_be_stored_is_not(#[case] content: &'static str, #[case] expected: u16) {
        let cache = Cache::default();
        assert_eq!(ask(&cache, "PUT", None, content).await, expected);
        assert_eq!(ask(&cache, "GET", None, "").await, 504);
    }

    #[test]
    fn the_body_is_everything_behind_the_head() {
        let (status, headers, body) =
            read_response(&Bytes::from_static(ANSWER.as_bytes())).unwrap();
        assert_eq!(status, 200);
        assert_eq!(headers.len(), 1);
        assert_eq!(body, "stream");
    }
}
