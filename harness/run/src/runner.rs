//! Runs cases side by side and reports them in their order.

use std::{
    collections::BTreeMap,
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use edgeproof_scenario::{depends, load::Case};
use tokio::{
    sync::{Semaphore, mpsc, watch},
    task::JoinSet,
};

use super::{
    event::Event,
    order,
    record::{CaseRecord, Verdict},
    summary::Summary,
};

/// How long a case may take if its file says nothing.
pub const DEFAULT_LIMIT: Duration = Duration::from_secs(60);

/// How long a case may take beyond its time: for its rig to start and stop, and for pictures of what it failed at.
/// The tests here wait for one that hangs.
const GRACE: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 45 });

/// How cases are run.
#[derive(Clone, Copy, Debug)]
pub struct RunOptions {
    /// How many at a time, at least one.
    pub jobs: usize,
    /// Stop after the first that does not pass; the others are skipped.
    pub fail_fast: bool,
    /// How often a case that fails is tried again. A pass after that says so.
    pub retries: u32,
    /// How long a case may take that says nothing itself.
    pub limit: Duration,
}

/// Runs all cases with `execute` and tells `report` what happens. A case that panics is an error of the harness, and
/// one that exceeds its time limit too: what hung is not known.
pub async fn run<E, F>(
    cases: Vec<Case>,
    options: RunOptions,
    execute: E,
    mut report: impl FnMut(&Event),
) -> Summary
where
    E: Fn(Arc<Case>) -> F + Clone + Send + 'static,
    F: Future<Output = CaseRecord> + Send + 'static,
{
    let started = Instant::now();
    let total = cases.len();
    let jobs = options.jobs.max(1);
    report(&Event::Started { cases: total, jobs });

    let (sender, mut messages) = mpsc::unbounded_channel();
    let places = Arc::new(Semaphore::new(jobs));
    let mut tasks = JoinSet::new();
    let waits_for = depends::of_all(&cases);
    let names: Vec<String> = cases.iter().map(|case| case.name.clone()).collect();
    let (verdicts, known) = watch::channel(vec![None; total]);
    let starts = match jobs {
        1 => cases.into_iter().enumerate().collect(),
        _ => order::of_starts(cases),
    };
    for (index, case) in starts {
        let (sender, places, execute) = (sender.clone(), Arc::clone(&places), execute.clone());
        let (verdicts, mut known) = (verdicts.clone(), known.clone());
        let waits_for: Vec<(usize, String)> = waits_for[index]
            .iter()
            .map(|&other| (other, names[other].clone()))
            .collect();
        tasks.spawn(async move {
            if let Some(other) = first_failed(&waits_for, &mut known).await {
                let reason = format!("it depends on `{other}`, which did not pass");
                let record = CaseRecord::without_run(&case, Verdict::Skipped(reason));
                verdicts.send_modify(|verdicts| verdicts[index] = Some(false));
                let _ = sender.send((index, Message::Finished(Box::new(record))));
                return;
            }
            let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                let reason = "an earlier scenario did not pass".to_owned();
                let record = CaseRecord::without_run(&case, Verdict::Skipped(reason));
                verdicts.send_modify(|verdicts| verdicts[index] = Some(false));
                let _ = sender.send((index, Message::Finished(Box::new(record))));
                return;
            };
            let _ = sender.send((index, Message::Running(case.name.clone())));
            let record = tried(Arc::new(case), options, execute).await;
            let bad = matches!(record.verdict, Verdict::Failed(_) | Verdict::Error(_));
            if bad && options.fail_fast {
                places.close();
            }
            let held = matches!(record.verdict, Verdict::Passed | Verdict::Observed(_));
            verdicts.send_modify(|verdicts| verdicts[index] = Some(held));
            drop(place);
            let _ = sender.send((index, Message::Finished(Box::new(record))));
        });
    }
    drop(sender);

    let mut summary = Summary::default();
    let mut waiting = BTreeMap::new();
    let mut next = 0;
    while let Some((index, message)) = messages.recv().await {
        match message {
            Message::Running(name) => report(&Event::Running { name }),
            Message::Finished(record) => {
                let name = record.name.clone();
                report(&Event::Over { name });
                waiting.insert(index, record);
            }
        }
        while let Some(record) = waiting.remove(&next) {
            summary.count(&record);
            report(&Event::Finished(record));
            next += 1;
        }
    }
    summary.took_ms = milliseconds(started.elapsed());
    report(&Event::Ended(summary));
    summary
}

