//! Warnings about deployments that work in a test and bite in production.
//!
//! A scenario that means it says `allow: [ID]`.

mod pages;
mod routing;
mod ways_around;

use edgeproof_deployment::Deployment;
use edgeproof_document::problem::Problem;
use edgeproof_ground::{
    header_limits::{REQUEST_HEADER_BYTES, header_bytes, header_line_bytes},
    international,
};
use edgeproof_rig::Description;

use super::{load::Case, step::Action};

/// A kind of warning.
#[derive(Clone, Copy, Debug)]
pub struct Lint {
    /// Its name.
    pub id: &'static str,
    /// Why it is worth a warning, and what to do.
    pub explanation: &'static str,
}

/// The dashboard takes no more pages, and no more APIs, than this in one deployment.
const MOST: usize = 10;

const EXACT: Lint = Lint {
    id: "exact-pattern",
    explanation: "Patterns are compared with the path and the query. An exact pattern such as `/api/login` does not \
                  match `/api/login?x=1`, so any query string bypasses the protection. End the pattern with `*`.",
};
const ZONES: Lint = Lint {
    id: "different-zones",
    explanation: "A page and the API it calls are in different zones. The signals' cookie is not usable across sites, \
                  and each zone needs routes and a deployment of its own.",
};
const MANY: Lint = Lint {
    id: "too-many",
    explanation: "The dashboard takes at most 10 identification pages and 10 protected APIs in one deployment. Join \
                  some with a trailing `*`, or deploy twice.",
};
const NOTHING: Lint = Lint {
    id: "nothing-protected",
    explanation: "A deployment without identification pages sends no signals, and one without protected APIs checks \
                  none. Either way nothing is protected.",
};
const SHARED: Lint = Lint {
    id: "same-route-twice",
    explanation: "Two deployments claim the same pattern. Cloudflare gives a pattern to one worker only, so the other \
                  never runs.",
};
const HEAD: Lint = Lint {
    id: "get-leaves-head-open",
    explanation: "The product protects GET, POST, PUT, PATCH and DELETE. A HEAD request to a GET API goes straight to \
                  the origin, unless the worker of this repository guards a closed deployment; make the origin refuse it, or \
                  protect the call that has the effect.",
};
const COVERAGE: Lint = Lint {
    id: "host-not-covered",
    explanation: "Routes are compared letter by letter. A call that is spelt in another way (`/API/login`, `//api/login`, \
                  `/api%2Flogin`) matches no route of the deployment, does not meet the worker, and may be run by the origin. \
                  `coverage: host` adds a route for the whole host; URL normalization of type `Cloudflare` leaves fewer \
                  spellings; with `origin_secret` the origin demands a header that only an allow rule of the ruleset sets. \
                  `coverage: urls` says that it is meant.",
};
const SECRET: Lint = Lint {
    id: "origin-secret-unset",
    explanation: "The origin demands a header of protected calls, and no rule that allows a call sets it, so the origin \
                  refuses the calls that the ruleset allows. Set the header in every rule with the action `allow`, and in the \
                  default action.",
};
const OUTRANKS: Lint = Lint {
    id: "page-outranks-api",
    explanation: "An identification page matches URLs of a protected API and is more specific, so the vendor's worker takes \
                  the calls for requests for the page and lets them pass unchecked. The worker of this repository takes GET \
                  and HEAD only for such a request. Give the page and the API URLs of their own, or make the API more specific.",
};
const PREFIX: Lint = Lint {
    id: "prefix-outranks-api",
    explanation: "A protected API matches the worker's own paths, which are more specific. The vendor's worker lets calls to \
                  them pass to the origin unchecked; the worker of this repository answers GET itself and protects the rest. \
                  Narrow the pattern, or choose another prefix.",
};
const PAGE: Lint = Lint {
    id: "page-as-api",
    explanation: "A page is protected as if it were an API: a GET of the same URL. A visitor's first request for it cannot \
                  carry signals, so it is refused or passes unchecked. Protect the API that the page calls. Another method \
                  on the page's URL is a call of its own, such as a form that is sent back to its page.",
};

