//! Routes: which worker a URL runs.

mod check;
mod explain;

use std::{cmp::Reverse, collections::HashMap};

use edgeproof_deployment::FailureMode;
use edgeproof_ground::pattern::{Pattern, Target};
use schemars::JsonSchema;
use serde::Deserialize;

pub use check::{RouteError, check};
pub use explain::{Considered, ExplainError, Explanation, explain};

/// A route of a zone.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// Which URLs.
    pub pattern: Pattern,
    /// The worker they run; none sends them to the origin although a wider route has a worker.
    #[serde(default)]
    pub worker: Option<String>,
    /// What happens once the daily limit of the free plan is reached: open bypasses the worker, closed is error 1027.
    #[serde(default = "closed")]
    pub over_daily_limit: FailureMode,
}

/// The mode of a route that was made without one (`request_limit_fail_open: false` in Cloudflare's API).
fn closed() -> FailureMode {
    FailureMode::Closed
}

/// The routes of an account, the most specific first.
#[derive(Clone, Debug, Default)]
pub struct RouteTable {
    routes: Vec<Route>,
    /// The places of the routes of one host, in their order: an account may have a thousand routes for each of its zones.
    of_host: HashMap<String, Vec<usize>>,
    /// The places of the routes whose host begins with a wildcard.
    of_any: Vec<usize>,
}

impl RouteTable {
    /// Sorts the routes by precedence.
    ///
    /// Of two routes with the same specificity the longer pattern wins; that is miniflare's rule, and not confirmed
    /// for the real edge.
    pub fn new(mut routes: Vec<Route>) -> Self {
        routes.sort_by_key(|route| {
            (
                Reverse(route.pattern.specificity()),
                Reverse(route.pattern.as_str().len()),
            )
        });
        let (mut of_host, mut of_any) = (HashMap::<_, Vec<_>>::new(), Vec::new());
        for (place, Route { pattern, .. }) in routes.iter().enumerate() {
            if pattern.has_host_wildcard() {
                of_any.push(place);
            } else {
                let host = pattern.host().to_ascii_lowercase();
                of_host.entry(host).or_default().push(place);
            }
        }
        Self {
            routes,
            of_host,
            of_any,
        }
    }

    /// The route that wins for `target`.
    pub fn choose(&self, target: Target<'_>) -> Option<&Route> {
        let matches = |place: &&usize| self.routes[**place].pattern.matches(target);
        let of_host = self.of_host.get(&target.host.to_ascii_lowercase());
        let of_host = of_host.and_then(|places| places.iter().find(matches));
        let place = of_host.into_iter().chain(self.of_any.iter().find(matches));
        place.min().map(|&place| &self.routes[place])
    }

    /// All routes, the most specific first.
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }
}

#[cfg(test)]
mod tests {
    use edgeproof_ground::pattern::Scheme;

