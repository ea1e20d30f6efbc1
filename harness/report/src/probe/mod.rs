//! What `edgeproof probe` found, for people and for programs.

mod html;
mod text;

use edgeproof_ground::visible::in_one_line;
use edgeproof_probe::{FORMAT, Fate, Finding, Outcome, SentOver};
use serde::{Deserialize, Serialize};

pub use html::text as html;
pub use text::text;

/// Everything that one probe found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Probed {
    /// The version of this format.
    pub format: u32,
    /// The version of edgeproof.
    pub edgeproof: String,
    /// What was found, one for each protected API.
    pub apis: Vec<Outcome>,
    /// The changes that were tried, and what is left with them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed: Option<Fixed>,
}

/// The changes that were tried, and what is left with them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Fixed {
    /// The changes, in plain words.
    pub changes: Vec<String>,
    /// The same as they stand in a file.
    pub yaml: String,
    /// What was found with them.
    pub apis: Vec<Outcome>,
}

impl Probed {
    /// What was found, by this edgeproof.
    pub fn new(apis: Vec<Outcome>, fixed: Option<Fixed>) -> Self {
        Self {
            format: FORMAT,
            edgeproof: env!("CARGO_PKG_VERSION").to_owned(),
            apis,
            fixed,
        }
    }

    /// Holes that nobody has accepted.
    pub fn holes(&self) -> usize {
        holes(&self.apis)
    }
}

fn holes(apis: &[Outcome]) -> usize {
    apis.iter().map(|outcome| outcome.holes().count()).sum()
}

/// The holes of an outcome by row: each with all that the row has.
fn by_row(outcome: &Outcome) -> Vec<Vec<&Finding>> {
    let mut rows: Vec<Vec<&Finding>> = Vec::new();
    for hole in outcome.holes() {
        let row = rows.iter_mut().find(|row| {
            let first = row.first();
            first.is_some_and(|first| {
                (&first.family, &first.row) == (&hole.family, &hole.row) && first.mend == hole.mend
            })
        });
        match row {
            Some(row) => row.push(hole),
            None => rows.push(vec![hole]),
        }
    }
    rows
}

/// The columns of the table by family.
const COLUMNS: [&str; 8] = [
    "family",
    "shapes",
    "refused",
    "blocked",
    "identified",
    "not run",
    "accepted",
    "holes",
];

/// What became of the shapes of a family: as many as there are columns.
fn row_of(family: &str, findings: &[&Finding]) -> [String; 8] {
    let count =
        |is: fn(&Finding) -> bool| match findings.iter().filter(|finding| is(finding)).count() {
            0 => "·".to_owned(),
            count => count.to_string(),
        };
    [
        family.to_owned(),
        findings.len().to_string(),
        count(|finding| {
            matches!(
                finding.fate(),
                Some(Fate::Refused | Fate::Unanswered) | None
            )
        }),
        count(|finding| finding.fate() == Some(Fate::Blocked)),
        count(|finding| finding.fate() == Some(Fate::Identified)),
        count(|finding| {
            let passed = matches!(finding.fate(), Some(Fate::Unprotected | Fate::Cached));
            passed && finding.hole().is_none()
        }),
        count(|finding| finding.accepted),
        count(|finding| finding.hole().is_some() && !finding.accepted),
    ]
}

/// Why a hole is one, line by line.
fn explained(finding: &Finding, hole: &SentOver) -> Vec<(&'static str, String)> {
    let overs: Vec<&str> = finding
        .results
        .iter()
        .filter(|result| result.is_hole())
        .map(|result| result.over.name())
        .collect();
    let status = hole
        .status
        .map_or(String::new(), |status| format!(" (status {status})"));
    let mut lines = vec![("over", overs.join(" and "))];
    if let Some(arrived) = &hole.arrived {
        lines.push(("arrived", arrived.clone()));
    }
    match (hole.fate, hole.ran) {
        (Fate::Unprotected, Some(ran)) => lines.push(("ran", format!("{}{status}", ran.says()))),
        (fate, _) => lines.push(("fate", format!("{}{status}", fate.says()))),
    }
    if let Some(decision) = &hole.decision {
        lines.push(("why", decision.clone()));
    }
    if let Some(mend) = &finding.mend {
        lines.push(("mend", mend.says()));
    }
    lines
        .into_iter()
        .map(|(key, text)| (key, in_one_line(&text)))
        .collect()
}

/// The lines of what was sent, with symbols for what cannot be seen.
fn sent(finding: &Finding) -> Vec<String> {
    finding
        .sent
        .trim_end_matches("\r\n")
        .split("\r\n")
        .map(in_one_line)
        .collect()
}

/// What was done, in a sentence.
fn summary(outcome: &Outcome) -> String {
    let requests: usize = outcome
        .findings
        .iter()
        .map(|finding| finding.results.len())
        .sum();
    let holes = outcome.holes().count();
    let accepted = outcome
        .findings
        .iter()
        .filter(|finding| finding.accepted)
        .count();
    let accepted = match accepted {
        0 => String::new(),
        1 => ", 1 more is accepted".to_owned(),
        accepted => format!(", {accepted} more are accepted"),
    };
    let doubt = match outcome.shows_something() {
        true => "",
        false => {
            ", but nothing is shown by that: the plain call with good signals did not reach the origin"
        }
    };
    format!(
        "{} shapes, {requests} requests: {}{accepted}{doubt}",
        outcome.findings.len(),
        counted(holes)
    )
}

fn counted(holes: usize) -> String {
    match holes {
        0 => "no hole".to_owned(),
        1 => "1 hole".to_owned(),
        holes => format!("{holes} holes"),
    }
}

/// What came of the changes, in a sentence.
fn fixed_summary(before: usize, fixed: &Fixed) -> String {
    let after = holes(&fixed.apis);
    let change = match fixed.changes.len() {
        0 => {
            return format!(
                "{}, and no change of the deployment closes one",
                counted(before)
            );
        }
        1 => "this change",
        _ => "these changes",
    };
    let after = match after {
        0 => "none".to_owned(),
        after => after.to_string(),
    };
    format!("{}, {after} with {change}", counted(before))
}

#[cfg(test)]
mod tests;