const SHADOWED: Lint = Lint {
    id: "shadowed-route",
    explanation: "Of all routes that match a URL the most specific one runs, and only that one. Here a route of another \
                  worker, or one without a worker, is more specific than the deployment's own, so its page or API is \
                  never seen by it. Make the own route more specific, or join the two workers.",
};
const UNROUTED: Lint = Lint {
    id: "unrouted",
    explanation: "No route runs the worker for a page or an API of its deployment, so it is not instrumented or not \
                  protected. Routes that are written in the file replace the derived ones: add one for each page and API.",
};
const BUDGET: Lint = Lint {
    id: "header-budget",
    explanation: "Cloudflare lets 128 KB of request headers through and responds with 413 above that. Signals take about 20 KB \
                  of it in `fp-data`; with the site's own cookies and headers the call is over the limit. Shrink the \
                  cookies, or narrow their path so that they are not sent to the protected API.",
};

const CACHE: Lint = Lint {
    id: "cache-in-front-of-protection",
    explanation: "Workers Cache is in front of a worker that injects pages or protects a GET. What is stored is served without \
                  running the worker: no identification, no filtering node, no decision for this visitor, and the same \
                  content for every visitor and every host. A response without Cache-Control is stored for two hours. Leave the \
                  cache off, or have the worker say `Cache-Control: private` wherever it decides.",
};
const NO_SCRIPT: Lint = Lint {
    id: "page-without-script",
    explanation: "A page that is no identification page calls a protected API. No script is in it, so the call carries no \
                  signals and the failure mode decides. In an app that changes its address without loading a page \
                  (`pushState`), only the page that was loaded counts: list every page that a visitor may enter by, or \
                  use `host/*`. Allow it where the page redirects to one that is listed.",
};
const HASHED: Lint = Lint {
    id: "page-kept-by-hash",
    explanation: "The service worker of Angular refuses files that are not as they were built, so the worker leaves its pages \
                  as they are, and visitors whose service worker shows such a page have no script. With \
                  `\"navigationRequestStrategy\": \"freshness\"` in ngsw-config.json pages come from the network, \
                  with their script, and from the service worker only without one.",
};

/// Every kind of warning.
pub const LINTS: [Lint; 17] = [
    EXACT, ZONES, MANY, NOTHING, SHARED, SHADOWED, UNROUTED, HEAD, PAGE, OUTRANKS, PREFIX,
    COVERAGE, SECRET, CACHE, BUDGET, NO_SCRIPT, HASHED,
];

/// What signals take of a request's headers, in bytes: 20 KB, as the vendor's documentation says.
const SIGNALS: usize = 20 * 1024;

