//! The Test Anything Protocol, version 13.

use std::fmt::Write as _;

use edgeproof_document::problem::TextStyle;
use edgeproof_ground::visible::in_one_line;
use edgeproof_run::{
    failure_text as failure,
    record::{CaseRecord, Verdict},
    results::Results,
};

/// The results as TAP.
pub fn text(results: &Results) -> String {
    let mut text = format!("TAP version 13\n1..{}\n", results.cases.len());
    for (index, case) in results.cases.iter().enumerate() {
        write_case(&mut text, index + 1, case);
    }
    text
}

fn write_case(text: &mut String, number: usize, case: &CaseRecord) {
    let ok = matches!(case.verdict, Verdict::Passed | Verdict::Skipped(_));
    let result = if ok { "ok" } else { "not ok" };
    let title = in_one_line(&format!("{} {}", case.name, case.title)).replace('#', "\\#");
    let _ = write!(text, "{result} {number} - {title}");
    match &case.verdict {
        Verdict::Skipped(reason) => {
            let _ = writeln!(text, " # SKIP {}", in_one_line(reason));
        }
        Verdict::Observed(_) => text.push_str(" # TODO not required\n"),
        Verdict::KnownFailure { reason, link } => {
            let _ = writeln!(text, " # TODO {} {link}", in_one_line(reason));
        }
        _ => text.push('\n'),
    }
    match &case.verdict {
        Verdict::Failed(failures) | Verdict::Observed(failures) => {
            for failure in failure::texts(failures, TextStyle::PLAIN) {
                comment(text, &failure);
            }
        }
        Verdict::Error(message) => comment(text, message),
        Verdict::Passed | Verdict::Skipped(_) | Verdict::KnownFailure { .. } => {}
    }
}

fn comment(text: &mut String, content: &str) {
    for line in content.lines() {
        let _ = writeln!(text, "{}", format!("# {line}").trim_end());
    }
}
