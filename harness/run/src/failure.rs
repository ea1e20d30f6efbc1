//! From a mismatch to the failure that reports show.

use edgeproof_document::problem::Problem;
use edgeproof_scenario::load::Case;

use super::{check::Mismatch, record::Failure, redact::Redactor};

/// The failure of a mismatch, shown at the nearest place of the file that `base` and the mismatch's own path lead to.
pub(super) fn of(case: &Case, base: &[String], mismatch: Mismatch, redactor: &Redactor) -> Failure {
    let path: Vec<&str> = base
        .iter()
        .chain(&mismatch.path)
        .map(String::as_str)
        .collect();
    let node = (0..=path.len())
        .rev()
        .find_map(|length| case.node.at_path(path[..length].iter().copied()));
    Failure {
        claim: redactor.text(&mismatch.claim),
        actual: redactor.sentence(&mismatch.actual),
        excerpt: node.and_then(|node| case.sources.excerpt(node.at)),
        message: mismatch.message,
        nearest: mismatch.nearest.map(|nearest| redactor.text(&nearest)),
        call: None,
        journey: Vec::new(),
        notes: Vec::new(),
        way_out: None,
    }
}

/// The failure of a captured value that does not fit where it stands.
pub(super) fn of_misfit(case: &Case, problem: &Problem, redactor: &Redactor) -> Failure {
    let mismatch = Mismatch {
        path: Vec::new(),
        claim: "expected the captured value to fit here".to_owned(),
        actual: problem.message.clone(),
        nearest: None,
        message: None,
    };
    let mut failure = of(case, &[], mismatch, redactor);
    failure.excerpt = case.sources.excerpt(problem.at);
    failure
}