/// Everything worth a warning in a case.
pub fn lint(case: &Case) -> Vec<Problem> {
    let given = &case.scenario.given;
    let mut found = Vec::new();
    for (name, deployment) in &given.deployments {
        let below = |path: &[&str]| {
            let mut whole = vec!["given".to_owned(), "deployments".to_owned(), name.clone()];
            whole.extend(path.iter().map(|&segment| segment.to_owned()));
            whole
        };
        for (index, api) in deployment.protected_apis.iter().enumerate() {
            let at = below(&["protected_apis", &index.to_string()]);
            if !api.url.ends_with('*') {
                found.push((
                    EXACT,
                    at.clone(),
                    format!("any query string bypasses `{}`", api.url),
                ));
            }
            if api.method == http::Method::GET && !deployment.is_guarded() {
                found.push((
                    HEAD,
                    at.clone(),
                    format!("`HEAD {}` is not protected", api.url),
                ));
            }
            let is_page = deployment.identification_pages.contains(&api.url);
            if api.method == http::Method::GET && is_page {
                found.push((
                    PAGE,
                    at.clone(),
                    format!("`{}` is an identification page too", api.url),
                ));
            }
            if let Some(message) = elsewhere(given, deployment, &api.url) {
                found.push((ZONES, at, message));
            }
        }
        let counts = [
            (
                "identification_pages",
                deployment.identification_pages.len(),
            ),
            ("protected_apis", deployment.protected_apis.len()),
        ];
        for (key, count) in counts {
            if count > MOST {
                found.push((
                    MANY,
                    below(&[key]),
                    format!("{count} entries, but at most {MOST} are allowed"),
                ));
            }
            if count == 0 && !protects_otherwise(deployment) {
                found.push((NOTHING, below(&[]), format!("`{name}` has no `{key}`")));
            }
        }
        if let Some(message) = cached(deployment) {
            found.push((CACHE, below(&["cache"]), message));
        }
        for (other, theirs) in given.deployments.iter().filter(|(other, _)| *other < name) {
            for pattern in shared(deployment, theirs) {
                let message = format!("`{pattern}` belongs to `{other}` as well");
                found.push((SHARED, below(&[]), message));
            }
        }
    }
    found.extend(routing::lint(given));
    found.extend(pages::lint(given, &case.scenario.steps));
    found.extend(ways_around::lint(given));
    found.extend(over_budget(case));
    found
        .into_iter()
        .filter(|(lint, _, _)| !case.scenario.allow.iter().any(|id| id == lint.id))
        .map(|(lint, path, message)| problem(case, lint, &path, &message))
        .collect()
}

/// What a cache in front of the worker keeps from it.
fn cached(deployment: &Deployment) -> Option<String> {
    let mut apis = deployment.protected_apis.iter();
    let protected = apis.find(|api| api.method == http::Method::GET);
    match (protected, deployment.identification_pages.first()) {
        _ if !deployment.cache => None,
        (Some(api), _) => Some(format!("`GET {}` is served past the worker", api.url)),
        (None, Some(page)) => Some(format!("`{page}` is served past the worker")),
        (None, None) => None,
    }
}

/// A worker of its own kind, deployed beside or in place of the protection, or a connector without Flow.
fn protects_otherwise(deployment: &Deployment) -> bool {
    (deployment.worker.is_some() || deployment.wallarm.is_some())
        && deployment.identification_pages.is_empty()
        && deployment.protected_apis.is_empty()
}

/// Calls of protected APIs whose own headers leave no room for signals.
fn over_budget(case: &Case) -> Vec<(Lint, Vec<String>, String)> {
    let room = REQUEST_HEADER_BYTES - SIGNALS;
    let visitors = case.scenario.given.visitors.iter();
    let of_visitors = visitors.filter_map(|(name, visitor)| {
        let bytes = header_bytes(&visitor.headers.0);
        let path = ["given", "visitors", name, "headers"].map(str::to_owned);
        (bytes > room).then(|| (bytes, path.to_vec()))
    });
    let steps = case.scenario.steps.iter().enumerate();
    let of_steps = steps.filter_map(|(index, step)| {
        let Action::Request(request) = &step.action else {
            return None;
        };
        let bytes: usize = request
            .headers
            .iter()
            .flat_map(|(name, values)| values.0.iter().map(move |value| (name, value)))
            .map(|(name, value)| header_line_bytes(name.0.as_str(), value.as_bytes()))
            .sum();
        let path = ["steps", &index.to_string(), "request", "headers"].map(str::to_owned);
        (bytes > room).then(|| (bytes, path.to_vec()))
    });
    of_visitors
        .chain(of_steps)
        .map(|(bytes, path)| {
            let message =
                format!("{bytes} bytes of headers and {SIGNALS} bytes of signals exceed 128 KB");
            (BUDGET, path, message)
        })
        .collect()
}

