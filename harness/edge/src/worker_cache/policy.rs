//! What Workers Cache stores, for how long, and when it may serve what is no longer fresh.
//!
//! Source: Cloudflare's documentation, Workers › Cache › Configuration and Limitations.

use std::time::Duration;

use http::{
    HeaderMap, HeaderName, StatusCode,
    header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, SET_COOKIE, VARY},
};

use super::{
    super::cache::{Stored, seconds_until_expiry},
    deception::is_deception,
};

/// Says what the cache is to do, before all others; nobody behind the cache sees it.
const OWN: HeaderName = HeaderName::from_static("cloudflare-cdn-cache-control");
/// The same for every cache of a content delivery network (RFC 9213).
const OF_NETWORKS: HeaderName = HeaderName::from_static("cdn-cache-control");
/// What a purge can name; nobody behind the cache sees it.
pub(super) const CACHE_TAG: HeaderName = HeaderName::from_static("cache-tag");

const MINUTE: u64 = 60;

/// What becomes of a response.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is stored.
    Keep(Rules),
    /// It is for this visitor alone, because of this.
    Bypass(&'static str),
}

/// How a stored response is used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Rules {
    /// How long it is fresh.
    pub(super) lifetime: Duration,
    /// Whether the worker is asked each time whether it still holds.
    pub(super) always_asks: bool,
    stale_while_revalidate: Duration,
    stale_if_error: StaleIfError,
    /// Header fields that are not stored.
    without: Vec<HeaderName>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum StaleIfError {
    /// What the worker does not say.
    #[default]
    ForEver,
    For(Duration),
}

impl Rules {
    /// What is fresh for so long, and nothing else.
    #[cfg(test)]
    pub(super) fn fresh_for(lifetime: Duration) -> Self {
        Self {
            lifetime,
            ..Self::default()
        }
    }

    /// Whether a response of this age is served while the worker renews it.
    pub(super) fn serves_stale(&self, age: Duration, stored: &Stored) -> bool {
        !self.always_asks && age < stored.lifetime.saturating_add(self.stale_while_revalidate)
    }

    /// Whether a response of this age is served when the worker fails.
    pub(super) fn outlives_errors(&self, age: Duration, stored: &Stored) -> bool {
        match self.stale_if_error {
            StaleIfError::ForEver => true,
            StaleIfError::For(limit) => age < stored.lifetime.saturating_add(limit),
        }
    }

    /// Takes away what is not stored.
    pub(super) fn strip(&self, headers: &mut HeaderMap) {
        for name in &self.without {
            headers.remove(name);
        }
    }
}

/// Takes away what is meant for the cache alone.
pub(super) fn strip_always(headers: &mut HeaderMap) {
    headers.remove(OWN);
    headers.remove(CACHE_TAG);
}

/// What becomes of a response to a request with these headers.
pub(super) fn decide(
    request: &HeaderMap,
    path: &str,
    status: StatusCode,
    response: &HeaderMap,
) -> Verdict {
    if matches!(status.as_u16(), 206 | 304 | 520..=526) {
        return Verdict::Bypass("a response of this status is never stored");
    }
    let directives = Directives::of(response);
    if directives.no_store {
        return Verdict::Bypass("it says `no-store`");
    }
    if directives.private {
        return Verdict::Bypass("it says `private`");
    }
    if response.contains_key(SET_COOKIE) && !directives.without.contains(&SET_COOKIE) {
        return Verdict::Bypass("it sets a cookie");
    }
    if words(response, &VARY).any(|name| name == "*") {
        return Verdict::Bypass("it varies by everything");
    }
    if request.contains_key(AUTHORIZATION) && !directives.shared {
        return Verdict::Bypass("the request has `Authorization`");
    }
    let said = directives
        .seconds
        .or_else(|| seconds_until_expiry(response));
    let seconds = match said {
        Some(seconds) => seconds,
        None if directives.always_asks => 0,
        None => {
            let content_type = response
                .get(CONTENT_TYPE)
                .and_then(|value| value.to_str().ok());
            if content_type.is_some_and(|content_type| is_deception(path, content_type)) {
                return Verdict::Bypass("its type is not that of its extension");
            }
            match default_seconds(status) {
                Some(seconds) => seconds,
                None => return Verdict::Bypass("it does not say that it may be stored"),
            }
        }
    };
    Verdict::Keep(directives.rules(seconds))
}

