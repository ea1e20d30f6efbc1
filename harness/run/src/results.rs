//! A whole run as plain data: what `--report json=FILE` writes and `edgeproof report merge` reads.

use std::{collections::BTreeMap, env, thread};

use edgeproof_ground::{redaction::Redactor, visible::visible};
use edgeproof_scenario::shard::Shard;
use serde::{Deserialize, Serialize};

use super::{record::CaseRecord, summary::Summary, target::TargetRecord};

/// The version of this format; another one is not read.
pub const FORMAT: u32 = 1;

/// Everything that came of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// The version of this format.
    pub format: u32,
    /// The version of edgeproof that ran.
    pub edgeproof: String,
    /// Which shard of the run this is, such as `2/3`; none for a whole run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<Shard>,
    /// Which scenarios were asked for, in the words of the command line, such as `scenarios --tag browser`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selection: Option<String>,
    /// The worker under test, as the command line or the project names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<String>,
    /// When, where and how it was run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<About>,
    /// What came of the same cases with another worker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub against: Option<Box<Results>>,
    /// The deployed site that it was, and what was seen of it; none for a run in rigs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<TargetRecord>,
    /// The sums.
    pub summary: Summary,
    /// The cases, in the order of the plan.
    pub cases: Vec<CaseRecord>,
}

/// When, where and how a run was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// When it began.
    pub started: jiff::Timestamp,
    /// The command line.
    pub command: String,
    /// The same without what chose its scenarios: with `--filter` it runs one of them again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<String>,
    /// The operating system, the kind of processor and how many cores it has.
    pub machine: String,
    /// The versions of the runtime and of the browsers.
    pub versions: BTreeMap<String, String>,
}

impl About {
    /// What is known of a run that begins now with this command on this machine.
    pub fn now(command: &str, again: &str, versions: BTreeMap<String, String>) -> Self {
        let told = |text: &str| visible(&Redactor::default().text(text));
        let cores = thread::available_parallelism().map_or(1, |cores| cores.get());
        Self {
            started: jiff::Timestamp::now(),
            command: told(command),
            again: Some(told(again)),
            machine: format!("{} {}, {cores} cores", env::consts::OS, env::consts::ARCH),
            versions,
        }
    }
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
            shard: None,
            selection: None,
            worker: None,
            about: None,
            against: None,
            target: None,
            summary,
            cases,
        }
    }

    /// The same with symbols in place of control characters.
    #[must_use]
    pub fn visible(mut self) -> Self {
        self.cases = self.cases.into_iter().map(CaseRecord::visible).collect();
        self.against = self.against.map(|other| Box::new(other.visible()));
        self
    }
}
