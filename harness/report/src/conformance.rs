//! What of its claims a worker meets, by subject: the results of the suite as a table.
//!
//! A claim is a scenario with the tag of a subject. One with the tag `optional`, or of the kind, is not required of other
//! workers: the documents leave it open.

use std::fmt::Write as _;

use edgeproof_ground::visible::in_one_line;
use edgeproof_run::{
    exit,
    record::{CaseRecord, HopRecord, Verdict},
    results::Results,
};

/// A subject of claims.
#[derive(Clone, Copy)]
pub struct Subject {
    /// The tag of its scenarios.
    pub tag: &'static str,
    /// What the claims are about.
    words: &'static str,
    /// For a product that a worker need not have: a hop that shows that it has it.
    shows: Option<fn(&HopRecord) -> bool>,
}

/// Every subject, in the order of a visit.
pub const SUBJECTS: [Subject; 10] = [
    Subject::of("injection", "injection into pages"),
    Subject::of("instrumentation", "instrumentation of calls"),
    Subject::of("identification", "identification of calls"),
    Subject::of("decisions", "decisions of rules"),
    Subject::of("failures", "failure modes"),
    Subject::of("cors", "calls from other origins"),
    Subject {
        shows: Some(|hop| hop.from == "worker" && hop.url.contains("/v4/edge")),
        ..Subject::of("edge-headers", "headers of the edge API")
    },
    Subject::of("sizes", "limits"),
    Subject {
        shows: Some(|hop| hop.to == "Wallarm node"),
        ..Subject::of("connector", "the connector")
    },
    Subject::of("bypass", "ways around"),
];

impl Subject {
    const fn of(tag: &'static str, words: &'static str) -> Self {
        Self {
            tag,
            words,
            shows: None,
        }
    }
}

/// What came of one claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Met,
    /// It is required, and does not hold.
    Failed,
    /// It does not hold, and need not.
    NotRequired,
    /// It could not be looked at, or is about a product that the worker has not.
    NotApplicable,
    /// The harness failed, so nothing is known.
    Unknown,
}

const OUTCOMES: [(Outcome, &str); 5] = [
    (Outcome::Met, "met"),
    (Outcome::Failed, "failed"),
    (Outcome::NotRequired, "not required"),
    (Outcome::NotApplicable, "not applicable"),
    (Outcome::Unknown, "unknown"),
];

/// How many claims of one file are told that are not met.
const SHOWN: usize = 3;

/// What one worker meets.
pub struct Conformance<'a> {
    claims: Vec<(Subject, &'a CaseRecord, Outcome)>,
}

impl<'a> Conformance<'a> {
    /// Sorts the claims among the results of a run.
    pub fn of(results: &'a Results) -> Self {
        let of_subject = |subject: Subject| {
            let is_meant = move |case: &&CaseRecord| case.tags.iter().any(|tag| tag == subject.tag);
            let cases: Vec<&CaseRecord> = results.cases.iter().filter(is_meant).collect();
            let hops = || cases.iter().flat_map(|case| &case.hops);
            let has = subject.shows.is_none_or(|shows| hops().any(shows));
            let outcome = move |case| {
                if has {
                    outcome(case)
                } else {
                    Outcome::NotApplicable
                }
            };
            cases
                .into_iter()
                .map(move |case| (subject, case, outcome(case)))
        };
        Self {
            claims: SUBJECTS.into_iter().flat_map(of_subject).collect(),
        }
    }

    /// How many claims of a subject, or of all, ended so.
    fn count(&self, tag: Option<&str>, outcome: Outcome) -> usize {
        let is_meant = |(subject, _, own): &&(Subject, &CaseRecord, Outcome)| {
            *own == outcome && tag.is_none_or(|tag| tag == subject.tag)
        };
        self.claims.iter().filter(is_meant).count()
    }

