//! Steps: what happens, in order.

use std::collections::BTreeMap;

use edgeproof_cloudflare::plane;
use edgeproof_deployment::Deployment;
use edgeproof_fingerprint::{Ruleset, Stated};
use edgeproof_ground::{call::CallPattern, international, time::Time};
use edgeproof_internet::Fault;
use edgeproof_wallarm as wallarm;
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    deploying::Deploying,
    expect::{Expect, Header},
    file::WorkedIn,
    request::{RawRequest, Request},
    text::Pattern,
};

/// One step: one action, the visitor who performs it, and what must be true afterwards.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(try_from = "Written")]
#[schemars(with = "Written")]
pub struct Step {
    /// What is done.
    pub action: Action,
    /// Who does it; the only visitor where it is absent.
    pub visitor: Option<String>,
    /// The call of the page that this action causes; the expectations are about it.
    pub call: Option<CallPattern>,
    /// What must be true of the call.
    pub expect: Option<Expect>,
    /// Values to keep for later steps, by the name that `${name}` then stands for.
    pub capture: BTreeMap<String, Capture>,
    /// How long the step may take.
    pub timeout: Option<Time>,
}

/// What a step does.
#[derive(Clone, Debug)]
pub enum Action {
    /// A browser opens a page.
    Visit(String),
    /// Texts are typed into fields, by CSS selector.
    Fill(IndexMap<String, String>),
    /// An element is clicked, by CSS selector.
    Click(String),
    /// A key is pressed.
    Press(Press),
    /// A form is submitted, by CSS selector, as by its first button.
    Submit(String),
    /// The page makes a call, if it has not yet, and it is answered.
    Wait(CallPattern),
    /// JavaScript runs in the page.
    Run(String),
    /// An HTTP client sends a request.
    Request(Box<Request>),
    /// An HTTP client sends bytes as they are written.
    Raw(Box<RawRequest>),
    /// The rig's clock moves forward.
    Advance(Time),
    /// Something of the rig changes.
    Set(Box<Change>),
    /// Something is deployed through the control plane.
    Deploy(Box<Deploying>),
}

/// Who takes a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A visitor with a browser.
    Browser,
    /// A visitor without one.
    Client,
    /// Nobody: the rig itself changes.
    Nobody,
}

/// What a step can change of a running rig.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Change {
    /// The faults from now on, in place of those before; `[]` ends all.
    pub faults: Option<Vec<Fault>>,
    /// What changes of the emulated control plane.
    pub cloudflare: Option<plane::Changes>,
    /// Rulesets by name; each replaces the one of its name.
    pub rulesets: BTreeMap<String, Ruleset>,
    /// What changes of the filtering node; the rest of it stays.
    pub node: Option<wallarm::Changes>,
    /// Stated signals of every event from now on, in place of those before.
    pub signals: Option<Stated>,
    /// Deployments by worker name; each replaces the one with its name, and keeps the keys that it does not set.
    pub deployments: BTreeMap<String, Deployment>,
}

/// What is captured from a response.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Capture {
    /// The status.
    Status,
    /// The body.
    Body,
    /// A header.
    Header(Header),
    /// A value in a JSON body, by JSON Pointer (RFC 6901) such as `/account/id`.
    Json(String),
    /// The match of a regular expression in the body: its first group, or the whole match if it has none.
    Matches(Pattern),
}

/// A key of the keyboard.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Press {
    /// Which.
    pub key: Key,
    /// The field that has the focus, by CSS selector; default: the one that has it already.
    #[serde(rename = "in")]
    pub field: Option<String>,
}

/// The keys that can be pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum Key {
    /// Submits a form by its first button.
    Enter,
}

