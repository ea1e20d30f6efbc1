//! What came of a run, as plain data: what reports show, what shards are merged from.
//!
//! Everything in here is redacted already.

use std::{path::PathBuf, time::Duration};

use edgeproof_document::source::{Excerpt, Place};
use edgeproof_ground::visible::{in_one_line, visible};
use edgeproof_origin::launch::Printed;
use edgeproof_scenario::load::Case;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// What came of one case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CaseRecord {
    /// Its name.
    pub name: String,
    /// What it proves.
    pub title: String,
    /// The file it stands in.
    pub file: PathBuf,
    /// Its tags.
    pub tags: Vec<String>,
    /// The documents its rule comes from.
    pub refs: Vec<String>,
    /// What came of it.
    pub verdict: Verdict,
    /// How many attempts it took; more than one only where retries were asked for.
    pub attempts: u32,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// Every hop of every request, in the order of arrival.
    pub hops: Vec<HopRecord>,
    /// What the workers wrote to their console.
    pub log: Vec<String>,
    /// What the apps printed that were started for it, while it ran; others may have used them too.
    #[serde(default)]
    pub apps: Vec<AppRecord>,
    /// What each browser showed when the case failed.
    #[serde(default)]
    pub screenshots: Vec<Screenshot>,
    /// The workers of its deployments, by their paths; `under test` is the one that was asked for.
    #[serde(default)]
    pub workers: Vec<String>,
    /// Its steps, as far as they were taken.
    #[serde(default)]
    pub steps: Vec<StepRecord>,
    /// The identification events, in order.
    #[serde(default)]
    pub events: Vec<EventRecord>,
    /// The attacks that the filtering node found.
    #[serde(default)]
    pub attacks: Vec<Json>,
    /// The text of its file, where it did not pass.
    #[serde(default)]
    pub source: Option<String>,
}

/// A step that was taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    /// What it does, in one line: `click #create`.
    pub title: String,
    /// Who took it.
    pub visitor: Option<String>,
    /// Where it stands.
    pub place: Option<Place>,
    /// When it began, in microseconds since the rig started: what was requested since then is its doing.
    pub started_us: u64,
    /// How long it took, with everything that it waited for, in microseconds.
    pub took_us: u64,
    /// Whether everything held that was expected of it.
    pub held: bool,
    /// What the page printed meanwhile.
    pub console: Vec<String>,
    /// What the page showed then: JPEG, in Base64.
    pub picture: Option<String>,
}

/// An identification event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventRecord {
    /// The visitor's request that it identified.
    pub ray: Option<String>,
    /// The event as the Server API has it.
    pub event: Json,
}

/// An app that was started, and what it printed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AppRecord {
    /// Its command.
    pub command: String,
    /// The end of what it printed.
    pub printed: Vec<Printed>,
}

/// What a browser showed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Screenshot {
    /// Whose browser.
    pub visitor: String,
    /// The picture: JPEG, in Base64.
    pub jpeg: String,
}

/// What came of a case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Everything held.
    Passed,
    /// Something did not hold.
    Failed(Vec<Failure>),
    /// The harness or its surroundings failed, so nothing is known.
    Error(String),
    /// It was not run.
    Skipped(String),
    /// Something did not hold, in a scenario that only asks for it or only looks (`kind: optional`, `kind: observe`).
    Observed(Vec<Failure>),
    /// It failed as `_expected.yaml` says.
    KnownFailure {
        /// Why.
        reason: String,
        /// Where it is being worked on.
        link: String,
    },
}

/// An expectation that did not hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// What was expected, such as `expected status 200`.
    pub claim: String,
    /// What happened instead, such as `got 403`.
    pub actual: String,
    /// Where the expectation stands.
    pub excerpt: Option<Excerpt>,
    /// What the author wants to be told.
    pub message: Option<String>,
    /// The recorded request that comes nearest to the one that is missing.
    pub nearest: Option<String>,
    /// The request it is about, such as `POST https://shop.example/api/login`.
    pub call: Option<String>,
    /// The exchanges it caused.
    pub journey: Vec<HopRecord>,
    /// What else there is to know: what happened in place of what did not, what the page shows, what workers wrote.
    #[serde(default)]
    pub notes: Vec<Note>,
    /// What to do about it.
    #[serde(default)]
    pub way_out: Option<String>,
}

