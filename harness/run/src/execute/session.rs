//! The steps of one case, in order.

use std::{collections::BTreeMap, time::Duration};

use edgeproof_document::problem::Problem;
use edgeproof_ground::{
    clock::Clock,
    time::shown,
    trace::{Exchange, Party},
};
use edgeproof_rig::Rig;
use edgeproof_scenario::{
    deploying::Deploying,
    expect::Expect,
    load::Case,
    step::{Action, Actor, Step},
};
use tokio::time::Instant;

use super::{
    HarnessFault,
    browser::Browsers,
    captured::Captured,
    changing,
    cookies::Jar,
    declared, deploying, http_client,
    http_client::Sender,
    live::Live,
    log, notes, observing, probing,
    steps::{Steps, Taken, untaken},
    trouble::{Trouble, Unmet},
};
use crate::{
    check::{self, Mismatch},
    failure, journey,
    observed::{Deployment, LivePage, ObservedAtEnd, ObservedCall},
    protection,
    record::{Failure, HopRecord, Note},
    redact::{Redactor, Secrets},
};

/// How long a step may take if it says nothing: as long as a visitor would wait.
const DEFAULT_LIMIT: Duration = Duration::from_secs(15);

/// How long a step may take at most; nobody waits longer, and a clock has an end.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// What a step led to.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// The call it made or caused.
    pub(super) call: Option<ObservedCall>,
    /// What came of a deployment.
    pub(super) deployment: Option<Deployment>,
    /// What a probe found.
    pub(super) probe: Option<edgeproof_probe::Outcome>,
    /// The live page afterwards.
    pub(super) live_page: Option<LivePage>,
    /// What the page has printed so far.
    pub(super) console: Vec<String>,
}

/// One case under way.
pub(super) struct Session<'a> {
    rig: &'a Rig,
    clock: &'a Clock,
    case: &'a Case,
    /// What no report may show, as far as it is known by now.
    secrets: Secrets,
    browsers: Browsers,
    jars: ByVisitor<Jar>,
    captured: Captured,
    /// What was done so far.
    pub(super) steps: Steps,
    /// Tells of it, where somebody follows.
    pub(super) live: Option<Live>,
    /// How long the scenario may take.
    limit: Duration,
    /// When that is over.
    end_of_time: Option<Instant>,
}

impl<'a> Session<'a> {
    pub(super) fn new(
        rig: &'a Rig,
        clock: &'a Clock,
        case: &'a Case,
        secrets: Secrets,
        limit: Duration,
        steps: Steps,
    ) -> Self {
        Self {
            rig,
            clock,
            case,
            secrets,
            browsers: Browsers::default(),
            jars: ByVisitor::new(),
            captured: Captured::default(),
            steps,
            live: None,
            limit,
            end_of_time: Instant::now().checked_add(limit),
        }
    }

    /// Takes all steps and judges them. After a step that does not hold the later ones mean nothing, so they are not
    /// taken.
    pub(super) async fn run(&mut self) -> Result<Vec<Failure>, HarnessFault> {
        for index in 0..self.case.scenario.steps.len() {
            let step = match self.case.step(index, &self.captured) {
                Ok(step) => step,
                Err(problems) => return Ok(self.misfits(&problems)),
            };
            self.tell_next(index, &step).await;
            let began = std::time::Instant::now();
            let ended = self.step(index, &step).await;
            let taken = Taken {
                index,
                step: &step,
                began,
                held: ended.as_ref().is_ok_and(Vec::is_empty),
            };
            self.steps
                .add(self.rig, self.case, &self.browsers, taken)
                .await;
            self.tell_taken().await;
            let failures = ended?;
            if !failures.is_empty() {
                return Ok(failures);
            }
        }
        self.end().await
    }

    /// Tells whoever follows what is next. The scenario's time stands still until it may be taken.
    async fn tell_next(&mut self, index: usize, step: &Step) {
        let Some(live) = &self.live else { return };
        let record = untaken(self.case, index, step);
        let redactor = self.redactor();
        let held = live.next(self.case, index + 1, record, &redactor).await;
        self.end_of_time = self.end_of_time.and_then(|end| end.checked_add(held));
    }