    use edgeproof_ground::pattern::PatternError;

    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn target(url: &str) -> Target<'_> {
        let (scheme, rest) = match url.split_once("://") {
            Some(("http", rest)) => (Scheme::Http, rest),
            Some((_, rest)) => (Scheme::Https, rest),
            None => (Scheme::Https, url),
        };
        let (host, path_and_query) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
        Target {
            scheme,
            host,
            path_and_query,
        }
    }

    // Cloudflare's documentation, Workers › Configuration › Routes, unless a row says otherwise.
    #[rstest]
    #[case("shop.example", "https://shop.example/", true)]
    #[case("shop.example", "https://shop.example/a", false)]
    #[case("shop.example/*", "https://shop.example/", true)]
    #[case("shop.example/images", "https://shop.example/images/", false)]
    #[case("shop.example/path*", "https://shop.example/path", true)]
    #[case("shop.example/path*", "https://shop.example/path2", true)]
    #[case("shop.example/path*", "https://shop.example/path/x", true)]
    #[case("shop.example/path*", "https://shop.example/path?a=b", true)]
    #[case("shop.example/images/*", "https://shop.example/images", false)]
    #[case("shop.example/cat.png", "https://shop.example/cat.png?foo=bar", false)]
    #[case("shop.example/cat.png", "https://shop.example/cat.png", true)]
    #[case("shop.example/Cat*", "https://shop.example/cat", false)]
    #[case("Shop.Example/*", "https://shop.EXAMPLE/cat", true)]
    #[case("*shop.example/*", "https://shop.example/", true)]
    #[case("*shop.example/*", "https://www.shop.example/", true)]
    #[case::pure_suffix("*shop.example/*", "https://myshop.example/", true)]
    #[case("*.shop.example/*", "https://shop.example/", false)]
    #[case("*.shop.example/*", "https://a.b.shop.example/", true)]
    #[case("http://shop.example/*", "https://shop.example/", false)]
    #[case("http://shop.example/*", "http://shop.example/", true)]
    #[case("https://shop.example/*", "http://shop.example/", false)]
    #[case::any_host("*/*", "https://anything.test/x", true)]
    #[case::unicode("smörgås.example/*", "https://xn--smrgs-pra0j.example/x", true)]
    #[case::unicode("SMÖRGÅS.example/*", "https://XN--SMRGS-PRA0J.example/x", true)]
    #[case::unicode("*.smörgås.example/*", "https://www.xn--smrgs-pra0j.example/x", true)]
    #[case::unicode("*smörgås.example/*", "https://xn--smrgs-pra0j.example/x", true)]
    #[case::unicode("shop.example/anmälan*", "https://shop.example/anm%C3%A4lan?a", true)]
    #[case::small_escapes("shop.example/anm%c3%a4lan", "https://shop.example/anm%C3%A4lan", true)]
    #[case::a_space("shop.example/my page*", "https://shop.example/my%20page", true)]
    #[case::escapes_stay("shop.example/%61*", "https://shop.example/a", false)]
    fn a_url_matches_as_documented(
        #[case] pattern: Pattern,
        #[case] url: &str,
        #[case] expected: bool,
    ) {
        assert_eq!(pattern.matches(target(url)), expected);
    }

    #[rstest]
    #[case("/images", PatternError::NoHost("/images".into()))]
    #[case("", PatternError::NoHost("".into()))]
    #[case("shop.example/*.jpg", PatternError::PathWildcard("shop.example/*.jpg".into()))]
    #[case("shop.example/**", PatternError::PathWildcard("shop.example/**".into()))]
    #[case("a.*.example/", PatternError::HostWildcard("a.*.example/".into()))]
    #[case("shop.example/?a=*", PatternError::Query("shop.example/?a=*".into()))]
    #[case("shop.example?a", PatternError::Query("shop.example?a".into()))]
    #[case("ftp://shop.example/", PatternError::Scheme { pattern: "ftp://shop.example/".into(), scheme: "ftp".into() })]
    #[case("xn--a.example/", PatternError::HostName("xn--a.example/".into()))]
    #[case("a\u{378}.example/", PatternError::HostName("a\u{378}.example/".into()))]
    #[case::becomes_an_equals_sign("a₌b.example/", PatternError::HostName("a₌b.example/".into()))]
    #[case("shop.example:8443/", PatternError::HostCharacter { pattern: "shop.example:8443/".into(), character: ':' })]
    fn a_wrong_pattern_is_refused_with_its_reason(
        #[case] text: &str,
        #[case] expected: PatternError,
    ) {
        assert_eq!(text.parse::<Pattern>(), Err(expected));
    }

    // The values follow from the formula; the winners of the documented pairs are in the next table.
    #[rstest]
    #[case("shop.example/images/*", 53)]
    #[case("shop.example/images*", 54)]
    #[case("*.shop.example/a", 28)]
    #[case("a.shop.example/*", 78)]
    #[case("*shop.example/*", 52)]
    #[case("*.shop.example/*", 26)]
    #[case("*/*", -26)]
    fn specificity_counts_labels_and_path_parts(#[case] pattern: Pattern, #[case] expected: i64) {
        assert_eq!(pattern.specificity(), expected);
    }

    #[rstest]
    #[case::documented("www.shop.example/*", "*.shop.example/*", "https://www.shop.example/")]
    #[case::documented(
        "shop.example/hello/*",
        "shop.example/*",
        "https://shop.example/hello/x"
    )]
    #[case::known_issue(
        "shop.example/images*",
        "shop.example/images/*",
        "https://shop.example/images/hello"
    )]
    #[case::known_issue("a.shop.example/*", "*.shop.example/a", "https://a.shop.example/a")]
    #[case::longer_wins_a_tie("*shop.example/*", "shop.example/*", "https://shop.example/")]
    fn the_more_specific_route_wins_in_any_order(
        #[case] winner: Pattern,
        #[case] loser: Pattern,
        #[case] url: &str,
    ) {
        let route = |pattern: &Pattern| Route {
            pattern: pattern.clone(),
            worker: None,
            over_daily_limit: FailureMode::Closed,
        };
        for routes in [
            vec![route(&winner), route(&loser)],
            vec![route(&loser), route(&winner)],
        ] {
            let table = RouteTable::new(routes);
            assert_eq!(
                table.choose(target(url)).map(|route| &route.pattern),
                Some(&winner)
            );
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_pattern_or_an_error_and_a_pattern_reads_back(text: String) {
            if let Ok(pattern) = text.parse::<Pattern>() {
                prop_assert_eq!(pattern.as_str(), &text);
                let _ = pattern.specificity();
                let wire = pattern.on_the_wire();
                prop_assert_eq!(wire.parse::<Pattern>().map(|again| again.on_the_wire()), Ok(wire));
            }
        }

        #[test]
        fn the_winner_is_the_first_route_that_matches(
            patterns in prop::collection::vec(r"(http://|https://)?(\*\.?)?(A\.|a\.|b\.)?shop\.example/(a|ab)?\*?", 0..12),
            host in r"(a\.|B\.|b\.a\.)?shop\.example", path in "/[ab]{0,3}",
        ) {
            let route = |pattern: &String| Route {
                pattern: pattern.parse().unwrap(),
                worker: None,
                over_daily_limit: FailureMode::Closed,
            };
            let table = RouteTable::new(patterns.iter().map(route).collect());
            let url = format!("https://{host}{path}");
            let mut routes = table.routes().iter();
            let expected = routes.find(|route| route.pattern.matches(target(&url)));
            prop_assert_eq!(table.choose(target(&url)), expected);
        }

        #[test]
        fn a_pattern_ending_in_a_wildcard_matches_every_url_below_it(
            path in "/[a-z/]{0,12}", rest in "[a-z/?=.]{0,12}",
        ) {
            let pattern: Pattern = format!("shop.example{path}*").parse().unwrap();
            let url = format!("https://shop.example{path}{rest}");
            prop_assert!(pattern.matches(target(&url)));
        }
    }
}