/// Waits for the cases that another one depends on, and names the first that did not pass.
async fn first_failed(
    waits_for: &[(usize, String)],
    known: &mut watch::Receiver<Vec<Option<bool>>>,
) -> Option<String> {
    for (index, name) in waits_for {
        let verdict = known.wait_for(|verdicts| verdicts[*index].is_some()).await;
        if !verdict.is_ok_and(|verdicts| verdicts[*index] == Some(true)) {
            return Some(name.clone());
        }
    }
    None
}

enum Message {
    Running(String),
    Finished(Box<CaseRecord>),
}

/// Runs one case until it passes, or the attempts are used up.
async fn tried<E, F>(case: Arc<Case>, options: RunOptions, execute: E) -> CaseRecord
where
    E: Fn(Arc<Case>) -> F + Clone + Send + 'static,
    F: Future<Output = CaseRecord> + Send + 'static,
{
    let mut attempts = 1;
    loop {
        let mut record = one(Arc::clone(&case), options.limit, execute.clone()).await;
        record.attempts = attempts;
        if attempts > options.retries || !matches!(record.verdict, Verdict::Failed(_)) {
            return record;
        }
        attempts += 1;
    }
}

/// Runs one case in a task of its own, so that a panic in it is its verdict and nobody else's.
pub async fn one<E, F>(case: Arc<Case>, limit: Duration, execute: E) -> CaseRecord
where
    E: Fn(Arc<Case>) -> F + Send + 'static,
    F: Future<Output = CaseRecord> + Send + 'static,
{
    let started = Instant::now();
    let limit = limit_of(&case, limit);
    // What its apps need until they are ready is no time of the scenario. Its steps end in time by themselves, with a
    // verdict; what does not end soon after is no step. However short the limit is, a page that hangs is asked what it
    // shows, and does not say.
    let allowed = limit
        .saturating_add(case.scenario.ready_within())
        .saturating_add(GRACE);
    let mut task = JoinSet::new();
    task.spawn(tokio::time::timeout(allowed, execute(Arc::clone(&case))));
    let verdict = match task.join_next().await {
        Some(Ok(Ok(record))) => return record,
        Some(Ok(Err(_))) => Verdict::Error(format!(
            "it did not finish within {}; give a scenario that takes longer a `timeout:`",
            edgeproof_ground::time::shown(limit)
        )),
        Some(Err(panic)) => Verdict::Error(format!("the harness panicked: {}", panic_text(panic))),
        None => Verdict::Error("the task of the scenario was lost".to_owned()),
    };
    let mut record = CaseRecord::without_run(&case, verdict);
    record.took_ms = milliseconds(started.elapsed());
    record
}

/// How long a case may take. Whoever leaves no limit at all means the scenario's own too.
pub(super) fn limit_of(case: &Case, limit: Duration) -> Duration {
    match case.scenario.timeout {
        Some(timeout) if limit != Duration::MAX => timeout.0,
        _ => limit,
    }
}

fn panic_text(error: tokio::task::JoinError) -> String {
    match error.try_into_panic() {
        Ok(panic) => panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "it did not say why".to_owned()),
        Err(error) => error.to_string(),
    }
}

