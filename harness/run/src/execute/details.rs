//! What a record has beside verdict and heads: bodies, and the worker's log in its place.

use std::{str::FromStr, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use edgeproof_ground::{
    content_coding::codings,
    trace::{Counted, Exchange, Party, Trace},
};
use edgeproof_rig::{LogLine, LogSource};
use http::HeaderMap;

use super::decoding::decoded;
use crate::{
    record::{BodyContent, BodyRecord, HopRecord},
    redact::Redactor,
};

/// Bytes of a text that are shown of a body.
const SHOWN_TEXT: usize = 64 * 1024;

/// Bytes that are shown of a body that is no text.
const SHOWN_BYTES: usize = 1024;

/// How long after its response a line of a worker may arrive that belongs to it: it comes through a pipe.
const ON_ITS_WAY: Duration = Duration::from_millis(20);

/// Of which cases a record has the bodies of requests, and a picture of each step of a browser.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Details {
    /// Of none.
    #[default]
    None,
    /// Of those that did not pass.
    Failed,
    /// Of all.
    All,
}

/// Why a word is none of them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is none of `none`, `failed` and `all`")]
pub struct DetailsError(String);

impl FromStr for Details {
    type Err = DetailsError;

    fn from_str(word: &str) -> Result<Self, DetailsError> {
        match word {
            "none" => Ok(Self::None),
            "failed" => Ok(Self::Failed),
            "all" => Ok(Self::All),
            other => Err(DetailsError(other.to_owned())),
        }
    }
}

/// Adds the bodies to the records of these exchanges.
pub async fn add_bodies(hops: &mut [HopRecord], exchanges: &[Exchange], redactor: &Redactor) {
    for (hop, exchange) in hops.iter_mut().zip(exchanges) {
        let request = exchange.body(Counted::Request);
        let headers = &exchange.request.headers;
        hop.request_body = body(headers, request, hop.request_bytes, redactor).await;
        if let Some(response) = &exchange.response {
            let body_of_response = exchange.body(Counted::Response);
            hop.response_body = body(
                &response.headers,
                body_of_response,
                hop.response_bytes,
                redactor,
            )
            .await;
        }
    }
}

/// A body of which this much was kept; nothing where nothing was.
async fn body(
    headers: &HeaderMap,
    kept: Vec<u8>,
    passed: u64,
    redactor: &Redactor,
) -> Option<BodyRecord> {
    if kept.is_empty() {
        return None;
    }
    let cut = (kept.len() as u64) < passed;
    let is_coded = codings(headers).map_or(true, |codings| !codings.is_empty());
    let (plain, why) = match is_coded && cut {
        true => (Bytes::new(), Some("too long to be decoded".to_owned())),
        false => decoded(headers, kept.into()).await,
    };
    if let Some(why) = why {
        let content = BodyContent::NotShown(why);
        return Some(BodyRecord {
            content,
            cut: false,
        });
    }
    Some(match text(&plain, cut) {
        Some(text) => shown_text(&redactor.text(text), cut),
        None => shown_bytes(&plain, redactor),
    })
}

/// The bytes as a text, where they are one; the last character of one that is cut may be cut too.
fn text(bytes: &[u8], cut: bool) -> Option<&str> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if cut && error.error_len().is_none() => {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    (!text.contains('\0')).then_some(text)
}

/// Shortened after what is secret is gone, so that no part of it stays.
fn shown_text(text: &str, cut: bool) -> BodyRecord {
    let end = text.floor_char_boundary(SHOWN_TEXT);
    BodyRecord {
        content: BodyContent::Text(text[..end].to_owned()),
        cut: cut || end < text.len(),
    }
}

