//! What a Content-Security-Policy says about the worker's scripts.

use url::Url;

use crate::matching::Script;

/// What the policies of a page say together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// The nonce the scripts must carry.
    pub nonce: Option<String>,
    /// Whether the worker's scripts, with that nonce, may run.
    pub is_permitted: bool,
    /// Whether a script may make Trusted Types of the names that a policy lists, and of no others.
    pub has_closed_trusted_types: bool,
}

/// Reads policies: header values and the contents of `<meta>` elements. Each may hold several, separated by commas, and
/// every one must permit the scripts, which are the page's own origin's, under the prefix.
pub(super) fn read<'a>(
    policies: impl Iterator<Item = &'a str>,
    page: &Url,
    prefix: &str,
) -> Verdict {
    let own = Own::new(page, prefix);
    let mut verdict = Verdict {
        nonce: None,
        is_permitted: true,
        has_closed_trusted_types: false,
    };
    for policy in policies.flat_map(|policy| policy.split(',')) {
        verdict.has_closed_trusted_types |= has_closed_trusted_types(policy);
        let Some(sources) = script_sources(policy, &own) else {
            continue;
        };
        if verdict.nonce.is_none() {
            verdict.nonce = sources.nonce.map(str::to_owned);
        }
        let has_nonce = sources.nonce.is_some() && sources.nonce == verdict.nonce.as_deref();
        verdict.is_permitted &= has_nonce || sources.allows_own_scripts;
    }
    verdict
}

struct Sources<'a> {
    nonce: Option<&'a str>,
    /// Whether the worker's scripts run without a nonce.
    allows_own_scripts: bool,
}

/// The sources of a directive.
fn directive<'a>(policy: &'a str, wanted: &str) -> Option<&'a str> {
    policy.split(';').map(str::trim).find_map(|directive| {
        let (name, sources) = directive
            .split_once(char::is_whitespace)
            .unwrap_or((directive, ""));
        name.eq_ignore_ascii_case(wanted).then_some(sources)
    })
}

fn has_closed_trusted_types(policy: &str) -> bool {
    let has = |list: &str, wanted: &str| {
        list.split_ascii_whitespace()
            .any(|source| source.eq_ignore_ascii_case(wanted))
    };
    directive(policy, "require-trusted-types-for").is_some_and(|sinks| has(sinks, "'script'"))
        && directive(policy, "trusted-types").is_some_and(|names| !has(names, "*"))
}

/// The source list that governs `<script src>`: the most specific directive that is there.
fn script_sources<'a>(policy: &'a str, own: &Own<'_>) -> Option<Sources<'a>> {
    let list = directive(policy, "script-src-elem")
        .or_else(|| directive(policy, "script-src"))
        .or_else(|| directive(policy, "default-src"))?;
    let mut sources = Sources {
        nonce: None,
        allows_own_scripts: false,
    };
    // One path may be for the instrumentor, and another for the agent.
    let mut allowed = [false; OWN_SCRIPTS.len()];
    let mut is_strict = false;
    for source in list.split_ascii_whitespace() {
        let lower = source.to_ascii_lowercase();
        if lower == "'strict-dynamic'" {
            is_strict = true;
        } else if lower.starts_with("'nonce-") {
            let nonce = source.get(7..).and_then(|rest| rest.strip_suffix('\''));
            sources.nonce = sources.nonce.or(nonce.filter(|nonce| is_nonce(nonce)));
        } else {
            for (allowed, path) in allowed.iter_mut().zip(&own.paths) {
                *allowed |= own.is_meant_by(source, path);
            }
        }
    }
    // With strict-dynamic a browser looks at nonces and hashes only.
    sources.allows_own_scripts = !is_strict && allowed.iter().all(|allowed| *allowed);
    Some(sources)
}

/// The scripts that a page with the instrumentation loads.
const OWN_SCRIPTS: [Script; 2] = [Script::Instrumentor, Script::Loader];

/// The addresses of the worker's scripts in a page.
struct Own<'a> {
    page: &'a Url,
    paths: [String; OWN_SCRIPTS.len()],
}

impl<'a> Own<'a> {
    fn new(page: &'a Url, prefix: &str) -> Self {
        Self {
            page,
            paths: OWN_SCRIPTS.map(|script| script.path(prefix)),
        }
    }

    /// Whether a source expression means a script of the page's origin at this path (CSP 3 §6.7.2).
    fn is_meant_by(&self, source: &str, path: &str) -> bool {
        let is_own_scheme = |scheme: &str| {
            scheme.eq_ignore_ascii_case(self.page.scheme())
                || (scheme.eq_ignore_ascii_case("http") && self.page.scheme() == "https")
        };
        if source == "*" || source.eq_ignore_ascii_case("'self'") {
            return true;
        }
        if let Some((scheme, "")) = source.split_once(':') {
            return is_own_scheme(scheme);
        }
        let rest = match source.split_once("://") {
            Some((scheme, rest)) if is_own_scheme(scheme) => rest,
            Some(_) => return false,
            None => source,
        };
        let slash = rest.find('/').unwrap_or(rest.len());
        let (authority, allowed_path) = rest.split_at(slash);
        let is_own_path = match allowed_path {
            "" => true,
            folder if folder.ends_with('/') => path.starts_with(folder),
            file => path == file,
        };
        is_own_path && self.is_own_authority(authority)
    }

