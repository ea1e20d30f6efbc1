//! What the zone's cache stores, and for how long.
//!
//! Source: Cloudflare's documentation, Cache › Default cache behavior, Cache › How to › Cache by status code, and
//! Workers › Runtime APIs › Request for the `cf` options.

use std::{collections::BTreeMap, time::Duration};

use http::{
    HeaderMap, Method, StatusCode,
    header::{AUTHORIZATION, CACHE_CONTROL, EXPIRES, SET_COOKIE},
};
use serde::Deserialize;
use serde_json::Value;

/// The extensions that are cached without being asked to. The type of the content plays no part.
const EXTENSIONS: &[&str] = &[
    "7z", "avi", "avif", "apk", "bin", "bmp", "bz2", "class", "css", "csv", "doc", "docx", "dmg",
    "ejs", "eot", "eps", "exe", "flac", "gif", "gz", "ico", "iso", "jar", "jpg", "jpeg", "js",
    "mid", "midi", "mkv", "mp3", "mp4", "ogg", "otf", "pdf", "pict", "pls", "png", "ppt", "pptx",
    "ps", "rar", "svg", "svgz", "swf", "tar", "tif", "tiff", "ttf", "webm", "webp", "woff",
    "woff2", "xls", "xlsx", "zip", "zst",
];

const MINUTE: u64 = 60;

/// What a worker's `fetch()` says of the cache in its `cf` option. Unknown keys are ignored, as documented.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CacheOptions {
    /// Seconds; stores whatever the response says. 0 expires at once.
    pub cache_ttl: Option<i64>,
    /// Whether URLs without a cached extension are stored as well.
    pub cache_everything: Option<bool>,
    /// The key in place of the URL.
    pub cache_key: Option<String>,
    /// Seconds by status (`404`) or range (`200-299`); a negative number does not store.
    pub cache_ttl_by_status: Option<BTreeMap<String, i64>>,
}

impl CacheOptions {
    /// Reads them from a subrequest's `cf` object; an option of a wrong type counts as absent.
    pub fn from_cf(cf: &Value) -> Self {
        let part = |name: &str| cf.get(name).cloned().unwrap_or_default();
        Self {
            cache_ttl: part("cacheTtl").as_i64(),
            cache_everything: part("cacheEverything").as_bool(),
            cache_key: part("cacheKey").as_str().map(str::to_owned),
            cache_ttl_by_status: serde_json::from_value(part("cacheTtlByStatus")).ok(),
        }
    }

    fn takes_everything(&self) -> bool {
        self.cache_everything.unwrap_or(false)
            || self.cache_ttl.is_some()
            || self.cache_ttl_by_status.is_some()
    }

    fn lifetime_for(&self, status: StatusCode) -> Option<i64> {
        let by_status = self.cache_ttl_by_status.iter().flatten();
        by_status
            .filter(|(range, _)| covers(range, status.as_u16()))
            .map(|(_, seconds)| *seconds)
            .next()
            .or(self.cache_ttl)
    }
}

/// Whether the cache is asked at all; where it is not, the response says `DYNAMIC`.
pub fn is_eligible(method: &Method, path: &str, options: &CacheOptions) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
        && (options.takes_everything() || has_cached_extension(path))
}

/// How long a response is fresh; nothing where it is not stored (`BYPASS`).
pub fn lifetime(
    request: &HeaderMap,
    status: StatusCode,
    response: &HeaderMap,
    options: &CacheOptions,
) -> Option<Duration> {
    // What is only a part, or no more than word of the whole, is not stored in its place.
    let whole = !matches!(
        status,
        StatusCode::PARTIAL_CONTENT | StatusCode::NOT_MODIFIED
    );
    if response.contains_key(SET_COOKIE) || !whole {
        return None;
    }
    if let Some(seconds) = options.lifetime_for(status) {
        return u64::try_from(seconds).ok().map(Duration::from_secs);
    }
    let directives = Directives::of(response);
    if directives.forbidden || (request.contains_key(AUTHORIZATION) && !directives.shared) {
        return None;
    }
    let seconds = directives
        .seconds
        .or_else(|| seconds_until_expiry(response))
        .or_else(|| default_seconds(status))?;
    (seconds > 0).then(|| Duration::from_secs(seconds))
}