fn problem(case: &Case, lint: Lint, path: &[String], message: &str) -> Problem {
    let node = (0..=path.len())
        .rev()
        .find_map(|length| case.node.at_path(path[..length].iter().map(String::as_str)));
    Problem {
        message: format!("{}: {message}", lint.id),
        at: node.map_or(case.node.at, |node| node.at),
        label: "here".to_owned(),
        help: Some(format!("see `edgeproof explain {}`", lint.id)),
    }
}

/// The zone that a pattern's host is in.
fn zone<'a>(given: &'a Description, pattern: &str) -> Option<&'a str> {
    let without_scheme = pattern.split_once("://").map_or(pattern, |(_, rest)| rest);
    let host = without_scheme.split('/').next().unwrap_or_default();
    let host = international::host_or_as_written(host.trim_start_matches(['*', '.']));
    given
        .zones
        .keys()
        .map(String::as_str)
        .find(|zone| *host == **zone || host.ends_with(&format!(".{zone}")))
}

/// What is wrong where no page of the deployment is in the API's zone.
fn elsewhere(given: &Description, deployment: &Deployment, api: &str) -> Option<String> {
    let of_api = zone(given, api)?;
    let mut pages = deployment
        .identification_pages
        .iter()
        .filter_map(|page| zone(given, page))
        .peekable();
    let first = *pages.peek()?;
    (!pages.any(|page| page == of_api))
        .then(|| format!("the API is in the zone `{of_api}`, but its pages are in `{first}`"))
}

fn shared<'a>(deployment: &'a Deployment, other: &Deployment) -> Vec<&'a str> {
    let theirs: Vec<&str> = patterns(other).collect();
    patterns(deployment)
        .filter(|pattern| theirs.contains(pattern))
        .collect()
}

