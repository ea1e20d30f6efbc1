//! What is expected of a worker's log at a target.

use edgeproof_remote::sight::{Known, LookUps};
use edgeproof_scenario::{expect::ExpectWorker, load::Case};

/// Whether something is expected of the log that can be known.
pub(super) fn needs_log(case: &Case, look_ups: LookUps) -> bool {
    let scenario = &case.scenario;
    let of_steps = scenario.steps.iter();
    let of_steps = of_steps.filter_map(|step| step.expect.as_ref()?.worker.as_ref());
    let mut all = of_steps.chain(scenario.expect.worker.as_ref());
    look_ups.log == Known::LookedUp && all.any(is_about_log)
}

fn is_about_log(expect: &ExpectWorker) -> bool {
    !expect.log.is_empty() || expect.whole_log.is_some()
}

/// Whether what is expected of the log holds, and more lines cannot change that.
pub(super) fn holds(expect: &ExpectWorker, lines: &[String]) -> bool {
    let has = |wanted: &edgeproof_scenario::text::TextMatcher| {
        lines.iter().any(|line| wanted.holds(Some(line)))
    };
    expect.whole_log.is_none() && expect.log.iter().all(has)
}
