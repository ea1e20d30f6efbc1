//! Fixed results as they are shown, and a real run that is far too short to say anything about speed.
//!
//! `UPDATE_GOLDEN=1 cargo test -p edgeproof-bench` writes the golden texts anew.

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use edgeproof_ground::tools::{self, Tool};
use edgeproof_test_support::golden::assert_golden;
use rstest::rstest;

use super::{results::ratios, statistics::median, *};

/// Values around a middle, one a round, the same for the same middle.
fn around(middle: f64, spread: f64) -> Vec<f64> {
    [-1.0, 0.5, 1.0, -0.5, 0.0, 0.3]
        .map(|step| middle * (1.0 + step * spread))
        .into()
}

fn measured(name: &str, middles: &[(Metric, f64)], node: u64) -> Measured {
    let rounds: BTreeMap<Metric, Vec<f64>> = middles
        .iter()
        .enumerate()
        // Rounds of different numbers are not alike, so that ratios have intervals.
        .map(|(index, (metric, middle))| {
            let mut values = around(*middle, 0.02);
            values.rotate_left(index % 3);
            (*metric, values)
        })
        .collect();
    Measured {
        contender: name.to_owned(),
        requests: 1200,
        asked: RequestCounts {
            origin: 1,
            platform: 0,
            node,
        },
        body_bytes: 50_000,
        overall: rounds
            .iter()
            .map(|(metric, values)| (*metric, median(values).unwrap()))
            .collect(),
        rounds,
        late_p99_ms: Some(0.21),
        peak_memory_bytes: (name != ORIGIN).then_some(64_000_000),
        retries: 0,
        failure: None,
    }
}

fn page(name: &str, factor: f64) -> Measured {
    let latency = Metric::FIRST_BYTE.into_iter().chain(Metric::WHOLE);
    let mut middles: Vec<(Metric, f64)> = latency
        .enumerate()
        .map(|(index, (metric, _))| (metric, (1.0 + index as f64) * factor))
        .collect();
    middles.extend(
        Metric::THROUGHPUT
            .map(|(metric, connections)| (metric, 1000.0 * (connections as f64).sqrt() / factor)),
    );
    if name != ORIGIN {
        middles.push((Metric::Processor, 0.2 * factor));
    }
    let mut measured = measured(name, &middles, 0);
    if factor > 1.0 {
        // Its rounds differ from those of the others, as noise makes them.
        for values in measured.rounds.values_mut() {
            values.rotate_left(1);
        }
    }
    measured
}

/// A run whose worker under test takes `factor` times what the others take.
fn results(factor: f64) -> Results {
    let size = |bytes| {
        Some(Size {
            bytes,
            gzip_bytes: bytes / 2,
        })
    };
    let contender = |name: &str, role, bytes: Option<u64>| Contender {
        name: name.to_owned(),
        role,
        directory: None,
        size: bytes.and_then(size),
    };
    let contenders = vec![
        contender(ORIGIN, Role::Baseline, None),
        contender(PASS_THROUGH, Role::Baseline, Some(130)),
        contender(MINIMAL, Role::Baseline, Some(2800)),
        contender("worker", Role::UnderTest, Some(500_000)),
    ];
    let pages = vec![
        page(ORIGIN, 0.3),
        page(PASS_THROUGH, 1.0),
        page(MINIMAL, 1.2),
        page("worker", 1.2 * factor),
    ];
    let starts = vec![
        measured(PASS_THROUGH, &[(Metric::Start, 30.0)], 0),
        // Another metric before it gives its rounds another order.
        measured(
            "worker",
            &[(Metric::Throughput1, 1.0), (Metric::Start, 40.0 * factor)],
            0,
        ),
    ];
    let case = |name: &str, rate, measured: Vec<Measured>| CaseResult {
        name: name.to_owned(),
        title: "pages & <scripts>".to_owned(),
        rate,
        ratios: ratios(&contenders, &measured),
        measured,
    };
    let cases = vec![
        case("page_50_kb", Some(200), pages),
        case(COLD_START, None, starts),
    ];
    Results {
        format: FORMAT,
        edgeproof: "0.0.0".to_owned(),
        method: Method::new(6, Duration::from_millis(120)),
        machine: Machine {
            processor: "A processor".to_owned(),
            cores: 2,
            memory_bytes: Some(4_000_000_000),
            system: "linux 6.1".to_owned(),
            workerd: "workerd 2026-11-01".to_owned(),
            is_release: false,
            load_before: Some(2.5),
            began: "2026-11-21T12:00:00Z".parse().unwrap(),
        },
        contenders,
        cases,
    }
}

#[rstest]
#[case::table("table.txt", table::text(&results(1.0)))]
#[case::html("report.html", html::text(&results(1.0), None))]
#[case::moved("moved.txt", compare::text(&results(1.0), &results(1.5)))]
#[case::unmoved("unmoved.txt", compare::text(&results(1.0), &results(1.001)))]
fn results_are_shown_as_their_golden_text(#[case] name: &str, #[case] text: String) {
    assert_golden(&format!("fixtures/golden/bench/{name}"), &text);
}

