//! `--target`: scenarios at a site that is deployed.

use std::{
    collections::BTreeSet,
    io::{self, BufRead, Write},
    path::PathBuf,
};

use edgeproof_browser::Engine;
use edgeproof_ground::causes::with_causes;
use edgeproof_remote::{ConsentError, Drift, Permitted, Target};
use edgeproof_run::{
    execute::AtTarget,
    results::Results,
    target::{CaseAtTarget, TargetRecord},
};
use edgeproof_scenario::load::Case;

use super::{CliError, Context, reading::Reading, report};

/// The options of `run` about a target.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct TargetOptions {
    /// Runs the scenarios at a deployed site, which a target file describes: what is seen of them from outside is judged,
    /// and the rest told.
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["worker", "against", "keep", "watch", "jobs", "list"]
    )]
    target: Option<PathBuf>,
    /// Says that you may test this host. Each host that a target file leads to takes it, or nothing is sent.
    #[arg(long, value_name = "HOST", requires = "target")]
    i_may_test: Vec<String>,
    /// Also runs scenarios with steps that may change something at the target: those that send another method than GET,
    /// unless they say `safe_to_repeat: true`. Without it a terminal is asked, and nothing else runs them.
    #[arg(long, requires = "target")]
    destructive: bool,
    /// Shows each scenario at the target beside the same one in the JSON report of a run in rigs.
    #[arg(long, value_name = "FILE", requires = "target")]
    against_report: Option<PathBuf>,
}

impl From<ConsentError> for CliError {
    fn from(error: ConsentError) -> Self {
        Self::Usage(Box::new(error))
    }
}

/// A target that may be visited, and with what in mind.
pub(super) struct Visit {
    permitted: Permitted,
    may_change: bool,
    local: Option<Results>,
}

impl TargetOptions {
    /// Reads the target file, and whether it may be visited: before that nothing is sent. None where no target is meant.
    pub(super) fn visit(
        &self,
        context: &Context,
        reading: &Reading,
        cases: &[Case],
    ) -> Result<Option<Visit>, CliError> {
        let Some(path) = &self.target else {
            return Ok(None);
        };
        let local = self.against_report.as_deref().map(report::read);
        let local = local.transpose()?;
        let target = Target::load(path, &reading.variables()?)?;
        let permitted = Permitted::new(target, &self.i_may_test, |name| std::env::var(name).ok())?;
        let may_change = self.destructive || asked(context, permitted.target(), cases)?;
        Ok(Some(Visit {
            permitted,
            may_change,
            local,
        }))
    }
}

/// Asks at a terminal for leave, where a scenario needs it.
fn asked(context: &Context, target: &Target, cases: &[Case]) -> Result<bool, CliError> {
    let plans = cases
        .iter()
        .map(|case| CaseAtTarget::of(case, target, true));
    let names: Vec<String> = plans
        .filter(|plan| !plan.changes.is_empty())
        .map(|plan| plan.name)
        .collect();
    if names.is_empty() || !context.responses {
        return Ok(false);
    }
    let hosts: BTreeSet<&String> = target.hosts().values().collect();
    let hosts: Vec<&str> = hosts.into_iter().map(String::as_str).collect();
    write!(
        anstream::stderr(),
        "These may change something at {}:\n  {}\nType `yes` to run them too: ",
        hosts.join(", "),
        names.join("\n  ")
    )?;
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim() == "yes")
}

impl Visit {
    /// What is told of the target before the cases run.
    pub(super) async fn record(&self, cases: &[Case]) -> TargetRecord {
        let drift = self.permitted.drift().await;
        // A run does not need to know it.
        let drift = drift.unwrap_or_else(|error| Drift::Unknown(with_causes(&error)));
        let target = self.permitted.target();
        let planned = cases
            .iter()
            .map(|case| CaseAtTarget::of(case, target, self.may_change));
        TargetRecord::new(&self.permitted, &drift, planned.collect())
    }

    /// What all cases share that run there, with visitors of whom those that name no engine come with this one.
    pub(super) async fn shared(&self, engine: Engine, headed: bool) -> Result<AtTarget, CliError> {
        let way = self.permitted.way(engine).await?;
        Ok(AtTarget {
            permitted: self.permitted.clone(),
            may_change: self.may_change,
            way: if headed { way.headed() } else { way },
            pace: self.permitted.pace(),
            events: self.permitted.events()?,
        })
    }

    /// The results in rigs that these are shown beside.
    pub(super) fn local(&self) -> Option<&Results> {
        self.local.as_ref()
    }
}
