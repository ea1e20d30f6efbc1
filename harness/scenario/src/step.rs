//! Steps: what happens, in order.

use std::collections::BTreeMap;

use edgeproof_browser::{DialogAnswer, Place};
use edgeproof_cloudflare::plane;
use edgeproof_deployment::Deployment;
use edgeproof_fingerprint::{Ruleset, Stated};
use edgeproof_ground::{call::CallPattern, international, time::Time};
use edgeproof_internet::Fault;
use edgeproof_wallarm as wallarm;
use http::Method;
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    deploying::Deploying,
    expect::{Expect, Header},
    file::WorkedIn,
    input::{Awaited, FieldValue, Files, Options, Press},
    probing::Probing,
    request::{OneOrMany, RawRequest, Request},
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
    /// The document that it is done in.
    pub place: Place,
    /// How the dialogs that it opens are answered.
    pub dialog: Option<DialogAnswer>,
    /// The call of the page that this action causes; the expectations are about it.
    pub call: Option<CallPattern>,
    /// What must be true of the call.
    pub expect: Option<Expect>,
    /// Values to keep for later steps, by the name that `${name}` then stands for.
    pub capture: BTreeMap<String, Capture>,
    /// How long the step may take.
    pub timeout: Option<Time>,
    /// Whether it does no harm at a deployed site, however often it is done; what that is where it is not said: see
    /// [`Step::changes_something`].
    pub safe_to_repeat: Option<bool>,
}

/// What a step does.
#[derive(Clone, Debug)]
pub enum Action {
    /// A browser opens a page.
    Visit(String),
    /// Fields are filled, by CSS selector.
    Fill(IndexMap<String, FieldValue>),
    /// Options of select boxes are chosen, by CSS selector.
    Select(IndexMap<String, Options>),
    /// Files are chosen in file fields, by CSS selector.
    Upload(IndexMap<String, Files>),
    /// An element is clicked, by CSS selector.
    Click(String),
    /// The mouse is moved over an element, by CSS selector.
    Hover(String),
    /// A checkbox or a radio button is checked, by CSS selector.
    Check(String),
    /// A checkbox is unchecked, by CSS selector.
    Uncheck(String),
    /// A key is pressed.
    Press(Press),
    /// A form is submitted, by CSS selector, as by its first button.
    Submit(String),
    /// A call of the page is waited for, or what it shows.
    Wait(Awaited),
    /// JavaScript runs in the page.
    Run(String),
    /// An HTTP client sends a request.
    Request(Box<Request>),
    /// An HTTP client sends bytes as they are written.
    Raw(Box<RawRequest>),
    /// Every shape of a protected call is sent.
    Probe(Box<Probing>),
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

/// A step as it stands in a file.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Step")]
struct Written {
    /// A browser opens this page.
    #[serde(default, deserialize_with = "international::optional_url")]
    visit: Option<String>,
    /// Fields of any kind are filled, by CSS selector, and have the value then.
    fill: Option<IndexMap<String, FieldValue>>,
    /// Options of select boxes are chosen, by CSS selector.
    select: Option<IndexMap<String, Options>>,
    /// Files are chosen in file fields, by CSS selector; their paths are relative to the file they stand in.
    upload: Option<IndexMap<String, Files>>,
    /// The element that this CSS selector finds is clicked, once it is visible, enabled, at rest and not covered.
    click: Option<String>,
    /// The mouse is moved over the element that this CSS selector finds.
    hover: Option<String>,
    /// The checkbox or radio button that this CSS selector finds is checked.
    check: Option<String>,
    /// The checkbox that this CSS selector finds is unchecked.
    uncheck: Option<String>,
    /// A key is pressed.
    press: Option<Press>,
    /// The form that this CSS selector finds is submitted, as by its first button.
    submit: Option<String>,
    /// Waits until this request of the page, made since the last step began, has its response; or for what the page shows.
    wait: Option<Awaited>,
    /// JavaScript runs in the page, as the body of an async function.
    run: Option<String>,
    /// An HTTP client sends this request.
    request: Option<Request>,
    /// An HTTP client sends bytes as they are written.
    raw: Option<RawRequest>,
    /// Every shape of a protected call is sent without signals, and what the origin runs of them is a hole.
    probe: Option<Probing>,
    /// The rig's clock moves forward.
    advance: Option<Time>,
    /// Something of the running rig changes.
    set: Option<Change>,
    /// Something is deployed through the control plane, as the command `edgeproof deploy` does it.
    deploy: Option<Deploying>,
    /// The visitor who performs it. Default: the only one.
    #[serde(rename = "as")]
    visitor: Option<String>,
    /// The frame that it is done in, by CSS selector; a list leads through frames within frames.
    frame: Option<OneOrMany>,
    /// The window that it is done in, of those that the page opened, by its URL. Default: the page itself.
    window: Option<CallPattern>,
    /// How the dialogs that it opens are answered: `accept`, `dismiss`, or a text for a prompt. One has to open.
    dialog: Option<DialogAnswer>,
    /// The call of the page that this action causes; the expectations are about it.
    call: Option<CallPattern>,
    /// What must be true afterwards.
    expect: Option<Expect>,
    /// Values to capture for later steps, where `${name}` is replaced by them.
    #[serde(default)]
    capture: BTreeMap<String, Capture>,
    /// How long it may take.
    timeout: Option<Time>,
    /// At a deployed site, `true` does without leave a step that sends something, and `false` asks for leave to do any other;
    /// a rig does every step.
    safe_to_repeat: Option<bool>,
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
        "a step does one thing: `visit`, `fill`, `select`, `upload`, `click`, `hover`, `check`, `uncheck`, `press`, `submit`, `wait`, `run`, `request`, `raw`, `probe`, `advance`, `set` or `deploy`; this one does nothing"
    )]
    Nothing,
    #[error("a step does one thing; this one does several: {0}")]
    Several(String),
    #[error("`{key}` means nothing for `{action}`: it is for steps in a page that is open")]
    NotInAPage {
        key: &'static str,
        action: &'static str,
    },
}

