//! A case of the page while it runs: the steps it has taken, and the one that it is at.

use edgeproof_run::record::{CaseRecord, StepRecord};
use serde_json::{Value as Json, json};

/// What is known of a case that runs.
pub(super) struct Live {
    /// What was told so far, as a record.
    pub(super) record: CaseRecord,
    /// The step that is next, or under way.
    step: Option<StepRecord>,
    /// Which of the steps it is, from 1.
    number: usize,
    of: usize,
    /// The last step that may be taken while somebody goes step by step.
    may: usize,
}

impl Live {
    /// A case whose first step is next: it may have been tried before.
    pub(super) fn new(record: CaseRecord) -> Self {
        Self {
            record,
            step: None,
            number: 0,
            of: 0,
            may: 0,
        }
    }

    pub(super) fn next(&mut self, number: usize, of: usize, record: CaseRecord) {
        self.step = record.steps.into_iter().next();
        (self.number, self.of) = (number, of);
    }

    pub(super) fn taken(&mut self, record: CaseRecord) {
        self.record.steps.extend(record.steps);
        self.record.hops.extend(record.hops);
        self.record.events = record.events;
    }

    /// Lets it take the step that it is at.
    pub(super) fn go_on(&mut self) {
        self.may = self.number;
    }

    /// Whether the step that it is at may be taken by somebody who goes step by step.
    pub(super) fn may_go_on(&self) -> bool {
        self.number <= self.may
    }

    /// Where it is, in words of the page.
    pub(super) fn at(&self) -> Json {
        json!({
            "number": self.number,
            "of": self.of,
            "may_go_on": self.may_go_on(),
            "step": self.step,
        })
    }
}
