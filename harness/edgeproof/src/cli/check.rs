//! `edgeproof check` reads scenarios, runs none, and warns of what bites in production; `edgeproof explain` says why.

use std::{
    io::{self, Write},
    path::PathBuf,
    sync::Arc,
};

use edgeproof_document::{problem::Problem, source::Sources};
use edgeproof_remote::Target;
use edgeproof_report::at_target;
use edgeproof_run::{exit, target::CaseAtTarget};
use edgeproof_scenario::{lint, load::Loaded};
use serde_json::{Value as Json, json};

use super::{CliError, Context, project::Project, reading::Reading};

/// The options of `check`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Scenario files, or folders of them; `-` is standard input [default: those of edgeproof.yaml, else `scenarios`].
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    reading: Reading,
    /// Says which scenarios can run at the deployed site of this target file, and what of each is seen there. Sends nothing.
    #[arg(long, value_name = "FILE")]
    target: Option<PathBuf>,
    /// Prints JSON: the mistakes and the warnings, each with its place.
    #[arg(long)]
    json: bool,
}

/// The options of `explain`.
#[derive(Debug, clap::Args)]
pub(super) struct Explain {
    /// The id of a warning [default: all of them].
    #[arg(value_name = "ID")]
    id: Option<String>,
}

pub(super) fn check(context: &Context, options: &Options) -> Result<u8, CliError> {
    let project = Project::find()?;
    let mut reading = options.reading.clone();
    reading.add_env_files(project.env_files());
    let loaded = reading.load(&project.scenarios(&options.paths))?;
    let at_target = at_target(options, &reading, &loaded)?;
    let mut found: Vec<(Problem, Arc<Sources>)> = Vec::new();
    for case in &loaded.cases {
        for warning in lint::lint(case) {
            // The combinations of a matrix share most of what is wrong with them.
            let is_known = |(known, sources): &(Problem, Arc<Sources>)| {
                *known == warning && Arc::ptr_eq(sources, &case.sources)
            };
            if !found.iter().any(is_known) {
                found.push((warning, Arc::clone(&case.sources)));
            }
        }
    }
    if options.json {
        return as_json(&loaded, &found, at_target.as_deref());
    }
    let mut out = anstream::stdout();
    let style = context.style(&out);
    let count = loaded.cases.len();
    for (warning, sources) in &found {
        writeln!(out, "{}", warning.render(sources, style))?;
    }
    loaded.whole()?;
    if let Some(cases) = &at_target {
        let runs = cases.iter().filter(|case| case.skipped.is_none()).count();
        write!(out, "{}", at_target::cases(cases))?;
        writeln!(out, "{runs} of {} can run at the target\n", cases.len())?;
    }
    let cases = match count {
        1 => "1 scenario".to_owned(),
        more => format!("{more} scenarios"),
    };
    if found.is_empty() {
        writeln!(out, "checked {cases}: no warnings")?;
        return Ok(exit::PASSED);
    }
    let warned = match found.len() {
        1 => "1 warning".to_owned(),
        more => format!("{more} warnings"),
    };
    writeln!(
        out,
        "checked {cases}: {warned}. `edgeproof explain ID` explains a warning; `allow: [ID]` in the scenario accepts it."
    )?;
    Ok(exit::FAILED)
}

/// What of each case is seen at a target, where one is named; leave to change something is taken as given.
fn at_target(
    options: &Options,
    reading: &Reading,
    loaded: &Loaded,
) -> Result<Option<Vec<CaseAtTarget>>, CliError> {
    let Some(file) = &options.target else {
        return Ok(None);
    };
    let target = Target::load(file, &reading.variables()?)?;
    let cases = loaded.cases.iter();
    let cases = cases.map(|case| CaseAtTarget::of(case, &target, true));
    Ok(Some(cases.collect()))
}

/// For programs: everything at once, and the exit code says the worst of it.
fn as_json(
    loaded: &Loaded,
    warnings: &[(Problem, Arc<Sources>)],
    at_target: Option<&[CaseAtTarget]>,
) -> Result<u8, CliError> {
    let broken = loaded.broken.iter().flat_map(|broken| &broken.mistakes);
    let mistakes: Vec<Json> = broken
        .map(|mistake| told(&mistake.problem, &mistake.sources))
        .collect();
    let warned: Vec<Json> = warnings
        .iter()
        .map(|(warning, sources)| told(warning, sources))
        .collect();
    let code = match (mistakes.is_empty(), warned.is_empty()) {
        (false, _) => exit::USAGE,
        (true, false) => exit::FAILED,
        (true, true) => exit::PASSED,
    };
    let mut all =
        json!({ "scenarios": loaded.cases.len(), "mistakes": mistakes, "warnings": warned });
    if let Some(cases) = at_target {
        all["target"] = serde_json::to_value(cases).map_err(io::Error::from)?;
    }
    writeln!(anstream::stdout(), "{all:#}")?;
    Ok(code)
}

fn told(problem: &Problem, sources: &Sources) -> Json {
    let place = sources.place(problem.at);
    json!({
        "message": problem.message,
        "file": place.as_ref().map(|place| &place.file),
        "line": place.as_ref().map(|place| place.line),
        "column": place.as_ref().map(|place| place.column),
        "help": problem.help,
    })
}

pub(super) fn explain(options: &Explain) -> Result<u8, CliError> {
    let mut out = anstream::stdout();
    let mut found = false;
    for lint in lint::LINTS {
        if options.id.as_ref().is_none_or(|id| id == lint.id) {
            writeln!(out, "{}\n  {}\n", lint.id, lint.explanation)?;
            found = true;
        }
    }
    match (&options.id, found) {
        (Some(id), false) => Err(CliError::NoSuchLint(id.clone())),
        _ => Ok(exit::PASSED),
    }
}