    fn is_own_authority(&self, authority: &str) -> bool {
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        };
        let is_own_port = match port {
            None => self.page.port().is_none(),
            Some("*") => true,
            Some(port) => port.parse().ok() == self.page.port_or_known_default(),
        };
        let own_host = self.page.host_str().unwrap_or_default();
        let host = host.to_ascii_lowercase();
        let is_own_host = match host.strip_prefix('*') {
            Some(suffix) if suffix.starts_with('.') => own_host.ends_with(suffix),
            _ => host == own_host,
        };
        is_own_port && is_own_host
    }
}

/// Whether the text is a nonce (CSP 3: base64, either alphabet). Nothing else may enter an attribute.
fn is_nonce(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+/-_=".contains(&byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn page() -> Url {
        Url::parse("https://www.shop.example/page").unwrap()
    }

    #[rstest]
    #[case("https://www.shop.example", true)]
    #[case("WWW.Shop.Example", true)]
    #[case("*.shop.example", true)]
    #[case("www.shop.example:443", true)]
    #[case("www.shop.example:*", true)]
    #[case("http://www.shop.example", true)]
    #[case("https:", true)]
    #[case("http:", true)]
    #[case("https://www.shop.example/fp/", true)]
    #[case(
        "www.shop.example/fp/instrumentor.iife.js www.shop.example/fp/loader.js",
        true
    )]
    #[case("www.shop.example/fp/instrumentor.iife.js", false)]
    #[case("https://www.shop.example/static/", false)]
    #[case("www.shop.example:8443", false)]
    #[case("wss:", false)]
    #[case("*.www.shop.example", false)]
    #[case("*.example.org cdn.example", false)]
    #[case("'unsafe-inline'", false)]
    fn a_source_means_the_scripts_or_does_not(#[case] sources: &str, #[case] expected: bool) {
        let policy = format!("script-src {sources}");
        let verdict = read([policy.as_str()].into_iter(), &page(), "fp");
        assert_eq!(verdict.is_permitted, expected);
    }

    #[rstest]
    #[case("require-trusted-types-for 'script'; trusted-types app", true)]
    #[case("require-trusted-types-for 'script'; trusted-types 'none'", true)]
    #[case("require-trusted-types-for 'script'; trusted-types *", false)]
    #[case("require-trusted-types-for 'script'", false)]
    #[case("trusted-types app", false)]
    fn a_list_of_trusted_types_is_seen(#[case] policy: &str, #[case] expected: bool) {
        let verdict = read([policy].into_iter(), &page(), "fp");
        assert_eq!(verdict.has_closed_trusted_types, expected);
    }

    #[rstest]
    #[case(&[], None, true)]
    #[case(&["img-src 'none'"], None, true)]
    #[case(&["script-src 'self'"], None, true)]
    #[case(&["default-src 'self'; script-src 'none'"], None, false)]
    #[case(&["default-src 'none'"], None, false)]
    #[case(&["script-src 'none'; script-src-elem 'self'"], None, true)]
    #[case(&["Script-Src 'NONCE-aB+/9='"], Some("aB+/9="), true)]
    #[case(&["script-src 'nonce-abc' 'strict-dynamic'"], Some("abc"), true)]
    #[case(&["script-src 'self' 'strict-dynamic' 'sha256-abc='"], None, false)]
    #[case(&["script-src 'nonce-abc', script-src 'nonce-abc' 'self'"], Some("abc"), true)]
    #[case(&["script-src 'nonce-abc'", "script-src 'nonce-def'"], Some("abc"), false)]
    #[case(&["script-src 'nonce-abc'", "script-src 'self'"], Some("abc"), true)]
    #[case(&["script-src 'nonce-\"><script>'"], None, false)]
    #[case(&["script-src"], None, false)]
    fn every_policy_must_permit_the_script(
        #[case] policies: &[&str],
        #[case] nonce: Option<&str>,
        #[case] is_permitted: bool,
    ) {
        let verdict = read(policies.iter().copied(), &page(), "fp");
        assert_eq!(
            (verdict.nonce.as_deref(), verdict.is_permitted),
            (nonce, is_permitted)
        );
    }

    proptest! {
        #[test]
        fn a_nonce_never_leaves_its_attribute(policy in ".{0,60}") {
            let policy = format!("script-src 'nonce-{policy}'");
            if let Some(nonce) = read([policy.as_str()].into_iter(), &page(), "fp").nonce {
                prop_assert!(!nonce.contains(['"', '<', '>', '&', '\'', ' ']));
            }
        }
    }
}
