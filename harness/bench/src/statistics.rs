//! Percentiles, and ratios with the interval that a bootstrap gives them. Values in, values out.
//!
//! A round measures every worker under the same noise, so each round gives one ratio, and what is estimated is their
//! geometric mean. The interval is a percentile bootstrap over rounds of the logarithms of these ratios. It is widened as
//! Student's t is wider than the normal distribution, because with few rounds a plain bootstrap is too sure of itself
//! (Hesterberg, "What Teachers Should Know About the Bootstrap", 2015, calls it the expanded percentile interval).

use serde::{Deserialize, Serialize};

/// How often rounds are drawn anew.
pub(super) const RESAMPLES: usize = 2000;

/// Where the drawing starts: the same rounds give the same interval.
const SEED: u64 = 0x6564_6765;

/// The quantile of the normal distribution for an interval of 95 %.
const NORMAL: f64 = 1.959_964;

/// A ratio and the interval that holds the true one in 95 of 100 runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The geometric mean of the ratios of all rounds.
    pub ratio: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end of the interval.
    pub high: f64,
}

impl Estimate {
    /// Whether the interval leaves no room for a ratio of 1.
    pub fn is_difference(&self) -> bool {
        self.low > 1.0 || self.high < 1.0
    }
}

/// The smallest value that so many percent of the values do not exceed (nearest rank). The values are in ascending order;
/// none where there are none.
pub fn percentile(sorted: &[f64], percent: f64) -> Option<f64> {
    let rank = (percent / 100.0 * sorted.len() as f64).ceil();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rank is a small whole number above zero"
    )]
    let index = (rank.max(1.0) as usize).min(sorted.len());
    sorted.get(index.checked_sub(1)?).copied()
}

/// The median of values in any order.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    percentile(&sorted, 50.0)
}

/// How many times as much the first of each pair is as the second. None with fewer than two pairs, or where a value is
/// not above zero: neither has a ratio with an interval.
pub fn ratio(first: &[f64], second: &[f64]) -> Option<Estimate> {
    let logs = logs(first, second)?;
    let resampled = resampled(&logs, &mut fastrand::Rng::with_seed(SEED));
    Some(interval(mean(&logs), resampled, logs.len()))
}

/// How many times as large the first ratio is as the second, where the two were measured in different runs, so that
/// nothing pairs their rounds.
pub fn ratio_of_ratios(first: (&[f64], &[f64]), second: (&[f64], &[f64])) -> Option<Estimate> {
    let (first, second) = (logs(first.0, first.1)?, logs(second.0, second.1)?);
    let mut random = fastrand::Rng::with_seed(SEED);
    let drawn = resampled(&first, &mut random)
        .into_iter()
        .zip(resampled(&second, &mut random))
        .map(|(first, second)| first - second)
        .collect();
    let middle = mean(&first) - mean(&second);
    Some(interval(middle, drawn, first.len().min(second.len())))
}

/// The logarithm of the ratio of each pair.
fn logs(first: &[f64], second: &[f64]) -> Option<Vec<f64>> {
    let is_measured = |value: &f64| value.is_finite() && *value > 0.0;
    let pairs = first.len().min(second.len());
    (pairs >= 2 && first.iter().chain(second).all(is_measured)).then(|| {
        first
            .iter()
            .zip(second)
            .map(|(first, second)| (first / second).ln())
            .collect()
    })
}

/// The means of rounds drawn with replacement.
fn resampled(logs: &[f64], random: &mut fastrand::Rng) -> Vec<f64> {
    std::iter::repeat_with(|| {
        let drawn = (0..logs.len()).map(|_| logs[random.usize(..logs.len())]);
        drawn.sum::<f64>() / logs.len() as f64
    })
    .take(RESAMPLES)
    .collect()
}

fn interval(middle: f64, mut resampled: Vec<f64>, rounds: usize) -> Estimate {
    resampled.sort_by(f64::total_cmp);
    let wider = widening(rounds);
    let end = |percent| {
        let drawn = percentile(&resampled, percent).unwrap_or(middle);
        (middle + (drawn - middle) * wider).exp()
    };
    Estimate {
        ratio: middle.exp(),
        low: end(2.5),
        high: end(97.5),
    }
}