    /// The exit code: of the harness where it failed, else whether a required claim did not hold.
    pub fn exit_code(&self) -> u8 {
        if self.count(None, Outcome::Unknown) > 0 {
            exit::HARNESS
        } else if self.count(None, Outcome::Failed) > 0 {
            exit::FAILED
        } else if self.count(None, Outcome::Met) == 0 {
            exit::NOTHING
        } else {
            exit::PASSED
        }
    }

    /// The claims by subject, then each that is not met with what happened instead.
    pub fn text(&self, worker: &str) -> String {
        let mut text = format!("claims of {worker}\n\n{:26}", "");
        let shown = OUTCOMES.iter().filter(|(outcome, _)| {
            *outcome != Outcome::Unknown || self.count(None, Outcome::Unknown) > 0
        });
        let shown: Vec<&(Outcome, &str)> = shown.collect();
        for (_, words) in &shown {
            let _ = write!(text, "{words:>16}");
        }
        text.push('\n');
        for (words, tag) in rows() {
            let _ = write!(text, "{words:26}");
            for (outcome, _) in &shown {
                let _ = write!(text, "{:>16}", self.count(tag, *outcome));
            }
            text.push('\n');
        }
        for (outcome, words) in OUTCOMES {
            if matches!(outcome, Outcome::Met | Outcome::NotApplicable) {
                continue;
            }
            let claims = self.claims.iter().filter(|(_, _, own)| *own == outcome);
            let cases: Vec<&CaseRecord> = claims.map(|(_, case, _)| *case).collect();
            if !cases.is_empty() {
                let _ = write!(text, "\n{words}:\n");
            }
            for of_file in cases.chunk_by(|left, right| left.file == right.file) {
                text.extend(of_file.iter().take(SHOWN).copied().map(told));
                if let more @ 1.. = of_file.len().saturating_sub(SHOWN) {
                    let _ = writeln!(text, "  and {more} more of {}", of_matrix(&of_file[0].name));
                }
            }
        }
        text
    }

    /// Two workers side by side: what each meets of the claims that apply to it, and the claims in which they differ.
    pub fn beside(&self, other: &Conformance<'_>, names: (&str, &str)) -> String {
        let mut text = format!("\nfirst:  {}\nsecond: {}\n\n", names.0, names.1);
        let _ = writeln!(text, "{:26}{:>12}{:>12}", "claims met", "first", "second");
        for (words, tag) in rows() {
            let (one, two) = (self.share(tag), other.share(tag));
            let _ = writeln!(text, "{words:26}{one:>12}{two:>12}");
        }
        let mut differing = Vec::new();
        for (_, case, outcome) in &self.claims {
            let of_other = other
                .claims
                .iter()
                .find(|(_, other, _)| other.name == case.name);
            let of_other = of_other.map(|(_, _, outcome)| *outcome);
            if let Some(of_other) = of_other.filter(|of_other| of_other != outcome) {
                differing.push(format!(
                    "  {}: {}, {}\n",
                    case.name,
                    words(*outcome),
                    words(of_other)
                ));
            }
        }
        match differing.as_slice() {
            [] => text.push_str("\nThe two meet the same claims.\n"),
            lines => {
                let _ = write!(text, "\nthey differ:\n{}", lines.concat());
            }
        }
        text
    }

    /// `12 of 13`, or a dash where nothing applies.
    fn share(&self, tag: Option<&str>) -> String {
        let met = self.count(tag, Outcome::Met);
        let all = met + self.count(tag, Outcome::Failed) + self.count(tag, Outcome::NotRequired);
        match all {
            0 => "–".to_owned(),
            all => format!("{met} of {all}"),
        }
    }
}

/// The lines of a table: each subject, and all of them.
fn rows() -> impl Iterator<Item = (&'static str, Option<&'static str>)> {
    let subjects = SUBJECTS
        .iter()
        .map(|subject| (subject.words, Some(subject.tag)));
    subjects.chain([("all", None)])
}

fn words(outcome: Outcome) -> &'static str {
    let found = OUTCOMES.iter().find(|(own, _)| *own == outcome);
    found.map_or("", |(_, words)| words)
}

