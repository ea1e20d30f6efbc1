//! `deploy:` in a step: what the command `edgeproof deploy` does, against the emulated APIs of the rig.

use std::borrow::Cow;

use edgeproof_cloudflare::deploy::DeploymentFile;
use edgeproof_document::schema;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use super::text::TextMatcher;

/// One use of the command, and the token it has.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(try_from = "Written")]
#[schemars(with = "Written")]
pub struct Deploying {
    /// What is done.
    pub act: DeployAct,
    /// The token, by its name under `given.cloudflare.tokens`. Default: the first one.
    pub token: Option<String>,
}

/// What is done with deployments.
#[derive(Clone, Debug)]
pub enum DeployAct {
    /// Says what applying would change.
    Plan(Box<DeploymentFile>),
    /// Creates or changes a deployment.
    Apply(Box<DeploymentFile>),
    /// Deletes the deployment of a worker.
    Delete(String),
    /// Shows the deployment of a worker.
    Show(String),
    /// Lists all deployments.
    List,
    /// Deletes a ruleset at the platform, which refuses it while a deployment uses it.
    DeleteRuleset(String),
}

/// A deployment as it stands in a step. A path was replaced by what is in the file before the step is read.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
struct Stated(Box<DeploymentFile>);

impl JsonSchema for Stated {
    fn schema_name() -> Cow<'static, str> {
        "DeploymentFileOrPath".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let path = json_schema!({ "type": "string", "examples": ["../../fixtures/deployments/signup.yaml"] });
        schema::either(&path, &generator.subschema_for::<DeploymentFile>())
    }
}

/// The step as it stands in a file: one of these, and the token.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Deploying")]
struct Written {
    /// Plans what applying this deployment would change: a deployment file, or the content of one.
    plan: Option<Stated>,
    /// Creates or changes this deployment: a deployment file, or the content of one.
    apply: Option<Stated>,
    /// Deletes the deployment of this worker.
    delete: Option<String>,
    /// Shows the deployment of this worker.
    show: Option<String>,
    /// Lists all deployments.
    #[serde(default)]
    list: bool,
    /// Deletes this ruleset at the platform, which refuses it while a deployment uses it.
    delete_ruleset: Option<String>,
    /// The token, by its name under `given.cloudflare.tokens`. Default: the first one.
    token: Option<String>,
}

impl TryFrom<Written> for Deploying {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        let mut acts = Vec::new();
        acts.extend(written.plan.map(|file| DeployAct::Plan(file.0)));
        acts.extend(written.apply.map(|file| DeployAct::Apply(file.0)));
        acts.extend(written.delete.map(DeployAct::Delete));
        acts.extend(written.show.map(DeployAct::Show));
        acts.extend(written.list.then_some(DeployAct::List));
        acts.extend(written.delete_ruleset.map(DeployAct::DeleteRuleset));
        match (acts.pop(), acts.len()) {
            (Some(act), 0) => Ok(Self {
                act,
                token: written.token,
            }),
            _ => Err(
                "a deploy step does one thing: `plan`, `apply`, `delete`, `show`, `list: true` or `delete_ruleset`",
            ),
        }
    }
}

impl Deploying {
    /// The deployment that is planned or applied, and the key it stands under.
    pub fn file(&self) -> Option<(&'static str, &DeploymentFile)> {
        match &self.act {
            DeployAct::Plan(file) => Some(("plan", file)),
            DeployAct::Apply(file) => Some(("apply", file)),
            _ => None,
        }
    }
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeployOutcome {
    /// It returned information: a plan, a list.
    Reported,
    /// A deployment was made.
    Created,
    /// A deployment was changed.
    Edited,
    /// There was nothing to change.
    Unchanged,
    /// It was deleted.
    Deleted,
    /// A rule forbids it; nothing was changed.
    Refused,
    /// An API refused or did not respond before anything was changed.
    Failed,
    /// It broke off half-way, and all that was done was undone.
    Undone,
    /// It failed half-way, and some changes are still in place.
    HalfMade,
}

impl DeployOutcome {
    /// The word that names it in a file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reported => "reported",
            Self::Created => "created",
            Self::Edited => "edited",
            Self::Unchanged => "unchanged",
            Self::Deleted => "deleted",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Undone => "undone",
            Self::HalfMade => "half_made",
        }
    }

    /// Whether what was asked for was done.
    pub fn is_success(self) -> bool {
        !matches!(
            self,
            Self::Refused | Self::Failed | Self::Undone | Self::HalfMade
        )
    }
}

/// What must be true of a `deploy` step.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ExpectDeployment {
    /// The outcome. Default: a success.
    pub outcome: Option<DeployOutcome>,
    /// What the command says: plan, steps, and the error where there is one.
    pub text: Vec<TextMatcher>,
    /// Seconds that the APIs made the client wait, by the rig's clock.
    pub waited: Option<edgeproof_document::range::Range>,
    /// A message to show when one of these is not met.
    pub message: Option<String>,
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use edgeproof_document::LoadError;
    use rstest::rstest;

    use crate::load;

    const FILE: &str = "{name: flow, zone: shop.example, identification_pages: [shop.example/a], protected_apis: [POST shop.example/b*]}";

    fn mistakes(deploy: &str) -> Vec<String> {
        let text = format!("scenario: x\nsteps:\n  - deploy: {deploy}\n");
        match load::load_text(Path::new("x.yaml"), &text.replace("FILE", FILE)) {
            Ok(_) => Vec::new(),
            Err(LoadError::Mistakes(mistakes)) => mistakes
                .into_iter()
                .map(|mistake| mistake.problem.message)
                .collect(),
            Err(other) => panic!("{other}"),
        }
    }

    const ONE: &str = "a deploy step does one thing: `plan`, `apply`, `delete`, `show`, `list: true` or `delete_ruleset`";

    #[rstest]
    #[case("{apply: FILE}", None)]
    #[case("{list: true}", None)]
    #[case("{delete: flow, token: deployer}", None)]
    #[case("{}", Some(ONE))]
    #[case("{list: false}", Some(ONE))]
    #[case("{apply: FILE, delete: flow}", Some(ONE))]
    #[case("{delete: flow, token: other}", Some("there is no token `other`"))]
    #[case(
        "{apply: none.yaml}",
        Some("`none.yaml` cannot be read: No such file or directory (os error 2)")
    )]
    #[case(
        "{apply: {name: flow, zone: shop.example, identification_pages: [other.example/a], protected_apis: [POST shop.example/b*]}}",
        Some("`other.example` is not in the zone `shop.example`")
    )]
    fn a_step_that_deploys_nothing_sensible_is_refused_while_reading(
        #[case] deploy: &str,
        #[case] expected: Option<&str>,
    ) {
        let found = mistakes(deploy);
        // A step whose one word cannot be read does nothing, which is told as well.
        match expected {
            Some(expected) => assert!(found.iter().any(|one| one == expected), "{found:?}"),
            None => assert_eq!(found, [""; 0]),
        }
    }
}
