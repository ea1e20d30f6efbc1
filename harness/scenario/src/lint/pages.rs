//! Pages whose calls leave without signals, because no script is in them.

use std::collections::BTreeMap;

use edgeproof_deployment::Deployment;
use edgeproof_ground::call::CallPattern;
use edgeproof_rig::Description;

use super::{HASHED, Lint, NO_SCRIPT};
use crate::step::{Action, Step};

/// The warnings, each with its place below the file's root.
pub(super) fn lint(given: &Description, steps: &[Step]) -> Vec<(Lint, Vec<String>, String)> {
    let mut found = kept_by_hash(given);
    found.extend(without_script(given, steps));
    found
}

/// Calls of protected APIs that the page which was visited last makes at once, where it is no identification page. What a
/// second click leads to is not known here.
fn without_script(given: &Description, steps: &[Step]) -> Vec<(Lint, Vec<String>, String)> {
    let mut opened: BTreeMap<Option<&str>, &str> = BTreeMap::new();
    let mut found = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        let visitor = step.visitor.as_deref();
        match &step.action {
            Action::Visit(url) => {
                opened.insert(visitor, url);
            }
            // Which pages are instrumented afterwards, another file may say.
            Action::Set(_) | Action::Deploy(_) => return found,
            Action::Fill(_) => {}
            _ => {
                let page = opened.remove(&visitor);
                let call = step.call.as_ref();
                if let (Some(page), Some(call)) = (page, call)
                    && let Some(message) = unsigned(given, page, call)
                {
                    let path = ["steps", &index.to_string(), "call"].map(str::to_owned);
                    found.push((NO_SCRIPT, path.to_vec(), message));
                }
            }
        }
    }
    found
}

/// What is wrong where a page calls an API of a deployment that does not instrument it.
fn unsigned(given: &Description, page: &str, call: &CallPattern) -> Option<String> {
    let url = if call.url.starts_with('/') {
        let host = page.find("://").map_or(0, |end| end + 3);
        let end = page[host..].find('/').map_or(page.len(), |at| host + at);
        format!("{}{}", &page[..end], call.url)
    } else {
        call.url.clone()
    };
    let url = url.replace('*', "");
    let is_called = |deployment: &&Deployment| {
        let mut apis = deployment.protected_apis.iter();
        apis.any(|api| {
            let is_method = call
                .method
                .as_ref()
                .is_none_or(|method| *method == api.method);
            is_method && matches(&api.url, &url)
        })
    };
    let deployment = given.deployments.values().find(is_called)?;
    let mut pages = deployment.identification_pages.iter();
    (!pages.any(|pattern| matches(pattern, page)))
        .then(|| format!("`{page}` is no identification page, so the call has no signals"))
}

/// Whether a pattern of a page or of an API means the URL. One that is none is an error of its own.
fn matches(pattern: &str, url: &str) -> bool {
    pattern
        .parse::<CallPattern>()
        .is_ok_and(|pattern| pattern.matches_url(url))
}

/// Apps whose service worker compares its pages with the hashes of their build.
fn kept_by_hash(given: &Description) -> Vec<(Lint, Vec<String>, String)> {
    let mut found = Vec::new();
    for (zone, description) in &given.zones {
        for (host, described) in &description.hosts {
            let launch = described.app.as_ref().and_then(|app| app.launch.as_ref());
            let Some(file) = launch.map(|launch| launch.folder.join("ngsw-config.json")) else {
                continue;
            };
            if file.is_file() && !given.deployments.is_empty() {
                let path = ["given", "zones", zone, "hosts", host, "app"].map(str::to_owned);
                let message = format!("{} keeps pages by their hash", file.display());
                found.push((HASHED, path.to_vec(), message));
            }
        }
    }
    found
}
