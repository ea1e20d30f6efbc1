//! What is told of a run at a deployed site, besides its cases.

use std::fmt::Write as _;

use edgeproof_run::target::{CaseAtTarget, DriftRow, Outcome, SideBySide, TargetRecord};

/// What of a value is shown in a table, in characters.
const SHOWN: usize = 60;

/// Where the run goes, and what is deployed there beside what the deployment file says.
pub fn before(record: &TargetRecord) -> String {
    let mut text = format!("target: {}, run {}\n", record.file.display(), record.run);
    for (host, at) in &record.hosts {
        let _ = writeln!(text, "  {host} is {at}");
    }
    text.push_str(&drift(record));
    text
}

/// The table of what differs; what is the same is counted.
fn drift(record: &TargetRecord) -> String {
    if let Some(why) = &record.not_compared {
        return format!("drift: not known: {why}\n\n");
    }
    let same = record.drift.iter().filter(|row| row.same == Some(true));
    let same = same.count();
    let told: Vec<&DriftRow> = record
        .drift
        .iter()
        .filter(|row| row.same != Some(true))
        .collect();
    if told.is_empty() {
        return format!("drift: none; {same} of {same} things are as the deployment file says\n\n");
    }
    let shown = |value: &Option<String>| value.as_deref().map_or("—".to_owned(), short);
    let rows = told.into_iter().map(|row| {
        let sign = if row.same.is_some() { "≠" } else { "?" };
        [
            format!("{sign} {}", row.what),
            shown(&row.file),
            shown(&row.deployed),
        ]
    });
    let head = ["drift", "the file", "deployed"].map(str::to_owned);
    let mut text = table(&std::iter::once(head).chain(rows).collect::<Vec<_>>());
    let _ = writeln!(text, "{same} more are as the file says\n");
    text
}

fn short(value: &str) -> String {
    match value.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value.to_owned(),
    }
}

