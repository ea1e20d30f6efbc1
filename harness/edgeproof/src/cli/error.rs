//! Why a command could not do its work. Each error has one exit code.

use std::{
    fmt::Write as _,
    io,
    path::{Path, PathBuf},
};

use edgeproof_bench::{BenchError, CASES, COLD_START};
use edgeproof_cloudflare::{
    client::ApiError,
    deploy::{DeployError, Reason},
};
use edgeproof_document::{
    LoadError, Mistake,
    problem::{Problem, TextStyle},
};
use edgeproof_ground::{causes, tools::ToolError, visible::visible};
use edgeproof_rig::EnvironmentError;
use edgeproof_run::exit;
use serde_json::{Value as Json, json};

use crate::PartsError;

/// Why a command could not do its work. A scenario that fails is no error.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The scenario files cannot be read.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// No scenario is left after selection, so nothing would be proved.
    #[error("no scenario matches; `edgeproof run --list` shows all of them")]
    NothingSelected,
    /// No claim is left after selection.
    #[error("no claim matches; without --tag and --filter all of them are tried")]
    NothingClaimed,
    /// The same, where nothing has a tag that was asked for.
    #[error("no scenario has the tag `{tag}`; there are {}", tags(known))]
    NoSuchTag {
        /// The tag.
        tag: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// A worker with which the harness cannot find out about any claim.
    #[error("nothing can be said of the claims of {worker}: {reason}")]
    NoClaim {
        /// The worker.
        worker: String,
        /// What happened in place of each.
        reason: String,
    },
    /// What scenarios run on could not be had.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// A tool is missing.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// edgeproof's own parts have no place.
    #[error(transparent)]
    Parts(#[from] PartsError),
    /// The worker could not be built.
    #[error(transparent)]
    Build(#[from] edgeproof_build::BuildError),
    /// What a command was given cannot be used; the command's own error says why.
    #[error(transparent)]
    Usage(Box<dyn std::error::Error + Send + Sync>),
    /// A deployment was not made, changed or deleted.
    #[error(transparent)]
    Deploy(Box<DeployError>),
    /// An API's address or token is not usable.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// What a command needs is not in the environment.
    #[error("{name} is not set; it must be {what}")]
    NotSet {
        /// The variable.
        name: &'static str,
        /// What it is for.
        what: &'static str,
    },
    /// A token has something in it that no token has.
    #[error("{name} has {what} in it; set it to the token alone")]
    NotAToken {
        /// The variable.
        name: &'static str,
        /// What.
        what: &'static str,
    },
    /// A change was not confirmed.
    #[error("{0}; nothing was changed")]
    NotConfirmed(&'static str),
    /// Ctrl-C for the second time, in the middle of a change.
    #[error(
        "stopped half-way: the steps reported as done remain, and the last request may have taken effect; \
         `edgeproof deploy apply` continues from there, `edgeproof deploy delete` removes everything"
    )]
    Abandoned,
    /// A rig did not start.
    #[error(transparent)]
    Rig(#[from] edgeproof_rig::RigError),
    /// Nothing can be written.
    #[error("the output could not be written")]
    Output(#[from] io::Error),
    /// A file cannot be written.
    #[error("`{}` cannot be written", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A report could not be written.
    #[error(transparent)]
    Report(#[from] edgeproof_report::target::ReportError),
    /// Shards of a run told nothing; what the others told is written.
    #[error(
        "there is no report of shard {0}, so nothing is known of its scenarios; the reports of the others are merged"
    )]
    ShardsMissing(String),
    /// A JSON report cannot be read.
    #[error("`{}` is not a JSON report of edgeproof: {reason}", path.display())]
    Results {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The numbers of an earlier run cannot be read.
    #[error("`{}` is not a JSON report of `edgeproof bench`: {reason}", path.display())]
    Measurements {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// No case has a name that was asked for.
    #[error("no case matches; the cases are {}", cases())]
    NothingToMeasure,
    /// Nothing could be measured.
    #[error(transparent)]
    Bench(#[from] BenchError),
    /// Nothing could be found out about a protection.
    #[error(transparent)]
    Probe(#[from] edgeproof_probe::ProbeError),
    /// What an earlier probe found cannot be read.
    #[error("`{}` is not a JSON report of `edgeproof probe`: {reason}", path.display())]
    Baseline {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// No warning has this id.
    #[error("there is no warning `{0}`; `edgeproof explain` lists all of them")]
    NoSuchLint(String),
    /// Ctrl-C.
    #[error("interrupted")]
    Interrupted,
    /// The order to end that a CI or a supervisor gives.
    #[error("ended by SIGTERM before it was done")]
    Terminated,
}

fn tags(known: &[String]) -> String {
    match known {
        [] => "none".to_owned(),
        known => known.join(", "),
    }
}

impl From<DeployError> for CliError {
    fn from(error: DeployError) -> Self {
        Self::Deploy(Box::new(error))
    }
}

impl CliError {
    /// Says which file it is that cannot be written.
    pub(super) fn write(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        |source| Self::Write { path, source }
    }

    /// Whether whoever read the output has gone, as `head` does: nobody is left to be told.
    pub(super) fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// The exit code it ends the command with.
    pub fn exit_code(&self) -> u8 {
        match self {
            _ if self.is_closed_pipe() => exit::CLOSED_PIPE,
            Self::Load(_)
            | Self::Usage(_)
            | Self::Results { .. }
            | Self::Measurements { .. }
            | Self::Baseline { .. }
            | Self::NoSuchLint(_) => exit::USAGE,
            Self::NothingSelected
            | Self::NothingClaimed
            | Self::NoSuchTag { .. }
            | Self::NothingToMeasure => exit::NOTHING,
            Self::Bench(error) if error.is_the_workers() => exit::FAILED,
            Self::Bench(BenchError::Project(_)) => exit::USAGE,
            Self::NotConfirmed(_) => exit::REFUSED,
            Self::Api(ApiError::Address { .. } | ApiError::Network { .. })
            | Self::NotSet { .. }
            | Self::NotAToken { .. } => exit::USAGE,
            Self::Api(_) => exit::API,
            Self::Abandoned => exit::HALF_MADE,
            Self::Deploy(error) => of_deployment(error),
            Self::Environment(_)
            | Self::NoClaim { .. }
            | Self::Tool(_)
            | Self::Parts(_)
            | Self::ShardsMissing(_)
            | Self::Build(_)
            | Self::Rig(_)
            | Self::Bench(_)
            | Self::Probe(_)
            | Self::Output(_)
            | Self::Write { .. }
            | Self::Report(_) => exit::HARNESS,
            Self::Interrupted => exit::INTERRUPTED,
            Self::Terminated => exit::TERMINATED,
        }
    }

    /// The error as it is shown: mistakes with their lines, anything else with its causes.
    pub fn text(&self, style: TextStyle) -> String {
        let mut text = String::new();
        if let Self::Load(LoadError::Mistakes(mistakes)) = self {
            for mistake in mistakes {
                let _ = writeln!(text, "{}", mistake.render(style));
            }
        }
        let _ = writeln!(text, "edgeproof: {}", visible(&self.to_string()));
        for cause in causes::causes(self) {
            let _ = writeln!(text, "  because: {}", visible(&cause.to_string()));
        }
        text
    }
}

impl CliError {
    /// The error for programs: `--json`.
    pub(super) fn json(&self) -> Json {
        let because = causes::causes(self).map(|cause| visible(&cause.to_string()));
        let mut error = json!({
            "message": visible(&self.to_string()),
            "because": because.collect::<Vec<_>>(),
            "exit_code": self.exit_code(),
        });
        match self {
            Self::Load(LoadError::Mistakes(mistakes)) => {
                error["mistakes"] = mistakes.iter().map(mistake).collect();
            }
            Self::Deploy(deployment) => match deployment.as_ref() {
                DeployError::Refused(refusals) => {
                    error["refusals"] = refusals.iter().map(ToString::to_string).collect();
                }
                DeployError::Undone { undone, .. } => error["undone"] = json!(undone),
                DeployError::HalfMade { undone, stands, .. } => {
                    error["undone"] = json!(undone);
                    error["still_in_place"] = json!(stands);
                }
                _ => {}
            },
            _ => {}
        }
        json!({ "error": error })
    }
}

/// A mistake in a file, with its place.
fn mistake(mistake: &Mistake) -> Json {
    let Problem {
        message, at, help, ..
    } = &mistake.problem;
    let place = mistake.sources.place(*at);
    json!({
        "message": message,
        "file": place.as_ref().map(|place| place.file.display().to_string()),
        "line": place.as_ref().map(|place| place.line),
        "column": place.as_ref().map(|place| place.column),
        "help": help,
    })
}

/// What `edgeproof bench --filter` can choose from.
fn cases() -> String {
    let names = CASES.iter().map(|case| case.name).chain([COLD_START]);
    names.collect::<Vec<_>>().join(", ")
}

/// The exit code of a deployment that was not made.
fn of_deployment(error: &DeployError) -> u8 {
    match error {
        DeployError::Refused(_) => exit::REFUSED,
        DeployError::Api(ApiError::Address { .. }) => exit::USAGE,
        DeployError::Api(_) => exit::API,
        DeployError::Build(_) | DeployError::Upload(_) => exit::HARNESS,
        DeployError::Undone {
            reason: Reason::Interrupted,
            ..
        } => exit::INTERRUPTED,
        DeployError::Undone { .. } => exit::UNDONE,
        DeployError::HalfMade { .. } => exit::HALF_MADE,
    }
}
