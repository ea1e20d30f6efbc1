//! The deployment file: one description of a deployment, for scenarios and for Cloudflare.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use edgeproof_deployment::{
    BlockPage, Connector, ConnectorMode, Coverage, Deployment, FailureMode,
};
use edgeproof_document::{LoadError, file, node::YamlNode, problem::Problem, read};
use edgeproof_fingerprint::Region;
use edgeproof_ground::{international, time::Time};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    place::{Api, Page},
    rules,
};

/// A deployment of the Flow worker in one zone.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeploymentFile {
    /// The worker's name at Cloudflare: lower-case letters, digits, `-` and `_`, at most 63.
    pub name: String,
    /// The zone: the domain at Cloudflare that all hosts below belong to.
    #[serde(deserialize_with = "international::name")]
    pub zone: String,
    /// The pages that get the instrumentation, 1 to 10.
    pub identification_pages: Vec<Page>,
    /// The APIs that are protected, 1 to 10.
    pub protected_apis: Vec<Api>,
    /// What happens to a protected call that could not be identified.
    #[serde(default)]
    pub failure_mode: FailureMode,
    /// The id of the ruleset that decides, such as `rs_…`; without one the worker monitors and blocks nothing.
    pub ruleset: Option<String>,
    /// How much of the hosts of its APIs the worker sees: `urls`, the pages and APIs as their patterns are written, or `host`,
    /// which adds a route for all of each host, so that no spelling of a protected URL passes the worker by. Default: `urls`.
    pub coverage: Option<Coverage>,
    /// The request header that the origin demands of protected calls. An allow rule of the ruleset sets it, to a value that
    /// only the two know, so what did not pass the worker is refused by the origin.
    pub origin_secret: Option<String>,
    /// The environment, by name, that the deployment's keys belong to; default: the whole workspace.
    pub environment: Option<String>,
    /// Where the Fingerprint workspace keeps its data.
    #[serde(default)]
    pub region: Region,
    /// The Wallarm connector of the same worker; without it no traffic goes through a node.
    pub wallarm: Option<Wallarm>,
    /// What the worker writes to its log; default: `error`.
    pub log_level: Option<LogLevel>,
    /// A worker, relative to this file's folder: a folder, a script, or a configuration of wrangler without variables.
    /// Default: the worker of this repository.
    pub worker: Option<PathBuf>,
    /// The date whose runtime behaviour the worker gets. Default: its own, or else a recent one.
    pub compatibility_date: Option<String>,
    /// Single changes of the runtime. Default: the worker's own.
    pub compatibility_flags: Option<Vec<String>>,
}

/// Which traffic goes through a filtering node, and how.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Wallarm {
    /// Where the node is, such as `https://node.shop.example`.
    pub node: String,
    /// Whether the node decides first.
    #[serde(default)]
    pub mode: ConnectorMode,
    /// URL patterns of the traffic that goes through the node; default: all that reaches the worker.
    #[serde(default)]
    pub routes: Vec<String>,
    /// What happens to a request on which the node gives no verdict. The worker's own default is `open`.
    pub failure_mode: Option<FailureMode>,
    /// How long the worker waits for the node; its own default is one second.
    pub timeout: Option<Time>,
    /// Endings of paths that skip the node. Default: the worker's own 17.
    pub static_suffixes: Option<Vec<String>>,
    /// What a blocked visitor gets; the worker's own default is the plain text.
    pub block_page: Option<BlockPage>,
}

/// The least important lines that the worker writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// What failed.
    Error,
    /// What is doubtful.
    Warn,
    /// What was decided.
    Info,
    /// Everything.
    Debug,
}

impl LogLevel {
    /// As the worker's variable has it.
    fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}

impl DeploymentFile {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// The file cannot be read, or every mistake in it, each with its line.
    pub fn load(path: &Path) -> Result<Self, LoadError> {
        file::load(path, |node| Self::of_node(path, node))
    }

    /// Reads the text of a file that is, or is as if it were, at `path`.
    ///
    /// # Errors
    /// Every mistake in it, each with its line.
    pub fn load_text(path: &Path, text: &str) -> Result<Self, LoadError> {
        file::load_text(path, text, |node| Self::of_node(path, node))
    }

