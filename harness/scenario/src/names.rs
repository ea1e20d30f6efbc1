//! Names that must exist: visitors, rulesets, hosts. Wrong ones are found while reading.

use edgeproof_browser::Profile;
use edgeproof_cloudflare::plane::DEPLOYER;
use edgeproof_document::{
    node::{Value, YamlNode},
    problem::Problem,
    read::nearest,
    source::Span,
};
use edgeproof_origin::launch::Launch;
use url::Url;

use super::{
    case::UNIQUE,
    file::Scenario,
    filling::{self, Reference},
    step::{Action, Actor, Step},
};

/// Every name in the scenario that refers to nothing.
pub fn unknown_names(scenario: &Scenario, node: &YamlNode) -> Vec<Problem> {
    let mut names = Names {
        scenario,
        node,
        problems: Vec::new(),
    };
    names.rulesets();
    names.hosts_of_zones();
    names.apps();
    names.zones_of_account();
    names.engines();
    for (index, step) in scenario.steps.iter().enumerate() {
        names.visitor(index, step);
        names.host(index, step);
        names.rulesets_of_change(index, step);
        names.deployment(index, step);
    }
    names.problems
}

struct Names<'a> {
    scenario: &'a Scenario,
    node: &'a YamlNode,
    problems: Vec<Problem>,
}

