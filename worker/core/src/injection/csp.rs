//! What a Content-Security-Policy says about the worker's scripts.

/// What the policies of a page say together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// The nonce the scripts must carry.
    pub nonce: Option<String>,
    /// Whether a script of the page's own origin, with that nonce, may run.
    pub is_permitted: bool,
}

/// Reads policies: header values and the contents of `<meta>` elements. Each may hold several, separated by commas, and
/// every one must permit the script.
pub(super) fn read<'a>(policies: impl Iterator<Item = &'a str>) -> Verdict {
    let mut verdict = Verdict {
        nonce: None,
        is_permitted: true,
    };
    for sources in policies
        .flat_map(|policy| policy.split(','))
        .filter_map(script_sources)
    {
        if verdict.nonce.is_none() {
            verdict.nonce = sources.nonce.map(str::to_owned);
        }
        let has_nonce = sources.nonce.is_some() && sources.nonce == verdict.nonce.as_deref();
        verdict.is_permitted &= has_nonce || sources.allows_own_origin;
    }
    verdict
}

struct Sources<'a> {
    nonce: Option<&'a str>,
    /// Whether scripts of the page's own origin run without a nonce.
    allows_own_origin: bool,
}

/// The source list that governs `<script src>`: the most specific directive that is there.
fn script_sources(policy: &str) -> Option<Sources<'_>> {
    let directive = |wanted: &str| {
        policy.split(';').map(str::trim).find_map(|directive| {
            let (name, sources) = directive
                .split_once(char::is_whitespace)
                .unwrap_or((directive, ""));
            name.eq_ignore_ascii_case(wanted).then_some(sources)
        })
    };
    let list = directive("script-src-elem")
        .or_else(|| directive("script-src"))
        .or_else(|| directive("default-src"))?;
    let mut sources = Sources {
        nonce: None,
        allows_own_origin: false,
    };
    let mut is_strict = false;
    for source in list.split_ascii_whitespace() {
        let lower = source.to_ascii_lowercase();
        match lower.as_str() {
            "'self'" | "*" | "https:" => sources.allows_own_origin = true,
            "'strict-dynamic'" => is_strict = true,
            _ if lower.starts_with("'nonce-") => {
                let nonce = source.get(7..).and_then(|rest| rest.strip_suffix('\''));
                sources.nonce = sources.nonce.or(nonce.filter(|nonce| is_nonce(nonce)));
            }
            _ => {}
        }
    }
    // With strict-dynamic a browser looks at nonces and hashes only.
    sources.allows_own_origin &= !is_strict;
    Some(sources)
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
        let verdict = read(policies.iter().copied());
        assert_eq!(
            (verdict.nonce.as_deref(), verdict.is_permitted),
            (nonce, is_permitted)
        );
    }

    proptest! {
        #[test]
        fn a_nonce_never_leaves_its_attribute(policy in ".{0,60}") {
            let policy = format!("script-src 'nonce-{policy}'");
            if let Some(nonce) = read([policy.as_str()].into_iter()).nonce {
                prop_assert!(!nonce.contains(['"', '<', '>', '&', '\'', ' ']));
            }
        }
    }
}
