//! The requests to Cloudflare's API, and what the account contains.

use edgeproof_cloudflare::plane::{ScriptState, State};
use edgeproof_ground::{
    international,
    trace::{Exchange, Party},
};
use edgeproof_scenario::cloudflare::{ApiRequests, ExpectCloudflare, ExpectScript};

use super::{Mismatch, requests};
use crate::observed::OnControlPlane;

pub(super) fn check(expect: &ExpectCloudflare, observed: &OnControlPlane) -> Vec<Mismatch> {
    let Some(state) = &observed.state else {
        return vec![Mismatch::new(
            &["cloudflare"],
            "expected requests to Cloudflare's API",
            "but this scenario has no such API: add `given: {cloudflare: {}}`",
        )];
    };
    let mut mismatches = Vec::new();
    for (index, requests) in expect.requests.iter().enumerate() {
        let found = check_requests(requests, &observed.hops);
        let message = requests.message.as_deref();
        mismatches.extend(found.into_iter().map(|found| {
            found
                .below(&index.to_string())
                .below("requests")
                .saying(message)
        }));
    }
    if let Some(scripts) = &expect.scripts {
        mismatches.extend(check_names(
            "scripts",
            scripts.keys().cloned().collect(),
            &state.scripts.keys().cloned().collect::<Vec<_>>(),
        ));
        for (name, expected) in scripts {
            let Some(script) = state.scripts.get(name) else {
                continue;
            };
            let message = expected.message.as_deref();
            let found = check_script(name, expected, script);
            mismatches.extend(
                found
                    .into_iter()
                    .map(|found| found.below(name).below("scripts").saying(message)),
            );
        }
    }
    if let Some(routes) = &expect.routes {
        let route =
            |(pattern, script): (&String, &Option<String>)| shown(pattern, script.as_deref());
        mismatches.extend(check_names(
            "routes",
            routes.iter().map(route).collect(),
            &actual_routes(state),
        ));
    }
    let message = expect.message.as_deref();
    mismatches
        .into_iter()
        .map(|found| found.below("cloudflare").saying(message))
        .collect()
}

fn shown(pattern: &str, script: Option<&str>) -> String {
    let pattern = international::pattern(pattern).unwrap_or_else(|_| pattern.to_owned());
    format!("{pattern} → {}", script.unwrap_or("no worker"))
}

fn actual_routes(state: &State) -> Vec<String> {
    let routes = state.routes.iter();
    let mut routes: Vec<String> = routes
        .map(|route| shown(&route.pattern, route.script.as_deref()))
        .collect();
    routes.sort();
    routes
}

/// Exactly these; both in order.
fn check_names(what: &str, mut expected: Vec<String>, actual: &[String]) -> Option<Mismatch> {
    expected.sort();
    let list = |names: &[String]| match names {
        [] => "none".to_owned(),
        names => names.join(", "),
    };
    (expected != actual).then(|| {
        Mismatch::new(
            &[what],
            format!(
                "expected the {what} of the account to be: {}",
                list(&expected)
            ),
            format!("got: {}", list(actual)),
        )
    })
}

fn check_requests(expected: &ApiRequests, hops: &[Exchange]) -> Vec<Mismatch> {
    let all = hops.iter().filter(|hop| hop.to == Party::ControlPlane);
    let meant: Vec<&Exchange> = all
        .clone()
        .filter(|hop| expected.call.matches(&hop.request.method, &hop.request.url))
        .collect();
    let enough = match &expected.times {
        // A scenario makes far fewer requests than f64 counts exactly.
        Some(times) => times.holds(meant.len() as f64),
        None => !meant.is_empty(),
    };
    if !enough {
        let claim = match &expected.times {
            Some(times) => format!(
                "expected {} of `{}` to Cloudflare's API",
                requests(times),
                expected.call
            ),
            None => format!("expected a request `{}` to Cloudflare's API", expected.call),
        };
        let made: Vec<String> = all
            .map(|hop| format!("{} {}", hop.request.method, hop.request.url))
            .collect();
        let actual = match made.as_slice() {
            [] => "got no request at all".to_owned(),
            _ => format!("got {} among: {}", meant.len(), made.join(", ")),
        };
        return vec![Mismatch::new(&["times"], claim, actual)];
    }
    let Some(status) = &expected.status else {
        return Vec::new();
    };
    let other = |hop: &&Exchange| {
        let got = hop.response.as_ref();
        !got.is_some_and(|response| status.holds(response.status))
    };
    let wrong = meant.into_iter().find(other);
    wrong
        .map(|hop| {
            let actual = match &hop.response {
                Some(response) => format!("got {}", response.status.as_u16()),
                None => "got no response".to_owned(),
            };
            let claim = format!("expected status {status} for `{}`", expected.call);
            Mismatch::new(&["status"], claim, actual)
        })
        .into_iter()
        .collect()
}

