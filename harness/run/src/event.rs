//! The one stream that every report is fed from.

use super::{record::CaseRecord, summary::Summary};

/// Something that happened in a run, in the order of the plan: a case finishes only after those before it.
#[derive(Clone, Debug)]
pub enum Event {
    /// The run begins.
    Started {
        /// How many cases there are.
        cases: usize,
        /// How many are run at a time.
        jobs: usize,
    },
    /// A case is being run. These come as they happen, in no order.
    Running {
        /// Its name.
        name: String,
    },
    /// A case is over. These come as they happen too.
    Over {
        /// Its name.
        name: String,
    },
    /// What came of a case.
    Finished(Box<CaseRecord>),
    /// The run is over.
    Ended(Summary),
}
