//! Whether a case can run at a target, and what of it is seen there.

use std::net::IpAddr;

use edgeproof_browser::Profile;
use edgeproof_deployment::{Deployment, FailureMode};
use edgeproof_document::source::Span;
use edgeproof_rig::Visitor;
use edgeproof_scenario::{
    case::renamed,
    file::Scenario,
    load::Case,
    step::{Action, Actor},
};
use url::Url;

use crate::{
    load::Target,
    sight::{self, Known, LookUps, Parted},
};

/// What is to be done with a case.
#[derive(Clone, Debug)]
pub enum Plan {
    /// It runs.
    Runs(Box<Runs>),
    /// It does not, for this reason.
    Skipped(String),
}

/// A case that can run at a target.
#[derive(Clone, Debug)]
pub struct Runs {
    /// The case, with the hosts of the target.
    pub case: Case,
    /// What is seen: keys, each with its step.
    pub seen: Vec<String>,
    /// What is looked up, and where.
    pub looked_up: Vec<String>,
    /// What is expected and of which nothing is known.
    pub unseen: Vec<Unseen>,
    /// What can be looked up of it.
    pub look_ups: LookUps,
    /// The steps that may change something at the target.
    pub changes: Vec<String>,
}

/// An expectation of which nothing is known at a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unseen {
    /// Which, such as `origin of step 3`.
    pub what: String,
    /// Why.
    pub why: &'static str,
    /// The line of its file; nothing where it is not in one.
    pub line: Option<usize>,
}

/// What is to be done with a case at a target. Steps that may change something need leave, which `may_change` gives.
pub fn of(case: &Case, target: &Target, may_change: bool) -> Plan {
    let scenario = &case.scenario;
    if let Some(reason) = &scenario.skip {
        return Plan::Skipped(reason.clone());
    }
    if let Some(why) = cannot_be_had(scenario)
        .or_else(|| step_in_the_way(scenario))
        .or_else(|| another_deployment(scenario, target))
    {
        return Plan::Skipped(why);
    }
    let case = case.at_hosts(target.hosts());
    if let Some(host) = foreign_host(&case.scenario, target) {
        let file = target.path.display();
        return Plan::Skipped(format!("`{host}` is none of the hosts that {file} names"));
    }
    let runs = parted(case, target);
    if runs.seen.is_empty() && runs.looked_up.is_empty() {
        let all: Vec<&str> = runs.unseen.iter().map(|one| one.what.as_str()).collect();
        let what = match all.as_slice() {
            [] => "it expects nothing".to_owned(),
            all => format!(
                "nothing that it expects is seen from outside: {}",
                all.join(", ")
            ),
        };
        return Plan::Skipped(what);
    }
    if !may_change && !runs.changes.is_empty() {
        let steps = runs.changes.join(", ");
        return Plan::Skipped(format!(
            "{steps} may change something at the target; `--destructive` gives leave, and `safe_to_repeat: true` says that \
             a step does no harm"
        ));
    }
    Plan::Runs(Box::new(runs))
}

fn parted(case: Case, target: &Target) -> Runs {
    let look_ups = LookUps {
        events: events_known(&case.scenario, target),
        log: log_known(target),
    };
    let (mut seen, mut looked_up, mut unseen, mut changes) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut add = |parted: Parted, of: &str, path: &[&str]| {
        let named = |key: &str| format!("{key} of {of}");
        seen.extend(parted.seen.into_iter().map(named));
        looked_up.extend(
            parted
                .looked_up
                .into_iter()
                .map(|(key, at)| format!("{} ({at})", named(key))),
        );
        unseen.extend(parted.unseen.into_iter().map(|(key, why)| {
            let path = path.iter().copied().chain(key.split('.'));
            let at = case.node.at_path(path).map(|node| node.at);
            Unseen {
                what: named(key),
                why,
                line: at.and_then(|at| line(&case, at)),
            }
        }));
    };
    for (index, step) in case.scenario.steps.iter().enumerate() {
        let name = format!("step {}", index + 1);
        if step.changes_something() {
            changes.push(name.clone());
        }
        if let Some(expect) = &step.expect {
            let in_browser = step.action.actor() == Actor::Browser;
            let (_, parted) = sight::of_step(expect, in_browser, look_ups);
            add(parted, &name, &["steps", &index.to_string(), "expect"]);
        }
    }
    let (_, parted) = sight::at_end(&case.scenario.expect, look_ups);
    add(parted, "the end", &["expect"]);
    Runs {
        seen,
        looked_up,
        unseen,
        look_ups,
        changes,
        case,
    }
}

fn line(case: &Case, at: Span) -> Option<usize> {
    Some(case.sources.place(at)?.line)
}