    async fn tell_taken(&mut self) {
        if self.live.is_none() {
            return;
        }
        let redactor = self.redactor();
        if let (Some(live), Some(step)) = (&mut self.live, self.steps.taken.last()) {
            live.taken(self.rig, self.case, step.clone(), &redactor)
                .await;
        }
    }

    /// What each browser shows, by visitor.
    pub(super) async fn screenshots(&self) -> Vec<(String, Vec<u8>)> {
        self.browsers.screenshots().await
    }

    /// Hides what no report may show.
    pub(super) fn redactor(&self) -> Redactor {
        let mut secrets = self.secrets.clone();
        secrets.add_declared(declared(self.rig));
        secrets.add_heads(&self.rig.trace().exchanges());
        secrets.add_requests(&self.rig.origin_requests());
        secrets.add_requests(&self.rig.wallarm().requests());
        secrets.redactor()
    }

    /// Gives back the browsers.
    pub(super) async fn close(&mut self) {
        self.browsers.close().await;
    }

    async fn step(&mut self, index: usize, step: &Step) -> Result<Vec<Failure>, HarnessFault> {
        // What was deployed, or became due by the step before, is at the edge.
        self.rig.settled().await?;
        let began = Instant::now();
        let hops_before = match step.action {
            // The call may have been made long before it is waited for.
            Action::Wait(_) => 0,
            _ => self.rig.trace().count(),
        };
        let action = &step.action;
        let mut outcome = match self.act_in_time(step, action).await {
            Ok(outcome) => outcome,
            Err(Trouble::Fault(fault)) => return Err(fault),
            Err(Trouble::Unmet(unmet)) => {
                let failure = self.unmet(index, step, unmet, hops_before, began);
                return Ok(vec![failure.await]);
            }
        };
        if let Some(call) = &outcome.call {
            self.secrets.add_call(call);
            let complete = step.expect.as_ref().and_then(|expect| expect.body_complete);
            let missing = self.captured.keep(&step.capture, call, complete);
            for (name, value) in &self.captured.0 {
                self.secrets
                    .add_named(name, value.as_text().unwrap_or_default());
            }
            if !missing.is_empty() {
                let path = ["steps".to_owned(), index.to_string()];
                return Ok(self.failures(&path, missing));
            }
        }
        let Some(expect) = &step.expect else {
            return Ok(Vec::new());
        };
        match self.look_in_time(step, expect, &mut outcome).await {
            Ok(()) => {}
            Err(Trouble::Fault(fault)) => return Err(fault),
            Err(Trouble::Unmet(unmet)) => {
                let failure = self.unmet(index, step, unmet, hops_before, began);
                return Ok(vec![failure.await]);
            }
        }
        let is_raw = matches!(action, Action::Raw(_));
        let observed = observing::observed(self.rig, outcome, expect, hops_before, is_raw).await?;
        let mismatches = check::check(expect, &observed);
        if mismatches.is_empty() {
            return Ok(Vec::new());
        }
        let around = notes::around(expect, &observed, &mismatches, &self.redactor());
        let path = ["steps".to_owned(), index.to_string(), "expect".to_owned()];
        let mut failures = self.failures(&path, mismatches);
        let mut journey = self.journey(&observed.hops);
        self.place_thrown(&mut journey, hops_before, began).await;
        for (failure, around) in failures.iter_mut().zip(around) {
            failure.message = failure.message.take().or_else(|| expect.message.clone());
            failure.call = observed.call.as_ref().map(ObservedCall::name);
            failure.journey.clone_from(&journey);
            failure.notes = around;
        }
        // Of a probe's thousand calls each has its lines.
        if let (Some(last), None) = (failures.last_mut(), &observed.probe) {
            last.notes.extend(notes::log(self.rig, began).await);
        }
        Ok(failures)
    }

    /// Does what the step says; where it is still at it when the scenario's time is over, that is a failure of the step.
    async fn act_in_time(&mut self, step: &Step, action: &Action) -> Result<Outcome, Trouble> {
        let (limit, end) = (self.limit, self.end_of_time);
        in_time(limit, end, self.act(step, action)).await
    }

