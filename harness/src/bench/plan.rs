//! What is to be measured: who, in which cases, and how long.

use std::time::Duration;

use super::{
    case::{CASES, Case},
    cold_start::COLD_START,
    contender::Contender,
};

/// What is to be measured.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Who takes turns.
    pub contenders: Vec<Contender>,
    /// Which cases.
    pub cases: Vec<Case>,
    /// Whether cold starts are measured too.
    pub has_cold_start: bool,
    /// Rounds of each case, two turns of every contender in each. Two at least make an interval.
    pub rounds: u32,
    /// How long each worker is asked before anything counts: until code is compiled, and connections are open.
    pub warm_up: Duration,
    /// How long each turn keeps connections busy for a throughput.
    pub busy: Duration,
    /// By what the requests of a turn are divided, where latency is measured.
    pub arrivals_divisor: u32,
}

impl Plan {
    /// Everything, or the short set, as far as the name of a case contains `filter`.
    pub fn new(contenders: Vec<Contender>, is_short: bool, filter: Option<&str>) -> Self {
        let is_wanted = |name: &str| filter.is_none_or(|filter| name.contains(filter));
        // Who names a case of the full set wants that one.
        let is_in_set = |case: &Case| !is_short || case.is_short || filter == Some(case.name);
        Self {
            contenders,
            cases: CASES
                .into_iter()
                .filter(|case| is_in_set(case) && is_wanted(case.name))
                .collect(),
            has_cold_start: is_wanted(COLD_START),
            rounds: if is_short { 8 } else { 12 },
            warm_up: Duration::from_millis(300),
            busy: Duration::from_millis(if is_short { 100 } else { 250 }),
            arrivals_divisor: if is_short { 2 } else { 1 },
        }
    }

    /// Whether nothing would be measured.
    pub fn is_empty(&self) -> bool {
        self.cases.is_empty() && !self.has_cold_start
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(false, None, CASES.len(), true)]
    #[case(true, Some("page_"), 1, false)]
    #[case(false, Some("page_"), 4, false)]
    #[case(true, Some("page_10_mb"), 1, false)]
    #[case(true, Some("cold"), 0, true)]
    #[case(false, Some("none"), 0, false)]
    fn a_filter_selects_by_name(
        #[case] is_short: bool,
        #[case] filter: Option<&str>,
        #[case] cases: usize,
        #[case] has_cold_start: bool,
    ) {
        let plan = Plan::new(Vec::new(), is_short, filter);
        assert_eq!(
            (plan.cases.len(), plan.has_cold_start),
            (cases, has_cold_start)
        );
        assert_eq!(plan.is_empty(), cases == 0 && !has_cold_start);
    }
}
