//! What has moved since an earlier run.
//!
//! Times of two runs are not comparable on a machine that others use, nor on two machines. What is compared is how a worker
//! related to the worker that only forwards, which was measured beside it both times.

use std::fmt::Write as _;

use super::{
    contender::{PASS_THROUGH, Role},
    metric::Metric,
    results::{CaseResult, Results},
    statistics::{Estimate, ratio, ratio_of_ratios},
    table::{columns, comparison},
};

/// Something that can be compared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Move<'a> {
    /// The case.
    pub case: &'a str,
    /// The worker under test.
    pub contender: &'a str,
    /// What of.
    pub metric: Metric,
    /// Its ratio to the worker that only forwards, then.
    pub before: f64,
    /// The same, now.
    pub after: f64,
    /// How many times as large it is now as it was then.
    pub change: Estimate,
}

/// Every number that both runs have.
pub fn moves<'a>(old: &Results, new: &'a Results) -> Vec<Move<'a>> {
    let mut moves = Vec::new();
    for (before, after) in of_both(old, new) {
        for contender in &new.contenders {
            if contender.role == Role::UnderTest {
                moves.extend(of_contender(before, after, &contender.name));
            }
        }
    }
    moves
}

/// The cases that both runs have.
fn of_both<'o, 'n>(
    old: &'o Results,
    new: &'n Results,
) -> impl Iterator<Item = (&'o CaseResult, &'n CaseResult)> {
    new.cases.iter().filter_map(|after| {
        let before = old.cases.iter().find(|case| case.name == after.name)?;
        Some((before, after))
    })
}

fn of_contender<'a>(
    before: &CaseResult,
    after: &'a CaseResult,
    contender: &'a str,
) -> Vec<Move<'a>> {
    let rounds = |case: &'a CaseResult, name: &str, metric| {
        let values: &'a [f64] = case.of(name)?.rounds.get(&metric)?;
        Some(values)
    };
    let metrics = after
        .of(contender)
        .into_iter()
        .flat_map(|own| own.rounds.keys());
    metrics
        .filter_map(|&metric| {
            let old = before.of(contender)?.rounds.get(&metric)?;
            let old_baseline = before.of(PASS_THROUGH)?.rounds.get(&metric)?;
            let new = rounds(after, contender, metric)?;
            let new_baseline = rounds(after, PASS_THROUGH, metric)?;
            Some(Move {
                case: &after.name,
                contender,
                metric,
                before: ratio(old, old_baseline)?.ratio,
                after: ratio(new, new_baseline)?.ratio,
                change: ratio_of_ratios((new, new_baseline), (old, old_baseline))?,
            })
        })
        .collect()
}

/// What has moved, as text.
pub fn text(old: &Results, new: &Results) -> String {
    let moves = moves(old, new);
    let mut text = String::new();
    if old.method != new.method {
        text.push_str(
            "The two runs were measured in different ways, which may explain the differences.\n",
        );
    }
    if old.machine.processor != new.machine.processor || old.machine.workerd != new.machine.workerd
    {
        text.push_str("The two runs used different machines or different versions of workerd.\n");
    }
    for (before, after) in of_both(old, new) {
        if let (Some(then), Some(now)) = (before.rate, after.rate)
            && then != now
        {
            // Writing to a text cannot fail.
            let _ = writeln!(
                text,
                "{} got {then} requests a second then and {now} now: its latencies are not comparable.",
                after.name
            );
        }
    }
    let moved: Vec<_> = moves
        .iter()
        .filter(|one| one.change.is_difference())
        .collect();
    if moves.is_empty() {
        text.push_str("No case and worker is in both runs.\n");
        return text;
    }
    let _ = writeln!(
        text,
        "{} of {} numbers have moved since {}, each as its ratio to {PASS_THROUGH} in the same run.",
        moved.len(),
        moves.len(),
        old.machine.began
    );
    if moved.is_empty() {
        text.push_str("No difference seen.\n");
        return text;
    }
    let chance = moves.len() as f64 * 0.05;
    let _ = writeln!(
        text,
        "Of that many, about {chance:.0} would appear to move by chance alone.\n"
    );
    let mut rows = vec![
        ["case", "worker", "what", "then", "now", "change"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for one in moved {
        rows.push(vec![
            one.case.to_owned(),
            one.contender.to_owned(),
            one.metric.name().to_owned(),
            format!("{:.2}", one.before),
            format!("{:.2}", one.after),
            comparison(one.change, one.metric),
        ]);
    }
    text.push_str(&columns(&rows));
    text
}