/// What a scenario gives and no target has.
fn cannot_be_had(scenario: &Scenario) -> Option<String> {
    let given = &scenario.given;
    let platform = &given.fingerprint;
    let of_rig = [
        ("faults", !given.faults.is_empty()),
        ("a clock", given.clock.is_some()),
        (
            "stated signals",
            platform.signals != Default::default() || !platform.signals_of.is_empty(),
        ),
        ("faults of the platform", !platform.faults.is_empty()),
        ("filters of the platform", !platform.filters.is_empty()),
        ("a network of addresses", !platform.networks.is_empty()),
    ];
    if let Some((what, _)) = of_rig.into_iter().find(|(_, is_given)| *is_given) {
        return Some(format!("it gives {what}, which no target has"));
    }
    let usual = Visitor::default();
    let is_elsewhere = |visitor: &Visitor| {
        let ip: IpAddr = usual.ip;
        visitor.ip != ip || visitor.country != usual.country || visitor.location != usual.location
    };
    let mut visitors = given.visitors.iter();
    let (name, _) = visitors.find(|(_, visitor)| is_elsewhere(visitor))?;
    Some(format!(
        "`{name}` comes from another address or place than this machine"
    ))
}

fn step_in_the_way(scenario: &Scenario) -> Option<String> {
    let mut steps = scenario.steps.iter().enumerate();
    steps.find_map(|(index, step)| {
        let why = sight::hindrance(step)?;
        let name = step.action.name();
        Some(format!("step {}, `{name}`: {why}", index + 1))
    })
}

/// In what the deployment that a scenario gives is another one than the target's file says; a scenario that gives none, or
/// several, is about none in particular.
fn another_deployment(scenario: &Scenario, target: &Target) -> Option<String> {
    let there = target.deployment.as_ref()?.deployment();
    let given = scenario.given.deployments.values();
    let mut given = given.filter(|given| !given.protected_apis.is_empty());
    let (Some(given), None) = (given.next(), given.next()) else {
        return None;
    };
    let hosts = target.hosts();
    let pages = |deployment: &Deployment| {
        let pages = deployment.identification_pages.iter();
        pages.map(|page| renamed(page, hosts)).collect::<Vec<_>>()
    };
    let apis = |deployment: &Deployment| {
        let apis = deployment.protected_apis.iter();
        apis.map(|api| format!("{} {}", api.method, renamed(&api.url, hosts)))
            .collect::<Vec<_>>()
    };
    let mode = |deployment: &Deployment| match deployment.failure_mode {
        FailureMode::Open => "failure mode open".to_owned(),
        FailureMode::Closed => "failure mode closed".to_owned(),
    };
    let ruleset = |deployment: &Deployment| match deployment.ruleset {
        Some(_) => "a ruleset".to_owned(),
        None => "monitoring".to_owned(),
    };
    let aspects = [
        (mode(given), mode(&there)),
        (ruleset(given), ruleset(&there)),
        (pages(given).join(", "), pages(&there).join(", ")),
        (apis(given).join(", "), apis(&there).join(", ")),
    ];
    let (here, there) = aspects.into_iter().find(|(here, there)| here != there)?;
    let file = target.file.deployment.as_ref()?.display();
    Some(format!(
        "it is about another deployment than `{file}`: {here}, and there {there}"
    ))
}

/// The first host that a step goes to and that is none of the target's. A URL that is not known yet goes where it may.
fn foreign_host(scenario: &Scenario, target: &Target) -> Option<String> {
    let urls = scenario.steps.iter().filter_map(|step| match &step.action {
        Action::Visit(url) => Some(url),
        Action::Request(request) => Some(&request.url),
        _ => None,
    });
    let mut hosts = urls.filter_map(|url| Some(Url::parse(url).ok()?.host_str()?.to_owned()));
    hosts.find(|host| !target.hosts().values().any(|known| known == host))
}

/// Events are found by the pages that a browser visits.
fn events_known(scenario: &Scenario, target: &Target) -> Known {
    let mut named = scenario
        .steps
        .iter()
        .filter_map(|step| scenario.visitor_of(step));
    let visitors = &scenario.given.visitors;
    let has_browser = |name: &str| {
        visitors
            .get(name)
            .is_some_and(|visitor| visitor.profile != Profile::Http)
    };
    if target.file.fingerprint.is_none() {
        Known::No("the target file gives no key of the Server API")
    } else if !named.any(has_browser) {
        Known::No("no browser visits a page by which an event could be found")
    } else {
        Known::LookedUp
    }
}

