//! Failures as people read them: each says its cause and what to do. The scenarios and the golden texts are in `fixtures`.

use std::{fs, path::Path};

use edgeproof_run::exit;
use rstest::rstest;

use crate::edgeproof;

#[rstest]
#[case::exception("exception", Some("fixtures/failures/throws"))]
#[case::wait_until("wait_until", Some("fixtures/failures/audits"))]
#[case::hang("hang", Some("fixtures/failures/hangs"))]
#[case::rule("rule", None)]
#[case::failure_mode("failure_mode", None)]
#[case::no_route("no_route", None)]
#[case::app_down("app_down", None)]
#[case::attack("attack", None)]
#[case::cache("cache", None)]
#[case::wait("wait", None)]
#[case::page("page", None)]
fn a_failure_says_its_cause_and_what_to_do(#[case] name: &str, #[case] worker: Option<&str>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let file = format!("fixtures/failures/{name}.yaml");
    let mut arguments = vec!["run", &file];
    arguments.extend(worker.iter().flat_map(|worker| ["--worker", worker]));
    let output = edgeproof(&root, &arguments);
    assert_eq!(output.status.code(), Some(i32::from(exit::FAILED)));
    let text = steady(&String::from_utf8(output.stdout).unwrap());
    assert!(text.contains("what to do: "), "{text}");
    let golden = root.join(format!("fixtures/golden/failures/{name}.txt"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(golden.parent().unwrap()).unwrap();
        fs::write(&golden, &text).unwrap();
    }
    assert_eq!(text, fs::read_to_string(&golden).unwrap(), "{name}");
}

/// The text without what differs from run to run: times, the ids of events, where the command is.
fn steady(text: &str) -> String {
    let text = text.replace(env!("CARGO_BIN_EXE_edgeproof"), "edgeproof");
    let words = text.split_inclusive([' ', '\n']);
    let mut before = "";
    let steady = words.map(|whole| {
        let word = whole.trim_end();
        let end = &whole[word.len()..];
        let is_time = word.starts_with(|first: char| first.is_ascii_digit())
            && ["ms", "µs", "s"].iter().any(|unit| {
                let number = word.strip_suffix(unit);
                number.is_some_and(|number| number.parse::<f64>().is_ok())
            });
        // How long a step may take is no measurement.
        let shown = match before {
            "event " => "ID:",
            "within " => word,
            _ if is_time => "TIME",
            _ => word,
        };
        before = whole;
        format!("{shown}{end}")
    });
    steady.collect()
}
