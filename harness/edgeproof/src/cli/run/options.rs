//! What `edgeproof run` is asked for.

use std::{collections::BTreeMap, num::NonZeroU32, path::PathBuf, thread, time::Duration};

use edgeproof_browser::Engine;
use edgeproof_ground::{shell, time::Time, tools};
use edgeproof_report::target::ReportTarget;
use edgeproof_run::{
    execute::Details,
    runner::{DEFAULT_LIMIT, RunOptions},
};
use edgeproof_scenario::{
    load::Case,
    select::{Selection, TagExpression},
    shard::{Shard, ShardError},
};

use crate::cli::{CliError, project::Project, reading::Reading, report, target, watch::Watched};

/// Reads what `--memory-mb` is given.
pub(in crate::cli) fn megabytes(text: &str) -> Result<NonZeroU32, &'static str> {
    text.parse()
        .map_err(|_| "it must be a whole number from 1 to 4294967295")
}

/// The options of `run`.
#[derive(Clone, Debug, Default, clap::Args)]
pub(in crate::cli) struct Options {
    /// Scenario files, or folders of them; `-` is standard input [default: those of edgeproof.yaml, else `scenarios`].
    #[arg(value_name = "PATH")]
    pub(in crate::cli) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(in crate::cli) reading: Reading,
    /// Tests another worker: a folder, a script (.js, .mjs, .ts), or a wrangler.json, .jsonc or .toml, with #NAME for one of
    /// its environments. Deployments that name a worker keep theirs.
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) worker: Option<PathBuf>,
    /// Runs every scenario with this worker as well, and shows where the two differ. The first worker decides the exit code.
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) against: Option<PathBuf>,
    #[command(flatten)]
    pub(in crate::cli) target: target::TargetOptions,
    /// Only scenarios whose name or title contains this.
    #[arg(long, value_name = "TEXT")]
    pub(in crate::cli) filter: Option<String>,
    /// Only scenarios whose tags match this expression, such as `browser and not slow`.
    #[arg(long, value_name = "EXPR")]
    pub(in crate::cli) tag: Option<TagExpression>,
    /// Only shard K of N, as K/N; `auto` asks the CI system (GitLab, CircleCI, Buildkite, a Kubernetes Indexed Job). A
    /// scenario is always in the same shard.
    #[arg(long, value_name = "K/N|auto", value_parser = shard)]
    pub(in crate::cli) shard: Option<ShardOption>,
    /// Makes shards that take as long as each other, by the times in the JSON report of an earlier run.
    #[arg(long, value_name = "FILE", requires = "shard")]
    pub(in crate::cli) timings: Option<PathBuf>,
    /// How many scenarios run at the same time [default: two for each core].
    #[arg(long, value_name = "N")]
    pub(in crate::cli) jobs: Option<usize>,
    /// Stops after the first scenario that does not pass.
    #[arg(long)]
    pub(in crate::cli) fail_fast: bool,
    /// Keeps everything running at the first step that fails, prints how to reach it, and waits for Ctrl-C.
    #[arg(long, conflicts_with_all = ["watch", "retries"])]
    pub(in crate::cli) keep: bool,
    /// Visitors with a browser come with this one: chromium or firefox. Those that name an engine keep theirs
    /// [default: that of edgeproof.yaml, else chromium].
    #[arg(long, value_name = "ENGINE")]
    pub(in crate::cli) engine: Option<Engine>,
    /// Keeps so many MiB of what happens in a scenario, whatever it says [default: its `memory_mb`, or 64].
    #[arg(long, value_name = "MIB", value_parser = megabytes)]
    pub(in crate::cli) memory_mb: Option<NonZeroU32>,
    /// Shows the browser windows; needs a display.
    #[arg(long)]
    pub(in crate::cli) headed: bool,
    /// Runs again whenever a scenario, the worker, an app that it starts or a fixture changes, until Ctrl-C.
    #[arg(long, conflicts_with = "list")]
    pub(in crate::cli) watch: bool,
    /// Opens a page of this machine in which scenarios are run, all or one, and looked at step by step; a save runs them again.
    /// Prints its address.
    #[arg(long, conflicts_with_all = ["watch", "list", "json", "keep", "against", "target", "shard", "reports", "repeat", "fail_fast"])]
    pub(in crate::cli) ui: bool,
    /// Runs each scenario N times.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(in crate::cli) repeat: u32,
    /// Runs a failed scenario again, up to N times; one that then passes is reported as flaky.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(in crate::cli) retries: u32,
    /// The time limit of scenarios that have no `timeout:`, such as `90s`.
    #[arg(long, value_name = "TIME")]
    pub(in crate::cli) timeout: Option<Time>,
    /// Writes a report: junit=FILE, json=FILE, html=FILE, tap=FILE, har=FILE, or `github` for annotations and a summary. Can be
    /// given several times.
    #[arg(long = "report", value_name = "FORMAT=FILE")]
    pub(in crate::cli) reports: Vec<ReportTarget>,
    /// Of which scenarios the reports have bodies, the scenario's text, and a picture of each step of a browser: `none`, `failed`
    /// or `all` [default: `all` where a HAR report is written, `failed` where an HTML or JSON report is].
    #[arg(long, value_name = "CASES")]
    pub(in crate::cli) details: Option<Details>,
    /// Lists the selected scenarios without running them.
    #[arg(long)]
    pub(in crate::cli) list: bool,
    /// Prints JSON instead of text: the names with `--list`, the results otherwise.
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

/// What `--shard` asks for.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) enum ShardOption {
    /// This one.
    Given(Shard),
    /// What the CI system says.
    Auto,
}

fn shard(text: &str) -> Result<ShardOption, ShardError> {
    match text {
        "auto" => Ok(ShardOption::Auto),
        text => text.parse().map(ShardOption::Given),
    }
}