/// Whole milliseconds.
pub(super) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use edgeproof_scenario::load::load_text;
    use tokio::sync::Barrier;

    use super::*;

    fn cases(names: &[&str]) -> Vec<Case> {
        names
            .iter()
            .flat_map(|name| {
                let text = format!("scenario: {name}\ntimeout: 200ms\nsteps: []\n");
                load_text(std::path::Path::new(&format!("{name}.yaml")), &text).unwrap()
            })
            .collect()
    }

    fn passed(case: &Case) -> CaseRecord {
        CaseRecord::without_run(case, Verdict::Passed)
    }

    async fn outcome<E, F>(names: &[&str], options: RunOptions, execute: E) -> Vec<String>
    where
        E: Fn(Arc<Case>) -> F + Clone + Send + 'static,
        F: Future<Output = CaseRecord> + Send + 'static,
    {
        let mut seen = Vec::new();
        run(cases(names), options, execute, |event| {
            if let Event::Finished(record) = event {
                seen.push(format!("{} {}", record.name, record.verdict.word()));
            }
        })
        .await;
        seen
    }

    const TWO: RunOptions = RunOptions {
        jobs: 2,
        fail_fast: false,
        retries: 0,
        limit: DEFAULT_LIMIT,
    };

    #[tokio::test]
    async fn cases_are_reported_in_their_order_whichever_ends_first() {
        let (done, first) = watch::channel(false);
        let done = Arc::new(done);
        let seen = outcome(&["a", "b"], TWO, move |case| {
            let (done, mut first) = (Arc::clone(&done), first.clone());
            async move {
                if case.name == "b" {
                    done.send_replace(true);
                } else {
                    // `a` ends only after `b` has.
                    first.wait_for(|done| *done).await.unwrap();
                }
                passed(&case)
            }
        })
        .await;
        assert_eq!(seen, ["a passed", "b passed"]);
    }

    #[rstest::rstest]
    #[case::one_at_a_time_in_the_order_of_files(1, ["a", "b", "c", "d"])]
    #[case::side_by_side_the_browser_between_the_others(2, ["a", "b", "d", "c"])]
    #[tokio::test]
    async fn cases_begin(#[case] jobs: usize, #[case] expected: [&str; 4]) {
        let mut plan = cases(&["a", "b", "c", "d"]);
        let visitors = &mut plan[3].scenario.given.visitors;
        visitors.values_mut().next().unwrap().profile = edgeproof_browser::Profile::Regular;
        let begun = Arc::new(std::sync::Mutex::new(Vec::new()));
        let list = Arc::clone(&begun);
        let execute = move |case: Arc<Case>| {
            list.lock().unwrap().push(case.name.clone());
            async move { passed(&case) }
        };
        run(plan, RunOptions { jobs, ..TWO }, execute, |_| ()).await;
        assert_eq!(*begun.lock().unwrap(), expected);
    }

    #[tokio::test]
    async fn as_many_as_asked_for_run_at_a_time_and_no_more() {
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let pair = Arc::new(Barrier::new(2));
        let counter = Arc::clone(&most);
        outcome(&["a", "b", "c", "d"], TWO, move |case| {
            let (now, most, pair) = (Arc::clone(&now), Arc::clone(&counter), Arc::clone(&pair));
            async move {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                // Each ends only beside another one; a third would have come by the end of these turns.
                pair.wait().await;
                for _ in 0..16 {
                    tokio::task::yield_now().await;
                }
                now.fetch_sub(1, Ordering::SeqCst);
                passed(&case)
            }
        })
        .await;
        assert_eq!(most.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_panic_and_a_hang_are_errors_of_the_harness() {
        let seen = outcome(&["hang", "panic", "fine"], TWO, |case| async move {
            match case.name.as_str() {
                "hang" => std::future::pending().await,
                "panic" => panic!("a bug"),
                _ => passed(&case),
            }
        })
        .await;
        assert_eq!(seen, ["hang error", "panic error", "fine passed"]);
    }

    #[tokio::test]
    async fn fail_fast_skips_what_has_not_begun() {
        let options = RunOptions {
            jobs: 1,
            fail_fast: true,
            ..TWO
        };
        let seen = outcome(&["a", "b", "c"], options, |case| async move {
            let verdict = match case.name.as_str() {
                "a" => Verdict::Failed(Vec::new()),
                _ => Verdict::Passed,
            };
            CaseRecord::without_run(&case, verdict)
        })
        .await;
        assert_eq!(seen, ["a failed", "b skipped", "c skipped"]);
    }

    #[tokio::test]
    async fn what_depends_on_a_failure_is_skipped_and_all_that_depends_on_it() {
        let mut plan = cases(&["a", "b", "c", "d"]);
        plan[0].scenario.depends_on = vec!["b".to_owned()];
        plan[1].scenario.depends_on = vec!["c".to_owned()];
        plan[3].scenario.depends_on = vec!["not selected".to_owned()];
        let mut seen = Vec::new();
        run(
            plan,
            TWO,
            |case| async move {
                let verdict = match case.name.as_str() {
                    "c" => Verdict::Failed(Vec::new()),
                    _ => Verdict::Passed,
                };
                CaseRecord::without_run(&case, verdict)
            },
            |event| {
                if let Event::Finished(record) = event {
                    seen.push(format!("{} {}", record.name, record.verdict.word()));
                }
            },
        )
        .await;
        assert_eq!(seen, ["a skipped", "b skipped", "c failed", "d passed"]);
    }

    #[tokio::test]
    async fn a_case_that_fails_is_tried_again_and_a_late_pass_says_so() {
        let tries = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&tries);
        let options = RunOptions { retries: 2, ..TWO };
        let mut attempts = 0;
        run(
            cases(&["a"]),
            options,
            move |case| {
                let verdict = match counter.fetch_add(1, Ordering::SeqCst) {
                    0 => Verdict::Failed(Vec::new()),
                    _ => Verdict::Passed,
                };
                let record = CaseRecord::without_run(&case, verdict);
                async move { record }
            },
            |event| {
                if let Event::Finished(record) = event {
                    attempts = record.attempts;
                }
            },
        )
        .await;
        assert_eq!((tries.load(Ordering::SeqCst), attempts), (2, 2));
    }
}
