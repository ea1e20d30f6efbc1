//! `edgeproof route`: which route wins for a URL, and why.

use std::{io::Write, path::PathBuf};

use edgeproof_deployment::Keys;
use edgeproof_edge::{Explanation, Route, RouteTable, Zones, explain};
use edgeproof_ground::pattern::{PatternError, Scheme, Target};
use edgeproof_rig::{self as rig, Description};
use edgeproof_run::exit;
use http::Method;
use serde::Serialize;
use serde_json::json;

use super::{CliError, described::description, reading::Reading};

/// The options of `route`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The URL with its host, such as `https://shop.example/account?a=b`; in quotes, as a shell takes `?` and `&` for itself.
    url: String,
    /// The method of the request. Routes ignore it; a deployment's protected APIs do not.
    #[arg(long, value_name = "METHOD", default_value_t = Method::GET)]
    method: Method,
    /// A scenario, a deployment file, or a file with `zones` and `deployments` as the `given` part of a scenario has them.
    #[arg(value_name = "FILE", required_unless_present = "deployment")]
    file: Option<PathBuf>,
    /// The same, by name.
    #[arg(long, value_name = "FILE", conflicts_with = "file")]
    deployment: Option<PathBuf>,
    #[command(flatten)]
    reading: Reading,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

/// Why a URL could not be explained.
#[derive(Debug, thiserror::Error)]
pub(super) enum RouteCommandError {
    /// No file was named.
    #[error("name a scenario or a deployment file")]
    NoFile,
    /// A route pattern is not one.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// A path alone could be on any host.
    #[error(
        "`{0}` names no host; write it with its host, as `\"https://shop.example/account?a=b\"`"
    )]
    NoHost(String),
    /// What is given is no URL.
    #[error(
        "{0}; write it with its host, as `\"https://shop.example/account?a=b\"`, and its method as `--method POST`"
    )]
    Url(String),
}

impl From<RouteCommandError> for CliError {
    fn from(error: RouteCommandError) -> Self {
        Self::Usage(Box::new(error))
    }
}

/// What is written: the explanation, and whether the worker that runs protects the call.
#[derive(Debug, Serialize)]
pub(super) struct RouteReport {
    method: String,
    #[serde(flatten)]
    explanation: Explanation,
    /// The protected API of the worker that the call is, as the file has it.
    protected_api: Option<String>,
}

pub(super) fn route(options: &Options) -> Result<u8, CliError> {
    let response = response(options)?;
    let mut out = anstream::stdout().lock();
    if options.json {
        writeln!(out, "{:#}", json!(response))?;
    } else {
        write!(out, "{}", text(&response))?;
    }
    Ok(exit::PASSED)
}

fn response(options: &Options) -> Result<RouteReport, CliError> {
    let file = options.file.as_ref().or(options.deployment.as_ref());
    let description = description(file.ok_or(RouteCommandError::NoFile)?, &options.reading)?;
    let routes = routes(&description).map_err(RouteCommandError::from)?;
    Ok(explained(
        &description,
        routes,
        &options.url,
        &options.method,
    )?)
}

/// Which of these routes wins for a URL.
pub(super) fn explained(
    description: &Description,
    routes: Vec<Route>,
    url: &str,
    method: &Method,
) -> Result<RouteReport, RouteCommandError> {
    if url.starts_with('/') {
        return Err(RouteCommandError::NoHost(url.to_owned()));
    }
    let table = RouteTable::new(routes);
    let zones = Zones::new(rig::zones(description));
    let explanation =
        explain(&zones, &table, url).map_err(|error| RouteCommandError::Url(error.to_string()))?;
    let protected_api = protected_api(description, &explanation, method)?;
    Ok(RouteReport {
        method: method.to_string(),
        explanation,
        protected_api,
    })
}

/// The routes of the zones and of the deployments; which keys a deployment has plays no part.
fn routes(description: &Description) -> Result<Vec<Route>, PatternError> {
    let keys = Keys {
        public: "",
        secret: "",
    };
    let deployments = description.deployments.iter();
    let expansions = deployments
        .map(|(name, deployment)| {
            (
                name.clone(),
                edgeproof_deployment::expand(name, deployment, keys, None),
            )
        })
        .collect();
    rig::routes(description, &expansions).map_err(|(_, source)| source)
}

fn protected_api(
    description: &Description,
    explanation: &Explanation,
    method: &Method,
) -> Result<Option<String>, PatternError> {
    let worker = explanation.worker.as_ref();
    let Some(deployment) = worker.and_then(|worker| description.deployments.get(worker)) else {
        return Ok(None);
    };
    let Some((scheme, rest)) = explanation.url.split_once("://") else {
        return Ok(None);
    };
    let (host, path_and_query) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
    let target = Target {
        scheme: if scheme == "http" {
            Scheme::Http
        } else {
            Scheme::Https
        },
        host,
        path_and_query,
    };
    for api in &deployment.protected_apis {
        if api.method == *method
            && api
                .url
                .parse::<edgeproof_ground::pattern::Pattern>()?
                .matches(target)
        {
            return Ok(Some(format!("{} {}", api.method, api.url)));
        }
    }
    Ok(None)
}

