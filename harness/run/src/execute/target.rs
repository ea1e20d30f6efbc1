//! Runs one case at a site that is deployed: visitors do the same, and what of the expectations is seen is judged.

use std::{
    collections::BTreeSet,
    env,
    time::{Duration, Instant as StdInstant, SystemTime, UNIX_EPOCH},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use edgeproof_ground::{causes, clock::Clock, tools};
use edgeproof_remote::{
    Events, Pace, Permitted, Shown, WorkerLog,
    plan::{self, Plan, Runs},
    ray,
    sight::{self, Known, LookUps},
};
use edgeproof_rig::{Site, SiteWay};
use edgeproof_scenario::{
    expect::{Expect, ExpectWorker},
    file::Kind,
    load::Case,
    step::{Action, Actor, Step},
};
use http::header::USER_AGENT;
use tokio::time::Instant;
use url::Url;

use super::{
    HarnessFault,
    browser::Browsers,
    captured::Captured,
    cookies::Jar,
    http_client::{self, Sender},
    looked_up, notes,
    seen::{hop_of, hop_of_page, ray_of},
    session::{ByVisitor, Outcome, in_time, limit_of_step},
    trouble::Trouble,
};
use crate::{
    check::{self, Mismatch},
    failure,
    observed::{Observed, ObservedAtEnd, ObservedCall},
    record::{CaseRecord, Failure, HopRecord, Note, Screenshot, Verdict},
    redact::{self, Redactor, Secrets},
    runner::{limit_of, milliseconds},
};

/// What every case of a run at a target shares.
pub struct AtTarget {
    /// The target, which may be visited.
    pub permitted: Permitted,
    /// Whether steps may change something.
    pub may_change: bool,
    /// The way there.
    pub way: SiteWay,
    /// How fast it is asked.
    pub pace: Pace,
    /// Where events are looked up.
    pub events: Option<Events>,
}

/// Runs a case at a target and says what came of it, as [`execute`](super::execute) does with a rig.
pub async fn execute_at(case: &Case, at: &AtTarget, limit: Duration) -> CaseRecord {
    let runs = match plan::of(case, at.permitted.target(), at.may_change) {
        Plan::Runs(runs) => runs,
        Plan::Skipped(reason) => return CaseRecord::without_run(case, Verdict::Skipped(reason)),
    };
    // In CI nobody reads what is skipped.
    if env::var_os("CI").is_none()
        && let Some(missing) = missing_browser(&runs.case, &at.way)
    {
        return CaseRecord::without_run(case, Verdict::Skipped(missing));
    }
    let started = StdInstant::now();
    let Runs { case, look_ups, .. } = *runs;
    let case = &case.anew();
    let mut session = Session::new(case, at, look_ups, limit_of(case, limit));
    let ended = session.run().await;
    let mut record = session.record(ended).await;
    record.took_ms = milliseconds(started.elapsed());
    record
}

/// A browser that a visitor comes with and that is not on this machine.
fn missing_browser(case: &Case, way: &SiteWay) -> Option<String> {
    let mut engines = case.scenario.engines(way.engine()).into_iter();
    engines.find_map(|engine| Some(tools::find(engine.tool()).err()?.to_string()))
}

/// One case under way.
struct Session<'a> {
    case: &'a Case,
    at: &'a AtTarget,
    site: Site,
    look_ups: LookUps,
    /// What the worker logs, where something is expected of it.
    log: Option<WorkerLog>,
    secrets: Secrets,
    clock: Clock,
    browsers: Browsers,
    jars: ByVisitor<Jar>,
    captured: Captured,
    /// The calls of visitors without a browser.
    calls: Vec<HopRecord>,
    limit: Duration,
    end_of_time: Option<Instant>,
    /// When it began: Unix, in milliseconds.
    began: i64,
    /// Whether a browser has set out.
    has_begun: bool,
}

