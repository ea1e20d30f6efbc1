//! What an `Integrity-Policy` says about the worker's scripts.

use crate::headers::Headers;

/// Whether the response's policy blocks scripts that are loaded without a hash. It is a structured field, a dictionary of
/// inner lists of tokens; `sources` has one value so far, which is the default.
pub fn blocks_scripts(response: &Headers) -> bool {
    let policies = response
        .iter()
        .filter(|(name, _)| *name == "integrity-policy")
        .map(|(_, value)| value);
    let mut is_about_scripts = false;
    let mut is_in_force = true;
    for policy in policies {
        // A list ends with its bracket, so the rest of a member is a comma and the next key.
        for member in policy.split(')') {
            let Some((key, tokens)) = member.split_once('(') else {
                continue;
            };
            // Parameters of the member before, which mean nothing, and its comma stand in front of the key.
            let key = key.rsplit(',').next().unwrap_or_default();
            let key = key.trim_matches([' ', '\t', '=']);
            let tokens = tokens.split_ascii_whitespace();
            let mut tokens = tokens.filter_map(|token| token.split(';').next());
            match key {
                "blocked-destinations" => is_about_scripts = tokens.any(|token| token == "script"),
                "sources" => is_in_force = tokens.any(|token| token == "inline"),
                _ => {}
            }
        }
    }
    is_about_scripts && is_in_force
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("integrity-policy: blocked-destinations=(script)", true)]
    #[case(
        "integrity-policy: blocked-destinations=(style script), endpoints=(a b)",
        true
    )]
    #[case(
        "integrity-policy: endpoints=(a), sources=(inline),blocked-destinations=(script)",
        true
    )]
    #[case(
        "integrity-policy: blocked-destinations=(script), sources=(other)",
        false
    )]
    #[case(
        "integrity-policy: sources=(inline);a=1, blocked-destinations=(script;b);c",
        true
    )]
    #[case(
        "integrity-policy: blocked-destinations=(script);a, sources=(other)",
        false
    )]
    #[case("integrity-policy: blocked-destinations=(style)", false)]
    #[case("integrity-policy: blocked-destinations=script", false)]
    #[case("integrity-policy: other=(script)", false)]
    #[case("integrity-policy: )(((", false)]
    #[case("integrity-policy-report-only: blocked-destinations=(script)", false)]
    #[case("", false)]
    fn a_policy_about_scripts_is_seen(#[case] response: &str, #[case] expected: bool) {
        assert_eq!(blocks_scripts(&Headers::from_lines(response)), expected);
    }
}