    /// Looks at the page of a browser until it shows what is expected.
    async fn look_in_time(
        &mut self,
        step: &Step,
        expect: &Expect,
        outcome: &mut Outcome,
    ) -> Result<(), Trouble> {
        if !check::looks_at_page(expect) || step.action.actor() != Actor::Browser {
            return Ok(());
        }
        let visitor = self.case.scenario.visitor_of(step).unwrap_or_default();
        let (limit, end) = (self.limit, self.end_of_time);
        let browser = self.browsers.of(self.rig, visitor).await?;
        in_time(limit, end, browser.look(step, expect, outcome)).await
    }

    /// Does what the step says, as its visitor.
    async fn act(&mut self, step: &Step, action: &Action) -> Result<Outcome, Trouble> {
        // Who takes a step was checked while reading.
        let visitor = self.case.scenario.visitor_of(step).unwrap_or_default();
        let limit = limit_of_step(step);
        match action {
            Action::Advance(by) => {
                self.clock.advance(by.0);
                return Ok(Outcome::default());
            }
            Action::Set(change) => {
                changing::change(self.rig, change).await?;
                return Ok(Outcome::default());
            }
            Action::Probe(probing) => {
                return Ok(Outcome {
                    probe: Some(probing::probe_as(self.rig, visitor, probing).await?),
                    ..Outcome::default()
                });
            }
            Action::Deploy(deploying) => {
                return self.deploy(deploying, step.expect.as_ref()).await;
            }
            _ => {}
        }
        if matches!(action, Action::Request(_) | Action::Raw(_)) {
            let sender = Sender {
                client: self.rig.client(visitor)?,
                clock: self.clock,
                visitor: self.rig.visitor(visitor)?,
                jar: self.jars.entry(visitor.to_owned()).or_default(),
                limit,
            };
            let call = match action {
                Action::Raw(raw) => http_client::send_raw(sender, raw).await?,
                Action::Request(request) => http_client::send(sender, request).await?,
                _ => return Ok(Outcome::default()),
            };
            return Ok(Outcome {
                call: Some(call),
                ..Outcome::default()
            });
        }
        let browser = self.browsers.of(self.rig, visitor).await?;
        browser.act(step, action, limit).await
    }

    /// Deploys something. Where nothing is expected of it, it must succeed.
    async fn deploy(
        &self,
        deploying: &Deploying,
        expect: Option<&Expect>,
    ) -> Result<Outcome, Trouble> {
        let deployment = deploying::deploy(self.rig, self.clock, deploying).await?;
        let is_expected = expect.is_some_and(|expect| expect.deployment.is_some());
        if !is_expected && !deployment.outcome.is_success() {
            return Err(Trouble::unmet(
                "expected the deployment to succeed",
                format!(
                    "it was {}: {}",
                    deployment.outcome.as_str(),
                    deployment.text
                ),
            ));
        }
        Ok(Outcome {
            deployment: Some(deployment),
            ..Outcome::default()
        })
    }

    async fn end(&self) -> Result<Vec<Failure>, HarnessFault> {
        let expect = match self.case.end(&self.captured) {
            Ok(expect) => expect,
            Err(problems) => return Ok(self.misfits(&problems)),
        };
        observing::node_has_seen(self.rig, &expect).await;
        let observed = ObservedAtEnd {
            hops: self.rig.trace().exchanges(),
            origin: self.rig.origin_requests(),
            node: self.rig.wallarm().requests(),
            attacks: observing::attacks(self.rig)?,
            events: observing::events(self.rig)?,
            log: log(self.rig).await,
            account: observing::account(self.rig),
            forgotten: self.rig.forgotten(),
        };
        let mut failures =
            self.failures(&["expect".to_owned()], check::check_end(&expect, &observed));
        for failure in &mut failures {
            failure.message = failure.message.take().or_else(|| expect.message.clone());
        }
        Ok(failures)
    }

    /// A failure of the step's own action: what it claimed, what happened instead, and what else happened meanwhile.
    async fn unmet(
        &self,
        index: usize,
        step: &Step,
        unmet: Unmet,
        hops_before: usize,
        began: Instant,
    ) -> Failure {
        let path = ["steps".to_owned(), index.to_string()];
        let mismatch = unmet.mismatch(step);
        let mut failure = failure::of(self.case, &path, mismatch, &self.redactor());
        if let Action::Request(request) = &step.action {
            failure.call = Some(format!("{} {}", request.method, request.url));
        }
        let since = self.rig.trace().since(hops_before);
        failure.journey = self.journey(&since);
        let journey = &mut failure.journey;
        self.place_thrown(journey, hops_before, began).await;
        failure.notes = self.notes_of_unmet(step, hops_before, began).await;
        failure
    }

