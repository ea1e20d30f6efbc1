//! The browser-cache request of the agent: a GET below the ingress, at a path without a meaning of its own.
//!
//! What production answers is not published; a sample in the vendor's tests is base64 text of about 92 characters,
//! and that is all this is. The same path has the same response, so that a cache can be told from its absence.

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderValue, header};

use super::{
    ids,
    server::{self, Response},
};

/// Bytes that make 92 characters.
const LENGTH: usize = 69;

pub(super) fn response(path: &str) -> Response {
    let words = ["a", "b", "c"]
        .map(|part| ids::stable(part, path, LENGTH / 3))
        .concat();
    let mut response = server::response_of(200, "text/plain", BASE64_STANDARD.encode(words));
    let kept = HeaderValue::from_static("private, max-age=3600");
    response.headers_mut().insert(header::CACHE_CONTROL, kept);
    response
}