    /// Reads a node of the file at `path`.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn of_node(path: &Path, node: &YamlNode) -> Result<Self, Vec<Problem>> {
        let mut file: Self = read::read(node)?;
        let problems = file.broken_rules(node);
        if !problems.is_empty() {
            return Err(problems);
        }
        if let Some(worker) = &file.worker {
            file.worker = Some(path.parent().unwrap_or(Path::new("")).join(worker));
        }
        Ok(file)
    }

    /// Every rule of the dashboard that it breaks, each at its place in the node that it was read from.
    pub fn broken_rules(&self, node: &YamlNode) -> Vec<Problem> {
        rules::broken(self, node)
    }

    /// The route patterns of the pages.
    pub fn pages(&self) -> Vec<String> {
        let pages = self.identification_pages.iter();
        pages.map(|page| page.pattern(&self.zone)).collect()
    }

    /// The deployment as a rig has it: what scenarios test is what is deployed.
    pub fn deployment(&self) -> Deployment {
        let mut variables =
            BTreeMap::from([("FP_REGION".to_owned(), region(self.region).to_owned())]);
        if let Some(level) = self.log_level {
            variables.insert("FP_LOG_LEVEL".to_owned(), level.as_str().to_owned());
        }
        if let Some(wallarm) = &self.wallarm {
            let node = wallarm.node.trim_end_matches('/').to_owned();
            variables.insert("WALLARM_NODE".to_owned(), node);
        }
        let apis = self.protected_apis.iter();
        Deployment {
            worker: self
                .worker
                .as_ref()
                .map(|worker| worker.to_string_lossy().into_owned()),
            identification_pages: self.pages(),
            protected_apis: apis.map(|api| api.protected(&self.zone)).collect(),
            failure_mode: self.failure_mode,
            ruleset: self.ruleset.clone(),
            coverage: self.coverage,
            origin_secret: self.origin_secret.clone(),
            compatibility_date: self.compatibility_date.clone(),
            compatibility_flags: self.compatibility_flags.clone(),
            wallarm: self.wallarm.as_ref().map(Wallarm::connector),
            variables,
            ..Deployment::default()
        }
    }
}

impl Wallarm {
    fn connector(&self) -> Connector {
        Connector {
            mode: self.mode,
            routes: self.routes.clone(),
            failure_mode: self.failure_mode,
            timeout: self.timeout,
            static_suffixes: self.static_suffixes.clone(),
            block_page: self.block_page,
        }
    }
}

fn region(region: Region) -> &'static str {
    match region {
        Region::Us => "us",
        Region::Eu => "eu",
        Region::Ap => "ap",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "
name: shop-signup
zone: shop.example
identification_pages:
  - { subdomain: www, path: /signup, prefix: true }
  - shop.example/checkout
protected_apis:
  - POST api.shop.example/create-account*
failure_mode: closed
ruleset: rs_1234567890abcd
environment: production
region: eu
log_level: warn
worker: ../workers/pass-through
wallarm: { node: 'https://node.shop.example/', mode: async, routes: [shop.example/*] }
";

    #[test]
    fn a_file_becomes_the_deployment_that_scenarios_run() {
        let file = DeploymentFile::load_text(Path::new("a/b.yaml"), WHOLE).unwrap();
        let deployment = file.deployment();
        assert_eq!(
            deployment.identification_pages,
            ["www.shop.example/signup*", "shop.example/checkout"]
        );
        assert_eq!(
            deployment.protected_apis[0].url,
            "api.shop.example/create-account*"
        );
        assert_eq!(
            deployment.worker.as_deref(),
            Some("a/../workers/pass-through")
        );
        assert_eq!(deployment.ruleset.as_deref(), Some("rs_1234567890abcd"));
        let variables: Vec<String> = deployment
            .variables
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        assert_eq!(
            variables,
            [
                "FP_LOG_LEVEL=warn",
                "FP_REGION=eu",
                "WALLARM_NODE=https://node.shop.example"
            ]
        );
    }
}
