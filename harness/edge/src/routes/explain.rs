//! Which route wins for a URL, why, and why the others do not: what `edgeproof route` prints.

use edgeproof_ground::{
    international,
    pattern::{Mismatch, Pattern, Scheme, Target},
};
use serde::Serialize;
use url::Url;

use super::{Route, RouteTable};
use crate::zones::{self, Resolution, Zones};

/// What happens to a URL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The URL as routes and worker see it.
    pub url: String,
    /// Whether the host is proxied, DNS-only, or does not resolve.
    pub resolution: &'static str,
    /// The worker that runs; none where the request goes straight to the origin, or nowhere.
    pub worker: Option<String>,
    /// Why, in a sentence.
    pub why: String,
    /// Every route, the most specific first.
    pub routes: Vec<Considered>,
}

/// One route and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Considered {
    /// The pattern.
    pub pattern: String,
    /// The worker it has.
    pub worker: Option<String>,
    /// How specific it is: the number that precedence goes by.
    pub specificity: i64,
    /// Whether it wins.
    pub wins: bool,
    /// Why it wins or does not.
    pub why: String,
}

/// Why a URL cannot be explained.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExplainError {
    /// It is not a URL.
    #[error("`{url}` is not a URL such as https://shop.example/account")]
    Url {
        /// What was given.
        url: String,
        /// What is wrong with it.
        #[source]
        source: url::ParseError,
    },
    /// It is not one of the web.
    #[error("`{0}` is not a URL of http:// or https://")]
    Scheme(String),
}

/// Explains `url`, which may leave out `https://`.
///
/// # Errors
/// Where it is not a URL of the web.
pub fn explain(zones: &Zones, table: &RouteTable, url: &str) -> Result<Explanation, ExplainError> {
    let (scheme, host, path) = split(url)?;
    let host = zones::name(&host);
    let resolution = zones.resolve(&host);
    let path = match resolution {
        Resolution::Proxied(zone) if zone.settings.normalization.incoming => {
            zone.settings.normalization.apply(&path)
        }
        _ => path,
    };
    let target = Target {
        scheme,
        host: &host,
        path_and_query: &path,
    };
    let winner = table.choose(target);
    let routes = table.routes().iter();
    let routes = routes
        .map(|route| consider(route, winner, target))
        .collect();
    let (worker, why) = outcome(resolution, winner, &host);
    Ok(Explanation {
        url: format!("{scheme}://{host}{path}"),
        resolution: match resolution {
            Resolution::Proxied(_) => "proxied",
            Resolution::DnsOnly(_) => "dns-only",
            Resolution::Unknown => "unknown",
        },
        worker,
        why,
        routes,
    })
}

/// The parts of a URL, its path left as it was written: normalising it is the edge's business.
fn split(url: &str) -> Result<(Scheme, String, String), ExplainError> {
    let absolute = if url.contains("://") {
        url.to_owned()
    } else {
        format!("https://{url}")
    };
    let parsed = Url::parse(&absolute).map_err(|source| ExplainError::Url {
        url: url.to_owned(),
        source,
    })?;
    let scheme = match parsed.scheme() {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        _ => return Err(ExplainError::Scheme(url.to_owned())),
    };
    let host = parsed.host_str().unwrap_or_default().to_owned();
    // As a client sends it; a URL that was read has a host.
    let absolute = international::url(&absolute).unwrap_or(absolute);
    let rest = absolute.split_once("://").map_or("", |(_, rest)| rest);
    let rest = rest.split('#').next().unwrap_or_default();
    let path = match rest.find(['/', '?']) {
        Some(at) if rest[at..].starts_with('/') => rest[at..].to_owned(),
        Some(at) => format!("/{}", &rest[at..]),
        None => "/".to_owned(),
    };
    Ok((scheme, host, path))
}

fn outcome(
    resolution: Resolution<'_>,
    winner: Option<&Route>,
    host: &str,
) -> (Option<String>, String) {
    let zone = match resolution {
        Resolution::Proxied(zone) => zone,
        Resolution::DnsOnly(_) => {
            let why = format!("{host} is DNS-only: the edge never sees the request");
            return (None, why);
        }
        Resolution::Unknown => {
            let why = format!("{host} has no record in any zone: the name does not resolve");
            return (None, why);
        }
    };
    match (winner, zone.custom_domains.get(host)) {
        (Some(route), _) => match &route.worker {
            Some(worker) => (
                Some(worker.clone()),
                format!("route {} runs {worker}", route.pattern),
            ),
            None => (
                None,
                format!("route {} has no worker: no worker runs", route.pattern),
            ),
        },
        (None, Some(worker)) => (
            Some(worker.clone()),
            format!("no route matches; custom domain {host} runs {worker}"),
        ),
        (None, None) => (None, "no route matches: no worker runs".to_owned()),
    }
}

fn consider(route: &Route, winner: Option<&Route>, target: Target<'_>) -> Considered {
    let wins = winner == Some(route);
    let why = match (route.pattern.mismatch(target), winner) {
        (Some(mismatch), _) => describe(mismatch, &route.pattern, target),
        (None, Some(winner)) if !wins => outranked(&route.pattern, &winner.pattern),
        (None, _) => "matches, and nothing more specific does".to_owned(),
    };
    Considered {
        pattern: route.pattern.to_string(),
        worker: route.worker.clone(),
        specificity: route.pattern.specificity(),
        wins,
        why,
    }
}

fn outranked(loser: &Pattern, winner: &Pattern) -> String {
    let (own, best) = (loser.specificity(), winner.specificity());
    if own == best {
        format!("matches, but {winner} is as specific and longer")
    } else {
        format!("matches, but {winner} is more specific ({best} against {own})")
    }
}