/// How long after its lifetime a response may serve while its origin fails (RFC 5861 §4).
pub(crate) fn stale_if_error(response: &HeaderMap) -> Duration {
    Duration::from_secs(Directives::of(response).stale_if_error.unwrap_or(0))
}

/// The lifetimes of responses that say nothing themselves.
fn default_seconds(status: StatusCode) -> Option<u64> {
    match status.as_u16() {
        200 | 301 => Some(120 * MINUTE),
        302 | 303 => Some(20 * MINUTE),
        404 | 410 => Some(3 * MINUTE),
        _ => None,
    }
}

fn has_cached_extension(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    // robots.txt is the one name that is cached although its extension is not.
    name == "robots.txt"
        || name.rsplit_once('.').is_some_and(|(_, extension)| {
            EXTENSIONS.contains(&extension.to_ascii_lowercase().as_str())
        })
}

fn covers(range: &str, status: u16) -> bool {
    let (from, to) = range.split_once('-').unwrap_or((range, range));
    match (from.trim().parse::<u16>(), to.trim().parse::<u16>()) {
        (Ok(from), Ok(to)) => (from..=to).contains(&status),
        _ => false,
    }
}

/// How long a response is fresh by its `Expires`, in seconds; nothing where it has none.
pub(crate) fn seconds_until_expiry(response: &HeaderMap) -> Option<u64> {
    let expires = response.get(EXPIRES)?.to_str().ok()?;
    let Ok(expires) = jiff::fmt::rfc2822::parse(expires) else {
        // An invalid date, most of all `0`, means that the response is already stale (RFC 9111 §5.3).
        return Some(0);
    };
    let left = expires.timestamp().as_second() - jiff::Timestamp::now().as_second();
    Some(u64::try_from(left).unwrap_or(0))
}

/// What `Cache-Control` says that matters to a shared cache.
#[derive(Default)]
struct Directives {
    forbidden: bool,
    shared: bool,
    seconds: Option<u64>,
    stale_if_error: Option<u64>,
}