fn check_script(name: &str, expected: &ExpectScript, script: &ScriptState) -> Vec<Mismatch> {
    let mut mismatches = Vec::new();
    for (variable, matcher) in &expected.variables {
        let actual = script.variables.get(variable);
        if !matcher.holds(actual.map(String::as_str)) {
            let actual = actual.map_or("it is not set".to_owned(), |actual| {
                format!("got `{actual}`")
            });
            mismatches.push(
                Mismatch::new(
                    &["variables", variable],
                    format!("expected the variable `{variable}` of `{name}` {matcher}"),
                    actual,
                )
                .saying(matcher.message()),
            );
        }
    }
    if let Some(secrets) = &expected.secrets {
        mismatches.extend(check_names(
            "secrets",
            secrets.iter().cloned().collect(),
            &script.secrets.iter().cloned().collect::<Vec<_>>(),
        ));
    }
    if let Some(versions) = &expected.versions
        && !versions.holds(script.versions as f64)
    {
        mismatches.push(Mismatch::new(
            &["versions"],
            format!("expected {versions} versions of `{name}`"),
            format!("got {}", script.versions),
        ));
    }
    mismatches
}

#[cfg(test)]
mod tests {
    use edgeproof_cloudflare::plane::RouteState;
    use edgeproof_document::{read::read, yaml};
    use edgeproof_ground::trace::{RequestHead, ResponseHead, Trace};
    use http::{HeaderMap, Method, StatusCode};
    use rstest::rstest;

    use super::*;

    /// An account with the script `flow`, one route, and three requests behind it.
    fn observed() -> OnControlPlane {
        let script = ScriptState {
            versions: 2,
            variables: [("MODE".to_owned(), "closed".to_owned())].into(),
            secrets: ["KEY".to_owned()].into(),
            ..ScriptState::default()
        };
        let route = RouteState {
            zone: "shop.example".to_owned(),
            id: String::new(),
            pattern: "shop.example/*".to_owned(),
            script: Some("flow".to_owned()),
        };
        let trace = Trace::new();
        for (method, path, status) in [
            (Method::GET, "workers/scripts", Some(200)),
            (Method::PUT, "workers/scripts/flow", Some(503)),
            (Method::PUT, "workers/scripts/flow", None),
        ] {
            let head = RequestHead {
                method,
                url: format!("http://127.0.0.1:1/client/v4/accounts/a/{path}"),
                headers: HeaderMap::new(),
                body_bytes: 0,
            };
            let hop = trace.begin(Party::Operator, Party::ControlPlane, head);
            if let Some(status) = status {
                hop.answered(ResponseHead {
                    status: StatusCode::from_u16(status).unwrap(),
                    headers: HeaderMap::new(),
                    body_bytes: 0,
                });
            }
        }
        OnControlPlane {
            hops: trace.exchanges(),
            state: Some(State {
                scripts: [("flow".to_owned(), script)].into(),
                routes: vec![route],
            }),
        }
    }

    fn failing(yaml: &str) -> Vec<String> {
        let node = yaml::parse(0, yaml).unwrap();
        let expect: ExpectCloudflare = read(&node).unwrap();
        let found = check(&expect, &observed());
        found.iter().map(|found| found.path.join(".")).collect()
    }

    #[test]
    fn without_a_control_plane_nothing_holds() {
        let expect = ExpectCloudflare::default();
        assert_eq!(check(&expect, &OnControlPlane::default()).len(), 1);
    }

    #[rstest]
    #[case("{requests: [{call: PUT */workers/scripts/flow, times: 2}]}", "")]
    #[case("{requests: [{call: GET */workers/*, status: 200}]}", "")]
    #[case("{requests: [{call: DELETE */workers/*, times: 0}]}", "")]
    #[case(
        "{requests: [{call: DELETE */workers/*}]}",
        "cloudflare.requests.0.times"
    )]
    #[case(
        "{requests: [{call: PUT */workers/*, times: 1}]}",
        "cloudflare.requests.0.times"
    )]
    #[case(
        "{requests: [{call: PUT */workers/*, status: 5xx}]}",
        "cloudflare.requests.0.status"
    )]
    #[case(
        "{scripts: {flow: {variables: {MODE: closed}, secrets: [KEY], versions: 2}}}",
        ""
    )]
    #[case("{scripts: {}}", "cloudflare.scripts")]
    #[case("{scripts: {flow: {}, other: {}}}", "cloudflare.scripts")]
    #[case(
        "{scripts: {flow: {variables: {MODE: open}}}}",
        "cloudflare.scripts.flow.variables.MODE"
    )]
    #[case(
        "{scripts: {flow: {variables: {KEY: {present: true}}}}}",
        "cloudflare.scripts.flow.variables.KEY"
    )]
    #[case("{scripts: {flow: {secrets: []}}}", "cloudflare.scripts.flow.secrets")]
    #[case("{scripts: {flow: {versions: 1}}}", "cloudflare.scripts.flow.versions")]
    #[case("{routes: {shop.example/*: flow}}", "")]
    #[case("{routes: {shop.example/*: null}}", "cloudflare.routes")]
    #[case("{routes: {}}", "cloudflare.routes")]
    fn the_first_thing_that_does_not_hold_is_named(#[case] yaml: &str, #[case] expected: &str) {
        let expected: Vec<&str> = expected
            .split(' ')
            .filter(|path| !path.is_empty())
            .collect();
        assert_eq!(failing(yaml), expected, "{yaml}");
    }
}
