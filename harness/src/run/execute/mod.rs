//! Runs one case: a rig of its own, its steps in order, every expectation judged by what was recorded.

mod browser;
mod captured;
mod http_client;
mod session;

use std::{error::Error, time::Instant};

use self::session::Session;
use super::{
    journey,
    record::{CaseRecord, Verdict},
    redact::Redactor,
    runner::milliseconds,
};
use crate::{
    clock::Clock,
    rig::{Environment, Rig},
    scenario::{file::Kind, load::Case},
};

/// Why a step could not be taken. It says nothing about the worker under test.
pub(super) type HarnessFault = Box<dyn Error + Send + Sync>;

/// Runs a case and says what came of it. It never fails itself: a fault of the harness is a verdict.
pub async fn execute(case: &Case, environment: &Environment) -> CaseRecord {
    if let Some(reason) = &case.scenario.skip {
        return CaseRecord::without_run(case, Verdict::Skipped(reason.clone()));
    }
    let started = Instant::now();
    // A clock of its own: what one case waits out must not pass in another.
    let clock = Clock::default();
    let mut given = case.scenario.given.clone();
    given.fingerprint.clock = clock.clone();
    let mut record = match Rig::start(environment, given).await {
        Ok(rig) => on(rig, &clock, case).await,
        Err(error) => CaseRecord::without_run(case, Verdict::Error(with_causes(&error))),
    };
    record.took_ms = milliseconds(started.elapsed());
    record
}

async fn on(rig: Rig, clock: &Clock, case: &Case) -> CaseRecord {
    let redactor = Redactor::new([rig.fingerprint().keys().secret.clone()]);
    let mut session = Session::new(&rig, clock, case, &redactor);
    let verdict = match session.run().await {
        Ok(failures) if failures.is_empty() => Verdict::Passed,
        Ok(failures) if case.scenario.kind == Kind::Required => Verdict::Failed(failures),
        Ok(failures) => Verdict::Observed(failures),
        Err(fault) => Verdict::Error(redactor.text(&with_causes(fault.as_ref()))),
    };
    session.close().await;
    let mut record = CaseRecord::without_run(case, verdict);
    record.hops = journey::records(&rig.trace().exchanges(), &redactor);
    record.log = log(&rig).iter().map(|line| redactor.text(line)).collect();
    rig.stop().await;
    record
}

/// What the workers wrote to their console.
fn log(rig: &Rig) -> Vec<String> {
    rig.log()
        .into_iter()
        .filter(|line| line.console)
        .map(|line| line.message)
        .collect()
}

/// An error with everything that led to it, in one line.
fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        text.push_str(": ");
        text.push_str(&source.to_string());
        cause = source.source();
    }
    text
}
