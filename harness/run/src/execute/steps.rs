//! What is recorded of each step while it is taken.

use std::{collections::BTreeSet, time::Instant};

use base64::{Engine, engine::general_purpose::STANDARD};
use edgeproof_document::node::Value;
use edgeproof_rig::Rig;
use edgeproof_scenario::{
    load::Case,
    step::{Action, Actor, Step},
};

use super::{browser::Browsers, session::ByVisitor};
use crate::record::StepRecord;

/// The steps that were taken so far.
pub(super) struct Steps {
    pub(super) taken: Vec<StepRecord>,
    /// Whether there is a picture of each.
    with_pictures: bool,
    /// Visitors whose page gave none, so that nobody waits for another.
    without_picture: BTreeSet<String>,
    /// How many lines each visitor's page had printed before.
    printed: ByVisitor<usize>,
}

/// A step that is over.
pub(super) struct Taken<'a> {
    pub(super) index: usize,
    pub(super) step: &'a Step,
    pub(super) began: Instant,
    /// Whether everything held that was expected of it.
    pub(super) held: bool,
}

impl Steps {
    pub(super) fn new(with_pictures: bool) -> Self {
        Self {
            taken: Vec::new(),
            with_pictures,
            without_picture: BTreeSet::new(),
            printed: ByVisitor::new(),
        }
    }

    /// Records a step that is over.
    pub(super) async fn add(
        &mut self,
        rig: &Rig,
        case: &Case,
        browsers: &Browsers,
        taken: Taken<'_>,
    ) {
        let Taken {
            index,
            step,
            began,
            held,
        } = taken;
        let took = began.elapsed();
        let visitor = visitor_of(case, step);
        let (mut console, mut picture) = (Vec::new(), None);
        if let Some(visitor) = visitor.filter(|_| step.action.actor() == Actor::Browser) {
            let mut lines = browsers.console(visitor);
            let before = self
                .printed
                .insert(visitor.to_owned(), lines.len())
                .unwrap_or(0);
            console = lines.split_off(before.min(lines.len()));
            if self.with_pictures && !self.without_picture.contains(visitor) {
                let taken = browsers.screenshot(visitor).await;
                picture = taken.map(|picture| STANDARD.encode(picture));
                if picture.is_none() {
                    self.without_picture.insert(visitor.to_owned());
                }
            }
        }
        let micros =
            |duration: std::time::Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.taken.push(StepRecord {
            started_us: micros(rig.trace().at(began)),
            took_us: micros(took),
            held,
            console,
            picture,
            ..untaken(case, index, step)
        });
    }
}

/// A step as far as the scenario tells it.
pub(super) fn untaken(case: &Case, index: usize, step: &Step) -> StepRecord {
    let node = case.node.at_path(["steps", &index.to_string()]);
    StepRecord {
        title: title(case, index, step),
        visitor: visitor_of(case, step).map(str::to_owned),
        place: node.and_then(|node| case.sources.place(node.at)),
        started_us: 0,
        took_us: 0,
        held: true,
        console: Vec::new(),
        picture: None,
    }
}

fn visitor_of<'a>(case: &'a Case, step: &'a Step) -> Option<&'a str> {
    let visitor = case.scenario.visitor_of(step);
    visitor.filter(|_| step.action.actor() != Actor::Nobody)
}

/// What a step does, in one line.
fn title(case: &Case, index: usize, step: &Step) -> String {
    let name = step.action.name();
    if let Action::Request(request) = &step.action {
        return format!("{name} {} {}", request.method, request.url);
    }
    let node = case.node.at_path(["steps", &index.to_string(), name]);
    let said = node.map(|node| match &node.value {
        Value::Map(entries) => {
            let keys: Vec<&str> = entries.iter().map(|(key, _)| key.text.as_str()).collect();
            keys.join(", ")
        }
        other => other.as_text().unwrap_or_default().to_owned(),
    });
    let said = said.unwrap_or_default();
    let first = said.lines().next().unwrap_or_default();
    format!("{name} {first}").trim_end().to_owned()
}
