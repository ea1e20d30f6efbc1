//! What a probe found.

use edgeproof_probe::Finding;
use edgeproof_scenario::expect::Expect;

use super::Mismatch;
use crate::observed::Observed;

/// Holes that are named.
const NAMED: usize = 5;

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
    let named = holes.iter().take(NAMED);
    let named: Vec<String> = named
        .map(|hole| format!("`{}` ({})", line(hole), hole.shape))
        .collect();
    let more = match holes.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let mend = holes.first().and_then(|hole| hole.mend.as_ref());
    let mend = mend.map_or(String::new(), |mend| format!("; {}", mend.says()));
    let found = match holes.len() {
        0 => "found none".to_owned(),
        count => format!("found {count}: {}{more}{mend}", named.join(", ")),
    };
    Some(Mismatch::new(&["holes"], claim, found))
}

/// The request line that was sent.
fn line(hole: &Finding) -> &str {
    let mut lines = hole.sent.split("\r\n");
    lines
        .find(|line| !line.starts_with('('))
        .unwrap_or_default()
}
