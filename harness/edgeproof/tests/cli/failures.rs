//! Failures as people read them, in the terminal and in reports: each says its cause and what to do. The scenarios and the
//! golden texts are in `fixtures`.

use std::{fs, path::Path, thread};

use edgeproof_run::exit;
use edgeproof_test_support::golden::assert_golden;

use crate::edgeproof;

/// The scenarios, and the worker that some are about.
const FAILURES: [(&str, Option<&str>); 11] = [
    ("exception", Some("fixtures/failures/throws")),
    ("wait_until", Some("fixtures/failures/audits")),
    ("hang", Some("fixtures/failures/hangs")),
    ("rule", None),
    ("failure_mode", None),
    ("no_route", None),
    ("app_down", None),
    ("attack", None),
    ("cache", None),
    ("wait", None),
    ("page", None),
];

/// The reports, and between what each tells of a scenario.
const REPORTS: [(&str, &str, &str); 3] = [
    ("tap", "not ok", ""),
    ("junit", "        <testcase", "    </testsuite>"),
    ("html", "<section>", "<figure>"),
];

/// What a run says: in the terminal, and in each of the reports.
struct Said {
    terminal: String,
    reports: [String; REPORTS.len()],
}

#[test]
fn a_failure_says_its_cause_and_what_to_do_in_the_terminal_and_in_reports() {
    let mut all = Vec::new();
    for few in FAILURES.chunks(2) {
        thread::scope(|scope| {
            let runs = few
                .iter()
                .map(|(name, worker)| scope.spawn(move || run(name, *worker)));
            let runs: Vec<_> = runs.collect();
            all.extend(runs.into_iter().map(|run| run.join().unwrap()));
        });
    }
    for ((name, _), said) in FAILURES.iter().zip(&all) {
        assert!(said.terminal.contains("what to do: "), "{}", said.terminal);
        assert_golden(
            &format!("fixtures/golden/failures/{name}.txt"),
            &said.terminal,
        );
    }
    for (at, (format, ..)) in REPORTS.iter().enumerate() {
        let text: String = all.iter().map(|said| said.reports[at].as_str()).collect();
        assert_golden(&format!("fixtures/golden/failures/report.{format}"), &text);
    }
}

fn run(name: &str, worker: Option<&str>) -> Said {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = tempfile::tempdir().unwrap();
    let report = |format: &str| folder.path().join(format);
    let reports = REPORTS.map(|(format, ..)| format!("{format}={}", report(format).display()));
    let file = format!("fixtures/failures/{name}.yaml");
    let mut arguments = vec!["run", &file];
    arguments.extend(worker.iter().flat_map(|worker| ["--worker", worker]));
    arguments.extend(reports.iter().flat_map(|report| ["--report", report]));
    let output = edgeproof(&root, &arguments);
    assert_eq!(
        output.status.code(),
        Some(i32::from(exit::FAILED)),
        "{name}"
    );
    let terminal = steady(&String::from_utf8(output.stdout).unwrap());
    Said {
        // It was asked for reports only here.
        terminal: terminal.replace(
            &reports.map(|report| format!(" --report {report}")).concat(),
            "",
        ),
        reports: REPORTS.map(|(format, start, end)| {
            let text = fs::read_to_string(report(format)).unwrap();
            let start = text.find(start).unwrap();
            let told = &text[start..];
            // The server's part of a page; the viewer's stands behind.
            let told = told.split("</div>").next().unwrap_or(told);
            let end = told
                .find(end)
                .filter(|_| !end.is_empty())
                .unwrap_or(told.len());
            format!("{}\n", steady(&told[..end]).trim_end())
        }),
    }
}

/// The text without what differs from run to run: times, the ids of events, where the command is.
fn steady(text: &str) -> String {
    let text = text.replace(env!("CARGO_BIN_EXE_edgeproof"), "edgeproof");
    let ends = [' ', '\n', '<', '"'];
    let mut before = "";
    let steady = text.split_inclusive(ends).map(|whole| {
        let word = whole.trim_end_matches(ends);
        let end = &whole[word.len()..];
        let is_time = word.starts_with(|first: char| first.is_ascii_digit())
            && ["ms", "µs", "s"].iter().any(|unit| {
                let number = word.strip_suffix(unit);
                number.is_some_and(|number| number.parse::<f64>().is_ok())
            });
        // How long a step may take is no measurement.
        let shown = match before {
            "event " => "ID:",
            "time=\"" => "TIME",
            "within " => word,
            _ if is_time => "TIME",
            _ => word,
        };
        before = whole;
        format!("{shown}{end}")
    });
    steady.collect()
}
