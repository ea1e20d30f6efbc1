//! What a scenario names beyond itself must be there, and be what it is taken for: sites, workers, patterns, the parts that
//! faults are about, selectors. Each is looked at by itself, so a mistake elsewhere does not hide it.

use std::{collections::HashMap, path::Path};

use edgeproof_deployment::Deployment;
use edgeproof_document::{node::YamlNode, problem::Problem, read::nearest};
use edgeproof_ground::{
    causes,
    pattern::{Pattern, PatternError},
};
use edgeproof_internet::Fault;
use edgeproof_rig as rig;
use edgeproof_runtime::{Project, check_compatibility_date};
use scraper::Selector;

use super::{
    expect::Expect,
    file::Scenario,
    request::{Request, RequestBody},
    step::{Action, Capture},
};

/// The largest body and the largest headers that are made up, in bytes.
const LARGEST_BODY: usize = 600 << 20;
const LARGEST_HEADERS: usize = 16 << 20;

/// What is wrong with each worker that was looked at, by its path.
pub(super) type Workers = HashMap<String, Option<String>>;

/// Everything that is not there.
pub(super) fn missing(
    scenario: &Scenario,
    node: &YamlNode,
    workers: &mut Workers,
    allow_missing_bindings: bool,
) -> Vec<Problem> {
    let mut existing = Existing {
        node,
        workers,
        allow_missing_bindings,
        problems: Vec::new(),
    };
    let given = &scenario.given;
    for (zone, described) in &given.zones {
        for (host, behind) in &described.hosts {
            if let Some(site) = &behind.site {
                existing.site(&["given", "zones", zone, "hosts", host, "site"], site);
            }
        }
    }
    for (name, deployment) in &given.deployments {
        existing.deployment(&["given", "deployments", name], deployment);
    }
    existing.faults(&["given"], &given.faults);
    for (index, step) in scenario.steps.iter().enumerate() {
        let index = index.to_string();
        let step_path = ["steps", index.as_str()];
        match &step.action {
            Action::Set(change) => {
                for (name, deployment) in &change.deployments {
                    let path = [&step_path[..], &["set", "deployments", name]].concat();
                    existing.deployment(&path, deployment);
                }
                let path = [&step_path[..], &["set"]].concat();
                existing.faults(&path, change.faults.as_deref().unwrap_or_default());
            }
            Action::Deploy(deploying) => {
                if let Some((key, file)) = deploying.file()
                    && let Some(worker) = &file.worker
                {
                    let path = [&step_path[..], &["deploy", key, "worker"]].concat();
                    existing.worker(&path, &worker.to_string_lossy());
                }
            }
            _ => {}
        }
        if let Action::Request(request) = &step.action {
            let path = [&step_path[..], &["request"]].concat();
            existing.sizes(&path, request);
        }
        for (name, capture) in &step.capture {
            let path = [&step_path[..], &["capture", name, "json"]].concat();
            existing.pointer(&path, capture);
        }
        if let Some(expect) = &step.expect {
            let path = [&step_path[..], &["expect"]].concat();
            existing.selectors(&path, expect);
        }
    }
    existing.problems
}

struct Existing<'a> {
    node: &'a YamlNode,
    workers: &'a mut Workers,
    /// Whether workers may ask for what is not emulated.
    allow_missing_bindings: bool,
    problems: Vec<Problem>,
}

