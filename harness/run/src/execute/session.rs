//! The steps of one case, in order.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use edgeproof_cloudflare::plane::{ControlPlane, State};
use edgeproof_document::problem::Problem;
use edgeproof_ground::{
    clock::Clock,
    time::shown,
    trace::{Exchange, Party},
};
use edgeproof_origin::{Origin, RecordedRequest};
use edgeproof_rig::Rig;
use edgeproof_scenario::{
    deploying::Deploying,
    expect::{Expect, ExpectAtEnd, ExpectOrigin},
    input::Awaited,
    load::Case,
    step::{Action, Actor, Step},
};
use edgeproof_wallarm::WallarmNode;
use http_body_util::BodyExt;
use tokio::time::Instant;

use super::{
    HarnessFault,
    browser::Browsers,
    captured::Captured,
    changing,
    cookies::Jar,
    declared,
    decoding::decoded,
    deploying, http_client,
    http_client::Sender,
    live::Live,
    log, notes, probing,
    steps::{Steps, Taken, untaken},
};
use crate::{
    check::{self, Mismatch},
    failure, journey,
    observed::{Deployment, LivePage, Observed, ObservedAtEnd, ObservedCall, OnControlPlane},
    protection,
    record::{Failure, HopRecord, Note},
    redact::{Redactor, Secrets},
};

/// How long a step may take if it says nothing: as long as a visitor would wait.
const DEFAULT_LIMIT: Duration = Duration::from_secs(15);

/// How long a step may take at most; nobody waits longer, and a clock has an end.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// How long a copy for the filtering node may be on its way.
const NODE_LIMIT: Duration = Duration::from_secs(5);

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

/// Why a step led to nothing.
#[derive(Debug)]
pub(super) enum Trouble {
    /// What should have happened did not: a verdict on the worker under test.
    Unmet {
        /// What should have happened.
        claim: String,
        /// What happened.
        actual: String,
    },
    /// The harness could not do its part.
    Fault(HarnessFault),
}