/// The log is told by the tail of the worker, which a target with a token names.
fn log_known(target: &Target) -> Known {
    match target.worker() {
        Some(_) => Known::LookedUp,
        None => Known::No("the target file gives no token of Cloudflare's API"),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use edgeproof_scenario::load::{Variables, load_text};
    use rstest::rstest;

    use super::*;

    /// What becomes of a scenario of `shop.example` with these steps and what it gives.
    fn plan(given: &str, steps: &str, may_change: bool) -> Plan {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("staging.yaml");
        let text = "hosts: { shop.example: staging.test }\nfingerprint: { server_api_key: '${env.K}' }\n\
                    deployment: flow.yaml\n";
        fs::write(&file, text).unwrap();
        let deployment = "name: flow\nzone: shop.example\nidentification_pages: [shop.example/signup]\n\
                          protected_apis: [POST shop.example/api/login*]\nfailure_mode: closed\nruleset: rs_1\n";
        fs::write(folder.path().join("flow.yaml"), deployment).unwrap();
        let variables = Variables::new([("K".to_owned(), "key-123".to_owned())]);
        let target = Target::load(&file, &variables).unwrap();
        let text = format!(
            "scenario: a\ngiven:\n  zones:\n    shop.example: {{ hosts: {{ shop.example: {{ site: signup }} }} }}\n    \
             pay.example: {{ hosts: {{ pay.example: {{ site: signup }} }} }}\n  {given}\nsteps: {steps}\n"
        );
        let cases = load_text(Path::new("a.yaml"), &text).unwrap();
        of(&cases[0], &target, may_change)
    }

    const SEEN: &str = "[{ request: GET https://shop.example/, expect: { status: 200 } }]";

    #[rstest]
    #[case(
        "",
        "[{ advance: 1s }]",
        "step 1, `advance`: the clock of a target is not ours"
    )]
    #[case(
        "",
        "[{ raw: { to: 'https://shop.example', send: x } }]",
        "step 1, `raw`: bytes as they are written"
    )]
    #[case(
        "",
        "[{ request: { url: 'https://shop.example/', signals: { page: 'https://shop.example/' } } }]",
        "step 1, `request`: it states signals"
    )]
    #[case(
        "faults: [{ on: origin, fault: refuse }]",
        SEEN,
        "it gives faults, which no target has"
    )]
    #[case(
        "clock: 2026-11-21T12:00:00Z",
        SEEN,
        "it gives a clock, which no target has"
    )]
    #[case(
        "fingerprint: { signals: { vpn: true } }",
        SEEN,
        "it gives stated signals, which no target has"
    )]
    #[case(
        "visitors: { ann: { country: FR } }",
        SEEN,
        "`ann` comes from another address or place"
    )]
    #[case(
        "",
        "[{ request: GET https://pay.example/, expect: { status: 200 } }]",
        "`pay.example` is none of the hosts that "
    )]
    #[case(
        "",
        "[{ request: GET https://shop.example/, expect: { origin: { reached: true } } }]",
        "nothing that it expects is seen from outside: origin of step 1"
    )]
    #[case("", "[{ request: GET https://shop.example/ }]", "it expects nothing")]
    #[case(
        "",
        "[{ request: POST https://shop.example/, expect: { status: 200 } }]",
        "step 1 may change something"
    )]
    #[case(
        "",
        "[{ request: GET https://shop.example/, safe_to_repeat: false, expect: { status: 200 } }]",
        "step 1 may change something"
    )]
    #[case(
        "rulesets: { r: {} }\n  deployments: { flow: { ruleset: r, failure_mode: open, \
         identification_pages: [shop.example/signup], protected_apis: [POST shop.example/api/login*] } }",
        SEEN,
        "it is about another deployment than `flow.yaml`: failure mode open, and there failure mode closed"
    )]
    fn what_a_target_has_not_is_skipped_with_the_reason(
        #[case] given: &str,
        #[case] steps: &str,
        #[case] expected: &str,
    ) {
        let Plan::Skipped(why) = plan(given, steps, false) else {
            panic!("it runs");
        };
        assert!(why.starts_with(expected), "{why}");
    }

    #[rstest]
    #[case(
        "[{ request: POST https://shop.example/, expect: { status: 200 } }]",
        true
    )]
    #[case(
        "[{ request: POST https://shop.example/, safe_to_repeat: true, expect: { status: 200 } }]",
        false
    )]
    #[case(SEEN, false)]
    fn with_leave_or_without_need_of_it_a_case_runs_at_the_targets_hosts(
        #[case] steps: &str,
        #[case] may_change: bool,
    ) {
        let Plan::Runs(runs) = plan("", steps, may_change) else {
            panic!("it is skipped");
        };
        assert_eq!(runs.seen, ["status of step 1"]);
        let Action::Request(request) = &runs.case.scenario.steps[0].action else {
            panic!("{:?}", runs.case.scenario.steps);
        };
        assert_eq!(request.url, "https://staging.test/");
    }

    #[test]
    fn what_is_not_seen_has_its_line() {
        let steps = "\n  - request: GET https://shop.example/\n    expect:\n      status: 200\n      origin: { reached: true }";
        let Plan::Runs(runs) = plan("", steps, false) else {
            panic!("it is skipped");
        };
        assert_eq!(runs.unseen[0].what, "origin of step 1");
        assert_eq!(runs.unseen[0].line, Some(11));
    }
}