/// A shard, and what decides which cases are in it.
pub(super) struct ChosenShard {
    pub(super) shard: Shard,
    /// How long cases took, where the shards are made by that.
    took: Option<BTreeMap<String, u64>>,
}

impl ChosenShard {
    /// The cases that are in it.
    pub(super) fn of(&self, mut cases: Vec<Case>) -> Vec<Case> {
        if let Some(took) = &self.took {
            let names: Vec<String> = cases.iter().map(|case| case.name.clone()).collect();
            let mine = self.shard.balanced(names.iter().map(String::as_str), took);
            cases.retain(|case| mine.contains(case.name.as_str()));
        } else {
            cases.retain(|case| self.shard.includes(&case.name));
        }
        cases
    }
}

impl Options {
    /// The options with what the project says where the command line says nothing.
    pub(super) fn of(&self, project: &Project) -> Result<Self, CliError> {
        let mut options = self.clone();
        options.paths = project.scenarios(&self.paths);
        options.worker = project.worker(self.worker.as_ref());
        options.engine = self.engine.or(project.engine());
        options.reading.add_env_files(project.env_files());
        if options.reports.is_empty() && !options.ui {
            let reports = project.reports().into_iter();
            let reports = reports.map(|report| report.parse::<ReportTarget>());
            options.reports = reports
                .collect::<Result<_, _>>()
                .map_err(|error| CliError::Usage(Box::new(error)))?;
        }
        Ok(options)
    }

    /// The shard that is asked for, if any.
    pub(super) fn chosen_shard(&self) -> Result<Option<ChosenShard>, CliError> {
        let shard = match self.shard {
            None => None,
            Some(ShardOption::Given(shard)) => Some(shard),
            Some(ShardOption::Auto) => Shard::of_environment(|name| std::env::var(name).ok())
                .map_err(|error| CliError::Usage(Box::new(error)))?,
        };
        let Some(shard) = shard else {
            return Ok(None);
        };
        let took = self.timings.as_deref().map(report::read).transpose()?;
        let took = took.map(|results| {
            let cases = results.cases.into_iter();
            cases.map(|case| (case.name, case.took_ms)).collect()
        });
        Ok(Some(ChosenShard { shard, took }))
    }

    /// The worker under test, as one would name it.
    pub(in crate::cli) fn worker_in_words(&self) -> String {
        let worker = self.worker.as_ref();
        worker.map_or("the worker of this repository".to_owned(), |worker| {
            worker.display().to_string()
        })
    }

    /// Which scenarios are asked for, as one would write it.
    pub(in crate::cli) fn in_words(&self) -> String {
        let paths = self.paths.iter();
        let mut words: Vec<String> = paths.map(|path| path.display().to_string()).collect();
        if let Some(filter) = &self.filter {
            words.extend(["--filter".to_owned(), filter.clone()]);
        }
        if let Some(tag) = &self.tag {
            words.extend(["--tag".to_owned(), tag.to_string()]);
        }
        let words: Vec<_> = words.iter().map(|word| shell::quoted(word)).collect();
        words.join(" ")
    }

    /// How scenarios are read.
    pub(in crate::cli) fn reading(&self) -> &Reading {
        &self.reading
    }

    /// The files and folders that are asked for.
    pub(in crate::cli) fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// The worker that is asked for, if any.
    pub(in crate::cli) fn worker(&self) -> Option<&PathBuf> {
        self.worker.as_ref()
    }

    /// Whether a report is written that says more than what came of each case.
    pub(super) fn has_details(&self) -> bool {
        let mut formats = self.reports.iter().map(ReportTarget::has_details);
        self.json || formats.any(|has| has)
    }

    pub(super) fn details(&self) -> Details {
        let default = match self.has_details() {
            _ if self.ui || self.reports.iter().any(ReportTarget::replays) => Details::All,
            true => Details::Failed,
            false => Details::None,
        };
        self.details.unwrap_or(default)
    }

    pub(in crate::cli) fn selection(&self) -> Selection {
        Selection {
            filter: self.filter.clone(),
            tags: self.tag.clone(),
            another_worker: self.worker.is_some(),
        }
    }

    /// Where a save matters, besides the files that scenarios are read from.
    pub(in crate::cli) fn watched(&self) -> Watched {
        let worker = self.worker.clone();
        let worker = worker.unwrap_or_else(|| tools::home().join("worker"));
        let paths = self.paths.iter().cloned();
        let given = self.reading.env_files().iter().cloned();
        let workers = self.against.iter().cloned().chain([worker]);
        Watched::new(paths.chain(given).chain(workers)).without(
            self.reports
                .iter()
                .filter_map(|report| report.file().map(ToOwned::to_owned)),
        )
    }

    /// Whether it may wait: a rig that is kept does for its user, and so does a step of a page.
    pub(super) fn waits_for_user(&self) -> bool {
        self.keep || self.ui
    }

    pub(super) fn run_options(&self) -> RunOptions {
        // Scenarios wait for clocks, timers and pages now and then; one more a core fills the gaps.
        let places = || thread::available_parallelism().map_or(1, |cores| cores.get() * 2);
        RunOptions {
            jobs: if self.keep {
                1
            } else {
                self.jobs.unwrap_or_else(places)
            },
            fail_fast: self.fail_fast || self.keep,
            retries: self.retries,
            limit: match self.waits_for_user() {
                true => Duration::MAX,
                false => self.limit(),
            },
        }
    }

    /// How long a scenario may take that says nothing.
    pub(super) fn limit(&self) -> Duration {
        self.timeout.map_or(DEFAULT_LIMIT, |limit| limit.0)
    }
}