#[test]
fn results_survive_being_written_and_read() {
    let results = results(1.0);
    let text = serde_json::to_string(&results).unwrap();
    let read: Results = serde_json::from_str(&text).unwrap();
    // Numbers may differ in their last digits; nothing that is shown does.
    assert_eq!(
        html::text(&read, Some(&results)),
        html::text(&results, Some(&read))
    );
    assert!(
        compare::moves(&read, &results)
            .iter()
            .all(|one| (one.before - one.after).abs() < 1e-9)
    );
}

#[test]
fn a_report_with_an_earlier_run_says_what_moved_and_loads_nothing() {
    let page = html::text(&results(1.5), Some(&results(1.0)));
    assert!(page.contains("What has moved"), "{page}");
    let document = scraper::Html::parse_document(&page);
    for loading in ["script", "link:not([href='data:,'])", "img", "[src]"] {
        let selector = scraper::Selector::parse(loading).unwrap();
        assert_eq!(document.select(&selector).count(), 0, "{loading}");
    }
}

#[test]
fn latencies_at_another_rate_are_said_not_to_be_comparable() {
    let mut other = results(1.0);
    other.cases[0].rate = Some(20);
    let text = compare::text(&other, &results(1.0));
    assert!(text.contains("page_50_kb got 20 requests a second then and 200 now"));
    assert!(!compare::text(&results(1.0), &results(1.0)).contains("times now"));
}

#[test]
fn a_case_whose_time_is_used_up_has_the_fewest_rounds_and_every_number() {
    let minimal = tools::home().join("fixtures/workers").join(MINIMAL);
    let plan = Plan {
        cases: Plan::new(Vec::new(), true, Some("page_1_mb")).cases,
        has_cold_start: false,
        rounds: 9,
        budget: Duration::ZERO,
        ..plan(&minimal)
    };
    let workerd = tools::find(Tool::Workerd).unwrap();
    let results = run(&workerd, &plan, &mut |_| {}).unwrap();
    let worker = results.cases[0].of(MINIMAL).unwrap();
    assert_eq!(worker.rounds.len(), 10);
    assert!(worker.rounds.values().all(|values| values.len() == 3));
}

#[test]
fn runs_without_a_common_worker_are_not_compared() {
    let mut other = results(1.0);
    for case in &mut other.cases {
        case.measured
            .retain(|measured| measured.contender != "worker");
    }
    assert!(compare::moves(&other, &results(1.0)).is_empty());
    assert!(compare::text(&other, &results(1.0)).contains("No case and worker is in both runs."));
}

/// The baselines, and a worker under test.
fn contenders(under_test: &Path) -> Vec<Contender> {
    let fixture = |name| tools::home().join("fixtures/workers").join(name);
    vec![
        Contender::origin(),
        Contender::worker(PASS_THROUGH, Role::Baseline, &fixture(PASS_THROUGH)),
        Contender::worker(MINIMAL, Role::UnderTest, under_test),
    ]
}

fn plan(under_test: &Path) -> Plan {
    Plan {
        rounds: 2,
        warm_up: 1,
        busy: Duration::from_millis(1),
        open: Duration::from_millis(10),
        ..Plan::new(contenders(under_test), true, None)
    }
}

#[test]
fn every_case_asks_whom_it_is_about_and_has_every_number() {
    let minimal = tools::home().join("fixtures/workers").join(MINIMAL);
    // One of each task, and the node in both modes; the others differ in sizes and times.
    const NAMES: [&str; 5] = [
        "page_1_kb",
        "call_0_ms",
        "wallarm_inline",
        "wallarm_async",
        "everything",
    ];
    let plan = Plan {
        cases: CASES
            .into_iter()
            .filter(|case| NAMES.contains(&case.name))
            .collect(),
        ..plan(&minimal)
    };
    let mut heard = Vec::new();
    let workerd = tools::find(Tool::Workerd).unwrap();
    let results = run(&workerd, &plan, &mut |now| heard.push(now.to_string())).unwrap();
    assert_eq!(results.cases.len(), NAMES.len() + 1);
    assert!(
        heard.contains(&"everything: round 2 of 2".to_owned()),
        "{heard:?}"
    );
    for case in &results.cases {
        let expected = match case.name.as_str() {
            COLD_START => 1,
            // Six percentiles, three throughputs, the processor time.
            _ => 10,
        };
        let worker = case.of(MINIMAL).unwrap();
        assert_eq!(worker.rounds.len(), expected, "{case:?}");
        assert!(worker.rounds.values().all(|values| values.len() == 2));
        assert!(
            worker.overall.values().all(|value| *value > 0.0),
            "{case:?}"
        );
        assert_eq!(case.ratios.len(), expected, "{case:?}");
        assert!(worker.peak_memory_bytes > Some(1_000_000));
        let asked = |platform, node| RequestCounts {
            origin: 1,
            platform,
            node,
        };
        let whom = match case.name.as_str() {
            "call_0_ms" => asked(1, 0),
            "wallarm_inline" | "wallarm_async" => asked(0, 1),
            "everything" => asked(1, 1),
            _ => asked(0, 0),
        };
        assert_eq!(worker.asked, whom, "{}", case.name);
        let forwarded = case.of(PASS_THROUGH).unwrap();
        assert_eq!(forwarded.asked, asked(0, 0), "{}", case.name);
        let is_page = forwarded.body_bytes > 100;
        assert_eq!(
            worker.body_bytes > forwarded.body_bytes,
            is_page,
            "{}",
            case.name
        );
    }
    assert!(
        results.contenders[1]
            .size
            .is_some_and(|size| size.bytes > 0)
    );
}