impl Names<'_> {
    fn problem(&mut self, path: &[&str], message: String, help: String) {
        let found = self.node.at_path(path.iter().copied());
        // A name that a captured value completes is looked up when it is known.
        if found.is_some_and(|node| node.value.as_text().is_some_and(|name| name.contains("${"))) {
            return;
        }
        let at = found.map_or(self.node.at, |node| node.at);
        self.problems.push(Problem {
            message,
            at,
            label: "here".to_owned(),
            help: Some(help),
        });
    }

    fn rulesets(&mut self) {
        let given = &self.scenario.given;
        let known: Vec<&String> = given.rulesets.keys().collect();
        for (worker, deployment) in &given.deployments {
            if let Some(ruleset) = &deployment.ruleset
                && !given.rulesets.contains_key(ruleset)
            {
                self.problem(
                    &["given", "deployments", worker, "ruleset"],
                    format!("there is no ruleset `{ruleset}`"),
                    nearest(ruleset, &known),
                );
            }
        }
    }

    /// A deployment that a step makes may use the rulesets of that step, and all before.
    fn rulesets_of_change(&mut self, index: usize, step: &Step) {
        let Action::Set(change) = &step.action else {
            return;
        };
        let earlier = self.scenario.steps[..=index].iter();
        let changed = earlier.filter_map(|step| match &step.action {
            Action::Set(change) => Some(change.rulesets.keys()),
            _ => None,
        });
        let known: Vec<&String> = self
            .scenario
            .given
            .rulesets
            .keys()
            .chain(changed.flatten())
            .collect();
        let index = index.to_string();
        for (worker, deployment) in &change.deployments {
            if let Some(ruleset) = &deployment.ruleset
                && !known.contains(&ruleset)
            {
                self.problem(
                    &["steps", &index, "set", "deployments", worker, "ruleset"],
                    format!("there is no ruleset `{ruleset}`"),
                    nearest(ruleset, &known),
                );
            }
        }
    }

    /// What the dashboard would refuse of a deployment that a step makes.
    fn deployment(&mut self, index: usize, step: &Step) {
        let Action::Deploy(deploying) = &step.action else {
            return;
        };
        let index = index.to_string();
        if let Some((key, file)) = deploying.file()
            && let Some(node) = self.node.at_path(["steps", &index, "deploy", key])
        {
            self.problems.extend(file.broken_rules(node));
        }
        let given = &self.scenario.given.cloudflare;
        let tokens = given.iter().flat_map(|given| given.tokens.keys());
        let mut known: Vec<&str> = tokens.map(String::as_str).collect();
        if known.is_empty() {
            known.push(DEPLOYER);
        }
        if let Some(token) = &deploying.token
            && !known.contains(&token.as_str())
        {
            self.problem(
                &["steps", &index, "deploy", "token"],
                format!("there is no token `{token}`"),
                nearest(token, &known),
            );
        }
    }

    /// Records and tokens of the account are for zones that are given.
    fn zones_of_account(&mut self) {
        let given = &self.scenario.given;
        let Some(account) = &given.cloudflare else {
            return;
        };
        let known: Vec<&String> = given.zones.keys().collect();
        for zone in account.records.keys() {
            if !known.contains(&zone) {
                self.problem(
                    &["given", "cloudflare", "records", zone],
                    format!("there is no zone `{zone}`"),
                    nearest(zone, &known),
                );
            }
        }
        for (token, described) in &account.tokens {
            for (index, zone) in described.zones.iter().flatten().enumerate() {
                if !known.contains(&zone) {
                    let index = index.to_string();
                    self.problem(
                        &["given", "cloudflare", "tokens", token, "zones", &index],
                        format!("there is no zone `{zone}`"),
                        nearest(zone, &known),
                    );
                }
            }
        }
    }

    fn hosts_of_zones(&mut self) {
        for (zone, described) in &self.scenario.given.zones {
            for (host, responses) in &described.hosts {
                let path = ["given", "zones", zone, "hosts", host];
                if host != zone && !host.ends_with(&format!(".{zone}")) {
                    self.problem(
                        &path,
                        format!("`{host}` is not in the zone `{zone}`"),
                        format!("name it `{zone}` or `….{zone}`, or give it a zone of its own"),
                    );
                }
                if responses.site.is_some() == responses.app.is_some() {
                    self.problem(
                        &path,
                        format!("`{host}` needs an origin: either `site` or `app`"),
                        "`site: signup` serves fixtures/sites/signup; `app: http://127.0.0.1:3000` your own, `app: { run: npm start }` starts it"
                            .to_owned(),
                    );
                }
            }
        }
    }

    /// Apps that are started: each in a folder that is there, and no two where only one can listen.
    fn apps(&mut self) {
        let mut ports: Vec<(u16, &Launch, &str)> = Vec::new();
        for (zone, described) in &self.scenario.given.zones {
            for (host, behind) in &described.hosts {
                let Some(app) = &behind.app else { continue };
                let path = |key| ["given", "zones", zone, "hosts", host, "app", key];
                if let Err(mistake) = app.check() {
                    let help = match mistake.key() {
                        "certificate" => "use an https address, or leave `certificate` out",
                        _ => "an app is on this machine, or on one that is allowed by name",
                    };
                    self.problem(&path(mistake.key()), mistake.to_string(), help.to_owned());
                }
                let Some(launch) = &app.launch else { continue };
                if !launch.folder.is_dir() {
                    self.problem(
                        &path("in"),
                        format!("there is no folder `{}` for `{}`", launch.folder.display(), launch.name()),
                        "`in` is relative to this file; without it the command runs in this file's folder"
                            .to_owned(),
                    );
                }
                let Some(port) = launch.address.fixed_port() else {
                    continue;
                };
                match ports.iter().find(|(known, ..)| *known == port) {
                    Some((_, known, first)) if *known != launch => self.problem(
                        &path("address"),
                        format!("the app of `{first}` uses port {port} too, but is described differently"),
                        "use another port, or the same description for both hosts: then they share one app"
                            .to_owned(),
                    ),
                    Some(_) => {}
                    None => ports.push((port, launch, host)),
                }
            }
        }
    }

    /// A browser is named for visitors who have one.
    fn engines(&mut self) {
        for (name, visitor) in &self.scenario.given.visitors {
            if visitor.engine.is_some() && visitor.profile == Profile::Http {
                self.problem(
                    &["given", "visitors", name, "engine"],
                    "an HTTP client has no `engine`".to_owned(),
                    "give the visitor a profile: regular, incognito or automated".to_owned(),
                );
            }
        }
    }

    fn visitor(&mut self, index: usize, step: &Step) {
        let index = index.to_string();
        let actor = step.action.actor();
        if actor == Actor::Nobody {
            return;
        }
        let visitors = &self.scenario.given.visitors;
        let known: Vec<&String> = visitors.keys().collect();
        let action = step.action.name();
        let Some(name) = self.scenario.visitor_of(step) else {
            return self.problem(
                &["steps", &index],
                "this step does not say which visitor takes it".to_owned(),
                format!("add `as:`; {}", nearest("", &known)),
            );
        };
        let Some(visitor) = visitors.get(name) else {
            return self.problem(
                &["steps", &index, "as"],
                format!("there is no visitor `{name}`"),
                nearest(name, &known),
            );
        };
        if actor == Actor::Browser && visitor.profile == Profile::Http {
            self.problem(
                &["steps", &index, action],
                format!("`{action}` needs a browser, but this visitor is an HTTP client"),
                "give the visitor a profile: regular, incognito or automated".to_owned(),
            );
        }
        if actor == Actor::Client && visitor.profile != Profile::Http {
            self.problem(
                &["steps", &index, action],
                format!("`{action}` is for HTTP clients, but this visitor is a browser"),
                "add a visitor without a profile, and select it with `as:`".to_owned(),
            );
        }
    }

    fn host(&mut self, index: usize, step: &Step) {
        let (url, path) = match &step.action {
            Action::Visit(url) => (url, "visit"),
            Action::Request(request) => (&request.url, "request"),
            Action::Raw(raw) => (&raw.to, "raw"),
            Action::Probe(probing) => return self.probed_host(index, &probing.call.url),
            _ => return,
        };
        if url.contains("${") {
            return;
        }
        let index = index.to_string();
        let path = ["steps", &index, path];
        let host = Url::parse(url)
            .ok()
            .and_then(|url| url.host_str().map(str::to_owned));
        let Some(host) = host else {
            return self.problem(
                &path,
                format!("`{url}` is not an absolute URL"),
                "write it as `https://shop.example/path`".to_owned(),
            );
        };
        self.known_host(&host, &path);
    }

    /// The host of a call without a scheme.
    fn probed_host(&mut self, index: usize, url: &str) {
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        let host = rest.split(['/', '?']).next().unwrap_or_default();
        self.known_host(host, &["steps", &index.to_string(), "probe"]);
    }

    fn known_host(&mut self, host: &str, path: &[&str]) {
        let known: Vec<&str> = self.scenario.hosts().collect();
        if !known.contains(&host) {
            let help = nearest(host, &known);
            self.problem(path, format!("no zone has the host `{host}`"), help);
        }
    }
}

