//! What a visitor's `Accept-Encoding` accepts (RFC 9110 §12.5.3).

use edgeproof_ground::content_coding::Coding;
use http::{HeaderMap, header::ACCEPT_ENCODING};

/// The codings that a visitor can read.
///
/// A visitor without the header, or with an empty one, accepts no coding: the standard leaves that to the server, and
/// Cloudflare as every other server then sends none.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Accepted {
    /// What is named in lower case, and whether it is accepted: a weight of 0, or none that can be read, means that it
    /// is not. How much more than 0 plays no part; the zone has its own order.
    named: Vec<(String, bool)>,
}

impl Accepted {
    /// Reads every `Accept-Encoding` of a request.
    pub(crate) fn by(request: &HeaderMap) -> Self {
        let mut named = Vec::new();
        for value in request.get_all(ACCEPT_ENCODING) {
            let value = String::from_utf8_lossy(value.as_bytes());
            for element in value.split(',') {
                let (name, parameters) = element.split_once(';').unwrap_or((element, ""));
                let name = name.trim().to_ascii_lowercase();
                if !name.is_empty() {
                    named.push((name, has_weight(parameters)));
                }
            }
        }
        Self { named }
    }

    /// Whether a response in this coding can be read.
    pub(super) fn takes(&self, coding: Coding) -> bool {
        let alias = (coding == Coding::Gzip).then_some("x-gzip");
        let named = self.named(coding.name());
        named
            .or_else(|| self.named(alias?))
            .or_else(|| self.named("*"))
            .unwrap_or(false)
    }

    /// Whether a response without any coding can be read.
    pub(super) fn takes_identity(&self) -> bool {
        let named = self.named("identity");
        named.or_else(|| self.named("*")).unwrap_or(true)
    }

    fn named(&self, name: &str) -> Option<bool> {
        let mut named = self.named.iter();
        named
            .find(|(candidate, _)| candidate == name)
            .map(|(_, accepted)| *accepted)
    }
}

/// Whether the parameters of an element leave it a weight above 0.
fn has_weight(parameters: &str) -> bool {
    parameters
        .split(';')
        .filter_map(|parameter| parameter.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("q"))
        .is_none_or(|(_, weight)| {
            weight
                .trim()
                .parse::<f32>()
                .is_ok_and(|weight| weight > 0.0)
        })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::no_header(&[], "identity")]
    #[case::empty(&[""], "identity")]
    #[case::one(&["gzip"], "gzip identity")]
    #[case::chromium(&["gzip, deflate, br, zstd"], "gzip br deflate zstd identity")]
    #[case::several_headers(&["gzip", "br"], "gzip br identity")]
    #[case::capitals(&["GZIP;Q=1"], "gzip identity")]
    #[case::old_name(&["x-gzip"], "gzip identity")]
    #[case::weights(&["gzip;q=0.001, br; q=0, deflate;q=0.000"], "gzip identity")]
    #[case::unreadable_weight(&["gzip;q=much"], "identity")]
    #[case::only_identity(&["identity"], "identity")]
    #[case::anything(&["*"], "gzip br deflate zstd identity")]
    #[case::anything_but(&["br;q=0, *"], "gzip deflate zstd identity")]
    #[case::nothing_else(&["gzip, *;q=0"], "gzip")]
    #[case::identity_nevertheless(&["identity, *;q=0"], "identity")]
    #[case::no_identity(&["gzip, identity;q=0"], "gzip")]
    #[case::nonsense(&[",;,=;q", "\u{fffd}"], "identity")]
    fn a_visitor_accepts_what_she_names(#[case] headers: &[&str], #[case] expected: &str) {
        let mut request = HeaderMap::new();
        for header in headers {
            let value = HeaderValue::from_bytes(header.as_bytes()).unwrap();
            request.append(ACCEPT_ENCODING, value);
        }
        let accepted = Accepted::by(&request);
        let all = [Coding::Gzip, Coding::Brotli, Coding::Deflate, Coding::Zstd];
        let mut found: Vec<_> = all
            .into_iter()
            .filter(|&coding| accepted.takes(coding))
            .map(Coding::name)
            .collect();
        found.extend(accepted.takes_identity().then_some("identity"));
        assert_eq!(found.join(" "), expected);
    }
}
