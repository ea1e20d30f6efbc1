//! What is measured: what a visitor asks for, and what the worker has to do for it.

use std::{collections::BTreeMap, time::Duration};

use edgeproof_deployment::{Connector, ConnectorMode, Deployment, FailureMode, ProtectedApi};
use edgeproof_ground::time::Time;

/// One thing that visitors do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    /// Its name, as `--filter` takes it.
    pub name: &'static str,
    /// What happens, for people.
    pub title: &'static str,
    /// What is asked for.
    pub task: Task,
    /// How long the platform takes for an identification, and the origin for the rest of a page whose head was sent.
    pub pause: Duration,
    /// Whether a filtering node sees the traffic, and when.
    pub wallarm: Option<ConnectorMode>,
    /// Whether it is part of the short set.
    pub is_short: bool,
}

/// What a visitor asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// An identification page of about so many bytes, which gets the scripts.
    Page(usize),
    /// An identification page whose head is sent at once and the rest later.
    EarlyHead(usize),
    /// A call of a protected API with 20 KB of signals.
    Call,
    /// A form of 10 KB to an address without signals.
    Upload,
    /// A protected form of a page, with signals; the response is the next page, which gets the scripts too.
    Everything,
}

/// Bytes of the signals of a call, as a real visit's are.
pub(super) const SIGNALS: usize = 20 * 1024;

/// Bytes of a form that is uploaded.
pub(super) const FORM: usize = 10 * 1024;

/// Bytes of the page that answers [`Task::Everything`].
pub(super) const NEXT_PAGE: usize = 50_000;

/// How long workers wait for the platform and for the node: a machine that is busy with other things must not make them
/// take their failure mode instead of what is measured.
const DEADLINE: Duration = Duration::from_secs(20);

/// The host of the site.
pub(super) const SITE: &str = "shop.example";

/// Every case.
pub const CASES: [Case; 11] = [
    Case {
        is_short: false,
        ..page("page_1_kb", "a page of 1 KB gets its scripts", 1000)
    },
    page("page_50_kb", "a page of 50 KB gets its scripts", 50_000),
    Case {
        is_short: false,
        ..page("page_1_mb", "a page of 1 MB gets its scripts", 1_000_000)
    },
    Case {
        is_short: false,
        ..page("page_10_mb", "a page of 10 MB gets its scripts", 10_000_000)
    },
    Case {
        task: Task::EarlyHead(50_000),
        pause: Duration::from_millis(50),
        is_short: false,
        ..page(
            "early_head",
            "a page whose head is sent 50 ms before the rest gets its scripts",
            0,
        )
    },
    call("call_0_ms", "a protected call, identified at once", 0),
    Case {
        is_short: true,
        ..call("call_20_ms", "a protected call, identified in 20 ms", 20)
    },
    call("call_100_ms", "a protected call, identified in 100 ms", 100),
    upload(
        "wallarm_inline",
        "a form of 10 KB, the node decides first",
        ConnectorMode::Inline,
    ),
    upload(
        "wallarm_async",
        "a form of 10 KB, the node gets a copy",
        ConnectorMode::Async,
    ),
    Case {
        name: "everything",
        title: "a protected form, identified in 20 ms, the node decides too, a page of 50 KB answers",
        task: Task::Everything,
        wallarm: Some(ConnectorMode::Inline),
        is_short: true,
        ..call("", "", 20)
    },
];

const fn page(name: &'static str, title: &'static str, bytes: usize) -> Case {
    Case {
        name,
        title,
        task: Task::Page(bytes),
        pause: Duration::ZERO,
        wallarm: None,
        is_short: true,
    }
}

const fn call(name: &'static str, title: &'static str, milliseconds: u64) -> Case {
    Case {
        name,
        title,
        task: Task::Call,
        pause: Duration::from_millis(milliseconds),
        wallarm: None,
        is_short: false,
    }
}

const fn upload(name: &'static str, title: &'static str, mode: ConnectorMode) -> Case {
    Case {
        task: Task::Upload,
        wallarm: Some(mode),
        is_short: true,
        ..call(name, title, 0)
    }
}

impl Case {
    /// What is deployed for it, in the words of the dashboard. A call that cannot be identified is refused, so that no
    /// worker is measured that quietly identifies nothing.
    pub(super) fn deployment(&self) -> Deployment {
        Deployment {
            identification_pages: vec![format!("{SITE}/page*")],
            protected_apis: vec![ProtectedApi {
                method: http::Method::POST,
                url: format!("{SITE}/api/*"),
            }],
            failure_mode: FailureMode::Closed,
            wallarm: self.wallarm.map(|mode| Connector {
                mode,
                timeout: Some(Time(DEADLINE)),
                ..Connector::default()
            }),
            variables: BTreeMap::from([(
                "FP_TIMEOUT_MS".to_owned(),
                DEADLINE.as_millis().to_string(),
            )]),
            ..Deployment::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn cases_are_told_apart_by_name() {
        let names: BTreeSet<_> = CASES.iter().map(|case| case.name).collect();
        assert_eq!(names.len(), CASES.len());
    }

    #[test]
    fn the_short_set_has_one_case_of_each_task() {
        let short = || CASES.iter().filter(|case| case.is_short);
        for task in [
            Task::Page(50_000),
            Task::Call,
            Task::Upload,
            Task::Everything,
        ] {
            assert!(short().any(|case| case.task == task), "{task:?}");
        }
    }
}
