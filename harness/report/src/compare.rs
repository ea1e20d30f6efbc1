//! Two workers side by side, case by case.

use std::fmt::Write as _;

use edgeproof_run::results::Results;

/// What came of each case with one worker and with another. Cases that differ are marked.
pub fn text(first: (&str, &Results), second: (&str, &Results)) -> String {
    let rows: Vec<(&str, &str, &str)> = first
        .1
        .cases
        .iter()
        .map(|case| {
            let other = second.1.cases.iter().find(|other| other.name == case.name);
            (
                case.name.as_str(),
                case.verdict.word(),
                other.map_or("not run", |other| other.verdict.word()),
            )
        })
        .collect();
    let width = rows.iter().map(|(name, _, _)| name.chars().count()).max();
    let width = width.unwrap_or(0);
    let mut text = format!("\nfirst:  {}\nsecond: {}\n\n", first.0, second.0);
    let _ = writeln!(text, "  {:width$}  {:13}  second", "", "first");
    for (name, one, other) in &rows {
        let sign = if one == other { ' ' } else { '≠' };
        let _ = writeln!(text, "{sign} {name:width$}  {one:13}  {other}");
    }
    let differ = rows.iter().filter(|(_, one, other)| one != other).count();
    let _ = match differ {
        0 => writeln!(text, "\nThe two workers did the same in every scenario."),
        1 => writeln!(text, "\nThe two workers differ in one scenario."),
        more => writeln!(text, "\nThe two workers differ in {more} scenarios."),
    };
    text
}

#[cfg(test)]
mod tests {
    use edgeproof_run::record::Verdict;

    use super::*;
    use crate::golden;

    #[test]
    fn cases_that_differ_are_marked() {
        let first = golden::results();
        let mut second = first.clone();
        second.cases[0].verdict = Verdict::Failed(Vec::new());
        second.cases.pop();
        assert_eq!(
            text(("ours", &first), ("theirs", &second)),
            "
first:  ours
second: theirs

                    first          second
≠ flow::passes      passed         failed
  flow::blocked     failed         failed
  limits::size      skipped        skipped
  routes::star      error          error
  flow::hoped       observed       observed
  flow::known       known failure  known failure
  flow::unexpected  failed         failed
  flow::missing     failed         failed
≠ flow::late        passed         not run

The two workers differ in 2 scenarios.
"
        );
    }
}
