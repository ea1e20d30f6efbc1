//! The bodies of responses as checks read them: without the content codings they came in.

use bytes::{Bytes, BytesMut};
use edgeproof_ground::{
    body,
    causes::with_causes,
    content_coding::{codings, recoded},
};
use http::HeaderMap;
use http_body_util::BodyExt;

/// The largest body that is decoded for a check, in bytes.
const LARGEST: usize = 64 * 1024 * 1024;

/// The body of a response with these headers, decoded, or as it came and why it could not be.
pub(super) async fn decoded(headers: &HeaderMap, coded: Bytes) -> (Bytes, Option<String>) {
    let codings = match codings(headers) {
        Ok(codings) if codings.is_empty() => return (coded, None),
        // A response to HEAD names codings and has nothing in them.
        _ if coded.is_empty() => return (coded, None),
        Ok(codings) => codings,
        Err(unknown) => return (coded, Some(unknown.to_string())),
    };
    let mut body = recoded(body::full(coded.clone()), &codings, None);
    let mut text = BytesMut::new();
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => text.extend(frame.into_data().ok()),
            Err(error) => return (coded, Some(with_causes(&*error))),
        }
        if text.len() > LARGEST {
            let why = format!("the body decodes to more than {LARGEST} bytes");
            return (coded, Some(why));
        }
    }
    (text.freeze(), None)
}

#[cfg(test)]
mod tests {
    use edgeproof_ground::content_coding::Coding;
    use http::{HeaderValue, header::CONTENT_ENCODING};
    use rstest::rstest;

    use super::*;

    async fn gzip(text: &'static str) -> Bytes {
        let body = recoded(body::full(text), &[], Some(Coding::Gzip));
        body.collect().await.unwrap().to_bytes()
    }

    async fn read(coding: &'static str, coded: Bytes) -> (Bytes, Option<String>) {
        let value = HeaderValue::from_static(coding);
        decoded(&HeaderMap::from_iter([(CONTENT_ENCODING, value)]), coded).await
    }

    #[tokio::test]
    async fn a_check_reads_the_text_that_was_coded() {
        let (text, why) = read("gzip", gzip("some text").await).await;
        assert_eq!((text, why), ("some text".into(), None));
    }

    #[rstest]
    #[case::not_in_it("gzip", "the body cannot be decoded as gzip: ")]
    #[case::unknown("compress", "`compress` is not a supported content coding")]
    #[tokio::test]
    async fn what_cannot_be_decoded_stays_and_says_its_coding(
        #[case] coding: &'static str,
        #[case] expected: &str,
    ) {
        let (text, why) = read(coding, Bytes::from_static(b"plain")).await;
        assert_eq!(text, "plain");
        let why = why.unwrap();
        assert!(why.starts_with(expected), "{why}");
    }

    #[rstest]
    #[case("gzip")]
    #[case("identity")]
    #[tokio::test]
    async fn a_body_without_content_is_read_in_any_coding(#[case] coding: &'static str) {
        assert_eq!(read(coding, Bytes::new()).await, (Bytes::new(), None));
    }
}