fn patterns(deployment: &Deployment) -> impl Iterator<Item = &str> {
    let pages = deployment.identification_pages.iter();
    let apis = deployment.protected_apis.iter().map(|api| &api.url);
    let routes = deployment.routes.iter().flatten();
    pages.chain(apis).chain(routes).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use rstest::rstest;

    use super::*;
    use crate::load::{self, load_text};

    fn found(deployments: &str, allow: &str) -> Vec<String> {
        let text = format!(
            "scenario: x\nallow: [{allow}]\ngiven:\n  zones: {{a.example: {{hosts: {{a.example: {{site: signup}}}}}}, \
             b.example: {{hosts: {{b.example: {{site: signup}}}}}}}}\n  \
             rulesets: {{r: {{}}, s: {{default: {{allow: {{set: {{x-secret: '1'}}}}}}}}}}\n  \
             deployments: {deployments}\nsteps: []\n"
        );
        ids(&text)
    }

    fn ids(text: &str) -> Vec<String> {
        let case = &load_text(Path::new("x.yaml"), text).unwrap()[0];
        let id = |problem: &Problem| problem.message.split(':').next().unwrap().to_owned();
        lint(case).iter().map(id).collect()
    }

    /// A worker that is not edgeproof's own.
    fn worker() -> String {
        let folder = edgeproof_ground::tools::home().join("fixtures/workers/pass-through");
        folder.display().to_string()
    }

    const GOOD: &str = "identification_pages: [a.example/p]";

    const CLOSED: &str = "failure_mode: closed, ruleset: r, protected_apis: [GET a.example/api*]";

    #[rstest]
    #[case(CLOSED, &["host-not-covered"])]
    #[case(&format!("{CLOSED}, coverage: host"), &[])]
    #[case(&format!("{CLOSED}, coverage: urls"), &[])]
    #[case(&format!("{CLOSED}, routes: ['a.example/*']"), &[])]
    #[case(&format!("{CLOSED}, coverage: urls, variables: {{FP_GUARD: 'off'}}"), &["get-leaves-head-open"])]
    #[case(&format!("{CLOSED}, coverage: urls, worker: {}", worker()), &["get-leaves-head-open"])]
    #[case("protected_apis: [POST a.example/*]", &["page-outranks-api", "prefix-outranks-api"])]
    #[case("protected_apis: [POST a.example/f*], variables: {WORKER_ROUTE_PREFIX: f/p}", &["prefix-outranks-api"])]
    #[case("protected_apis: [POST a.example/p*]", &[])]
    #[case("protected_apis: [POST a.example/p/q*]", &[])]
    #[case("protected_apis: [POST a.example/api*], origin_secret: x-secret, ruleset: r", &["origin-secret-unset"])]
    #[case("protected_apis: [POST a.example/api*], origin_secret: X-Secret, ruleset: s", &[])]
    fn ways_around_a_protection_are_warned_of(#[case] more: &str, #[case] expected: &[&str]) {
        assert_eq!(found(&format!("{{f: {{{GOOD}, {more}}}}}"), ""), expected);
    }

    #[rstest]
    #[case("POST a.example/api*", &[])]
    #[case("POST a.example/api", &["exact-pattern"])]
    #[case("GET a.example/api*", &["get-leaves-head-open"])]
    #[case("POST b.example/api*", &["different-zones"])]
    #[case("POST a.example/p", &["exact-pattern"])]
    #[case("GET a.example/p", &["exact-pattern", "get-leaves-head-open", "page-as-api"])]
    fn an_api_that_bites_is_warned_of(#[case] api: &str, #[case] expected: &[&str]) {
        let deployment = format!("{{f: {{{GOOD}, protected_apis: [{api}]}}}}");
        assert_eq!(found(&deployment, ""), expected);
    }

    #[rstest]
    #[case::of_a_get(
        "identification_pages: [], protected_apis: [GET a.example/api*], variables: {FP_GUARD: 'off'}",
        true
    )]
    #[case::of_a_page(
        "identification_pages: [a.example/p], protected_apis: [POST a.example/api*]",
        true
    )]
    #[case::of_a_post(
        "identification_pages: [], protected_apis: [POST a.example/api*]",
        false
    )]
    fn a_cache_in_front_of_a_protection_is_warned_of(#[case] more: &str, #[case] expected: bool) {
        for (cache, expected) in [("true", expected), ("false", false)] {
            let found = found(&format!("{{f: {{{more}, cache: {cache}}}}}"), "");
            let is_found = found.contains(&CACHE.id.to_owned());
            assert_eq!(is_found, expected, "{cache} {found:?}");
        }
    }

    #[test]
    fn a_deployment_that_bites_is_warned_of() {
        assert_eq!(
            found("{f: {}}", ""),
            ["nothing-protected", "nothing-protected"]
        );
        assert_eq!(found("{f: {wallarm: {mode: inline}}}", ""), [""; 0]);
        let many: Vec<String> = (0..11).map(|n| format!("POST a.example/{n}*")).collect();
        let many = format!("{{f: {{{GOOD}, protected_apis: [{}]}}}}", many.join(", "));
        assert_eq!(found(&many, ""), ["too-many"]);
        let one = format!("{{{GOOD}, protected_apis: [POST a.example/api*]}}");
        let twice = found(&format!("{{f: {one}, g: {one}}}"), "");
        assert_eq!(twice, ["same-route-twice", "same-route-twice"]);
    }

    #[rstest]
    // The star of `g` matches the API of `f`, and a longer path is more specific.
    #[case("f: {PAGES, protected_apis: [POST a.example/api*], routes: [a.example/*]}, g: {PAGES2, protected_apis: [POST a.example/ap*], routes: [a.example/ap*, a.example/q]}", &["shadowed-route"])]
    #[case("f: {PAGES, protected_apis: [POST a.example/api*], routes: [a.example/p]}", &["unrouted"])]
    #[case("f: {PAGES, protected_apis: [POST a.example/api*], routes: [a.example/*]}", &[])]
    fn a_deployment_that_never_sees_its_traffic_is_warned_of(
        #[case] deployments: &str,
        #[case] expected: &[&str],
    ) {
        let deployments = deployments
            .replace("PAGES2", "identification_pages: [a.example/q]")
            .replace("PAGES", GOOD);
        assert_eq!(found(&format!("{{{deployments}}}"), ""), expected);
    }

    #[rstest]
    #[case("- visit: https://a.example/home\n- click: a\n  call: POST /api/order", &["page-without-script"])]
    #[case("- visit: https://a.example/home\n- fill: {input: x}\n- submit: form\n  call: POST a.example/api*", &["page-without-script"])]
    #[case("- visit: https://a.example/p\n- click: a\n  call: POST /api/order", &[])]
    #[case("- visit: https://a.example/home\n- click: a\n- click: b\n  call: POST /api/order", &[])]
    #[case("- visit: https://a.example/home\n- click: a\n  call: GET /api/order", &[])]
    #[case("- visit: https://a.example/home\n- click: a\n  call: POST /other", &[])]
    #[case("- visit: https://a.example/home\n- set: {faults: []}\n- click: a\n  call: POST /api/order", &[])]
    fn a_page_that_calls_without_a_script_is_warned_of(
        #[case] steps: &str,
        #[case] expected: &[&str],
    ) {
        let steps = steps.replace('\n', "\n  ");
        let text = format!(
            "scenario: x\ngiven:\n  zones: {{a.example: {{hosts: {{a.example: {{site: signup}}}}}}}}\n  visitors: {{v: {{profile: \
             regular}}}}\n  deployments: {{f: {{{GOOD}, protected_apis: [POST a.example/api*]}}}}\nsteps:\n  {steps}\n"
        );
        assert_eq!(ids(&text), expected);
    }

    #[test]
    fn an_app_whose_service_worker_knows_hashes_is_warned_of() {
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "scenario: x\ngiven:\n  zones: {{a.example: {{hosts: {{a.example: {{app: {{run: 'true', in: '{}'}}}}}}}}}}\n  \
             deployments: {{f: {{{GOOD}, protected_apis: [POST a.example/api*]}}}}\nsteps: []\n",
            folder.path().display()
        );
        assert_eq!(ids(&text), [""; 0]);
        std::fs::write(folder.path().join("ngsw-config.json"), "{}").unwrap();
        assert_eq!(ids(&text), ["page-kept-by-hash"]);
    }

    #[test]
    fn headers_that_leave_no_room_for_signals_are_warned_of() {
        let text = |bytes: usize| {
            format!(
                "scenario: x\ngiven:\n  zones: {{a.example: {{hosts: {{a.example: {{site: signup}}}}}}}}\n  visitors: {{v: {{headers: {{cookie: {}}}}}}}\nsteps: []\n",
                "c".repeat(bytes)
            )
        };
        let count = |bytes| {
            let case = &load_text(Path::new("x.yaml"), &text(bytes)).unwrap()[0];
            lint(case).len()
        };
        assert_eq!((count(110_000), count(111_000)), (0, 1));
    }

    #[test]
    fn the_scenarios_of_this_repository_have_nothing_to_warn_of() {
        let folder = edgeproof_ground::tools::home().join("scenarios");
        let cases = load::load(&load::find(&[folder]).unwrap()).unwrap();
        let warnings: Vec<String> = cases
            .iter()
            .flat_map(|case| {
                let found = lint(case).into_iter();
                found.map(|problem| format!("{}: {}", case.name, problem.message))
            })
            .collect();
        assert!(warnings.is_empty(), "{}", warnings.join("\n"));
    }

    #[test]
    fn every_warning_has_a_name_of_its_own_and_says_what_to_do() {
        let mut ids: Vec<&str> = LINTS.iter().map(|lint| lint.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), LINTS.len());
        assert!(LINTS.iter().all(|lint| lint.explanation.len() > 80));
    }

    #[test]
    fn what_a_scenario_allows_is_not_warned_of() {
        let deployment = format!("{{f: {{{GOOD}, protected_apis: [POST a.example/api]}}}}");
        assert!(found(&deployment, "exact-pattern").is_empty());
    }
}
