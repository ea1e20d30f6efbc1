//! Which routes of others meet those of a deployment, by what they mean and not by how they are written: found with the
//! edge's own table.

use edgeproof_deployment::FailureMode;
use edgeproof_edge::{Route, RouteTable};
use edgeproof_ground::pattern::{Overlap, Pattern, Target};

use super::{desired::Desired, error::Refusal};
use crate::client::WorkerRoute;

/// A route of somebody else that meets one of ours.
struct Meeting<'a> {
    own: &'a str,
    theirs: &'a WorkerRoute,
    /// Whether theirs has every URL of ours, in one scheme at least.
    is_whole: bool,
    /// A URL that theirs takes from ours, and one that ours takes from theirs.
    lost: Option<String>,
    gained: Option<String>,
}

/// Whether two patterns are one at Cloudflare.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    let on_the_wire = |text: &str| {
        text.parse::<Pattern>()
            .ok()
            .map(|pattern| pattern.on_the_wire())
    };
    one == other || on_the_wire(one).is_some_and(|wire| on_the_wire(other) == Some(wire))
}

/// Routes that cannot be made, or would be for nothing.
pub(super) fn refusals(desired: &Desired, routes: &[WorkerRoute]) -> Vec<Refusal> {
    let mut refusals: Vec<Refusal> = others(desired, routes)
        .filter(|route| {
            let mut own = desired.routes.iter();
            own.any(|own| is_same(own, &route.pattern))
        })
        .map(|route| Refusal::RouteTaken {
            pattern: route.pattern.clone(),
            worker: route.script.clone(),
        })
        .collect();
    for meeting in meetings(desired, routes) {
        if let Some(example) = meeting.lost.filter(|_| meeting.is_whole) {
            refusals.push(Refusal::RouteOutranked {
                own: meeting.own.to_owned(),
                theirs: meeting.theirs.pattern.clone(),
                worker: meeting.theirs.script.clone(),
                example,
            });
        }
    }
    refusals
}

/// What is told of routes that meet: each takes some URLs from the other.
pub(super) fn advice(desired: &Desired, routes: &[WorkerRoute]) -> Vec<String> {
    let mut told = Vec::new();
    for meeting in meetings(desired, routes) {
        let Meeting { own, theirs, .. } = meeting;
        let pattern = &theirs.pattern;
        if let Some(example) = meeting.lost {
            let instead = match &theirs.script {
                Some(worker) => format!("runs `{worker}` instead"),
                None => "runs no worker".to_owned(),
            };
            told.push(format!(
                "{example} {instead}: the route `{pattern}` wins over `{own}`"
            ));
        }
        if let (Some(example), Some(worker)) = (meeting.gained, &theirs.script) {
            told.push(format!(
                "{example} no longer runs `{worker}`: `{own}` wins over its route `{pattern}`"
            ));
        }
    }
    told
}

fn others<'a>(
    desired: &'a Desired,
    routes: &'a [WorkerRoute],
) -> impl Iterator<Item = &'a WorkerRoute> {
    let is_other = |route: &&WorkerRoute| route.script.as_ref() != Some(&desired.worker);
    routes.iter().filter(is_other)
}

/// Every pair of routes that share a URL, but for those that are written alike.
fn meetings<'a>(desired: &'a Desired, routes: &'a [WorkerRoute]) -> Vec<Meeting<'a>> {
    let table = table(desired, routes);
    let mut found = Vec::new();
    for own in &desired.routes {
        let Ok(pattern) = own.parse::<Pattern>() else {
            continue;
        };
        for theirs in others(desired, routes).filter(|route| !is_same(own, &route.pattern)) {
            let shared = theirs.pattern.parse().ok().and_then(|other: Pattern| {
                let shared = pattern.overlap(&other)?;
                Some((shared, other))
            });
            let Some((shared, other)) = shared else {
                continue;
            };
            let wins = |script: Option<&str>, by: &Pattern| example(&table, &shared, script, by);
            found.push(Meeting {
                own,
                theirs,
                is_whole: shared.is_all_of(&pattern),
                lost: wins(theirs.script.as_deref(), &other),
                gained: wins(Some(&desired.worker), &pattern),
            });
        }
    }
    found
}

/// The routes as they will be.
fn table(desired: &Desired, routes: &[WorkerRoute]) -> RouteTable {
    let own = desired.routes.iter();
    let own = own.map(|pattern| (pattern, Some(desired.worker.clone())));
    let others = others(desired, routes).map(|route| (&route.pattern, route.script.clone()));
    // What cannot be read matches nothing.
    let readable = own.chain(others).filter_map(|(pattern, worker)| {
        Some(Route {
            pattern: pattern.parse().ok()?,
            worker,
            over_daily_limit: FailureMode::Closed,
        })
    });
    RouteTable::new(readable.collect())
}