impl TryFrom<Written> for Step {
    type Error = StepError;

    fn try_from(written: Written) -> Result<Self, StepError> {
        let mut actions = Vec::new();
        actions.extend(written.visit.map(|url| ("visit", Action::Visit(url))));
        actions.extend(written.fill.map(|fields| ("fill", Action::Fill(fields))));
        actions.extend(
            written
                .select
                .map(|boxes| ("select", Action::Select(boxes))),
        );
        actions.extend(
            written
                .upload
                .map(|fields| ("upload", Action::Upload(fields))),
        );
        actions.extend(written.click.map(|at| ("click", Action::Click(at))));
        actions.extend(written.hover.map(|at| ("hover", Action::Hover(at))));
        actions.extend(written.check.map(|at| ("check", Action::Check(at))));
        actions.extend(written.uncheck.map(|at| ("uncheck", Action::Uncheck(at))));
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
        actions.extend(
            written
                .probe
                .map(|probing| ("probe", Action::Probe(Box::new(probing)))),
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
        let (name, action) = actions.pop().ok_or(StepError::Nothing)?;
        let is_in_a_page = action.actor() == Actor::Browser && !matches!(action, Action::Visit(_));
        let of_a_page = [
            ("frame", written.frame.is_some()),
            ("window", written.window.is_some()),
        ];
        if let Some((key, _)) = of_a_page.iter().find(|(_, given)| *given && !is_in_a_page) {
            return Err(StepError::NotInAPage { key, action: name });
        }
        if written.dialog.is_some() && action.actor() != Actor::Browser {
            return Err(StepError::NotInAPage {
                key: "dialog",
                action: name,
            });
        }
        Ok(Self {
            action,
            visitor: written.visitor,
            place: Place {
                window: written.window,
                frames: written.frame.map_or_else(Vec::new, |frames| frames.0),
            },
            dialog: written.dialog,
            call: written.call,
            expect: written.expect,
            capture: written.capture,
            timeout: written.timeout,
            safe_to_repeat: written.safe_to_repeat,
        })
    }
}

impl Step {
    /// Whether it may change something at a site that is deployed: it says so, or it sends another method than `GET`, `HEAD`
    /// or `OPTIONS`, submits a form, or names a call of another method that it causes.
    pub fn changes_something(&self) -> bool {
        let changes = |method: &Method| !method.is_safe();
        self.safe_to_repeat.map_or_else(
            || match &self.action {
                Action::Submit(_) => true,
                Action::Request(request) => changes(&request.method),
                _ => {
                    let call = self.awaited_call();
                    call.is_some_and(|call| call.method.as_ref().is_none_or(changes))
                }
            },
            |is_safe| !is_safe,
        )
    }

    /// The call of the page that it waits for: by its action, or because the action causes it.
    pub fn awaited_call(&self) -> Option<&CallPattern> {
        match &self.action {
            Action::Wait(Awaited::Call(call)) => Some(call),
            _ => self.call.as_ref(),
        }
    }
}

impl Action {
    /// The word that names it in a file.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Visit(_) => "visit",
            Self::Fill(_) => "fill",
            Self::Select(_) => "select",
            Self::Upload(_) => "upload",
            Self::Click(_) => "click",
            Self::Hover(_) => "hover",
            Self::Check(_) => "check",
            Self::Uncheck(_) => "uncheck",
            Self::Press(_) => "press",
            Self::Submit(_) => "submit",
            Self::Wait(_) => "wait",
            Self::Run(_) => "run",
            Self::Raw(_) => "raw",
            Self::Request(_) => "request",
            Self::Probe(_) => "probe",
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
            | Self::Select(_)
            | Self::Upload(_)
            | Self::Click(_)
            | Self::Hover(_)
            | Self::Check(_)
            | Self::Uncheck(_)
            | Self::Press(_)
            | Self::Submit(_)
            | Self::Wait(_)
            | Self::Run(_) => Actor::Browser,
            Self::Request(_) | Self::Raw(_) | Self::Probe(_) => Actor::Client,
            Self::Advance(_) | Self::Set(_) | Self::Deploy(_) => Actor::Nobody,
        }
    }
}