/// How much wider than the bootstrap's the interval of so few rounds has to be: by the bias of the standard deviation, and
/// by Student's quantile over the normal one (the first terms of its expansion in the degrees of freedom).
fn widening(rounds: usize) -> f64 {
    let freedom = rounds.saturating_sub(1).max(1) as f64;
    let z = NORMAL;
    let student = z
        + (z.powi(3) + z) / (4.0 * freedom)
        + (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / (96.0 * freedom.powi(2));
    (rounds as f64 / freedom).sqrt() * student / z
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(&[1.0, 2.0, 3.0, 4.0], 50.0, Some(2.0))]
    #[case(&[1.0, 2.0, 3.0, 4.0], 51.0, Some(3.0))]
    #[case(&[1.0, 2.0, 3.0, 4.0], 99.0, Some(4.0))]
    #[case(&[1.0, 2.0, 3.0, 4.0], 0.0, Some(1.0))]
    #[case(&[7.0], 95.0, Some(7.0))]
    #[case(&[], 95.0, None)]
    fn a_percentile_is_the_nearest_rank(
        #[case] sorted: &[f64],
        #[case] percent: f64,
        #[case] expected: Option<f64>,
    ) {
        assert_eq!(percentile(sorted, percent), expected);
    }

    #[test]
    fn a_ratio_is_the_geometric_mean_of_pairs() {
        let estimate = ratio(&[2.0, 8.0], &[1.0, 1.0]).unwrap();
        assert!((estimate.ratio - 4.0).abs() < 1e-9);
        assert!(estimate.low < 4.0 && estimate.high > 4.0);
    }

    #[test]
    fn noise_that_meets_both_alike_does_not_widen_the_interval() {
        let second = [1.0, 50.0, 3.0, 700.0, 2.0, 9.0];
        let first = second.map(|value| value * 1.2);
        let estimate = ratio(&first, &second).unwrap();
        assert!(estimate.is_difference());
        for end in [estimate.low, estimate.ratio, estimate.high] {
            assert!((end - 1.2).abs() < 1e-9);
        }
    }

    #[rstest]
    #[case(&[1.0], &[1.0])]
    #[case(&[1.0, 0.0], &[1.0, 1.0])]
    #[case(&[1.0, 1.0], &[1.0, f64::NAN])]
    fn what_has_no_ratio_gets_none(#[case] first: &[f64], #[case] second: &[f64]) {
        assert_eq!(ratio(first, second), None);
    }

    /// Draws of a normal distribution (the sum of twelve uniform draws is one, near enough).
    fn normal(random: &mut fastrand::Rng) -> f64 {
        (0..12).map(|_| random.f64()).sum::<f64>() - 6.0
    }

    #[rstest]
    #[case::short(8)]
    #[case::full(12)]
    fn the_interval_holds_the_truth_about_as_often_as_it_says(#[case] rounds: usize) {
        const RUNS: usize = 1000;
        let mut random = fastrand::Rng::with_seed(7);
        let held = (0..RUNS).filter(|_| {
            let first: Vec<f64> = (0..rounds)
                .map(|_| (0.2 * normal(&mut random)).exp())
                .collect();
            !ratio(&first, &vec![1.0; rounds]).unwrap().is_difference()
        });
        let share = held.count() as f64 / RUNS as f64;
        assert!((0.92..0.97).contains(&share), "{share}");
    }

    #[test]
    fn two_runs_of_the_same_ratio_have_not_moved_apart() {
        let quiet = ([1.3, 1.31, 1.29, 1.3], [1.0; 4]);
        let noisy = ([13.0, 6.7, 1.25, 2.6], [10.0, 5.0, 1.0, 2.0]);
        let moved = |first: ([f64; 4], [f64; 4]), second: ([f64; 4], [f64; 4])| {
            ratio_of_ratios((&first.0, &first.1), (&second.0, &second.1)).unwrap()
        };
        assert!(!moved(quiet, noisy).is_difference());
        let slower = (quiet.0.map(|value| value * 1.5), quiet.1);
        assert!(moved(slower, noisy).low > 1.0);
    }

    proptest! {
        #[test]
        fn an_interval_holds_its_ratio_and_turns_around_with_it(
            pairs in proptest::collection::vec((0.001_f64..1000.0, 0.001_f64..1000.0), 2..20),
        ) {
            let (first, second): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
            let there = ratio(&first, &second).unwrap();
            let back = ratio(&second, &first).unwrap();
            prop_assert!(there.low <= there.ratio * (1.0 + 1e-9) && there.ratio <= there.high * (1.0 + 1e-9));
            prop_assert!((there.ratio * back.ratio - 1.0).abs() < 1e-9);
        }

        #[test]
        fn a_percentile_is_one_of_the_values(
            mut values in proptest::collection::vec(0.0_f64..1e6, 1..50),
            percent in 0.0_f64..=100.0,
        ) {
            values.sort_by(f64::total_cmp);
            let found = percentile(&values, percent).unwrap();
            prop_assert!(values.contains(&found));
            let share = values.iter().filter(|value| **value <= found).count() as f64 / values.len() as f64;
            prop_assert!(share * 100.0 >= percent - 1e-9);
        }
    }
}