    /// What happened in place of what the step wanted.
    async fn notes_of_unmet(&self, step: &Step, hops_before: usize, began: Instant) -> Vec<Note> {
        let visitor = self.case.scenario.visitor_of(step).unwrap_or_default();
        let mut notes = Vec::new();
        if let Some(wanted) = step.awaited_call() {
            let hops = self.rig.trace().since(hops_before);
            notes.push(notes::calls(&wanted.to_string(), &hops));
        }
        notes.extend(self.browsers.notes(visitor, &self.redactor()).await);
        notes.extend(notes::log(self.rig, began).await);
        notes
    }

    /// Captured values that do not fit where they stand.
    fn misfits(&self, problems: &[Problem]) -> Vec<Failure> {
        let redactor = self.redactor();
        let misfit = |problem| failure::of_misfit(self.case, problem, &redactor);
        problems.iter().map(misfit).collect()
    }

    /// Writes what a worker threw at its hop, where no response told of it, as in `waitUntil`, and only one request since the
    /// step began can have led to it. The log has it in any case.
    async fn place_thrown(&self, journey: &mut [HopRecord], hops_before: usize, began: Instant) {
        let worker = Party::Worker.to_string();
        let mut visits = journey.iter_mut().filter(|hop| hop.to == worker);
        let (Some(visit), None) = (visits.next(), visits.next()) else {
            return;
        };
        let visits = |hops: Vec<Exchange>| {
            let visits = hops.iter().filter(|hop| hop.to == Party::Worker);
            visits.count()
        };
        if visits(self.rig.trace().since(hops_before)) != 1 || visit.exception.is_some() {
            return;
        }
        let thrown = notes::thrown(self.rig, began).await;
        if thrown.is_empty() {
            return;
        }
        let thrown = self.redactor().text(&thrown.join("\n"));
        visit.exception = Some(match visits(self.rig.trace().exchanges()) {
            1 => format!("{thrown}\n(no response tells of it, as in `waitUntil`)"),
            _ => format!(
                "{thrown}\n(no response tells of it, as in `waitUntil`, perhaps that of an earlier request)"
            ),
        });
    }

    fn journey(&self, hops: &[Exchange]) -> Vec<HopRecord> {
        journey_on(self.rig, hops, &self.redactor())
    }

    fn failures(&self, base: &[String], mismatches: Vec<Mismatch>) -> Vec<Failure> {
        if mismatches.is_empty() {
            return Vec::new();
        }
        let redactor = self.redactor();
        let mismatches = mismatches.into_iter();
        mismatches
            .map(|mismatch| failure::of(self.case, base, mismatch, &redactor))
            .collect()
    }
}

/// The way of requests, with what decided at each hop.
pub fn journey_on(rig: &Rig, hops: &[Exchange], redactor: &Redactor) -> Vec<HopRecord> {
    let description = rig.description();
    let events = rig.fingerprint().events();
    let mut journey = journey::explained(hops, &events, &description.rulesets, redactor);
    protection::explain(&mut journey, hops, &description.deployments);
    journey
}

/// How long a step may take.
pub(super) fn limit_of_step(step: &Step) -> Duration {
    step.timeout
        .map_or(DEFAULT_LIMIT, |limit| limit.0.min(LONGEST))
}

/// What is done before the time of the scenario is over; what is not is a verdict on the step that was still at it.
pub(super) async fn in_time<T>(
    limit: Duration,
    end: Option<Instant>,
    done: impl Future<Output = Result<T, Trouble>>,
) -> Result<T, Trouble> {
    let Some(end) = end else {
        return done.await;
    };
    tokio::time::timeout_at(end, done)
        .await
        .unwrap_or_else(|_| {
            Err(Trouble::unmet(
                format!(
                    "expected the step to be done within the {} of the scenario",
                    shown(limit)
                ),
                "it was not; `timeout:` gives a scenario more time",
            ))
        })
}

/// Browsers by visitor would be lost with the map; they are given back by [`Session::close`].
pub(super) type ByVisitor<T> = BTreeMap<String, T>;
