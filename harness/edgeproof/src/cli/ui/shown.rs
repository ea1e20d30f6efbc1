//! What the page of a run shows: every case, as far as it is known, and how far the run is.

use std::{
    collections::BTreeSet,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use edgeproof_ground::{body::Body, visible::visible};
use edgeproof_report::html;
use edgeproof_run::{
    event::Event,
    execute::{Follow, Moment},
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

use super::{
    super::served::{self, Page, PageRequest, Teller, answered},
    live::Live,
};

/// Bytes of records that are kept with everything; of more, the oldest keep only what the list shows.
const MOST: usize = 256 << 20;

/// What the list says of a case that has not come to an end.
const NOT_RUN: &str = "not run";

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
    /// Whether each step waits until somebody lets it be taken.
    is_stepping: bool,
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
    /// What it has done, while it runs.
    live: Option<Live>,
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
struct Switched {
    on: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    name: String,
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
            is_stepping: false,
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
                        word: Some(NOT_RUN),
                        live: None,
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
            Event::Started { .. } | Event::Over { .. } | Event::Ended(_) => {}
        }
    }

    /// A case is over; it may be told of before those that began earlier.
    pub(in super::super) fn finished(&self, record: &CaseRecord) {
        self.of(&record.name, |known| {
            if known.word.is_some() || known.record.attempts != record.attempts {
                known.bytes = bytes(record);
                known.record = record.clone();
                known.word = None;
                known.live = None;
            }
        });
    }

    /// Is told of a case while it runs, and holds it before each step while somebody goes step by step.
    pub(in super::super) fn follow(self: &Arc<Self>, name: &str) -> Follow {
        let (shown, name) = (Arc::clone(self), name.to_owned());
        Arc::new(move |moment| {
            let (shown, name) = (Arc::clone(&shown), name.clone());
            Box::pin(async move { shown.moment(&name, moment).await })
        })
    }

    async fn moment(&self, name: &str, moment: Moment) {
        match moment {
            Moment::Next { number, of, record } => {
                self.of(name, |known| known.next(number, of, *record));
                let mut changes = self.changes.subscribe();
                while self.is_held(name) && changes.changed().await.is_ok() {}
            }
            Moment::Taken(record) => self.of(name, |known| known.taken(*record)),
        }
    }

    /// Whether a case waits for somebody.
    fn is_held(&self, name: &str) -> bool {
        let state = self.lock();
        let mut cases = state.cases.iter();
        let known = cases.find(|known| known.record.name == name);
        let live = known.and_then(|known| known.live.as_ref());
        state.is_stepping && live.is_some_and(|live| !live.may_go_on())
    }

    /// Lets a case take the step that it waits at.
    fn go_on(&self, name: &str) -> Result<Json, String> {
        let mut gone = Err(format!("no case that runs is called `{name}`"));
        self.of(name, |known| {
            if let Some(live) = &mut known.live {
                live.go_on();
                gone = Ok(Json::Null);
            }
        });
        gone
    }

    /// When, where and how it is run.
    pub(in super::super) fn is_about(&self, about: impl FnOnce() -> About) {
        self.change(|state| {
            state.started.get_or_insert_with(about);
        });
    }

    /// Nothing runs any more; what did not come to an end, which it names, is as if it had not been run.
    pub(super) fn ended(&self) -> BTreeSet<String> {
        let mut left = BTreeSet::new();
        self.change(|state| {
            let now = state.now;
            for known in state.cases.iter_mut().filter(|known| known.word.is_some()) {
                if known.word != Some(NOT_RUN) {
                    left.insert(known.record.name.clone());
                }
                known.word = Some(NOT_RUN);
                known.live = None;
                known.changed = now;
            }
            state.is_running = false;
        });
        left
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
        let record = known.live.as_ref().map(|live| &live.record);
        Ok(html::case(record.unwrap_or(&known.record)))
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
            "is_stepping": state.is_stepping,
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
            forget(&mut oldest.record);
            if let Some(live) = &mut oldest.live {
                forget(&mut live.record);
            }
        }
    }
}

/// Leaves what came of a case.
fn forget(record: &mut CaseRecord) {
    record.hops.clear();
    record.log.clear();
    record.screenshots.clear();
    for step in &mut record.steps {
        step.picture = None;
        step.console.clear();
    }
}

impl Known {
    /// A step is next.
    fn next(&mut self, number: usize, of: usize, record: CaseRecord) {
        if number == 1 || self.live.is_none() {
            let mut begun = record.clone();
            begun.steps.clear();
            self.live = Some(Live::new(begun));
        }
        if let Some(live) = &mut self.live {
            live.next(number, of, record);
        }
    }

    /// A step is over.
    fn taken(&mut self, record: CaseRecord) {
        if let Some(live) = &mut self.live {
            self.bytes += bytes(&record);
            live.taken(record);
        }
    }

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
            "at": self.live.as_ref().map(Live::at),
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

/// How much a record takes: with everything in it, what workers wrote too.
fn bytes(record: &CaseRecord) -> usize {
    let mut counted = Counted(0);
    // What only counts takes everything.
    let _ = serde_json::to_writer(&mut counted, record);
    counted.0
}

/// Takes bytes and keeps none.
struct Counted(usize);

impl io::Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
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
            (&Method::POST, "next") => answered(match request.json().await {
                Ok(Named { name }) => self.go_on(&name),
                Err(problem) => Err(problem),
            }),
            (&Method::POST, "step") => answered(request.json().await.map(|Switched { on }| {
                self.change(|state| state.is_stepping = on);
                Json::Null
            })),
            (&Method::POST, "stop") => answered(request.json().await.map(|_: Json| {
                self.wish(Wish::Stop);
                Json::Null
            })),
            (&Method::POST, "watch") => answered(request.json().await.map(|Switched { on }| {
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use edgeproof_scenario::load::load_text;

    use super::*;

    #[test]
    fn what_workers_wrote_counts_and_is_forgotten() {
        let text = "scenario: a\ngiven: { zones: { shop.example: { hosts: { shop.example: { site: signup } } } } }\n\
            steps:\n  - request: https://shop.example/\n";
        let case = &load_text(Path::new("a.yaml"), text).unwrap()[0];
        let mut record = CaseRecord::without_run(case, Verdict::Passed);
        let before = bytes(&record);
        record.log = vec!["x".repeat(10_000)];
        assert!(bytes(&record) > before + 10_000);
        forget(&mut record);
        assert_eq!(bytes(&record), before);
    }
}
