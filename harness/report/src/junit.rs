//! JUnit XML: a failure is a verdict, an error is the harness's own.

use std::{collections::BTreeMap, time::Duration};

use edgeproof_document::problem::TextStyle;
use edgeproof_ground::visible::visible;
use edgeproof_run::{
    failure_text as failure,
    record::{CaseRecord, Failure, Verdict},
    results::Results,
};
use quick_junit::{NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};

/// The results as JUnit XML, one suite a folder of scenarios.
///
/// # Errors
/// When the XML cannot be written.
pub fn text(results: &Results) -> Result<String, SerializeError> {
    let mut suites: BTreeMap<&str, TestSuite> = BTreeMap::new();
    for case in &results.cases {
        let folder = case.name.rsplit_once("::").map_or("", |(folder, _)| folder);
        suites
            .entry(folder)
            .or_insert_with(|| {
                TestSuite::new(if folder.is_empty() {
                    "scenarios"
                } else {
                    folder
                })
            })
            .add_test_case(test_case(case));
    }
    let mut report = Report::new("edgeproof");
    report.set_time(results.summary.took());
    report.add_test_suites(suites.into_values());
    report.to_string()
}

/// The failure in one sentence behind its place: some who show a report show its messages alone.
fn placed(failure: &Failure) -> String {
    let sentence = failure.sentence();
    match &failure.excerpt {
        Some(excerpt) => format!("{}: {sentence}", visible(&excerpt.place.to_string())),
        None => sentence,
    }
}

fn test_case(case: &CaseRecord) -> TestCase {
    let status = match &case.verdict {
        Verdict::Passed => TestCaseStatus::success(),
        Verdict::Skipped(reason) => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(reason.as_str());
            status
        }
        Verdict::Observed(failures) => {
            let mut status = TestCaseStatus::skipped();
            status.set_message("not met, and not required");
            status.set_description(failure::texts(failures, TextStyle::PLAIN).join("\n"));
            status
        }
        Verdict::KnownFailure { reason, link } => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(format!("known failure: {reason} ({link})"));
            status
        }
        Verdict::Error(message) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_message(message.as_str());
            status
        }
        Verdict::Failed(failures) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            let sentences: Vec<String> = failures.iter().map(placed).collect();
            status.set_message(sentences.join("; "));
            status.set_description(failure::texts(failures, TextStyle::PLAIN).join("\n"));
            status
        }
    };
    let mut test_case = TestCase::new(case.name.as_str(), status);
    let folder = case
        .name
        .split_once("::")
        .map_or("scenarios", |(folder, _)| folder);
    test_case.set_classname(folder);
    test_case.set_time(Duration::from_millis(case.took_ms));
    test_case.extra.insert(
        "file".into(),
        visible(&case.file.display().to_string()).into(),
    );
    let mut out = case.log.join("\n");
    for text in failure::printed(&case.apps) {
        out.push_str(&format!("\n{text}"));
    }
    if !out.is_empty() {
        test_case.set_system_out(out);
    }
    test_case
}