/// Every `${name}` that has no value where it stands: those of the matrix and of the environment are filled in already, and
/// a step must have been taken to have captured something.
pub(super) fn without_value(node: &YamlNode) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut captured: Vec<&str> = Vec::new();
    let mut look = |node: &YamlNode, captured: &[&str]| {
        filling::references(node, &mut |reference| {
            let Reference { name, at, .. } = reference;
            let is_known = captured.contains(&name) || name == UNIQUE;
            // A variable of the environment that is not set has been told.
            if !(is_known || reference.in_program || name.starts_with("env.")) {
                problems.push(nameless(name, at, captured));
            }
        });
    };
    let Value::Map(entries) = &node.value else {
        return Vec::new();
    };
    for (_, given) in entries.iter().filter(|(key, _)| !is_later(&key.text)) {
        look(given, &[]);
    }
    if let Some(Value::List(steps)) = node.get("steps").map(|steps| &steps.value) {
        for step in steps {
            look(step, &captured);
            if let Some(Value::Map(kept)) = step.get("capture").map(|kept| &kept.value) {
                captured.extend(kept.iter().map(|(key, _)| key.text.as_str()));
            }
        }
    }
    if let Some(expect) = node.get("expect") {
        look(expect, &captured);
    }
    problems
}

/// Whether a part of a scenario is about what happens when it runs.
fn is_later(key: &str) -> bool {
    matches!(key, "steps" | "expect")
}

fn nameless(name: &str, at: Span, captured: &[&str]) -> Problem {
    let is_variable = !name.is_empty()
        && name
            .chars()
            .all(|letter| letter == '_' || letter.is_ascii_uppercase() || letter.is_ascii_digit());
    let help = match is_variable {
        true => format!("for a variable of the environment write `${{env.{name}}}`"),
        false => format!(
            "give it a value under `matrix`, or `capture` it in an earlier step ({}); for these very letters write `$${{{name}}}`",
            nearest(name, captured)
        ),
    };
    Problem {
        message: format!("`${{{name}}}` has no value"),
        at,
        label: "here".to_owned(),
        help: Some(help),
    }
}