impl<E: Into<HarnessFault>> From<E> for Trouble {
    fn from(fault: E) -> Self {
        Self::Fault(fault.into())
    }
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
            Err(Trouble::Unmet { claim, actual }) => {
                let unmet = (claim, actual);
                let failure = self.unmet(index, step, action, unmet, hops_before, began);
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
            Err(Trouble::Unmet { claim, actual }) => {
                let unmet = (claim, actual);
                let failure = self.unmet(index, step, action, unmet, hops_before, began);
                return Ok(vec![failure.await]);
            }
        }
        let is_raw = matches!(action, Action::Raw(_));
        let observed = self.observed(outcome, expect, hops_before, is_raw).await?;
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
            return Err(Trouble::Unmet {
                claim: "expected the deployment to succeed".to_owned(),
                actual: format!(
                    "it was {}: {}",
                    deployment.outcome.as_str(),
                    deployment.text
                ),
            });
        }
        Ok(Outcome {
            deployment: Some(deployment),
            ..Outcome::default()
        })
    }

    /// Gathers what the expectations are judged by.
    async fn observed(
        &self,
        outcome: Outcome,
        expect: &Expect,
        hops_before: usize,
        is_raw: bool,
    ) -> Result<Observed, HarnessFault> {
        let since = self.rig.trace().since(hops_before);
        let mut call = outcome.call;
        let hops = match &call {
            // Bytes may name another URL than they mean: they are the only visit of their step.
            Some(_) if is_raw => since.to_vec(),
            Some(call) => hops_of(&since, call),
            None => Vec::new(),
        };
        if let Some(call) = &mut call {
            call.is_faulty = hops.iter().any(|hop| hop.fault.is_some());
            if call.took.is_zero() {
                call.took = hops.first().and_then(|hop| hop.took).unwrap_or_default();
            }
        }
        let node = match &expect.node {
            Some(expect) => self.node_saw(expect, &hops).await,
            None => Vec::new(),
        };
        // Everything so far is read only where something is expected of it: a scenario may have many steps.
        let origin_all = match &expect.origin {
            Some(_) => self.rig.origin_requests(),
            None => Vec::new(),
        };
        let origin = origin_all
            .iter()
            .filter(|request| belongs_to(request, &hops))
            .cloned()
            .collect();
        let all_hops = match check::compares(expect) {
            true => self.rig.trace().exchanges(),
            false => Vec::new(),
        };
        let node_all = match &expect.node {
            Some(_) => self.rig.wallarm().requests(),
            None => Vec::new(),
        };
        let log = match &expect.worker {
            Some(_) => log(self.rig).await,
            None => Vec::new(),
        };
        // What goes from here on has been read, or is counted as gone.
        let forgotten = self.rig.forgotten();
        let origin_page = match (&expect.unchanged_except, &call) {
            (Some(_), Some(call)) => Some(self.origin_page(call).await?),
            _ => None,
        };
        Ok(Observed {
            call,
            deployment: outcome.deployment,
            probe: outcome.probe,
            live_page: outcome.live_page,
            console: outcome.console,
            origin_page,
            hops,
            all_hops,
            origin,
            origin_all,
            node,
            node_all,
            log,
            control_plane: OnControlPlane {
                hops: since,
                state: self.account(),
            },
            forgotten,
            has_lost_hops: forgotten.hops > hops_before,
            is_raw,
        })
    }

    /// What the filtering node saw of a call. A worker may send it a copy that arrives after the visitor's response, so
    /// what is expected is waited for.
    async fn node_saw(&self, expect: &ExpectOrigin, hops: &[Exchange]) -> Vec<RecordedRequest> {
        let node = self.rig.wallarm();
        let expected = expect.at_least();
        let seen = |node: &WallarmNode| {
            let requests = node.requests().into_iter();
            requests
                .filter(|request| match &expect.call {
                    Some(call) => call.matches(&request.method, &request.url),
                    None => belongs_to(request, hops),
                })
                .filter(|request| request.body.complete)
                .collect::<Vec<_>>()
        };
        let enough = node.until(|node| node.is_idle() && seen(node).len() as f64 >= expected);
        // Where it never comes, the expectation says so.
        let _ = tokio::time::timeout(NODE_LIMIT, enough).await;
        seen(node)
    }

    /// The page as the origin serves it, asked for without an edge in between and without a trace of it.
    async fn origin_page(&self, call: &ObservedCall) -> Result<Bytes, HarnessFault> {
        let url: http::Uri = call.url.parse()?;
        let host = url.host().unwrap_or_default();
        let origin = self.rig.origin(host).map(Origin::aside);
        let origin = origin.ok_or_else(|| format!("there is no origin for `{host}`"))?;
        let request = http::Request::builder()
            .method(call.method.clone())
            .uri(url)
            .body(edgeproof_ground::body::empty())?;
        let (head, body) = origin.response(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        match decoded(&head.headers, body).await {
            (page, None) => Ok(page),
            (_, Some(reason)) => Err(format!("the origin's page: {reason}").into()),
        }
    }

    fn events(&self) -> Result<Vec<serde_json::Value>, HarnessFault> {
        let records = self.rig.fingerprint().events();
        let events = records.iter().map(|record| record.event.to_json());
        Ok(events.collect::<Result<_, _>>()?)
    }

    /// What the account of the control plane holds; nothing where none is emulated.
    fn account(&self) -> Option<State> {
        self.rig.control_plane().map(ControlPlane::state)
    }

    pub(super) fn attacks(&self) -> Result<Vec<serde_json::Value>, HarnessFault> {
        let attacks = self.rig.wallarm().attacks();
        let attacks = attacks.iter().map(serde_json::to_value);
        Ok(attacks.collect::<Result<_, _>>()?)
    }

    /// Waits for what the filtering node is to see: a copy may still be on its way when the last step is over.
    async fn node_has_seen(&self, expect: &ExpectAtEnd) {
        let attacks = expect.attacks.as_ref().map_or(0, Vec::len);
        let enough = self.rig.wallarm().until(|node| {
            let requests = node.requests();
            let is_there = |expect: &ExpectOrigin| {
                check::meant(expect, &requests).len() as f64 >= expect.at_least()
            };
            node.is_idle() && node.attacks().len() >= attacks && expect.node.iter().all(is_there)
        });
        // Where it never comes, the expectation says so.
        let _ = tokio::time::timeout(NODE_LIMIT, enough).await;
    }

    async fn end(&self) -> Result<Vec<Failure>, HarnessFault> {
        let expect = match self.case.end(&self.captured) {
            Ok(expect) => expect,
            Err(problems) => return Ok(self.misfits(&problems)),
        };
        self.node_has_seen(&expect).await;
        let observed = ObservedAtEnd {
            hops: self.rig.trace().exchanges(),
            origin: self.rig.origin_requests(),
            node: self.rig.wallarm().requests(),
            attacks: self.attacks()?,
            events: self.events()?,
            log: log(self.rig).await,
            account: self.account(),
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
        action: &Action,
        (claim, actual): (String, String),
        hops_before: usize,
        began: Instant,
    ) -> Failure {
        let unmet = Mismatch {
            path: vec![key_of(step, &claim).to_owned()],
            claim,
            actual,
            nearest: None,
            message: None,
        };
        let path = ["steps".to_owned(), index.to_string()];
        let mut failure = failure::of(self.case, &path, unmet, &self.redactor());
        if let Action::Request(request) = action {
            failure.call = Some(format!("{} {}", request.method, request.url));
        }
        let since = self.rig.trace().since(hops_before);
        failure.journey = self.journey(&since);
        let journey = &mut failure.journey;
        self.place_thrown(journey, hops_before, began).await;
        failure.notes = self.notes_of_unmet(step, action, hops_before, began).await;
        failure
    }

    /// What happened in place of what the step wanted.
    async fn notes_of_unmet(
        &self,
        step: &Step,
        action: &Action,
        hops_before: usize,
        began: Instant,
    ) -> Vec<Note> {
        let visitor = self.case.scenario.visitor_of(step).unwrap_or_default();
        let wanted = match action {
            Action::Wait(Awaited::Call(pattern)) => Some(pattern),
            _ => step.call.as_ref(),
        };
        let mut notes = Vec::new();
        if let Some(wanted) = wanted {
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

/// The key of a step that did not come true: what it was to cause has keys of its own beside the action.
pub(super) fn key_of(step: &Step, claim: &str) -> &'static str {
    let is_of_a_call = ["expected a request `", "expected a response to `"]
        .iter()
        .any(|start| claim.starts_with(start));
    if is_of_a_call && step.call.is_some() {
        "call"
    } else if step.dialog.is_some() && claim.starts_with("expected a dialog") {
        "dialog"
    } else {
        step.action.name()
    }
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
            Err(Trouble::Unmet {
                claim: format!(
                    "expected the step to be done within the {} of the scenario",
                    shown(limit)
                ),
                actual: "it was not; `timeout:` gives a scenario more time".to_owned(),
            })
        })
}

/// The hops of a call: the visitor's own, and all that bear the same ray.
fn hops_of(exchanges: &[Exchange], call: &ObservedCall) -> Vec<Exchange> {
    let Some(visit) = journey::visit(exchanges, &call.method, &call.url) else {
        return Vec::new();
    };
    match &visit.ray {
        Some(ray) => journey::of_ray(exchanges, ray)
            .into_iter()
            .cloned()
            .collect(),
        None => vec![visit.clone()],
    }
}

/// Whether the origin saw this request on behalf of these hops.
fn belongs_to(request: &RecordedRequest, hops: &[Exchange]) -> bool {
    let ray = |headers: &http::HeaderMap| {
        headers
            .get("cf-ray")
            .and_then(|ray| ray.to_str().ok())
            .map(str::to_owned)
    };
    match ray(&request.headers) {
        Some(ray) => hops.iter().any(|hop| hop.ray.as_deref() == Some(&ray)),
        // A worker may have removed it; then the hop to the origin tells.
        None => hops.iter().any(|hop| {
            hop.to == Party::Origin
                && hop.request.method == request.method
                && hop.request.url == request.url
        }),
    }
}

/// Browsers by visitor would be lost with the map; they are given back by [`Session::close`].
pub(super) type ByVisitor<T> = BTreeMap<String, T>;
