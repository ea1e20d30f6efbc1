//! The scripts under the route prefix: the worker's own with their configuration, and what is fetched for the page.

use std::fmt::Write;

use serde::Serialize;
use url::{Url, form_urlencoded};

use crate::{
    canonical::Shape,
    configuration::Configuration,
    guard::Guard,
    headers::{HeaderEdit, Headers, list},
    matching::Script,
};

/// The identifier in a bundled script that stands for its configuration.
pub const PLACEHOLDER: &str = "__EDGEPROOF_CONFIG__";

/// The name the platform knows this worker by.
pub const INTEGRATION: &str = concat!("fingerprint-flow-cloudflare/", env!("CARGO_PKG_VERSION"));

/// Header fields of the worker's own scripts: a changed configuration is in every page a minute later.
pub const HEADERS: [(&str, &str); 2] = [
    ("content-type", "application/javascript; charset=utf-8"),
    ("cache-control", "max-age=60, s-maxage=60"),
];

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ScriptConfiguration<'a> {
    route_prefix: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    protected_apis: Option<Vec<Api<'a>>>,
    log_level: &'static str,
}

#[derive(Serialize)]
struct Api<'a> {
    method: &'static str,
    url: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    shape: Option<&'a Shape>,
}

/// The source of one of the worker's own scripts, its configuration in the place of the placeholder.
pub fn source(
    configuration: &Configuration,
    prefix: &str,
    script: Script,
    bundled: &str,
) -> String {
    let mut shapes = configuration.guard.iter().flat_map(Guard::shapes);
    let apis = configuration.protected_apis.iter().map(|api| Api {
        method: api.method.as_str(),
        url: api.url.as_str(),
        shape: shapes.next(),
    });
    let values = ScriptConfiguration {
        route_prefix: prefix,
        protected_apis: (script == Script::Instrumentor).then(|| apis.collect()),
        log_level: configuration.log_level.as_str(),
    };
    let json = serde_json::to_string(&values).unwrap_or_default();
    bundled.replacen(PLACEHOLDER, &escape(&json), 1)
}

/// JSON as a JavaScript literal that ends neither a script element nor a line, wherever it is put.
fn escape(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(escaped, "\\u{:04x}", u32::from(character));
            }
            other => escaped.push(other),
        }
    }
    escaped
}

/// The URL of the agent's loader on the CDN, the query of the request kept.
pub fn loader_url(configuration: &Configuration, public_key: &str, query: Option<&str>) -> String {
    let key: String = form_urlencoded::byte_serialize(public_key.as_bytes()).collect();
    let separator = if query.is_some() { "&" } else { "" };
    format!(
        "https://{}/v4/{key}?{}{separator}ii={INTEGRATION}/procdn",
        configuration.cdn_host,
        query.unwrap_or_default(),
    )
}

/// The URL on the ingress for a request under the route prefix: always below the ingress host. The rest is put behind
/// the host's own slash as text and never resolved as a reference, so `//other.example` stays a path.
pub fn browser_cache_url(configuration: &Configuration, rest: &str) -> Option<String> {
    let base = Url::parse(&configuration.ingress).ok()?;
    let url = Url::parse(&format!("{}/{rest}", configuration.ingress)).ok()?;
    (url.origin() == base.origin() && url.username().is_empty() && url.password().is_none())
        .then(|| url.into())
}

/// What of a visitor's request does not go on to the platform's ingress: secrets, and the name of the site.
pub fn platform_edits() -> Vec<HeaderEdit> {
    [
        "cookie",
        "authorization",
        "proxy-authorization",
        "host",
        "fp-data",
    ]
    .map(HeaderEdit::remove)
    .to_vec()
}

/// Shortens the life of a loader in caches, so that a new agent reaches every page: an hour in browsers, a minute in
/// shared caches. Where the CDN said nothing, nothing is added. What is no loader is kept by nobody.
pub fn loader_cache_control(status: u16, response: &Headers) -> Option<HeaderEdit> {
    if !(200..300).contains(&status) {
        return Some(HeaderEdit::set("cache-control", "no-store"));
    }
    let value = response.get("cache-control")?;
    let mut directives: Vec<String> = Vec::new();
    let (mut max_age, mut s_maxage) = (3600, 60);
    for directive in list(value) {
        let lower = directive.to_ascii_lowercase();
        if let Some(age) = seconds(&lower, "max-age") {
            max_age = max_age.min(age);
        } else if let Some(age) = seconds(&lower, "s-maxage") {
            s_maxage = s_maxage.min(age);
        } else {
            directives.push(directive.to_owned());
        }
    }
    directives.push(format!("max-age={max_age}"));
    directives.push(format!("s-maxage={s_maxage}"));
    Some(HeaderEdit::set("cache-control", directives.join(", ")))
}