/// The lifetimes of responses that say nothing themselves.
fn default_seconds(status: StatusCode) -> Option<u64> {
    match status.as_u16() {
        200 | 203 | 204 => Some(120 * MINUTE),
        300 | 301 => Some(20 * MINUTE),
        404 | 410 => Some(3 * MINUTE),
        405 | 414 | 501 => Some(MINUTE),
        _ => None,
    }
}

/// The items of a list in lower case.
pub(super) fn words<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = String> + 'a {
    let values = headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let items = values.flat_map(|value| value.split(','));
    items
        .map(|item| item.trim().to_ascii_lowercase())
        .filter(|item| !item.is_empty())
}

/// What the response says to caches.
#[derive(Default)]
struct Directives {
    no_store: bool,
    private: bool,
    always_asks: bool,
    /// Whether a response to a request with `Authorization` may be shared.
    shared: bool,
    /// Whether what is no longer fresh is never served.
    strict: bool,
    seconds: Option<u64>,
    stale_while_revalidate: Option<u64>,
    stale_if_error: Option<u64>,
    without: Vec<HeaderName>,
}

impl Directives {
    /// Of the first of the three headers that is there.
    fn of(response: &HeaderMap) -> Self {
        let headers = [OWN, OF_NETWORKS, CACHE_CONTROL];
        let Some(header) = headers.iter().find(|name| response.contains_key(*name)) else {
            return Self::default();
        };
        let mut found = Self::default();
        let mut shared_seconds = None;
        let values = response.get_all(header).iter();
        for value in values.filter_map(|value| value.to_str().ok()) {
            for (name, value) in directives(value) {
                let seconds = value.parse().ok();
                match name.to_ascii_lowercase().as_str() {
                    "no-store" => found.no_store = true,
                    "private" if value.is_empty() => found.private = true,
                    "no-cache" if value.is_empty() => found.always_asks = true,
                    "private" | "no-cache" => {
                        let names = value
                            .split(',')
                            .map(|name| name.trim().to_ascii_lowercase());
                        found
                            .without
                            .extend(names.filter_map(|name| name.parse().ok()));
                    }
                    "public" => found.shared = true,
                    "must-revalidate" => (found.shared, found.strict) = (true, true),
                    "proxy-revalidate" => found.strict = true,
                    "s-maxage" => {
                        (found.shared, found.strict) = (true, true);
                        shared_seconds = seconds;
                    }
                    "max-age" => found.seconds = seconds,
                    "stale-while-revalidate" => found.stale_while_revalidate = seconds,
                    "stale-if-error" => found.stale_if_error = seconds,
                    _ => {}
                }
            }
        }
        found.seconds = shared_seconds.or(found.seconds);
        found
    }

    fn rules(self, seconds: u64) -> Rules {
        let stale_if_error = match self.stale_if_error {
            _ if self.strict => StaleIfError::For(Duration::ZERO),
            Some(seconds) => StaleIfError::For(Duration::from_secs(seconds)),
            None => StaleIfError::ForEver,
        };
        let stale = self.stale_while_revalidate.filter(|_| !self.strict);
        Rules {
            lifetime: Duration::from_secs(seconds),
            always_asks: self.always_asks,
            stale_while_revalidate: Duration::from_secs(stale.unwrap_or(0)),
            stale_if_error,
            without: self.without,
        }
    }
}