/// Why a pattern does not match, with the reason users most often miss.
fn describe(mismatch: Mismatch, pattern: &Pattern, target: Target<'_>) -> String {
    match mismatch {
        Mismatch::Scheme => format!("is not for {}", target.scheme),
        Mismatch::Host => format!("is not for the host {}", target.host),
        Mismatch::Path => {
            let path = target.path_and_query.split('?').next().unwrap_or_default();
            let with = |path_and_query| {
                pattern.matches(Target {
                    path_and_query,
                    ..target
                })
            };
            let slash = format!("{path}/");
            if path != target.path_and_query && with(path) {
                "matches the path, but not the query: it does not end in `*`".to_owned()
            } else if with(&slash) {
                format!("matches {slash}, but not {path} without the slash")
            } else if path.len() > 1 && path.ends_with('/') && with(path.trim_end_matches('/')) {
                format!(
                    "matches {}, but not with the slash",
                    path.trim_end_matches('/')
                )
            } else if pattern.matches_ignoring_path_case(target) {
                "differs in case: paths are case-sensitive".to_owned()
            } else {
                "is not for this path".to_owned()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use edgeproof_deployment::FailureMode;
    use rstest::rstest;

    use super::*;
    use crate::zones::Zone;

    fn world() -> (Zones, RouteTable) {
        let zones = Zones::new(vec![Zone {
            name: "shop.example".to_owned(),
            hosts: [
                ("shop.example".to_owned(), true),
                ("direct.shop.example".to_owned(), false),
            ]
            .into(),
            custom_domains: [("api.shop.example".to_owned(), "api".to_owned())].into(),
            ..Zone::default()
        }]);
        let route = |pattern: &str, worker: Option<&str>| Route {
            pattern: pattern.parse().unwrap(),
            worker: worker.map(str::to_owned),
            over_daily_limit: FailureMode::Closed,
        };
        let table = RouteTable::new(vec![
            route("shop.example/account", Some("flow")),
            route("shop.example/images/*", None),
            route("shop.example/images*", Some("images")),
            route("http://shop.example/plain*", Some("flow")),
            route("shop.example/Case*", Some("flow")),
        ]);
        (zones, table)
    }

    fn explained(url: &str) -> Explanation {
        let (zones, table) = world();
        explain(&zones, &table, url).unwrap()
    }

    #[rstest]
    #[case(
        "https://shop.example/account",
        Some("flow"),
        "route shop.example/account runs flow"
    )]
    #[case(
        "shop.example/account",
        Some("flow"),
        "route shop.example/account runs flow"
    )]
    #[case(
        "https://shop.example/%61ccount",
        Some("flow"),
        "route shop.example/account runs flow"
    )]
    #[case("https://shop.example/", None, "no route matches: no worker runs")]
    #[case(
        "https://api.shop.example/x",
        Some("api"),
        "no route matches; custom domain api.shop.example runs api"
    )]
    #[case(
        "https://direct.shop.example/",
        None,
        "direct.shop.example is DNS-only: the edge never sees the request"
    )]
    #[case(
        "https://other.example/",
        None,
        "other.example has no record in any zone: the name does not resolve"
    )]
    fn the_outcome_is_named_with_its_reason(
        #[case] url: &str,
        #[case] worker: Option<&str>,
        #[case] why: &str,
    ) {
        let explanation = explained(url);
        assert_eq!(explanation.worker.as_deref(), worker);
        assert_eq!(explanation.why, why);
    }

    #[rstest]
    #[case(
        "shop.example/account?a=b",
        "shop.example/account",
        "matches the path, but not the query: it does not end in `*`"
    )]
    #[case(
        "shop.example/account/",
        "shop.example/account",
        "matches /account, but not with the slash"
    )]
    #[case(
        "shop.example/images",
        "shop.example/images/*",
        "matches /images/, but not /images without the slash"
    )]
    #[case(
        "shop.example/images/a",
        "shop.example/images/*",
        "matches, but shop.example/images* is more specific (54 against 53)"
    )]
    #[case(
        "shop.example/images/a",
        "shop.example/images*",
        "matches, and nothing more specific does"
    )]
    #[case(
        "https://shop.example/plain",
        "http://shop.example/plain*",
        "is not for https"
    )]
    #[case(
        "shop.example/case",
        "shop.example/Case*",
        "differs in case: paths are case-sensitive"
    )]
    #[case(
        "api.shop.example/account",
        "shop.example/account",
        "is not for the host api.shop.example"
    )]
    #[case("shop.example/other", "shop.example/account", "is not for this path")]
    fn every_route_says_why_it_lost_or_won(
        #[case] url: &str,
        #[case] pattern: &str,
        #[case] why: &str,
    ) {
        let explanation = explained(url);
        let considered = explanation
            .routes
            .iter()
            .find(|considered| considered.pattern == pattern)
            .unwrap();
        assert_eq!(considered.why, why);
    }

    #[rstest]
    #[case(
        "https://",
        "`https://` is not a URL such as https://shop.example/account"
    )]
    #[case(
        "ftp://shop.example/",
        "`ftp://shop.example/` is not a URL of http:// or https://"
    )]
    #[case(
        "https://shop example/",
        "`https://shop example/` is not a URL such as https://shop.example/account"
    )]
    fn what_is_no_url_of_the_web_is_refused(#[case] url: &str, #[case] message: &str) {
        let (zones, table) = world();
        let error = explain(&zones, &table, url).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
}
