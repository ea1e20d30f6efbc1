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
    /// Rounds of each case at most, two turns of every contender in each. Two at least make an interval.
    pub rounds: u32,
    /// No round begins after so long in a case, but for the few that every case has.
    pub budget: Duration,
    /// How many requests each worker has before anything counts: until its code is compiled, and connections are open.
    pub warm_up: u64,
    /// How long requests come in each turn where latency is measured, or longer where few come a second.
    pub open: Duration,
    /// How long each turn keeps connections busy for a throughput.
    pub busy: Duration,
}

/// Rounds that every case has, however long it takes: fewer make an interval too wide to say anything.
pub(super) const FEWEST_ROUNDS: u32 = 3;

/// How long a warm-up takes at most, where a request takes long.
pub(super) const LONGEST_WARM_UP: Duration = Duration::from_secs(2);

/// Requests of a turn where latency is measured, however long they take to come.
const FEWEST_ARRIVALS: u32 = 4;

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
            budget: Duration::from_secs(if is_short { 60 } else { 150 }),
            // What runs at each request is compiled again, better, after some hundred of them.
            warm_up: 1_000,
            open: Duration::from_millis(if is_short { 250 } else { 500 }),
            busy: Duration::from_millis(if is_short { 100 } else { 250 }),
        }
    }

    /// Requests of a turn where latency is measured and so many come a second.
    pub(super) fn arrivals(&self, rate: u32) -> u32 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "seconds times requests a second, both small"
        )]
        let due = (self.open.as_secs_f64() * f64::from(rate)) as u32;
        due.max(FEWEST_ARRIVALS)
    }

    /// The names of everything that is measured.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        let cold_start = self.has_cold_start.then_some(COLD_START);
        self.cases.iter().map(|case| case.name).chain(cold_start)
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

    #[rstest]
    #[case(200, 50)]
    #[case(20, 5)]
    #[case(1, FEWEST_ARRIVALS)]
    fn requests_follow_from_the_time_and_are_never_too_few(
        #[case] rate: u32,
        #[case] expected: u32,
    ) {
        let plan = Plan {
            open: Duration::from_millis(250),
            ..Plan::new(Vec::new(), true, None)
        };
        assert_eq!(plan.arrivals(rate), expected);
    }
}