fn outcome(case: &CaseRecord) -> Outcome {
    match &case.verdict {
        Verdict::Passed => Outcome::Met,
        Verdict::Failed(_) => Outcome::Failed,
        Verdict::Observed(_) => Outcome::NotRequired,
        Verdict::Skipped(_) | Verdict::KnownFailure { .. } => Outcome::NotApplicable,
        Verdict::Error(_) => Outcome::Unknown,
    }
}

/// The name that the cases of one file share: its folder and its own.
fn of_matrix(name: &str) -> &str {
    let end = name
        .match_indices("::")
        .nth(1)
        .map_or(name.len(), |(end, _)| end);
    &name[..end]
}

/// A claim that is not met, and the first thing that was otherwise.
fn told(case: &CaseRecord) -> String {
    let why = match &case.verdict {
        Verdict::Failed(failures) | Verdict::Observed(failures) => failures
            .first()
            .map(|failure| format!("    {}\n", in_one_line(&failure.sentence()))),
        Verdict::Error(message) => Some(format!("    {message}\n")),
        _ => None,
    };
    format!(
        "  {}  {}\n{}",
        case.name,
        case.title,
        why.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden;

    /// The golden results as claims: of rules, and one of the connector.
    fn claims() -> Results {
        let mut results = golden::results();
        for case in &mut results.cases {
            case.tags.push("decisions".to_owned());
        }
        results.cases.retain(|case| case.name.starts_with("flow"));
        let mut connector = results.cases[0].clone();
        connector.name = "wallarm::alone".to_owned();
        connector.tags = vec!["connector".to_owned()];
        connector.hops.clear();
        connector.verdict = Verdict::Failed(Vec::new());
        results.cases.push(connector);
        results
    }

    #[test]
    fn claims_are_counted_by_subject_and_those_that_fail_are_told() {
        let results = claims();
        let conformance = Conformance::of(&results);
        let text = conformance.text("fixtures/workers/some");
        let count = |subject: &str| -> Vec<usize> {
            let line = text.lines().find(|line| line.starts_with(subject)).unwrap();
            line[26..]
                .split_whitespace()
                .map(|n| n.parse().unwrap())
                .collect()
        };
        assert_eq!(count("decisions"), [2, 3, 1, 1]);
        // Nothing was sent to a node, so the worker has no connector.
        assert_eq!(count("the connector"), [0, 0, 0, 1]);
        assert_eq!(count("all"), [2, 3, 1, 2]);
        assert!(text.contains("\nfailed:\n  flow::blocked  "), "{text}");
        assert_eq!(conformance.exit_code(), exit::FAILED);
    }

    #[test]
    fn only_required_claims_decide_and_nothing_met_proves_nothing() {
        let mut results = claims();
        results
            .cases
            .retain(|case| matches!(case.verdict, Verdict::Passed | Verdict::Observed(_)));
        assert_eq!(Conformance::of(&results).exit_code(), exit::PASSED);
        results
            .cases
            .retain(|case| matches!(case.verdict, Verdict::Observed(_)));
        assert_eq!(Conformance::of(&results).exit_code(), exit::NOTHING);
    }

    #[test]
    fn two_workers_stand_side_by_side() {
        let first = claims();
        let mut second = first.clone();
        second.cases[0].verdict = Verdict::Failed(Vec::new());
        let (first, second) = (Conformance::of(&first), Conformance::of(&second));
        let text = first.beside(&second, ("ours", "theirs"));
        let decisions = text
            .lines()
            .find(|line| line.starts_with("decisions"))
            .unwrap();
        assert_eq!(
            decisions.split_whitespace().collect::<Vec<_>>().join(" "),
            "decisions of rules 2 of 6 1 of 6"
        );
        assert!(
            text.contains("they differ:\n  flow::passes: met, failed\n"),
            "{text}"
        );
        let same = first.beside(&first, ("ours", "ours"));
        assert!(same.ends_with("The two meet the same claims.\n"), "{same}");
    }
}
