//! What a probe found.

use edgeproof_probe::{Finding, Outcome};
use edgeproof_scenario::expect::Expect;

use super::Mismatch;
use crate::observed::Observed;

pub(super) fn check(expect: &Expect, observed: &Observed) -> Option<Mismatch> {
    let wanted = expect.holes.as_ref()?;
    let claim = format!("expected {wanted} holes");
    let Some(outcome) = &observed.probe else {
        return Some(Mismatch::new(
            &["holes"],
            claim,
            "but the step is no `probe`",
        ));
    };
    if !outcome.shows_something() {
        let actual = format!(
            "but nothing is shown by it: the plain call with good signals was {}",
            outcome.control.says()
        );
        return Some(Mismatch::new(&["holes"], claim, actual));
    }
    let holes: Vec<&Finding> = outcome.holes().collect();
    if wanted.holds(holes.len() as f64) {
        return None;
    }
    let found = match holes.first() {
        None => "found none".to_owned(),
        Some(first) => {
            let mend = first.mend.as_ref();
            let mend = mend.map_or(String::new(), |mend| format!("; {}", mend.says()));
            let (count, line, families) = (holes.len(), line(first), families(outcome));
            format!("found {count} ({families}), first `{line}`{mend}")
        }
    };
    Some(Mismatch::new(&["holes"], claim, found))
}

/// The families with holes, and how many each has.
fn families(outcome: &Outcome) -> String {
    let families = outcome.families().into_iter();
    let counted = families.filter_map(|(family, findings)| {
        let is_hole = |finding: &&&Finding| finding.hole().is_some() && !finding.accepted;
        let count = findings.iter().filter(is_hole).count();
        (count > 0).then(|| format!("{family} {count}"))
    });
    counted.collect::<Vec<_>>().join(", ")
}

/// The request line that was sent, without its version.
fn line(hole: &Finding) -> &str {
    let mut lines = hole.sent.split("\r\n");
    let line = lines.find(|line| !line.starts_with('('));
    let line = line.unwrap_or_default();
    line.rsplit_once(' ').map_or(line, |(line, _)| line)
}
