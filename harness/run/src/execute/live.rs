//! What is told of a case while it runs.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use edgeproof_rig::Rig;
use edgeproof_scenario::load::Case;

use super::{add_bodies, events, own_text, session::journey_on};
use crate::{
    record::{CaseRecord, StepRecord, Verdict},
    redact::{self, Redactor},
};

/// Something that happens while a case runs. Its record has what is new, and no verdict yet.
#[derive(Debug)]
pub enum Moment {
    /// A step is next. It is taken as soon as whoever is told is done with it, and that is no time of the scenario.
    Next {
        /// Which of the steps it is, from 1.
        number: usize,
        /// How many there are.
        of: usize,
        /// The step, and the text of the scenario.
        record: Box<CaseRecord>,
    },
    /// A step is over: that step, what was requested since the one before, and every event so far.
    Taken(Box<CaseRecord>),
}

/// Is told of each moment of a case.
pub type Follow = Arc<dyn Fn(Moment) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// Tells of one case.
pub(super) struct Live {
    follow: Follow,
    /// How many hops were told.
    hops: usize,
}

impl Live {
    pub(super) fn new(follow: Follow) -> Self {
        Self { follow, hops: 0 }
    }

    /// Tells what is next, and waits until it may be taken; gives how long that was.
    pub(super) async fn next(
        &self,
        case: &Case,
        number: usize,
        step: StepRecord,
        redactor: &Redactor,
    ) -> Duration {
        let began = Instant::now();
        let mut record = of(case, step);
        record.source = own_text(case, redactor);
        let next = Moment::Next {
            number,
            of: case.scenario.steps.len(),
            record: redact::record(record, redactor).into(),
        };
        (self.follow)(next).await;
        began.elapsed()
    }

    /// Tells what was taken.
    pub(super) async fn taken(
        &mut self,
        rig: &Rig,
        case: &Case,
        step: StepRecord,
        redactor: &Redactor,
    ) {
        let count = rig.trace().count();
        let exchanges = rig.trace().part(self.hops, count - self.hops);
        self.hops = count;
        let mut record = of(case, step);
        record.hops = journey_on(rig, &exchanges, redactor);
        add_bodies(&mut record.hops, &exchanges, redactor).await;
        record.events = events(rig);
        let record = redact::record(record, redactor);
        (self.follow)(Moment::Taken(record.into())).await;
    }
}

fn of(case: &Case, step: StepRecord) -> CaseRecord {
    let mut record = CaseRecord::without_run(case, Verdict::Passed);
    record.steps.push(step);
    record
}