fn seconds(directive: &str, name: &str) -> Option<u64> {
    let (found, value) = directive.split_once('=')?;
    (found.trim() == name).then(|| value.trim().trim_matches('"').parse().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn configuration() -> Configuration {
        Configuration::read(|name| {
            let value = match name {
                "WORKER_ROUTE_PREFIX" => "fp",
                "FP_REGION" => "eu",
                "PROTECTED_APIS" => r#"[{"method":"POST","url":"a.example/</script>\u2028*"}]"#,
                _ => return None,
            };
            Some(value.to_owned())
        })
    }

    #[test]
    fn a_script_gets_its_configuration_and_cannot_be_broken_out_of() {
        let source = source(
            &configuration(),
            "fp",
            Script::Instrumentor,
            "start(__EDGEPROOF_CONFIG__)",
        );
        assert_eq!(
            source,
            r#"start({"routePrefix":"fp","protectedApis":[{"method":"POST","url":"a.example/\u003c/script\u003e\u2028*"}],"logLevel":"error"})"#
        );
    }

    #[test]
    fn the_agent_processor_need_not_know_the_protected_apis() {
        let source = source(&configuration(), "fp", Script::AgentProcessor, PLACEHOLDER);
        assert_eq!(source, r#"{"routePrefix":"fp","logLevel":"error"}"#);
    }

    #[rstest]
    #[case(None, "https://fpcdn.io/v4/p%2Fk?ii=")]
    #[case(Some("v=1"), "https://fpcdn.io/v4/p%2Fk?v=1&ii=")]
    fn the_loader_comes_from_the_cdn(#[case] query: Option<&str>, #[case] start: &str) {
        let url = loader_url(&configuration(), "p/k", query);
        assert!(url.starts_with(start) && url.ends_with("/procdn"), "{url}");
    }

    #[rstest]
    #[case("a/b?q=1", "https://eu.api.fpjs.io/a/b?q=1")]
    #[case("/evil.example/x", "https://eu.api.fpjs.io//evil.example/x")]
    #[case("\\evil.example", "https://eu.api.fpjs.io//evil.example")]
    #[case("%2f%2fevil.example", "https://eu.api.fpjs.io/%2f%2fevil.example")]
    #[case("../../evil.example", "https://eu.api.fpjs.io/evil.example")]
    #[case("%2e%2e/x", "https://eu.api.fpjs.io/x")]
    #[case("@evil.example/", "https://eu.api.fpjs.io/@evil.example/")]
    #[case(":8080/x", "https://eu.api.fpjs.io/:8080/x")]
    #[case(
        "https://evil.example/",
        "https://eu.api.fpjs.io/https://evil.example/"
    )]
    fn the_browser_cache_reaches_only_the_ingress(#[case] rest: &str, #[case] expected: &str) {
        assert_eq!(
            browser_cache_url(&configuration(), rest).as_deref(),
            Some(expected)
        );
    }

    proptest! {
        #[test]
        fn no_path_leaves_the_ingress(rest in ".{0,40}") {
            if let Some(url) = browser_cache_url(&configuration(), &rest) {
                let url = Url::parse(&url).unwrap();
                prop_assert_eq!(url.host_str(), Some("eu.api.fpjs.io"));
            }
        }
    }

    #[rstest]
    #[case("max-age=31536000", "max-age=3600, s-maxage=60")]
    #[case("public, max-age=10, s-maxage=5", "public, max-age=10, s-maxage=5")]
    #[case("Public, MAX-AGE=7200", "Public, max-age=3600, s-maxage=60")]
    #[case("no-store", "no-store, max-age=3600, s-maxage=60")]
    fn a_loader_lives_an_hour_at_most(#[case] value: &str, #[case] expected: &str) {
        let response = Headers::from_iter([("cache-control", value)]);
        assert_eq!(
            loader_cache_control(200, &response),
            Some(HeaderEdit::set("cache-control", expected))
        );
        assert_eq!(loader_cache_control(200, &Headers::default()), None);
    }

    #[rstest]
    fn an_error_of_the_cdn_is_kept_by_nobody(
        #[values(302, 304, 400, 404, 503)] status: u16,
        #[values("", "cache-control: public, max-age=31536000")] lines: &str,
    ) {
        assert_eq!(
            loader_cache_control(status, &Headers::from_lines(lines)),
            Some(HeaderEdit::set("cache-control", "no-store"))
        );
    }
}