/// A URL that both have and this one wins.
fn example(
    table: &RouteTable,
    shared: &Overlap,
    worker: Option<&str>,
    pattern: &Pattern,
) -> Option<String> {
    let mut examples = shared.examples().into_iter();
    let found = examples.find(|(scheme, host, path)| {
        let winner = table.choose(Target {
            scheme: *scheme,
            host,
            path_and_query: path,
        });
        winner.is_some_and(|route| route.worker.as_deref() == worker && route.pattern == *pattern)
    });
    found.map(|(scheme, host, path)| format!("{scheme}://{host}{path}"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::deploy::desired::tests::with_routes;

    fn route(pattern: &str, script: Option<&str>) -> WorkerRoute {
        WorkerRoute {
            id: "1".to_owned(),
            pattern: pattern.to_owned(),
            script: script.map(str::to_owned),
            request_limit_fail_open: None,
        }
    }

    #[rstest]
    #[case::in_capitals(
        "SHOP.example/api/login*",
        "the route `SHOP.example/api/login*` is served by the worker `legacy`"
    )]
    #[case::one_scheme(
        "https://shop.example/api/login*",
        "the route `https://shop.example/api/login*` is served by the worker `legacy` and wins over \
         `shop.example/api/login*`, for example for https://shop.example/api/login; remove it, or deploy to other URLs"
    )]
    #[case::plain_http(
        "http://shop.example/api/login*",
        "the route `http://shop.example/api/login*` is served by the worker `legacy` and wins over \
         `shop.example/api/login*`, for example for http://shop.example/api/login; remove it, or deploy to other URLs"
    )]
    #[case::longer_and_as_specific(
        "*shop.example/api/login*",
        "the route `*shop.example/api/login*` is served by the worker `legacy` and wins over `shop.example/api/login*`, \
         for example for https://shop.example/api/login; remove it, or deploy to other URLs"
    )]
    fn a_route_that_takes_all_of_ours_is_refused(#[case] theirs: &str, #[case] expected: &str) {
        let desired = with_routes(&["shop.example/api/login*"]);
        let refused = refusals(&desired, &[route(theirs, Some("legacy"))]);
        let refused: Vec<String> = refused.iter().map(Refusal::to_string).collect();
        assert_eq!(refused, [expected]);
    }

    #[rstest]
    #[case::more_specific(
        "shop.example/api/login/v2*", Some("legacy"),
        &["https://shop.example/api/login/v2 runs `legacy` instead: the route `shop.example/api/login/v2*` wins over `shop.example/api/login*`"]
    )]
    #[case::without_a_worker(
        "shop.example/api/login/health", None,
        &["https://shop.example/api/login/health runs no worker: the route `shop.example/api/login/health` wins over `shop.example/api/login*`"]
    )]
    #[case::wider(
        "shop.example/*", Some("site"),
        &["https://shop.example/api/login no longer runs `site`: `shop.example/api/login*` wins over its route `shop.example/*`"]
    )]
    #[case::wider_without_a_worker("shop.example/*", None, &[])]
    #[case::elsewhere("shop.example/elsewhere*", Some("legacy"), &[])]
    #[case::another_host("www.shop.example/*", Some("legacy"), &[])]
    #[case::another_case_of_a_path("shop.example/API/login*", Some("legacy"), &[])]
    #[case::ours("shop.example/api/login/v2*", Some("flow"), &[])]
    fn a_route_that_takes_a_part_is_told(
        #[case] theirs: &str,
        #[case] script: Option<&str>,
        #[case] expected: &[&str],
    ) {
        let desired = with_routes(&["shop.example/api/login*"]);
        let routes = [route(theirs, script)];
        assert_eq!(refusals(&desired, &routes), []);
        assert_eq!(advice(&desired, &routes), expected);
    }

    #[test]
    fn what_another_route_of_ours_has_is_not_lost() {
        let desired = with_routes(&["shop.example/a*", "shop.example/a/b/c*"]);
        let routes = [route("shop.example/a/b*", Some("legacy"))];
        let told = advice(&desired, &routes);
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(
            told[0].starts_with("https://shop.example/a/b runs `legacy` instead"),
            "{told:?}"
        );
        assert!(
            told[1].starts_with("https://shop.example/a/b/c no longer runs `legacy`"),
            "{told:?}"
        );
    }
}