fn text(response: &RouteReport) -> String {
    let Explanation {
        url, why, routes, ..
    } = &response.explanation;
    let mut text = format!("{} {url}\n  {why}\n", response.method);
    match (&response.explanation.worker, &response.protected_api) {
        (Some(worker), Some(api)) => text.push_str(&format!("  {worker} protects {api}\n")),
        (Some(worker), None) => text.push_str(&format!("  {worker} does not protect this call\n")),
        (None, _) => {}
    }
    if routes.is_empty() {
        text.push_str("\nThere are no routes.\n");
        return text;
    }
    text.push_str("\nroutes, the most specific first\n");
    let width = routes
        .iter()
        .map(|route| route.pattern.chars().count())
        .max()
        .unwrap_or_default();
    for route in routes {
        let mark = if route.wins { "▶" } else { " " };
        let worker = route.worker.as_deref().unwrap_or("no worker");
        text.push_str(&format!(
            "{mark} {:width$}  {worker}: {}\n",
            route.pattern, route.why
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const FILE: &str = "
zones:
  shop.example:
    hosts: { shop.example: { site: signup } }
    routes: [{ pattern: 'shop.example/static/*' }]
deployments:
  flow:
    identification_pages: [shop.example/signup]
    protected_apis: ['POST shop.example/api/create-account*']
    routes: ['shop.example/api*', 'shop.example/*']
";

    /// What is said of a URL for the text of a file.
    fn ask_of(file: &str, url: &str, method: Method) -> Result<RouteReport, CliError> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("deployment.yaml");
        std::fs::write(&path, file).unwrap();
        response(&Options {
            url: url.to_owned(),
            method,
            file: Some(path),
            deployment: None,
            reading: Reading::default(),
            json: false,
        })
    }

    fn ask(url: &str, method: Method) -> Result<RouteReport, CliError> {
        ask_of(FILE, url, method)
    }

    const SCENARIO: &str = "
scenario: x
given:
  zones: { shop.example: { hosts: { shop.example: { site: signup } } } }
  deployments: { flow: { identification_pages: [shop.example/signup], protected_apis: [POST shop.example/api*] } }
steps: []
";

    const DEPLOYMENT: &str = "
name: flow
zone: shop.example
identification_pages: [shop.example/signup]
protected_apis: [{ method: POST, path: /api, prefix: true }]
";

    #[rstest]
    #[case(SCENARIO)]
    #[case(DEPLOYMENT)]
    fn a_scenario_and_a_deployment_file_are_explained_alike(#[case] file: &str) {
        let answer = ask_of(file, "https://shop.example/api/x", Method::POST).unwrap();
        assert_eq!(answer.explanation.worker.as_deref(), Some("flow"));
        assert_eq!(
            answer.protected_api.as_deref(),
            Some("POST shop.example/api*")
        );
    }

    #[test]
    fn what_is_no_url_is_answered_with_how_one_is_written() {
        let error = ask("/account?a=b", Method::GET).unwrap_err().to_string();
        let way_out = "write it with its host, as `\"https://shop.example/account?a=b\"`";
        assert!(error.ends_with(way_out), "{error}");
    }

    #[test]
    fn a_method_before_the_url_is_answered_with_how_it_is_said() {
        let error = ask("POST https://shop.example/api", Method::GET).unwrap_err();
        let text = edgeproof_ground::causes::with_causes(&error);
        assert_eq!(
            text,
            "`POST https://shop.example/api` is not a URL such as https://shop.example/account; write it with its host, \
             as `\"https://shop.example/account?a=b\"`, and its method as `--method POST`"
        );
    }

    #[test]
    fn the_text_says_who_wins_and_why_the_others_do_not() {
        let response = ask("https://shop.example/api/create-account?a=b", Method::POST).unwrap();
        assert_eq!(
            text(&response),
            "POST https://shop.example/api/create-account?a=b\n\
             \x20 route shop.example/api* runs flow\n\
             \x20 flow protects POST shop.example/api/create-account*\n\
             \n\
             routes, the most specific first\n\
             ▶ shop.example/api*      flow: matches, and nothing more specific does\n\
             \x20 shop.example/static/*  no worker: is not for this path\n\
             \x20 shop.example/*         flow: matches, but shop.example/api* is more specific (54 against 52)\n"
        );
    }

    #[rstest]
    #[case(
        "https://shop.example/api/create-account",
        Method::POST,
        Some("flow"),
        true
    )]
    #[case(
        "https://shop.example/api/create-account",
        Method::GET,
        Some("flow"),
        false
    )]
    #[case("https://shop.example/static/x", Method::GET, None, false)]
    fn the_method_only_matters_to_protected_apis(
        #[case] url: &str,
        #[case] method: Method,
        #[case] worker: Option<&str>,
        #[case] protected: bool,
    ) {
        let response = ask(url, method).unwrap();
        assert_eq!(response.explanation.worker.as_deref(), worker);
        assert_eq!(response.protected_api.is_some(), protected);
    }

    #[test]
    fn the_json_has_every_route() {
        let response = json!(ask("shop.example/", Method::GET).unwrap());
        assert_eq!(response["worker"], "flow");
        assert_eq!(response["routes"].as_array().unwrap().len(), 3);
    }
}