/// Lines that explain a failure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Note {
    /// What they are, such as `the page's console`.
    pub title: String,
    /// The lines.
    pub lines: Vec<String>,
}

/// One hop of a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HopRecord {
    /// Which visitor's request it belongs to.
    pub ray: Option<String>,
    /// Who sent the request.
    pub from: String,
    /// Who received it.
    pub to: String,
    /// How many hops the visitor's request had taken before; 0 is the visitor's own.
    pub depth: usize,
    /// The method.
    pub method: String,
    /// The absolute URL.
    pub url: String,
    /// The status; none where no response came.
    pub status: Option<u16>,
    /// When the request arrived, in microseconds since the rig started.
    pub started_us: u64,
    /// How long the head of the response took, in microseconds.
    pub took_us: Option<u64>,
    /// The decision taken here, and why.
    pub decision: Option<String>,
    /// The fault applied here.
    pub fault: Option<String>,
    /// What the worker threw here that nobody caught, with its stack.
    #[serde(default)]
    pub exception: Option<String>,
    /// The request's headers.
    pub request_headers: Vec<(String, String)>,
    /// Bytes of the request's body.
    pub request_bytes: u64,
    /// The response's headers.
    pub response_headers: Vec<(String, String)>,
    /// Bytes of the response's body.
    pub response_bytes: u64,
    /// The request's body, where it was kept.
    #[serde(default)]
    pub request_body: Option<BodyRecord>,
    /// The response's body, where it was kept.
    #[serde(default)]
    pub response_body: Option<BodyRecord>,
    /// What the worker wrote to its console here, where no other hop can have led to it.
    #[serde(default)]
    pub log: Vec<String>,
}

/// A body without its content codings, as far as it may be shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BodyRecord {
    /// What there is to show.
    #[serde(flatten)]
    pub content: BodyContent,
    /// Whether that is only its beginning.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
}

/// What of a body may be shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BodyContent {
    /// A text.
    Text(String),
    /// Bytes that are no text.
    Base64(String),
    /// Nothing, and why.
    NotShown(String),
}

impl Failure {
    /// The failure in one sentence: `expected status 200, got 403`.
    pub fn sentence(&self) -> String {
        let continues = ["got", "found", "but ", "so ", "which "];
        let joint = match continues.iter().any(|word| self.actual.starts_with(word)) {
            true => ", ",
            false => ", but ",
        };
        format!("{}{joint}{}", self.claim, self.actual)
    }
}

impl Verdict {
    /// The word for it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed(_) => "failed",
            Self::Error(_) => "error",
            Self::Skipped(_) => "skipped",
            Self::Observed(_) => "observed",
            Self::KnownFailure { .. } => "known failure",
        }
    }
}

impl CaseRecord {
    /// The record of a case of which nothing but the verdict is known.
    pub fn without_run(case: &Case, verdict: Verdict) -> Self {
        Self {
            name: case.name.clone(),
            title: case.scenario.title.clone(),
            file: case.file.clone(),
            tags: case.scenario.tags.clone(),
            refs: case.scenario.refs.clone(),
            verdict,
            attempts: 1,
            took_ms: 0,
            hops: Vec::new(),
            log: Vec::new(),
            apps: Vec::new(),
            screenshots: Vec::new(),
            workers: workers(case),
            steps: Vec::new(),
            events: Vec::new(),
            attacks: Vec::new(),
            source: None,
        }
    }

    /// Whether somebody has to look at it.
    pub fn did_not_pass(&self) -> bool {
        matches!(self.verdict, Verdict::Failed(_) | Verdict::Error(_))
    }

