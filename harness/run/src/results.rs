//! A whole run as plain data: what `--report json=FILE` writes and `edgeproof report merge` reads.

use serde::{Deserialize, Serialize};

use super::{record::CaseRecord, summary::Summary};

/// The version of this format; another one is not read.
pub const FORMAT: u32 = 1;

/// Everything that came of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// The version of this format.
    pub format: u32,
    /// The version of edgeproof that ran.
    pub edgeproof: String,
    /// The sums.
    pub summary: Summary,
    /// The cases, in the order of the plan.
    pub cases: Vec<CaseRecord>,
}

impl Results {
    /// The results of these cases.
    pub fn new(cases: Vec<CaseRecord>, took_ms: u64) -> Self {
        let mut summary = Summary {
            took_ms,
            ..Summary::default()
        };
        for case in &cases {
            summary.count(case);
        }
        Self {
            format: FORMAT,
            edgeproof: env!("CARGO_PKG_VERSION").to_owned(),
            summary,
            cases,
        }
    }

    /// The same with symbols in place of control characters.
    #[must_use]
    pub fn visible(mut self) -> Self {
        self.cases = self.cases.into_iter().map(CaseRecord::visible).collect();
        self
    }

    /// One result of several shards, in the order of names. The shards ran side by side, so the longest time counts.
    pub fn merged(shards: impl IntoIterator<Item = Self>) -> Self {
        let mut cases = Vec::new();
        let mut took_ms = 0;
        for shard in shards {
            took_ms = took_ms.max(shard.summary.took_ms);
            cases.extend(shard.cases);
        }
        cases.sort_by(|left: &CaseRecord, right: &CaseRecord| left.name.cmp(&right.name));
        Self::new(cases, took_ms)
    }
}
