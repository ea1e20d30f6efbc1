//! Runs one case: a rig of its own, its steps in order, every expectation judged by what was recorded.

mod browser;
mod captured;
mod changing;
mod cookie_date;
mod cookies;
mod decoding;
mod deploying;
mod details;
mod entrance;
mod http_client;
mod live;
mod looked_up;
mod notes;
mod observing;
mod probing;
mod seen;
mod session;
mod steps;
mod target;
mod trouble;

use std::{
    env,
    error::Error,
    future::Future,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use edgeproof_cloudflare::plane::ControlPlane;
use edgeproof_ground::{causes, clock::Clock, tools};
use edgeproof_rig::{BorrowedApp, Environment, Rig};
use edgeproof_scenario::{
    file::Kind,
    load::Case,
    step::{Action, Step},
};

pub use self::{
    changing::{NotWhileItRuns, take},
    details::{Details, DetailsError, add_bodies, place_log},
    live::{Follow, Moment},
    session::journey_on,
    target::{AtTarget, execute_at},
};
use self::{live::Live, session::Session, steps::Steps};
use super::{
    check::Mismatch,
    failure,
    record::{AppRecord, CaseRecord, EventRecord, Failure, Screenshot, Verdict},
    redact::{self, Redactor, Secrets},
    runner::{limit_of, milliseconds},
    way_out,
};

/// Lines of the output of an app that a record has.
const RECORDED_LINES: usize = 200;

/// Why a step could not be taken. It says nothing about the worker under test.
pub type HarnessFault = Box<dyn Error + Send + Sync>;

/// Is told at the end of a case what of it did not hold, while its rig still runs, and is waited for before the rig stops.
pub type AtEnd = Arc<
    dyn for<'a> Fn(&'a Rig, &'a [Failure]) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>>
        + Send
        + Sync,
>;

/// How a case is run.
#[derive(Clone)]
pub struct ExecuteOptions {
    /// A step that is not done when this is over has failed; it holds for a case that names none itself.
    pub limit: Duration,
    /// What is kept of it.
    pub details: Details,
    /// Is told at its end what did not hold.
    pub at_end: Option<AtEnd>,
    /// Is told of it while it runs.
    pub follow: Option<Follow>,
}

impl ExecuteOptions {
    /// Nobody is told, and nothing is kept beyond what the verdict needs.
    pub fn within(limit: Duration) -> Self {
        Self {
            limit,
            details: Details::None,
            at_end: None,
            follow: None,
        }
    }
}

/// Runs a case and says what came of it. It never fails itself: a fault of the harness is a verdict.
pub async fn execute(
    case: &Case,
    environment: &Environment,
    options: ExecuteOptions,
) -> CaseRecord {
    if let Some(reason) = &case.scenario.skip {
        return CaseRecord::without_run(case, Verdict::Skipped(reason.clone()));
    }
    // In CI nobody reads what is skipped: there the rig says what is missing, as an error.
    if env::var_os("CI").is_none()
        && let Some(missing) = missing(case, environment)
    {
        return CaseRecord::without_run(case, Verdict::Skipped(missing));
    }
    let case = &case.anew();
    let started = Instant::now();
    // A page takes as long to open as the rig to start, and needs nothing of it.
    for (engine, profile) in case.scenario.browsers(environment.engine()) {
        environment.prepare_browser(engine, profile);
    }
    // A clock of its own: what one case waits out must not pass in another.
    let clock = Clock::default();
    if let Some(start) = case.scenario.given.clock {
        clock.set(start.as_millisecond());
    }
    let mut given = case.scenario.given.clone();
    given.fingerprint.clock = clock.clone();
    let deploys = |step: &Step| matches!(step.action, Action::Deploy(_));
    if case.scenario.steps.iter().any(deploys) {
        // Somewhere to deploy to.
        given.cloudflare.get_or_insert_default();
    }
    let mut secrets = Secrets::of_scenario(&case.node);
    secrets.add_declared(case.secrets.iter().cloned());
    let mut record = match Rig::start(environment, given).await {
        Ok(rig) => on(rig, &clock, case, secrets, options).await,
        Err(error) => {
            let error = Verdict::Error(causes::with_causes(&error));
            redact::record(CaseRecord::without_run(case, error), &secrets.redactor())
        }
    };
    record.took_ms = milliseconds(started.elapsed());
    record
}

/// The first thing that a case needs and that is not on this machine: an app's, or a browser.
fn missing(case: &Case, environment: &Environment) -> Option<String> {
    if let Some(missing) = case.scenario.given.missing() {
        return Some(missing.to_string());
    }
    let mut engines = case.scenario.engines(environment.engine()).into_iter();
    engines.find_map(|engine| Some(tools::find(engine.tool()).err()?.to_string()))
}

async fn on(
    rig: Rig,
    clock: &Clock,
    case: &Case,
    secrets: Secrets,
    options: ExecuteOptions,
) -> CaseRecord {
    let ExecuteOptions {
        limit,
        details,
        at_end,
        follow,
    } = options;
    let limit = limit_of(case, limit);
    let steps = Steps::new(details != Details::None);
    if details != Details::None {
        rig.trace().keep_bodies();
    }
    let mut session = Session::new(&rig, clock, case, secrets, limit, steps);
    session.live = follow.map(Live::new);
    let mut ended = session.run().await;
    let redactor = session.redactor();
    if let Ok(failures) = &mut ended {
        // First, as it may be the cause of the others.
        failures.splice(0..0, ended_apps(&rig, case, &redactor).await);
        for failure in failures {
            redact::failure(failure, &redactor);
            failure.way_out = way_out::of(failure);
        }
    }
    let mut screenshots = Vec::new();
    if !matches!(&ended, Ok(failures) if failures.is_empty()) {
        screenshots = session.screenshots().await;
    }
    if let (Ok(failures), Some(at_end)) = (&ended, at_end) {
        at_end(&rig, failures).await;
    }
    let verdict = match ended {
        Ok(failures) if failures.is_empty() => Verdict::Passed,
        Ok(failures) if matches!(case.scenario.kind, Kind::Required | Kind::Recommended) => {
            Verdict::Failed(failures)
        }
        Ok(failures) => Verdict::Observed(failures),
        Err(fault) => Verdict::Error(causes::with_causes(fault.as_ref())),
    };
    session.close().await;
    // The last step may have led to further ones.
    let redactor = session.redactor();
    let mut record = CaseRecord::without_run(case, verdict);
    record.screenshots = screenshots
        .into_iter()
        .map(|(visitor, picture)| Screenshot {
            visitor,
            jpeg: STANDARD.encode(picture),
        })
        .collect();
    let exchanges = rig.trace().exchanges();
    record.hops = journey_on(&rig, &exchanges, &redactor);
    let lines = rig.log_so_far().await;
    place_log(&mut record.hops, &exchanges, &lines, rig.trace(), &redactor);
    record.log = lines.into_iter().map(|line| line.message).collect();
    record.apps = apps(&rig).await;
    record.events = events(&rig);
    record.attacks = observing::attacks(&rig).unwrap_or_default();
    record.steps = std::mem::take(&mut session.steps.taken);
    if details == Details::All || (details == Details::Failed && record.did_not_pass()) {
        add_bodies(&mut record.hops, &exchanges, &redactor).await;
        record.source = own_text(case, &redactor);
    } else {
        record.steps.iter_mut().for_each(|step| step.picture = None);
    }
    rig.stop().await;
    redact::record(record, &redactor)
}

/// The text of the scenario's own file.
fn own_text(case: &Case, redactor: &Redactor) -> Option<String> {
    let mut files = (0..).map_while(|number| case.sources.file(number));
    let own = files.find(|file| file.path == case.file)?;
    Some(redactor.starred(&own.text))
}

/// The identification events. One that is no JSON is told by the hop that asked for it.
fn events(rig: &Rig) -> Vec<EventRecord> {
    let records = rig.fingerprint().events().into_iter();
    let event = |record: Arc<edgeproof_fingerprint::Record>| {
        let event = record.event.to_json().ok()?;
        let ray = record.ray.clone();
        Some(EventRecord { ray, event })
    };
    records.filter_map(event).collect()
}

/// What was declared secret: keys of the emulated services, and what apps were given.
pub fn declared(rig: &Rig) -> Vec<String> {
    let mut secrets = rig
        .control_plane()
        .map(ControlPlane::secrets)
        .unwrap_or_default();
    secrets.extend(rig.fingerprint().secrets());
    secrets.extend(rig.apps().iter().flat_map(BorrowedApp::secrets));
    secrets
}

/// The apps that have ended by themselves: a scenario whose app is gone has not shown what it states.
async fn ended_apps(rig: &Rig, case: &Case, redactor: &Redactor) -> Vec<Failure> {
    let mut failures = Vec::new();
    for app in rig.apps() {
        let Some(ended) = app.is_ending().await else {
            continue;
        };
        let path = ["given", "zones", &app.zone, "hosts", &app.host, "app"];
        let mismatch = Mismatch {
            path: vec!["run".to_owned()],
            claim: format!(
                "expected `{}` to run until the scenario is over",
                app.command()
            ),
            actual: format!("it {ended} at {}", ended.at()),
            nearest: None,
            message: None,
        };
        let failure = failure::of(case, &path.map(str::to_owned), mismatch, redactor);
        failures.push(failure);
    }
    failures
}

/// The end of what each app printed meanwhile.
async fn apps(rig: &Rig) -> Vec<AppRecord> {
    let mut records = Vec::new();
    for app in rig.apps() {
        let mut printed = app.printed().await;
        printed.drain(..printed.len().saturating_sub(RECORDED_LINES));
        records.push(AppRecord {
            command: app.command(),
            printed,
        });
    }
    records
}

/// What the workers wrote to their console, what they threw, and what their runtime complained of.
async fn log(rig: &Rig) -> Vec<String> {
    let lines = rig.log_so_far().await.into_iter();
    lines.map(|line| line.message).collect()
}
