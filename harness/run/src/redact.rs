//! Keeps secrets out of every report, message and log that leaves a run.

use edgeproof_ground::trace::Exchange;
use http::{HeaderMap, HeaderName, header};

use super::record::{CaseRecord, Failure, HopRecord, Verdict};

/// What stands in place of a secret.
pub const REDACTED: &str = "[redacted]";

/// Values longer than this are shortened: `fp-data` alone is 20 KB.
const SHOWN_BYTES: usize = 200;

/// Texts shorter than this are no secrets but words; replacing them would garble every message.
const SHORTEST_SECRET: usize = 6;

/// Replaces secrets: the values of headers that carry them, and given texts wherever they occur.
#[derive(Clone, Debug, Default)]
pub struct Redactor {
    secrets: Vec<String>,
}

impl Redactor {
    /// Hides these texts wherever they occur.
    pub fn new(secrets: impl IntoIterator<Item = String>) -> Self {
        let mut secrets: Vec<String> = secrets
            .into_iter()
            .filter(|secret| secret.len() >= SHORTEST_SECRET)
            .collect();
        // A secret that contains another one goes first.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Self { secrets }
    }

    /// Hides these, and the values of every header in the trace that carries a secret: a page or a log may repeat them.
    pub fn of_trace(secrets: impl IntoIterator<Item = String>, exchanges: &[Exchange]) -> Self {
        let heads = exchanges.iter().flat_map(|exchange| {
            let answer = exchange.response.iter().map(|response| &response.headers);
            std::iter::once(&exchange.request.headers).chain(answer)
        });
        let of_headers = heads
            .flat_map(HeaderMap::iter)
            .filter(|(name, _)| carries_secrets(name))
            .flat_map(|(name, value)| secrets_in(name, &String::from_utf8_lossy(value.as_bytes())));
        let mut all: Vec<String> = secrets.into_iter().chain(of_headers).collect();
        all.sort();
        all.dedup();
        Self::new(all)
    }

    /// The record without secrets.
    #[must_use]
    pub fn record(&self, mut record: CaseRecord) -> CaseRecord {
        match &mut record.verdict {
            Verdict::Failed(failures) | Verdict::Observed(failures) => {
                failures
                    .iter_mut()
                    .for_each(|failure| self.failure(failure));
            }
            Verdict::Error(message) => *message = self.text(message),
            Verdict::Passed | Verdict::Skipped(_) | Verdict::KnownFailure { .. } => {}
        }
        record.hops.iter_mut().for_each(|hop| self.hop(hop));
        for line in &mut record.log {
            *line = self.text(line);
        }
        let printed = record.apps.iter_mut().flat_map(|app| &mut app.printed);
        for line in printed {
            line.text = self.text(&line.text);
        }
        record
    }

    fn failure(&self, failure: &mut Failure) {
        for text in [&mut failure.claim, &mut failure.actual] {
            *text = self.text(text);
        }
        for text in [
            &mut failure.message,
            &mut failure.nearest,
            &mut failure.call,
        ] {
            *text = text.as_ref().map(|text| self.text(text));
        }
        if let Some(excerpt) = &mut failure.excerpt {
            // As long as before, so that the mark stays where it is.
            for secret in &self.secrets {
                let stars = "*".repeat(secret.len());
                excerpt.text = excerpt.text.replace(secret.as_str(), &stars);
            }
        }
        failure.journey.iter_mut().for_each(|hop| self.hop(hop));
    }

    fn hop(&self, hop: &mut HopRecord) {
        hop.url = self.text(&hop.url);
        hop.decision = hop.decision.as_ref().map(|text| self.text(text));
        let headers = hop.request_headers.iter_mut();
        for (_, value) in headers.chain(&mut hop.response_headers) {
            *value = self.text(value);
        }
    }

    /// The text without secrets.
    pub fn text(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, secret| {
            text.replace(secret.as_str(), REDACTED)
        })
    }

    /// The headers without secrets, long values shortened.
    pub fn headers(&self, headers: &HeaderMap) -> Vec<(String, String)> {
        headers
            .iter()
            .map(|(name, value)| {
                let value = self.header(name, &String::from_utf8_lossy(value.as_bytes()));
                (name.as_str().to_owned(), value)
            })
            .collect()
    }

    /// One header's value without secrets, shortened.
    pub fn header(&self, name: &HeaderName, value: &str) -> String {
        if carries_secrets(name) {
            return REDACTED.to_owned();
        }
        shorten(&self.text(value))
    }
}

/// What is secret in the value of a header that carries secrets: the values of cookies, the token behind a scheme.
fn secrets_in(name: &HeaderName, value: &str) -> Vec<String> {
    let value_of = |pair: &str| match pair.split_once('=') {
        Some((_, value)) => value.trim().trim_matches('"').to_owned(),
        None => pair.trim().to_owned(),
    };
    if *name == header::COOKIE {
        value.split(';').map(value_of).collect()
    } else if *name == header::SET_COOKIE {
        value.split(';').take(1).map(value_of).collect()
    } else {
        let token = value.split_once(' ').map(|(_, token)| token.to_owned());
        token.into_iter().chain([value.to_owned()]).collect()
    }
}

/// Whether a header of this name is a secret as a whole.
pub fn carries_secrets(name: &HeaderName) -> bool {
    *name == header::AUTHORIZATION
        || *name == header::PROXY_AUTHORIZATION
        || *name == header::COOKIE
        || *name == header::SET_COOKIE
        // The signals of a visitor's browser.
        || name.as_str() == "fp-data"
        || name.as_str().contains("api-key")
        || name.as_str().contains("secret")
}

/// The start of a long text and its length.
pub fn shorten(text: &str) -> String {
    if text.len() <= SHOWN_BYTES {
        return text.to_owned();
    }
    let end = (0..=SHOWN_BYTES)
        .rev()
        .find(|&end| text.is_char_boundary(end))
        .unwrap_or(0);
    format!("{}… ({} bytes)", &text[..end], text.len())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("authorization", "Bearer abc", REDACTED)]
    #[case("cookie", "session=1", REDACTED)]
    #[case("set-cookie", "session=1", REDACTED)]
    #[case("x-api-key", "k", REDACTED)]
    #[case("x-note", "the key is sk_12345678!", "the key is [redacted]!")]
    #[case("x-rule", "r1", "r1")]
    fn secrets_do_not_leave(#[case] name: &str, #[case] value: &str, #[case] shown: &str) {
        let redactor = Redactor::new(["sk_12345678".to_owned(), "r1".to_owned()]);
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        assert_eq!(redactor.header(&name, value), shown);
    }

    #[test]
    fn a_long_value_is_shortened_at_a_character() {
        let text = "é".repeat(150);
        assert_eq!(shorten(&text), format!("{}… (300 bytes)", "é".repeat(100)));
    }
}