impl Existing<'_> {
    fn problem(&mut self, path: &[&str], message: String, help: &str) {
        let at = (0..=path.len())
            .rev()
            .find_map(|length| self.node.at_path(path[..length].iter().copied()));
        // What a captured value completes is looked at when it is known.
        if at.is_some_and(|node| node.value.as_text().is_some_and(|name| name.contains("${"))) {
            return;
        }
        self.problems.push(Problem {
            message,
            at: at.unwrap_or(self.node).at,
            label: "here".to_owned(),
            help: Some(help.to_owned()),
        });
    }

    fn site(&mut self, path: &[&str], site: &str) {
        let known = rig::sites();
        if !known.iter().any(|known| known == site) {
            let help = nearest(site, &known);
            self.problem(path, format!("there is no site `{site}`"), &help);
        }
    }

    fn deployment(&mut self, path: &[&str], deployment: &Deployment) {
        if let Some(worker) = &deployment.worker {
            self.worker(&[path, &["worker"]].concat(), worker);
        }
        if let Some(Err(error)) = deployment
            .compatibility_date
            .as_deref()
            .map(check_compatibility_date)
        {
            let help = "the runtime is the `workerd` of edgeproof; a later date takes a newer one";
            self.problem(
                &[path, &["compatibility_date"]].concat(),
                error.to_string(),
                help,
            );
        }
        // A worker may be given patterns that it cannot read, but not the edge; a host that is no name is nobody's wish.
        let is_route = |error: &PatternError| {
            deployment.routes.is_none() || matches!(error, PatternError::HostName(_))
        };
        let apis = deployment.protected_apis.iter().map(|api| &api.url);
        let derived = [
            (
                "identification_pages",
                deployment.identification_pages.iter().collect::<Vec<_>>(),
            ),
            ("protected_apis", apis.collect()),
        ];
        for (key, patterns) in derived {
            self.patterns(&[path, &[key]].concat(), &patterns, &is_route);
        }
        let routes: Vec<&String> = deployment.routes.iter().flatten().collect();
        self.patterns(&[path, &["routes"]].concat(), &routes, &|_| true);
    }

    fn patterns(
        &mut self,
        path: &[&str],
        patterns: &[&String],
        is_mistake: &dyn Fn(&PatternError) -> bool,
    ) {
        for (index, pattern) in patterns.iter().enumerate() {
            let Some(error) = pattern.parse::<Pattern>().err().filter(is_mistake) else {
                continue;
            };
            let help = match error {
                PatternError::HostName(_) => "write the name as the browser's address bar shows it",
                _ => {
                    "write a host and a path, such as `shop.example/account*`; a `*` can begin the host and end the path"
                }
            };
            let index = index.to_string();
            self.problem(&[path, &[&index]].concat(), error.to_string(), help);
        }
    }

    fn worker(&mut self, path: &[&str], worker: &str) {
        let wrong = self.workers.entry(worker.to_owned()).or_insert_with(|| {
            let read = Project::read(Path::new(worker));
            let read = read.and_then(|project| project.complete(self.allow_missing_bindings));
            read.err().map(|error| causes::with_causes(&error))
        });
        if let Some(message) = wrong.clone() {
            let help = "`worker` names a worker, relative to this file: a folder, a script, or a configuration of wrangler";
            self.problem(path, message, help);
        }
    }

    fn faults(&mut self, path: &[&str], faults: &[Fault]) {
        for (index, fault) in faults.iter().enumerate() {
            let Some(part) = fault.on.peer_name() else {
                continue;
            };
            if !rig::PARTS.contains(&part) {
                let index = index.to_string();
                let help = format!(
                    "{} (or write a URL pattern, such as `shop.example/login*`)",
                    nearest(part, &rig::PARTS)
                );
                self.problem(
                    &[path, &["faults", &index, "on"]].concat(),
                    format!("there is no part `{part}`"),
                    &help,
                );
            }
        }
    }

    /// What is made up must fit into memory.
    fn sizes(&mut self, path: &[&str], request: &Request) {
        let body = match &request.body {
            Some(RequestBody::Bytes(bytes)) => *bytes,
            _ => 0,
        };
        let pad = request.pad.as_ref().map_or(0, |pad| pad.total);
        let sizes = [
            (&["body", "bytes"], body, LARGEST_BODY),
            (&["pad", "total"], pad, LARGEST_HEADERS),
        ];
        for (key, bytes, most) in sizes {
            if bytes > most {
                let message =
                    format!("{bytes} bytes are more than the {most} that are made up here");
                let help = "Cloudflare takes less: at most 500 MB of a body, 128 KB of headers";
                self.problem(&[path, key].concat(), message, help);
            }
        }
    }

    fn pointer(&mut self, path: &[&str], capture: &Capture) {
        if let Capture::Json(pointer) = capture
            && !pointer.is_empty()
            && !pointer.starts_with('/')
        {
            let help = format!("a JSON Pointer (RFC 6901) begins with a slash: `/{pointer}`");
            self.problem(path, format!("`{pointer}` is not a JSON Pointer"), &help);
        }
    }

    fn selectors(&mut self, path: &[&str], expect: &Expect) {
        let wrong = |selector: &str| {
            Selector::parse(selector)
                .err()
                .map(|error| error.to_string())
        };
        for (index, element) in expect.page.iter().enumerate() {
            if let Some(why) = wrong(&element.select) {
                let index = index.to_string();
                let of_list = [path, &["page", &index, "select"]].concat();
                // One element may stand there without a list.
                let at = match self.node.at_path(of_list.iter().copied()) {
                    Some(_) => of_list,
                    None => [path, &["page", "select"]].concat(),
                };
                self.selector(&at, &element.select, &why);
            }
        }
        if let Some(selector) = &expect.unchanged_except
            && let Some(why) = wrong(selector)
        {
            self.selector(&[path, &["unchanged_except"]].concat(), selector, &why);
        }
    }

    fn selector(&mut self, path: &[&str], selector: &str, why: &str) {
        let message = format!("`{selector}` is not a CSS selector: {why}");
        self.problem(path, message, "write one such as `form#signup > button`");
    }
}