impl Directives {
    fn of(response: &HeaderMap) -> Self {
        let mut found = Self::default();
        let mut shared_seconds = None;
        let values = response.get_all(CACHE_CONTROL).iter();
        for directive in values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
        {
            let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
            let seconds = value.trim().trim_matches('"').parse().ok();
            match name.trim().to_ascii_lowercase().as_str() {
                "private" | "no-store" | "no-cache" => found.forbidden = true,
                "public" | "must-revalidate" => found.shared = true,
                "s-maxage" => {
                    found.shared = true;
                    shared_seconds = seconds;
                }
                "max-age" => found.seconds = seconds,
                "stale-if-error" => found.stale_if_error = seconds,
                _ => {}
            }
        }
        found.seconds = shared_seconds.or(found.seconds);
        found
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::cache::tests::map;

    // Documentation, Cache › Default cache behavior.
    #[rstest]
    #[case(Method::GET, "/app.js", true)]
    #[case(Method::GET, "/a/b/PHOTO.JPG", true)]
    #[case(Method::GET, "/robots.txt", true)]
    #[case(Method::GET, "/other.txt", false)]
    #[case(Method::GET, "/", false)]
    #[case(Method::GET, "/index.html", false)]
    #[case(Method::GET, "/data.json", false)]
    #[case(Method::GET, "/js", false)]
    #[case(Method::GET, "/app.js/x", false)]
    #[case(Method::HEAD, "/app.js", true)]
    #[case(Method::POST, "/app.js", false)]
    fn extensions_decide_what_the_cache_is_asked_for(
        #[case] method: Method,
        #[case] path: &str,
        #[case] expected: bool,
    ) {
        let options = CacheOptions::default();
        assert_eq!(is_eligible(&method, path, &options), expected);
    }

    // Documentation, Workers › Request: `cf`.
    #[rstest]
    #[case(json!({ "cacheEverything": true }), true)]
    #[case(json!({ "cacheTtl": 5 }), true)]
    #[case(json!({ "cacheTtlByStatus": { "200": 5 } }), true)]
    #[case(json!({ "cacheEverything": "yes", "colo": "FRA" }), false)]
    fn a_worker_can_have_any_url_cached(#[case] cf: Value, #[case] expected: bool) {
        let options = CacheOptions::from_cf(&cf);
        assert_eq!(is_eligible(&Method::GET, "/page", &options), expected);
    }

    const HOURS: u64 = 3600;

    #[rstest]
    #[case::default_of_200(200, &[], json!({}), Some(2 * HOURS))]
    #[case::default_of_404(404, &[], json!({}), Some(180))]
    #[case::errors_are_not(500, &[], json!({}), None)]
    #[case::a_part_is_not(206, &[("cache-control", "max-age=60")], json!({ "cacheTtl": 7 }), None)]
    #[case::unchanged_is_not(304, &[("cache-control", "max-age=60")], json!({}), None)]
    #[case(200, &[("cache-control", "max-age=60")], json!({}), Some(60))]
    #[case(200, &[("cache-control", "max-age=60, s-maxage=9")], json!({}), Some(9))]
    #[case(200, &[("cache-control", "max-age=0")], json!({}), None)]
    #[case(200, &[("cache-control", "private, max-age=60")], json!({}), None)]
    #[case(200, &[("cache-control", "No-Store")], json!({}), None)]
    #[case(200, &[("cache-control", "no-cache")], json!({}), None)]
    #[case(200, &[("expires", "0")], json!({}), None)]
    #[case(200, &[("expires", "Thu, 01 Jan 1970 00:00:00 GMT")], json!({}), None)]
    #[case(200, &[("set-cookie", "a=b")], json!({}), None)]
    #[case::ttl_wins(200, &[("cache-control", "no-store")], json!({ "cacheTtl": 7 }), Some(7))]
    #[case::ttl_of_zero_expires_at_once(200, &[], json!({ "cacheTtl": 0 }), Some(0))]
    #[case::everything_respects_the_origin(
        200, &[("cache-control", "no-store")], json!({ "cacheEverything": true }), None
    )]
    #[case::by_status(404, &[], json!({ "cacheTtlByStatus": { "200-299": 9, "404": 1 } }), Some(1))]
    #[case::by_status(204, &[], json!({ "cacheTtlByStatus": { "200-299": 9, "404": 1 } }), Some(9))]
    #[case::negative_by_status(500, &[], json!({ "cacheTtlByStatus": { "500-599": -1 } }), None)]
    fn an_answer_is_fresh_for_as_long_as_documented(
        #[case] status: u16,
        #[case] response: &[(&str, &str)],
        #[case] cf: Value,
        #[case] expected: Option<u64>,
    ) {
        let lifetime = lifetime(
            &HeaderMap::new(),
            StatusCode::from_u16(status).unwrap(),
            &map(response),
            &CacheOptions::from_cf(&cf),
        );
        assert_eq!(lifetime, expected.map(Duration::from_secs));
    }

    // RFC 9111 §3.5.
    #[rstest]
    #[case("max-age=60", None)]
    #[case("public, max-age=60", Some(60))]
    fn what_an_authorised_visitor_got_is_only_shared_when_it_says_so(
        #[case] cache_control: &str,
        #[case] expected: Option<u64>,
    ) {
        let lifetime = lifetime(
            &map(&[("authorization", "Bearer x")]),
            StatusCode::OK,
            &map(&[("cache-control", cache_control)]),
            &CacheOptions::default(),
        );
        assert_eq!(lifetime, expected.map(Duration::from_secs));
    }
}