#[test]
fn a_worker_that_does_not_do_what_a_case_is_about_is_a_row_that_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let source = "export default { fetch: () => new Response('', { status: 403 }) }";
    fs::write(directory.path().join("index.js"), source).unwrap();
    let workerd = tools::find(Tool::Workerd).unwrap();
    let plan = Plan {
        cases: Plan::new(Vec::new(), true, Some("page_1_kb")).cases,
        ..plan(directory.path())
    };
    let results = run(&workerd, &plan, &mut |_| {}).unwrap();
    assert!(results.has_failures());
    for case in &results.cases {
        let worker = case.of(MINIMAL).unwrap();
        assert_eq!(
            worker.failure.as_deref(),
            Some("expected status 200, got 403 Forbidden")
        );
        assert!(
            case.of(PASS_THROUGH)
                .is_some_and(|other| !other.rounds.is_empty())
        );
        assert!(case.ratios.is_empty());
    }
    let text = table::text(&results);
    let said = "minimal-js could not be measured: expected status 200, got 403 Forbidden";
    assert_eq!(text.matches(said).count(), 2, "{text}");
    assert!(text.contains("not measured\n"), "{text}");
}

#[test]
fn a_broken_connection_is_another_attempt_that_is_told() {
    use std::sync::atomic::{AtomicU32, Ordering};
    // A worker whose first connections end without a response.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let broken = AtomicU32::new(2);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let is_broken = broken.load(Ordering::SeqCst) > 0;
            if is_broken {
                broken.fetch_sub(1, Ordering::SeqCst);
                drop(stream);
                continue;
            }
            std::thread::spawn(move || responses(stream));
        }
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut retries = 0;
    let visit = visitor::BenchRequest::of(&CASES[0]);
    let busy = Duration::from_millis(1);
    let work = async || closed_loop::run(address, &visit, 1, busy, None).await;
    let work = runtime.block_on(run::anew(&mut retries, work)).unwrap();
    assert!(work.requests > 0);
    assert_eq!(retries, 2);
}

/// Answers every request on a connection.
fn responses(mut stream: std::net::TcpStream) {
    use std::io::{Read as _, Write as _};
    let mut buffer = [0; 16 * 1024];
    while stream.read(&mut buffer).is_ok_and(|read| read > 0) {
        if stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
            .is_err()
        {
            return;
        }
    }
}

fn limit(metric: Metric, ratio: f64) -> budget::Limit {
    budget::Limit {
        case: "page_50_kb".to_owned(),
        metric,
        against: PASS_THROUGH.to_owned(),
        worker: None,
        ratio,
    }
}

#[rstest]
#[case::within(Metric::Processor, 1.3, false)]
#[case::beyond(Metric::Processor, 1.1, true)]
#[case::perhaps(Metric::Processor, 1.195, false)]
#[case::fast_enough(Metric::Throughput8, 0.7, false)]
#[case::too_slow(Metric::Throughput8, 0.9, true)]
#[case::not_measured(Metric::Start, 9.0, true)]
fn a_budget_is_exceeded_where_the_whole_interval_is(
    #[case] metric: Metric,
    #[case] ratio: f64,
    #[case] is_exceeded: bool,
) {
    let (budget, results) = ([limit(metric, ratio)], results(1.0));
    let kept = budget::kept(&budget, &results);
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].is_exceeded(), is_exceeded, "{}", kept[0]);
}

#[rstest]
#[case("1.1", true)]
#[case("0", false)]
#[case("-1", false)]
fn a_ratio_is_a_number_above_0(#[case] ratio: &str, #[case] is_one: bool) {
    let text =
        format!(r#"[{{"case": "a", "metric": "processor", "against": "b", "ratio": {ratio}}}]"#);
    let read = serde_json::from_str::<budget::Budget>(&text);
    assert_eq!(read.is_ok(), is_one, "{read:?}");
}

#[test]
fn a_budget_for_what_is_not_measured_is_found_before_it_is() {
    let plan = Plan::new(contenders(Path::new("x")), true, Some("page_50_kb"));
    assert!(budget::check(&[limit(Metric::Processor, 1.0)], &plan).is_ok());
    assert_eq!(budget::check(&[], &plan), Err(budget::BudgetError::Empty));
    let error = budget::check(&[limit(Metric::Start, 1.0)], &plan).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the budget names cold start in the case `page_50_kb`, where it is not measured; `cold_start` has the metric `start` and no other"
    );
    let mut other = limit(Metric::Processor, 1.0);
    other.against = "other".to_owned();
    let error = budget::check(&[other], &plan).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the budget names the baseline `other`, which is not measured; measured are pass-through"
    );
}
