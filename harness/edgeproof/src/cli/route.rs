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

use super::CliError;

/// The options of `route`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The URL, such as `https://shop.example/account?a=b`.
    url: String,
    /// The method of the request. Routes ignore it; a deployment's protected APIs do not.
    #[arg(long, value_name = "METHOD", default_value_t = Method::GET)]
    method: Method,
    /// A file with `zones` and `deployments`, as the `given` part of a scenario has them.
    #[arg(long, value_name = "FILE")]
    deployment: PathBuf,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

/// Why a URL could not be explained.
#[derive(Debug, thiserror::Error)]
enum RouteCommandError {
    /// The file cannot be read.
    #[error("{} could not be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file does not describe zones and deployments.
    #[error("{} does not describe zones and deployments:\n{problem}", path.display())]
    Description {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and where.
        problem: String,
    },
    /// A route pattern is not one.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// What is given is no URL.
    #[error(transparent)]
    Url(#[from] edgeproof_edge::ExplainError),
}

impl From<RouteCommandError> for CliError {
    fn from(error: RouteCommandError) -> Self {
        Self::Usage(Box::new(error))
    }
}

/// What is written: the explanation, and whether the worker that runs protects the call.
#[derive(Debug, Serialize)]
struct Answer {
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

fn response(options: &Options) -> Result<Answer, RouteCommandError> {
    let path = &options.deployment;
    let file = std::fs::read_to_string(path).map_err(|source| RouteCommandError::Read {
        path: path.clone(),
        source,
    })?;
    let description: Description =
        serde_saphyr::from_str(&file).map_err(|error| RouteCommandError::Description {
            path: path.clone(),
            problem: error.to_string(),
        })?;
    let table = RouteTable::new(routes(&description)?);
    let zones = Zones::new(rig::zones(&description));
    let explanation = explain(&zones, &table, &options.url)?;
    let protected_api = protected_api(&description, &explanation, &options.method)?;
    Ok(Answer {
        method: options.method.to_string(),
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

fn text(response: &Answer) -> String {
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

    fn ask(url: &str, method: Method) -> Result<Answer, RouteCommandError> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("deployment.yaml");
        std::fs::write(&path, FILE).unwrap();
        response(&Options {
            url: url.to_owned(),
            method,
            deployment: path,
            json: false,
        })
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
