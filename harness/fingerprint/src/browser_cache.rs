//! The browser-cache request of the agent: a GET below the ingress, at a path without a meaning of its own.
//!
//! What production answers is not published; a sample in the vendor's tests is base64 text of about 92 characters,
//! and that is all this is. The same path has the same response, so that a cache can be told from its absence.

use base64::{Engine, prelude::BASE64_STANDARD};
use wiremock::ResponseTemplate;

use super::ids;

/// Bytes that make 92 characters.
const LENGTH: usize = 69;

pub(super) fn response(path: &str) -> ResponseTemplate {
    let words = ["a", "b", "c"]
        .map(|part| ids::stable(part, path, LENGTH / 3))
        .concat();
    ResponseTemplate::new(200)
        .set_body_raw(BASE64_STANDARD.encode(words), "text/plain")
        .insert_header("cache-control", "private, max-age=3600")
}
