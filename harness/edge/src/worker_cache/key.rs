//! What tells one entry of Workers Cache from another.

use std::fmt::Write as _;

use http::Request;

/// Request headers that some origins let decide over what is asked for. They are a part of the key, so that nobody can have
/// another's response stored under a plain URL.
const HEADERS: [&str; 10] = [
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
    "x-forwarded-host",
    "x-host",
    "x-forwarded-scheme",
    "x-original-url",
    "x-rewrite-url",
    "forwarded",
    "cloudflare-workers-version-key",
];

/// How the keys of one worker begin.
pub(super) fn beginning(worker: &str) -> String {
    format!("{worker}\n")
}

/// The key of a request: the worker, its version, path and query, and those headers. The host is no part of it, nor are
/// cookies.
pub(super) fn of<B>(worker: &str, version: Option<&str>, request: &Request<B>) -> String {
    let target = request.uri().path_and_query();
    let target = target.map_or("/", |target| target.as_str());
    let mut key = beginning(worker);
    // Writing to a text cannot fail.
    let _ = write!(key, "{}\n{target}", version.unwrap_or_default());
    for name in HEADERS {
        for value in request.headers().get_all(name) {
            let value = value.as_bytes().escape_ascii();
            let is_usual = name == "x-forwarded-scheme"
                && matches!(
                    value.to_string().to_ascii_lowercase().as_str(),
                    "http" | "https"
                );
            if !is_usual {
                let _ = write!(key, "\n{name}: {value}");
            }
        }
    }
    key
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn key(version: Option<&str>, url: &str, headers: &[(&str, &str)]) -> String {
        let mut request = Request::get(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        of("flow", version, &request.body(()).unwrap())
    }

    // Documentation, Workers › Cache › Cache keys.
    #[rstest]
    #[case::another_host("https://other.example/a?x=1", &[], true)]
    #[case::another_visitor("https://shop.example/a?x=1", &[("cookie", "a=b"), ("authorization", "x"), ("user-agent", "y")], true)]
    #[case::a_usual_scheme("https://shop.example/a?x=1", &[("x-forwarded-scheme", "HTTPS")], true)]
    #[case::another_scheme("https://shop.example/a?x=1", &[("x-forwarded-scheme", "nothttps")], false)]
    #[case::another_query("https://shop.example/a?x=2", &[], false)]
    #[case::another_path("https://shop.example/a/?x=1", &[], false)]
    #[case::a_forwarded_host("https://shop.example/a?x=1", &[("x-forwarded-host", "evil.example")], false)]
    #[case::a_rewritten_url("https://shop.example/a?x=1", &[("x-rewrite-url", "/admin")], false)]
    fn requests_share_an_entry_as_documented(
        #[case] url: &str,
        #[case] headers: &[(&str, &str)],
        #[case] is_shared: bool,
    ) {
        let first = key(Some("1"), "https://shop.example/a?x=1", &[]);
        assert_eq!(key(Some("1"), url, headers) == first, is_shared);
    }

    #[test]
    fn a_version_has_entries_of_its_own_unless_they_are_shared() {
        let url = "https://shop.example/a";
        assert_ne!(key(Some("1"), url, &[]), key(Some("2"), url, &[]));
        assert_eq!(key(None, url, &[]), key(None, url, &[]));
        assert!(key(None, url, &[]).starts_with(&beginning("flow")));
    }
}