/// Rows with their columns below each other.
fn table<const COLUMNS: usize>(rows: &[[String; COLUMNS]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..COLUMNS)
        .map(|column| width(column).unwrap_or_default())
        .collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let _ = write!(line, "{cell:width$}  ");
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

/// What of each case is seen: `check --target` before a run, and the end of one.
pub fn cases(cases: &[CaseAtTarget]) -> String {
    let mut text = String::new();
    for case in cases {
        let CaseAtTarget {
            name,
            seen,
            looked_up,
            not_observable,
            changes,
            skipped,
        } = case;
        if let Some(why) = skipped {
            let _ = writeln!(text, "- {name}\n    skipped: {why}");
            continue;
        }
        let _ = writeln!(text, "✓ {name}");
        let mut list = |what: &str, all: &[String]| {
            if !all.is_empty() {
                let _ = writeln!(text, "    {what}: {}", all.join(", "));
            }
        };
        list("seen", seen);
        list("looked up", looked_up);
        list("may change something", changes);
        for unseen in not_observable {
            let line = unseen.line.map(|line| format!(", line {line}"));
            let _ = writeln!(
                text,
                "    not observable here: {}{}: {}",
                unseen.what,
                line.unwrap_or_default(),
                unseen.why
            );
        }
    }
    text
}

/// How much of what was expected nobody could see, so that it is not taken for passed.
pub fn not_seen(cases: &[CaseAtTarget]) -> String {
    let mut text = String::new();
    let told: Vec<&CaseAtTarget> = cases
        .iter()
        .filter(|case| !case.not_observable.is_empty())
        .collect();
    let count: usize = told.iter().map(|case| case.not_observable.len()).sum();
    if count == 0 {
        return text;
    }
    let what = match count {
        1 => "1 expectation was".to_owned(),
        more => format!("{more} expectations were"),
    };
    let _ = writeln!(text, "{what} not observable here, and not judged:");
    for case in told {
        let names = case
            .not_observable
            .iter()
            .map(|unseen| unseen.what.as_str());
        let names: Vec<&str> = names.collect();
        let _ = writeln!(text, "  {}: {}", case.name, names.join(", "));
    }
    text
}

/// The run in a rig and the run at the target, case by case.
pub fn side_by_side(all: &[SideBySide]) -> String {
    let mut rows = vec![[
        "".to_owned(),
        "in a rig".to_owned(),
        "at the target".to_owned(),
    ]];
    rows.extend(all.iter().map(|case| {
        let sign = match case.outcome {
            Outcome::Same => '=',
            Outcome::Differs => '≠',
            Outcome::NotObservable => '?',
        };
        let local = case.local.clone();
        [
            format!("{sign} {}", case.name),
            local.unwrap_or_else(|| "not run".to_owned()),
            case.target.clone(),
        ]
    }));
    let mut text = format!("\n{}", table(&rows));
    let differs = |case: &&SideBySide| case.outcome == Outcome::Differs;
    for case in all.iter().filter(differs) {
        let _ = writeln!(text, "\n≠ {}", case.name);
        let told = [
            ("in a rig", &case.local_failure),
            ("at the target", &case.target_failure),
        ];
        for (place, failure) in told {
            let failure = failure.as_deref().unwrap_or("everything held");
            let _ = writeln!(text, "    {place}: {failure}");
        }
    }
    let count = |outcome| all.iter().filter(|case| case.outcome == outcome).count();
    let _ = writeln!(
        text,
        "\n{} the same, {} differ, {} not observable",
        count(Outcome::Same),
        count(Outcome::Differs),
        count(Outcome::NotObservable)
    );
    text
}

#[cfg(test)]
mod tests {
    use edgeproof_run::{
        record::Verdict,
        target::{NotObservable, side_by_side},
    };
    use edgeproof_test_support::golden::assert_golden;

    use super::*;
    use crate::golden;

    fn record() -> TargetRecord {
        let row = |what: &str, file: Option<&str>, deployed: Option<&str>, same| DriftRow {
            what: what.to_owned(),
            file: file.map(str::to_owned),
            deployed: deployed.map(str::to_owned),
            same,
        };
        let case = |name: &str, skipped: Option<&str>| CaseAtTarget {
            name: name.to_owned(),
            seen: vec!["status of step 2".to_owned()],
            looked_up: vec!["events of the end (the Server API)".to_owned()],
            not_observable: vec![NotObservable {
                what: "origin of step 2".to_owned(),
                why: "only the origin knows what reached it".to_owned(),
                line: Some(9),
            }],
            changes: vec!["step 2".to_owned()],
            skipped: skipped.map(str::to_owned),
        };
        TargetRecord {
            file: "staging.yaml".into(),
            run: "0123456789abcdef".to_owned(),
            hosts: [("shop.example".to_owned(), "staging.shop.test".to_owned())].into(),
            drift: vec![
                row(
                    "version of the worker",
                    Some("aa"),
                    Some("not deployed with edgeproof"),
                    None,
                ),
                row(
                    "ruleset (FP_RULESET_ID)",
                    Some("rs_1"),
                    Some("rs_2"),
                    Some(false),
                ),
                row("FP_REGION", Some("us"), Some("us"), Some(true)),
                row(
                    "route staging.shop.test/signup",
                    Some("flow"),
                    None,
                    Some(false),
                ),
            ],
            not_compared: None,
            cases: vec![
                case("flow::blocked", None),
                case(
                    "faults::origin",
                    Some("it gives faults, which no target has"),
                ),
            ],
            against: None,
        }
    }

    #[test]
    fn what_people_are_told_of_a_target() {
        let record = record();
        let local = golden::results();
        let mut target = local.clone();
        target.cases[0].verdict = Verdict::Failed(Vec::new());
        let compared = side_by_side(&local, &target);
        let text = format!(
            "{}{}{}{}",
            before(&record),
            cases(&record.cases),
            not_seen(&record.cases),
            super::side_by_side(&compared)
        );
        assert_golden("fixtures/golden/reports/target.txt", &text);
    }
}