/// The directives of a value, each with its argument, out of its quotes. A comma between quotes separates nothing.
fn directives(value: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut is_quoted = false;
    let separate = move |character: char| {
        is_quoted ^= character == '"';
        character == ',' && !is_quoted
    };
    value.split(separate).map(|directive| {
        let (name, argument) = directive.split_once('=').unwrap_or((directive, ""));
        (name.trim(), argument.trim().trim_matches('"'))
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::cache::tests::map;

    fn of(
        status: u16,
        response: &[(&str, &str)],
        request: &[(&str, &str)],
    ) -> Result<u64, &'static str> {
        let status = StatusCode::from_u16(status).unwrap();
        match decide(&map(request), "/page", status, &map(response)) {
            Verdict::Keep(rules) => Ok(rules.lifetime.as_secs()),
            Verdict::Bypass(why) => Err(why),
        }
    }

    // Documentation, Workers › Cache › Configuration.
    #[rstest]
    #[case::says_nothing(200, &[], Some(7200))]
    #[case::moved(301, &[], Some(1200))]
    #[case::found(302, &[], None)]
    #[case::not_there(404, &[], Some(180))]
    #[case::not_implemented(501, &[], Some(60))]
    #[case::forbidden(403, &[], None)]
    #[case::forbidden_for_all(403, &[("cache-control", "max-age=9")], Some(9))]
    #[case::an_error(500, &[], None)]
    #[case::of_the_edge(521, &[("cache-control", "max-age=9")], None)]
    #[case::a_part(206, &[("cache-control", "max-age=9")], None)]
    #[case::max_age(200, &[("cache-control", "max-age=9")], Some(9))]
    #[case::shared_max_age(200, &[("cache-control", "s-maxage=8, max-age=9")], Some(8))]
    #[case::for_networks(200, &[("cache-control", "no-store"), ("cdn-cache-control", "max-age=7")], Some(7))]
    #[case::for_this_network(200, &[("cdn-cache-control", "no-store"), ("cloudflare-cdn-cache-control", "max-age=6")], Some(6))]
    #[case::expired(200, &[("expires", "0")], Some(0))]
    #[case::no_store(200, &[("cache-control", "No-Store")], None)]
    #[case::private(200, &[("cache-control", "private, max-age=9")], None)]
    #[case::a_cookie(200, &[("set-cookie", "a=b")], None)]
    #[case::a_cookie_for_one(200, &[("set-cookie", "a=b"), ("cache-control", "private=\"set-cookie, x-y\", max-age=9")], Some(9))]
    #[case::always_asked(200, &[("cache-control", "no-cache")], Some(0))]
    #[case::varies(200, &[("vary", "cookie, *")], None)]
    #[case::deceives(200, &[("content-type", "text/html")], Some(7200))]
    fn a_response_is_fresh_for_as_long_as_documented(
        #[case] status: u16,
        #[case] response: &[(&str, &str)],
        #[case] expected: Option<u64>,
    ) {
        assert_eq!(of(status, response, &[]).ok(), expected);
    }

    #[rstest]
    #[case("max-age=9", None)]
    #[case("public, max-age=9", Some(9))]
    #[case("must-revalidate, max-age=9", Some(9))]
    #[case("s-maxage=9", Some(9))]
    fn what_an_authorised_visitor_got_is_shared_when_it_says_so(
        #[case] cache_control: &str,
        #[case] expected: Option<u64>,
    ) {
        let response = [("cache-control", cache_control)];
        assert_eq!(of(200, &response, &[("authorization", "x")]).ok(), expected);
    }

    #[test]
    fn a_page_under_the_name_of_a_picture_is_stored_only_when_it_says_so() {
        let html = ("content-type", "text/html");
        let of = |response: &[_]| {
            decide(
                &HeaderMap::new(),
                "/account/x.jpg",
                StatusCode::OK,
                &map(response),
            )
        };
        assert!(matches!(of(&[html]), Verdict::Bypass(_)));
        assert!(matches!(
            of(&[html, ("cache-control", "max-age=9")]),
            Verdict::Keep(_)
        ));
    }

    #[rstest]
    #[case::by_default("max-age=10", false, true)]
    #[case::while_it_is_renewed("max-age=10, stale-while-revalidate=20", true, true)]
    #[case::for_too_short("max-age=10, stale-while-revalidate=1, stale-if-error=1", false, false)]
    #[case::strict(
        "max-age=10, stale-while-revalidate=20, stale-if-error=20, must-revalidate",
        false,
        false
    )]
    #[case::shared("s-maxage=10, stale-while-revalidate=20", false, false)]
    fn what_is_no_longer_fresh_is_served_as_documented(
        #[case] cache_control: &str,
        #[case] while_renewed: bool,
        #[case] on_errors: bool,
    ) {
        let response = map(&[("cache-control", cache_control)]);
        let verdict = decide(&HeaderMap::new(), "/", StatusCode::OK, &response);
        let Verdict::Keep(rules) = verdict else {
            panic!("{verdict:?}")
        };
        let stored = Stored {
            status: StatusCode::OK,
            headers: response,
            body: bytes::Bytes::new(),
            lifetime: rules.lifetime,
            encoding: None,
        };
        let age = Duration::from_secs(15);
        assert_eq!(rules.serves_stale(age, &stored), while_renewed);
        assert_eq!(rules.outlives_errors(age, &stored), on_errors);
    }
}