    /// How long it took.
    pub fn took(&self) -> Duration {
        Duration::from_millis(self.took_ms)
    }

    /// Changes every text that tells what happened.
    pub(crate) fn each_text(&mut self, change: &mut impl FnMut(&mut String)) {
        if let Verdict::Error(message) = &mut self.verdict {
            change(message);
        }
        self.each_failure(&mut |failure| failure.each_text(change));
        self.hops.iter_mut().for_each(|hop| hop.each_text(change));
        self.log.iter_mut().for_each(&mut *change);
        for app in &mut self.apps {
            change(&mut app.command);
            app.printed
                .iter_mut()
                .for_each(|line| change(&mut line.text));
        }
        self.source.iter_mut().for_each(&mut *change);
        for step in &mut self.steps {
            change(&mut step.title);
            step.console.iter_mut().for_each(&mut *change);
        }
        let events = self.events.iter_mut().map(|event| &mut event.event);
        for told in events.chain(&mut self.attacks) {
            let mut text = told.to_string();
            change(&mut text);
            *told = serde_json::from_str(&text).unwrap_or(Json::String(text));
        }
    }

    /// Changes every text by which the scenario calls itself, other than its name.
    pub(crate) fn each_name(&mut self, change: &mut impl FnMut(&mut String)) {
        change(&mut self.title);
        self.tags.iter_mut().for_each(&mut *change);
        self.refs.iter_mut().for_each(&mut *change);
    }

    /// Changes every failure.
    pub(crate) fn each_failure(&mut self, change: &mut impl FnMut(&mut Failure)) {
        if let Verdict::Failed(failures) | Verdict::Observed(failures) = &mut self.verdict {
            failures.iter_mut().for_each(change);
        }
    }

    /// The record with symbols in place of control characters, as every record that was made here is; one that was read
    /// from a file may be anybody's.
    #[must_use]
    pub fn visible(mut self) -> Self {
        let change = &mut |text: &mut String| *text = visible(text);
        self.each_text(change);
        self.each_name(change);
        self.each_failure(&mut |failure| {
            failure.excerpt = failure.excerpt.as_ref().map(Excerpt::visible);
        });
        self.name = in_one_line(&self.name);
        self
    }
}

impl Failure {
    pub(crate) fn each_text(&mut self, change: &mut impl FnMut(&mut String)) {
        change(&mut self.claim);
        change(&mut self.actual);
        let others = [
            &mut self.message,
            &mut self.nearest,
            &mut self.call,
            &mut self.way_out,
        ];
        others.into_iter().flatten().for_each(&mut *change);
        self.journey
            .iter_mut()
            .for_each(|hop| hop.each_text(change));
        let lines = self.notes.iter_mut().flat_map(|note| &mut note.lines);
        lines.for_each(change);
    }
}

impl HopRecord {
    fn each_text(&mut self, change: &mut impl FnMut(&mut String)) {
        change(&mut self.url);
        let told = [&mut self.decision, &mut self.fault, &mut self.exception];
        told.into_iter().flatten().for_each(&mut *change);
        self.log.iter_mut().for_each(&mut *change);
        for body in [&mut self.request_body, &mut self.response_body] {
            if let Some(BodyContent::Text(text)) = body.as_mut().map(|body| &mut body.content) {
                change(text);
            }
        }
        let headers = self.request_headers.iter_mut();
        let headers = headers.chain(&mut self.response_headers);
        headers.for_each(|(_, value)| change(value));
    }
}

/// The workers of a case's deployments.
fn workers(case: &Case) -> Vec<String> {
    let deployments = case.scenario.given.deployments.values();
    let under_test = || "under test".to_owned();
    let mut workers: Vec<String> = deployments
        .map(|deployment| deployment.worker.clone().unwrap_or_else(under_test))
        .collect();
    workers.sort();
    workers.dedup();
    workers
}