/// A step as it stands in a file.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Step")]
struct Written {
    /// A browser opens this page.
    #[serde(default, deserialize_with = "international::optional_url")]
    visit: Option<String>,
    /// Texts are typed into fields, by CSS selector.
    fill: Option<IndexMap<String, String>>,
    /// The element that this CSS selector finds is clicked.
    click: Option<String>,
    /// A key is pressed.
    press: Option<Press>,
    /// The form that this CSS selector finds is submitted, as by its first button.
    submit: Option<String>,
    /// Waits until this request of the page, made since the last step began, has its response.
    wait: Option<CallPattern>,
    /// JavaScript runs in the page, as the body of an async function.
    run: Option<String>,
    /// An HTTP client sends this request.
    request: Option<Request>,
    /// An HTTP client sends bytes as they are written.
    raw: Option<RawRequest>,
    /// The rig's clock moves forward.
    advance: Option<Time>,
    /// Something of the running rig changes.
    set: Option<Change>,
    /// Something is deployed through the control plane, as the command `edgeproof deploy` does it.
    deploy: Option<Deploying>,
    /// The visitor who performs it. Default: the only one.
    #[serde(rename = "as")]
    visitor: Option<String>,
    /// The call of the page that this action causes; the expectations are about it.
    call: Option<CallPattern>,
    /// What must be true afterwards.
    expect: Option<Expect>,
    /// Values to capture for later steps, where `${name}` is replaced by them.
    #[serde(default)]
    capture: BTreeMap<String, Capture>,
    /// How long it may take.
    timeout: Option<Time>,
    /// A file of steps in place of this one, worked in before it is read.
    #[serde(default)]
    #[schemars(skip)]
    #[expect(dead_code, reason = "it is known so that one who mistypes it is told")]
    include: WorkedIn,
}

/// Why a step could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum StepError {
    #[error(
        "a step does one thing: `visit`, `fill`, `click`, `press`, `submit`, `wait`, `run`, `request`, `raw`, `advance`, `set` or `deploy`; this one does nothing"
    )]
    Nothing,
    #[error("a step does one thing; this one does several: {0}")]
    Several(String),
}

impl TryFrom<Written> for Step {
    type Error = StepError;

    fn try_from(written: Written) -> Result<Self, StepError> {
        let mut actions = Vec::new();
        actions.extend(written.visit.map(|url| ("visit", Action::Visit(url))));
        actions.extend(written.fill.map(|fields| ("fill", Action::Fill(fields))));
        actions.extend(written.click.map(|at| ("click", Action::Click(at))));
        actions.extend(written.press.map(|press| ("press", Action::Press(press))));
        actions.extend(written.submit.map(|form| ("submit", Action::Submit(form))));
        actions.extend(written.wait.map(|call| ("wait", Action::Wait(call))));
        actions.extend(written.run.map(|script| ("run", Action::Run(script))));
        actions.extend(
            written
                .request
                .map(|request| ("request", Action::Request(Box::new(request)))),
        );
        actions.extend(
            written
                .raw
                .map(|request| ("raw", Action::Raw(Box::new(request)))),
        );
        actions.extend(written.advance.map(|by| ("advance", Action::Advance(by))));
        actions.extend(
            written
                .set
                .map(|change| ("set", Action::Set(Box::new(change)))),
        );
        actions.extend(
            written
                .deploy
                .map(|deploying| ("deploy", Action::Deploy(Box::new(deploying)))),
        );
        let names: Vec<&str> = actions.iter().map(|(name, _)| *name).collect();
        if names.len() > 1 {
            return Err(StepError::Several(names.join(", ")));
        }
        let (_, action) = actions.pop().ok_or(StepError::Nothing)?;
        Ok(Self {
            action,
            visitor: written.visitor,
            call: written.call,
            expect: written.expect,
            capture: written.capture,
            timeout: written.timeout,
        })
    }
}

impl Action {
    /// The word that names it in a file.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Visit(_) => "visit",
            Self::Fill(_) => "fill",
            Self::Click(_) => "click",
            Self::Press(_) => "press",
            Self::Submit(_) => "submit",
            Self::Wait(_) => "wait",
            Self::Run(_) => "run",
            Self::Raw(_) => "raw",
            Self::Request(_) => "request",
            Self::Advance(_) => "advance",
            Self::Set(_) => "set",
            Self::Deploy(_) => "deploy",
        }
    }

    /// Who does it.
    pub fn actor(&self) -> Actor {
        match self {
            Self::Visit(_)
            | Self::Fill(_)
            | Self::Click(_)
            | Self::Press(_)
            | Self::Submit(_)
            | Self::Wait(_)
            | Self::Run(_) => Actor::Browser,
            Self::Request(_) | Self::Raw(_) => Actor::Client,
            Self::Advance(_) | Self::Set(_) | Self::Deploy(_) => Actor::Nobody,
        }
    }
}
