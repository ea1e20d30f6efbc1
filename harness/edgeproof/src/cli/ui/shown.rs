//! What the page of a run shows: every case, as far as it is known, and how far the run is.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use edgeproof_ground::{body::Body, visible::visible};
use edgeproof_report::html;
use edgeproof_run::{
    event::Event,
    record::{CaseRecord, Verdict},
    results::About,
};
use edgeproof_scenario::load::Case;
use http::{Method, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use tokio::sync::{
    mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    watch,
};

use super::super::served::{self, Page, PageRequest, Teller, answered};

/// Bytes of records that are kept with everything; of more, the oldest keep only what the list shows.
const MOST: usize = 256 << 20;

/// What somebody at the page wants.
#[derive(Debug)]
pub(in super::super) enum Wish {
    /// These cases, or all where none is named.
    Run(BTreeSet<String>),
    /// What runs is to end.
    Stop,
}

/// The state of the page. It is told to everybody who looks whenever it changes.
pub(in super::super) struct Shown {
    state: Mutex<State>,
    changes: watch::Sender<usize>,
    wishes: UnboundedSender<Wish>,
}

struct State {
    cases: Vec<Known>,
    /// When the list of cases was another one.
    listed: usize,
    problem: Option<String>,
    is_running: bool,
    is_watching: bool,
    selection: String,
    started: Option<About>,
    /// Counts changes.
    now: usize,
}

/// A case, and what came of it last.
struct Known {
    record: CaseRecord,
    /// Whether it is in the list only, waits, or runs; what came of it is in the record otherwise.
    word: Option<&'static str>,
    /// When it changed.
    changed: usize,
    /// Bytes of its record, about.
    bytes: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    names: BTreeSet<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Watching {
    on: bool,
}

impl Shown {
    /// Nothing is known yet; what is wished for comes out of the other one.
    pub(super) fn new(selection: String) -> (Arc<Self>, UnboundedReceiver<Wish>) {
        let (wishes, wished) = unbounded_channel();
        let state = State {
            cases: Vec::new(),
            listed: 0,
            problem: None,
            is_running: false,
            is_watching: true,
            selection,
            started: None,
            now: 0,
        };
        let shown = Self {
            state: state.into(),
            changes: watch::Sender::default(),
            wishes,
        };
        (Arc::new(shown), wished)
    }

    /// These are the cases from now on; what came of those that were there before stays.
    pub(super) fn load(&self, cases: &[Case], problem: Option<String>) {
        self.change(|state| {
            let mut before = std::mem::take(&mut state.cases);
            for case in cases {
                let known = before
                    .iter()
                    .position(|known| known.record.name == case.name);
                let mut known = match known {
                    Some(index) => before.swap_remove(index),
                    None => Known {
                        record: CaseRecord::without_run(case, Verdict::Passed),
                        word: Some("not run"),
                        changed: 0,
                        bytes: 0,
                    },
                };
                let told = CaseRecord::without_run(case, Verdict::Passed);
                known.record.title = visible(&told.title);
                known.record.tags = told.tags;
                known.record.refs = told.refs;
                known.changed = state.now;
                state.cases.push(known);
            }
            state.problem = problem;
            state.listed = state.now;
        });
    }

    /// These wait to be run.
    pub(super) fn begins(&self, names: &BTreeSet<String>) {
        self.change(|state| {
            let now = state.now;
            let meant = state.cases.iter_mut();
            for known in meant.filter(|known| names.contains(&known.record.name)) {
                known.word = Some("waiting");
                known.changed = now;
            }
            state.is_running = true;
            state.problem = None;
        });
    }

    /// Notes what happens.
    pub(in super::super) fn take(&self, event: &Event) {
        match event {
            Event::Running { name } => self.of(name, |known| known.word = Some("running")),
            Event::Finished(record) => self.finished(record),
            Event::Started { .. } | Event::Ended(_) => {}
        }
    }

    /// A case is over; it may be told of before those that began earlier.
    pub(in super::super) fn finished(&self, record: &CaseRecord) {
        self.of(&record.name, |known| {
            if known.word.is_some() || known.record.attempts != record.attempts {
                known.bytes = bytes(record);
                known.record = record.clone();
                known.word = None;
            }
        });
    }

    /// When, where and how it is run.
    pub(in super::super) fn is_about(&self, about: impl FnOnce() -> About) {
        self.change(|state| {
            state.started.get_or_insert_with(about);
        });
    }

    /// Nothing runs any more; what did not come to an end is as if it had not been run.
    pub(super) fn ended(&self) {
        self.change(|state| {
            let now = state.now;
            for known in state.cases.iter_mut().filter(|known| known.word.is_some()) {
                known.word = Some("not run");
                known.changed = now;
            }
            state.is_running = false;
        });
    }

    /// Shows what is wrong, if anything.
    pub(super) fn say(&self, problem: Option<String>) {
        self.change(|state| state.problem = problem.map(|text| visible(&text)));
    }

    /// Whether a save runs something again.
    pub(super) fn is_watching(&self) -> bool {
        self.lock().is_watching
    }

    /// Something is to be done as soon as nothing else is.
    pub(super) fn wish(&self, wish: Wish) {
        // The other end is gone when the command ends.
        let _ = self.wishes.send(wish);
    }

    fn of(&self, name: &str, change: impl FnOnce(&mut Known)) {
        self.change(|state| {
            let now = state.now;
            if let Some(known) = state
                .cases
                .iter_mut()
                .find(|known| known.record.name == name)
            {
                change(known);
                known.changed = now;
            }
            state.bound();
        });
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        state.now += 1;
        change(&mut state);
        self.changes.send_replace(state.now);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere leaves it whole but for one case.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything of a case.
    fn case(&self, name: &str) -> Result<Json, String> {
        let state = self.lock();
        let mut known = state.cases.iter();
        let known = known.find(|known| known.record.name == name);
        let known = known.ok_or_else(|| format!("no case is called `{name}`"))?;
        Ok(html::case(&known.record))
    }

    /// What there is to tell to somebody who knows everything up to this change; everything, to who knows nothing.
    fn news(&self, told: Option<usize>) -> Json {
        let state = self.lock();
        let is_new = |changed: usize| told.is_none_or(|told| changed > told);
        let cases = state.cases.iter().filter(|known| is_new(known.changed));
        let names = state.cases.iter().map(|known| &known.record.name);
        json!({
            "cases": cases.map(Known::line).collect::<Vec<_>>(),
            "names": is_new(state.listed).then(|| names.collect::<Vec<_>>()),
            "problem": state.problem,
            "is_running": state.is_running,
            "is_watching": state.is_watching,
            "selection": state.selection,
            "about": state.started,
            "edgeproof": env!("CARGO_PKG_VERSION"),
        })
    }
}

impl State {
    /// Forgets what is too much: of the oldest the list still shows what came of them.
    fn bound(&mut self) {
        let mut bytes: usize = self.cases.iter().map(|known| known.bytes).sum();
        while bytes > MOST {
            let kept = self.cases.iter_mut().filter(|known| known.bytes > 0);
            let Some(oldest) = kept.min_by_key(|known| known.changed) else {
                return;
            };
            bytes -= oldest.bytes;
            oldest.bytes = 0;
            oldest.record.hops.clear();
            oldest.record.screenshots.clear();
            oldest
                .record
                .steps
                .iter_mut()
                .for_each(|step| step.picture = None);
        }
    }
}

impl Known {
    /// What stands in the list.
    fn line(&self) -> Json {
        let record = &self.record;
        json!({
            "name": record.name,
            "title": record.title,
            "file": record.file,
            "tags": record.tags,
            "refs": record.refs,
            "workers": record.workers,
            "verdict": match self.word {
                Some(word) => json!(word),
                None => told(&record.verdict),
            },
            "attempts": record.attempts,
            "took_ms": record.took_ms,
            "changed": self.changed,
        })
    }
}

/// The verdict, whose failures one may search for.
fn told(verdict: &Verdict) -> Json {
    let mut verdict = verdict.clone();
    if let Verdict::Failed(failures) | Verdict::Observed(failures) = &mut verdict {
        for failure in failures {
            failure.journey.clear();
            failure.notes.clear();
        }
    }
    json!(verdict)
}

/// About how much a record takes.
fn bytes(record: &CaseRecord) -> usize {
    let pictures = record.steps.iter().filter_map(|step| step.picture.as_ref());
    let screenshots = record.screenshots.iter().map(|shown| shown.jpeg.len());
    let bodies = record.hops.iter().map(|hop| {
        let bodies = hop.request_bytes.min(64 * 1024) + hop.response_bytes.min(64 * 1024);
        usize::try_from(bodies).unwrap_or_default() + 4096
    });
    pictures.map(String::len).sum::<usize>()
        + screenshots.sum::<usize>()
        + bodies.sum::<usize>()
        + 1
}

impl Page for Shown {
    async fn respond(self: Arc<Self>, request: PageRequest) -> Response<Body> {
        match (&request.method, request.path.as_str()) {
            (&Method::GET, "") => served::document(html::live("run")),
            (&Method::GET, "stream") => served::stream(Follower {
                changes: self.changes.subscribe(),
                told: None,
                shown: self,
            }),
            (&Method::GET, "case") => answered(self.case(request.query("name"))),
            (&Method::POST, "run") => answered(request.json().await.map(|Wanted { names }| {
                self.wish(Wish::Run(names));
                Json::Null
            })),
            (&Method::POST, "stop") => answered(request.json().await.map(|_: Json| {
                self.wish(Wish::Stop);
                Json::Null
            })),
            (&Method::POST, "watch") => answered(request.json().await.map(|Watching { on }| {
                self.change(|state| state.is_watching = on);
                Json::Null
            })),
            _ => served::not_here(StatusCode::NOT_FOUND),
        }
    }
}

/// Knows what one page has been told already.
struct Follower {
    shown: Arc<Shown>,
    changes: watch::Receiver<usize>,
    told: Option<usize>,
}

impl Teller for Follower {
    async fn news(&mut self) -> Json {
        if self.told.is_some() && self.changes.changed().await.is_err() {
            return std::future::pending().await;
        }
        let now = *self.changes.borrow_and_update();
        let news = self.shown.news(self.told);
        self.told = Some(now);
        news
    }
}