fn shown_bytes(bytes: &[u8], redactor: &Redactor) -> BodyRecord {
    let readable = String::from_utf8_lossy(bytes);
    if redactor.text(&readable) != readable {
        let content = BodyContent::NotShown("there is a secret in it".to_owned());
        return BodyRecord {
            content,
            cut: false,
        };
    }
    let end = bytes.len().min(SHOWN_BYTES);
    BodyRecord {
        content: BodyContent::Base64(STANDARD.encode(&bytes[..end])),
        cut: end < bytes.len(),
    }
}

/// Writes each line of a worker at its hop, where no other visit of a worker was under way when it came. `exchanges` are all
/// that may have been.
pub fn place_log(
    hops: &mut [HopRecord],
    exchanges: &[Exchange],
    lines: &[LogLine],
    trace: &Trace,
    redactor: &Redactor,
) {
    let worker = Party::Worker.to_string();
    for line in lines {
        if line.source != LogSource::Console {
            continue;
        }
        let at = trace.at(line.at);
        let mut under_way = exchanges.iter().filter(|exchange| {
            let end = exchange
                .took
                .map(|took| exchange.started + took + ON_ITS_WAY);
            exchange.to == Party::Worker
                && exchange.started <= at
                && end.is_none_or(|end| at <= end)
        });
        let (Some(visit), None) = (under_way.next(), under_way.next()) else {
            continue;
        };
        let is_its = |hop: &&mut HopRecord| {
            hop.to == worker && u128::from(hop.started_us) == visit.started.as_micros()
        };
        if let Some(hop) = hops.iter_mut().find(is_its) {
            hop.log.push(redactor.text(&line.message));
        }
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, header::CONTENT_ENCODING};
    use rstest::rstest;

    use super::*;

    fn content(record: Option<BodyRecord>) -> (String, bool) {
        let record = record.unwrap();
        let content = match record.content {
            BodyContent::Text(text) => text,
            BodyContent::Base64(bytes) => format!("base64 {bytes}"),
            BodyContent::NotShown(why) => format!("not shown: {why}"),
        };
        (content, record.cut)
    }

    #[rstest]
    #[case::text("hello", 5, "", "hello", false)]
    #[case::beginning("hello", 9, "", "hello", true)]
    #[case::half_a_character(&b"h\xc3"[..], 9, "", "h", true)]
    #[case::bytes(&b"\x00\xff"[..], 2, "", "base64 AP8=", false)]
    #[case::secret(
        r#"{"password":"hunter2"}"#,
        22,
        "",
        r#"{"password":"[redacted]"}"#,
        false
    )]
    #[case::known_secret_among_bytes(&b"\xff geheim99x"[..], 11, "", "not shown: there is a secret in it", false)]
    #[case::unknown_coding(
        "hello",
        5,
        "compress",
        "not shown: `compress` is not a supported content coding",
        false
    )]
    #[case::coded_and_cut("hello", 9, "gzip", "not shown: too long to be decoded", false)]
    #[tokio::test]
    async fn a_body_is_shown_as_far_as_it_may_be(
        #[case] kept: impl AsRef<[u8]>,
        #[case] passed: u64,
        #[case] coding: &'static str,
        #[case] expected: &str,
        #[case] cut: bool,
    ) {
        let mut headers = HeaderMap::new();
        if !coding.is_empty() {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding));
        }
        let redactor = Redactor::knowing(["geheim99x"]);
        let record = body(&headers, kept.as_ref().to_vec(), passed, &redactor).await;
        assert_eq!(content(record), (expected.to_owned(), cut));
    }

    #[tokio::test]
    async fn no_part_of_a_secret_stays_where_a_body_is_shortened() {
        let secret = "S9".repeat(500);
        let before = SHOWN_TEXT - 100;
        let text = format!("{}{secret}", "a".repeat(before));
        let redactor = Redactor::knowing([secret.as_str()]);
        let kept = text.into_bytes();
        let passed = kept.len() as u64;
        let (shown, _) = content(body(&HeaderMap::new(), kept, passed, &redactor).await);
        assert!(!shown.contains("S9"), "{}", &shown[before..]);
    }
}