impl<'a> Session<'a> {
    fn new(case: &'a Case, at: &'a AtTarget, look_ups: LookUps, limit: Duration) -> Self {
        let mut secrets = Secrets::of_scenario(&case.node);
        secrets.add_declared(case.secrets.iter().cloned());
        secrets.add_declared(at.permitted.target().secrets());
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |now| now.as_millis());
        Self {
            case,
            at,
            site: Site::new(at.way.clone(), case.scenario.given.clone()),
            look_ups,
            log: None,
            secrets,
            clock: Clock::default(),
            browsers: Browsers::default(),
            jars: ByVisitor::new(),
            captured: Captured::default(),
            calls: Vec::new(),
            limit,
            end_of_time: Instant::now().checked_add(limit),
            began: i64::try_from(now).unwrap_or(i64::MAX),
            has_begun: false,
        }
    }

    /// Takes all steps and judges what is seen of them; after one that does not hold no other is taken.
    async fn run(&mut self) -> Result<Vec<Failure>, HarnessFault> {
        if looked_up::needs_log(self.case, self.look_ups) {
            self.log = self.at.permitted.log().await?;
        }
        for index in 0..self.case.scenario.steps.len() {
            let step = match self.case.step(index, &self.captured) {
                Ok(step) => step,
                Err(problems) => {
                    let redactor = self.redactor();
                    let problems = problems.iter();
                    let misfit = |problem| failure::of_misfit(self.case, problem, &redactor);
                    return Ok(problems.map(misfit).collect());
                }
            };
            let failures = self.step(index, &step).await?;
            if !failures.is_empty() {
                return Ok(failures);
            }
        }
        self.end().await
    }

    async fn step(&mut self, index: usize, step: &Step) -> Result<Vec<Failure>, HarnessFault> {
        let path = ["steps".to_owned(), index.to_string()];
        let in_browser = step.action.actor() == Actor::Browser;
        let expect = step.expect.as_ref();
        let expect = expect.map(|expect| sight::of_step(expect, in_browser, self.look_ups).0);
        let (limit, end) = (self.limit, self.end_of_time);
        if in_browser {
            self.begin_events(step).await?;
        }
        let mut outcome = match in_time(limit, end, self.act(step)).await {
            Ok(outcome) => outcome,
            Err(trouble) => return self.unmet(&path, step, trouble).await,
        };
        if let Some(call) = &outcome.call {
            self.secrets.add_call(call);
            let complete = expect.as_ref().and_then(|expect| expect.body_complete);
            let missing = self.captured.keep(&step.capture, call, complete);
            for (name, value) in &self.captured.0 {
                let value = value.as_text().unwrap_or_default();
                self.secrets.add_named(name, value);
            }
            if !missing.is_empty() {
                return Ok(self.failures(&path, missing));
            }
        }
        let cut = || {
            outcome
                .call
                .as_ref()
                .is_some_and(|call| call.broke_off.is_some())
        };
        let Some(mut expect) = expect.or_else(|| cut().then(Expect::default)) else {
            return Ok(Vec::new());
        };
        // No fault of the scenario can be why: whatever is expected, half a response is none.
        expect.body_complete.get_or_insert(true);
        if in_browser && check::looks_at_page(&expect) {
            let visitor = self.case.scenario.visitor_of(step).unwrap_or_default();
            let browser = self.browsers.of(&self.site, visitor).await?;
            let looked = browser.look(step, &expect, &mut outcome);
            if let Err(trouble) = in_time(limit, end, looked).await {
                return self.unmet(&path, step, trouble).await;
            }
        }
        let observed = Observed {
            call: outcome.call,
            live_page: outcome.live_page,
            console: outcome.console,
            log: self.log_for(expect.worker.as_ref()).await?,
            ..Observed::default()
        };
        let mismatches = check::check(&expect, &observed);
        let around = notes::around(&expect, &observed, &mismatches, &self.redactor());
        let path = [path.as_slice(), &["expect".to_owned()]].concat();
        let mut failures = self.failures(&path, mismatches);
        let journey = observed.call.as_ref().map(|call| self.journey(call));
        for (failure, around) in failures.iter_mut().zip(around) {
            failure.message = failure.message.take().or_else(|| expect.message.clone());
            failure.call = observed.call.as_ref().map(ObservedCall::name);
            failure.journey = journey.clone().unwrap_or_default();
            failure.notes = around;
        }
        self.add_refused(&mut failures);
        Ok(failures)
    }

    /// Does what the step says, as its visitor, when it is its turn.
    async fn act(&mut self, step: &Step) -> Result<Outcome, Trouble> {
        let visitor = self.case.scenario.visitor_of(step).unwrap_or_default();
        let limit = limit_of_step(step);
        if leads_to_requests(&step.action) {
            self.at.pace.turn().await;
        }
        if let Action::Request(request) = &step.action {
            let sender = Sender {
                client: self.site.client(),
                clock: &self.clock,
                visitor: self.site.visitor(visitor)?,
                jar: self.jars.entry(visitor.to_owned()).or_default(),
                limit,
            };
            let call = http_client::send(sender, request).await?;
            self.secrets.add_call(&call);
            let hop = hop_of(&call, &self.redactor());
            self.calls.push(hop);
            return Ok(Outcome {
                call: Some(call),
                ..Outcome::default()
            });
        }
        if step.action.actor() != Actor::Browser {
            let name = step.action.name();
            return Err(Trouble::Fault(
                format!("`{name}` cannot be done at a target").into(),
            ));
        }
        let browser = self.browsers.of(&self.site, visitor).await?;
        browser.act(step, &step.action, limit).await
    }

    /// What a step claims by itself and what did not happen, or why nothing is known.
    async fn unmet(
        &self,
        path: &[String],
        step: &Step,
        trouble: Trouble,
    ) -> Result<Vec<Failure>, HarnessFault> {
        let unmet = match trouble {
            Trouble::Unmet(unmet) => unmet,
            Trouble::Fault(fault) => return Err(fault),
        };
        let mut failures = self.failures(path, vec![unmet.mismatch(step)]);
        let visitor = self.case.scenario.visitor_of(step).unwrap_or_default();
        let shown = self.browsers.notes(visitor, &self.redactor()).await;
        for failure in &mut failures {
            failure.notes.clone_from(&shown);
        }
        self.add_refused(&mut failures);
        Ok(failures)
    }

    /// A call as its visitor saw it.
    fn journey(&self, call: &ObservedCall) -> Vec<HopRecord> {
        let redactor = self.redactor();
        let pages = self.browsers.calls().into_iter();
        let pages = pages.map(|(_, call)| hop_of_page(&call, &redactor));
        let is_meant = |hop: &HopRecord| hop.method == call.method.as_str() && hop.url == call.url;
        let mut all = self.calls.iter().cloned().chain(pages).filter(is_meant);
        all.by_ref().last().into_iter().collect()
    }

    /// Says which hosts pages asked for that the target file does not name: they may need them. What browsers ask for on
    /// their own account is cut, and nobody's business.
    fn add_refused(&self, failures: &mut [Failure]) {
        let Some(last) = failures.last_mut() else {
            return;
        };
        let calls = self.browsers.calls();
        let asked: Vec<String> = calls
            .iter()
            .filter_map(|(_, call)| Some(Url::parse(&call.url).ok()?.host_str()?.to_owned()))
            .collect();
        let mut refused = self.at.way.reach().take_refused();
        refused.retain(|host| asked.contains(host));
        if !refused.is_empty() {
            last.notes.push(Note {
                title: "the target file does not name, so these were cut".to_owned(),
                lines: refused.into_iter().collect(),
            });
        }
    }

    /// Judges what is looked up when all steps are done.
    async fn end(&self) -> Result<Vec<Failure>, HarnessFault> {
        let redactor = self.redactor();
        let expect = match self.case.end(&self.captured) {
            Ok(expect) => expect,
            Err(problems) => {
                let misfit = |problem| failure::of_misfit(self.case, problem, &redactor);
                return Ok(problems.iter().map(misfit).collect());
            }
        };
        let (expect, _) = sight::at_end(&expect, self.look_ups);
        let mut observed = ObservedAtEnd {
            log: self.log_for(expect.worker.as_ref()).await?,
            ..ObservedAtEnd::default()
        };
        if let (Some(events), Some(expected)) = (self.looks_events_up(), &expect.events) {
            let shown = self.shown();
            observed.events = events.of(&shown, self.began, expected.len()).await?;
        }
        let mismatches = check::check_end(&expect, &observed);
        let mut failures = self.failures(&["expect".to_owned()], mismatches);
        for failure in &mut failures {
            failure.message = failure.message.take().or_else(|| expect.message.clone());
        }
        if let Some(last) = failures.last_mut() {
            last.notes.push(found(&observed.events));
        }
        Ok(failures)
    }

    /// What is there when the first browser sets out is of other cases: until then, and a browser takes seconds to start, the
    /// last ones of the case before may still come.
    async fn begin_events(&mut self, step: &Step) -> Result<(), HarnessFault> {
        if std::mem::replace(&mut self.has_begun, true) {
            return Ok(());
        }
        if let Some(events) = self.looks_events_up() {
            let visitor = self.case.scenario.visitor_of(step).unwrap_or_default();
            self.browsers.of(&self.site, visitor).await?;
            events.begin(self.began).await?;
        }
        Ok(())
    }

    /// Where its events are looked up, where something is expected of them that can be known.
    fn looks_events_up(&self) -> Option<&'a Events> {
        let is_meant = self.case.scenario.expect.events.is_some();
        let events = self.at.events.as_ref();
        events.filter(|_| is_meant && self.look_ups.events == Known::LookedUp)
    }

    /// What the worker has logged because of the visitors' calls so far, where something is expected of it.
    async fn log_for(&self, expect: Option<&ExpectWorker>) -> Result<Vec<String>, HarnessFault> {
        let (Some(expect), Some(log)) = (expect, &self.log) else {
            return Ok(Vec::new());
        };
        let lines = log.of(|| self.rays(), |lines| looked_up::holds(expect, lines));
        Ok(lines.await?)
    }

    /// The rays of the visitors' calls so far.
    fn rays(&self) -> BTreeSet<String> {
        let own = self.calls.iter().filter_map(|call| call.ray.clone());
        let pages = self.browsers.calls().into_iter();
        let pages = pages.filter_map(|(_, call)| ray_of(&call.response_headers));
        own.chain(pages)
            .map(|header| ray(&header).to_owned())
            .collect()
    }

    /// What the visitors' calls show, by which events are found.
    fn shown(&self) -> Shown {
        let mut shown = Shown::default();
        for (_, call) in self.browsers.calls() {
            let agent = call.request_headers.get(USER_AGENT);
            let agent = agent.and_then(|agent| agent.to_str().ok());
            shown.user_agents.extend(agent.map(str::to_owned));
            if call.kind == "Document" {
                shown.pages.push(call.url);
            }
        }
        shown
    }

    fn failures(&self, base: &[String], mismatches: Vec<Mismatch>) -> Vec<Failure> {
        let redactor = self.redactor();
        let mismatches = mismatches.into_iter();
        mismatches
            .map(|mismatch| failure::of(self.case, base, mismatch, &redactor))
            .collect()
    }

    fn redactor(&self) -> Redactor {
        self.secrets.redactor()
    }

    /// The record of the case; the browsers are given back.
    async fn record(mut self, ended: Result<Vec<Failure>, HarnessFault>) -> CaseRecord {
        let mut screenshots = Vec::new();
        if !matches!(&ended, Ok(failures) if failures.is_empty()) {
            screenshots = self.browsers.screenshots().await;
        }
        let calls = self.browsers.calls();
        self.browsers.close().await;
        if let Some(log) = self.log.take() {
            log.end().await;
        }
        let verdict = match ended {
            Ok(failures) if failures.is_empty() => Verdict::Passed,
            Ok(failures) if self.case.scenario.kind == Kind::Required => Verdict::Failed(failures),
            Ok(failures) => Verdict::Observed(failures),
            Err(fault) => Verdict::Error(causes::with_causes(fault.as_ref())),
        };
        for (_, call) in &calls {
            self.secrets.add_headers(&call.request_headers);
            self.secrets.add_headers(&call.response_headers);
        }
        let redactor = self.redactor();
        let mut record = CaseRecord::without_run(self.case, verdict);
        record.screenshots = screenshots
            .into_iter()
            .map(|(visitor, picture)| Screenshot {
                visitor,
                jpeg: STANDARD.encode(picture),
            })
            .collect();
        record.hops = std::mem::take(&mut self.calls);
        let of_pages = calls.iter().map(|(_, call)| hop_of_page(call, &redactor));
        record.hops.extend(of_pages);
        redact::record(record, &redactor)
    }
}

/// The events that were taken for those of a case.
fn found(events: &[serde_json::Value]) -> Note {
    let line = |event: &serde_json::Value| {
        let text = |key: &str| event[key].as_str().unwrap_or("—").to_owned();
        format!("{} at {}", text("event_id"), text("url"))
    };
    Note {
        title: "the events that were found by site, browser and time".to_owned(),
        lines: events.iter().map(line).collect(),
    }
}

/// Whether a site gets requests because of it.
fn leads_to_requests(action: &Action) -> bool {
    matches!(
        action,
        Action::Visit(_)
            | Action::Request(_)
            | Action::Click(_)
            | Action::Press(_)
            | Action::Submit(_)
            | Action::Run(_)
    )
}
