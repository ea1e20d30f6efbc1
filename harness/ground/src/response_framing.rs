//! How long a server says its response is: what goes on of it, and what is refused.

use http::{
    HeaderMap, HeaderValue, Response, StatusCode,
    header::{CONTENT_LENGTH, TRANSFER_ENCODING},
};

use crate::hop_by_hop::other_than_chunked;

/// A response whose end cannot be known, for its transfer coding is none that is read here.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the response has `Transfer-Encoding: {0}`; nothing but `chunked` is read")]
pub struct UnknownCoding(String);

/// Leaves one length at most in the head of a response: none beside `chunked` (RFC 9112 §6.3), none where there is no
/// content (RFC 9110 §8.6), and one in place of several that are the same. Different ones are refused by hyper.
///
/// # Errors
/// Where a transfer coding other than `chunked` was put on the body.
pub fn settle<B>(response: &mut Response<B>) -> Result<(), UnknownCoding> {
    let status = response.status();
    let headers = response.headers_mut();
    if let Some(coding) = other_than_chunked(headers) {
        return Err(UnknownCoding(coding));
    }
    if headers.contains_key(TRANSFER_ENCODING) || status == StatusCode::NO_CONTENT {
        headers.remove(CONTENT_LENGTH);
    }
    if let Some(length) = first_of_many(headers) {
        headers.insert(CONTENT_LENGTH, length);
    }
    Ok(())
}

/// The length, where it is said more than once, in one field or in several.
fn first_of_many(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut fields = headers.get_all(CONTENT_LENGTH).iter();
    let first = fields.next()?;
    let length = first.as_bytes().split(|&byte| byte == b',').next()?;
    if fields.next().is_none() && length.len() == first.len() {
        return None;
    }
    HeaderValue::from_bytes(length.trim_ascii()).ok()
}

#[cfg(test)]
mod tests {
    use http::HeaderName;
    use rstest::rstest;

    use super::*;

    fn map(fields: &[(&str, &str)]) -> HeaderMap {
        let fields = fields.iter().map(|(name, value)| {
            let name = name.parse::<HeaderName>().unwrap();
            (name, value.parse::<HeaderValue>().unwrap())
        });
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(name, value);
        }
        headers
    }

    const LENGTH: (&str, &str) = ("content-length", "5");
    const CHUNKED: (&str, &str) = ("transfer-encoding", "chunked");

    #[rstest]
    #[case::one(200, &[LENGTH], &[LENGTH])]
    #[case::the_same_twice(200, &[LENGTH, LENGTH], &[LENGTH])]
    #[case::the_same_in_one_field(200, &[("content-length", "5, 5")], &[LENGTH])]
    #[case::beside_chunked(200, &[LENGTH, CHUNKED], &[CHUNKED])]
    #[case::no_content(204, &[LENGTH], &[])]
    #[case::not_modified(304, &[LENGTH], &[LENGTH])]
    fn one_length_is_left_at_most(
        #[case] status: u16,
        #[case] sent: &[(&str, &str)],
        #[case] expected: &[(&str, &str)],
    ) {
        let mut response = Response::builder().status(status).body(()).unwrap();
        *response.headers_mut() = map(sent);
        assert_eq!(settle(&mut response), Ok(()));
        assert_eq!(response.headers(), &map(expected));
    }

    #[rstest]
    #[case(&[("transfer-encoding", "gzip, chunked")])]
    #[case(&[("transfer-encoding", "gzip"), CHUNKED])]
    #[case(&[("transfer-encoding", "identity")])]
    fn another_transfer_coding_is_refused(#[case] sent: &[(&str, &str)]) {
        let mut response = Response::new(());
        *response.headers_mut() = map(sent);
        assert!(settle(&mut response).is_err());
    }
}
