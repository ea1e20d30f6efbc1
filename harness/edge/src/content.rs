//! Responses that have no content, whoever made them (RFC 9110 §6.4.1).

use edgeproof_ground::body::{self, Body};
use http::{HeaderValue, Method, Response, StatusCode, header::CONTENT_LENGTH};
use http_body::Body as _;

/// The response to a request with `method`, without content where there must be none. Its head stays: a response to
/// HEAD says the length of the one to GET (RFC 9110 §8.6). hyper drops such content over HTTP/1 alone.
pub(super) fn without_what_must_not_be(
    method: &Method,
    mut response: Response<Body>,
) -> Response<Body> {
    let status = response.status();
    if status == StatusCode::NO_CONTENT {
        response.headers_mut().remove(CONTENT_LENGTH);
    }
    if method == Method::HEAD && !response.headers().contains_key(CONTENT_LENGTH) {
        // None is known of a body that is streamed, and of one that was not sent.
        if let Some(length) = response.body().size_hint().exact().filter(|&it| it > 0) {
            response
                .headers_mut()
                .insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
    }
    let has_none = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if method == Method::HEAD || has_none {
        return response.map(|_| body::empty());
    }
    response
}
