//! What one contender has shown in the turns it had so far.

use std::{collections::BTreeMap, time::Duration};

use super::{
    closed_loop::Work,
    metric::Metric,
    open_loop::Sample,
    statistics::{median, percentile},
};

/// The turns of one contender in one case.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// Of the round that is under way.
    samples: Vec<Sample>,
    work: BTreeMap<Metric, Vec<Work>>,
    /// Of all rounds so far.
    all_samples: Vec<Sample>,
    rounds: BTreeMap<Metric, Vec<f64>>,
}

impl Turns {
    /// Requests that came when they came.
    pub(super) fn add_samples(&mut self, samples: Vec<Sample>) {
        self.samples.extend(samples);
    }

    /// Requests one after the other, counted under a throughput.
    pub(super) fn add_work(&mut self, metric: Metric, work: Work) {
        self.work.entry(metric).or_default().push(work);
    }

    /// The round is over: its turns become one number of each kind.
    pub(super) fn end_round(&mut self) {
        let samples = std::mem::take(&mut self.samples);
        for (metric, value) in percentiles(&samples) {
            self.rounds.entry(metric).or_default().push(value);
        }
        self.all_samples.extend(samples);
        for (metric, work) in std::mem::take(&mut self.work) {
            let requests = work.iter().map(|work| work.requests).sum::<u64>() as f64;
            let took = work.iter().map(|work| work.took).sum::<Duration>();
            self.rounds
                .entry(metric)
                .or_default()
                .push(requests / took.as_secs_f64());
            let processor: Option<Duration> = work.iter().map(|work| work.processor).sum();
            if let Some(processor) = processor.filter(|_| metric == Metric::Throughput8) {
                self.rounds
                    .entry(Metric::Processor)
                    .or_default()
                    .push(processor.as_secs_f64() / requests * 1000.0);
            }
        }
    }

    /// How many requests the percentiles are made from.
    pub(super) fn requests(&self) -> u64 {
        self.all_samples.len() as u64
    }

    /// All rounds together: percentiles of all requests, and medians of what a round has one number of.
    pub(super) fn overall(&self) -> BTreeMap<Metric, f64> {
        let medians = self
            .rounds
            .iter()
            .filter_map(|(metric, values)| Some((*metric, median(values)?)));
        medians.chain(percentiles(&self.all_samples)).collect()
    }

    /// How late requests were sent, in milliseconds, the 99th percentile.
    pub(super) fn late_p99_ms(&self) -> Option<f64> {
        percentile(&sorted(&self.all_samples, |sample| sample.late), 99.0)
    }

    /// Each round's numbers.
    pub(super) fn into_rounds(self) -> BTreeMap<Metric, Vec<f64>> {
        self.rounds
    }
}

fn percentiles(samples: &[Sample]) -> Vec<(Metric, f64)> {
    let first = sorted(samples, |sample| sample.first_byte);
    let whole = sorted(samples, |sample| sample.whole);
    let of = |sorted: Vec<f64>, metrics: [(Metric, f64); 3]| {
        metrics
            .into_iter()
            .filter_map(move |(metric, percent)| Some((metric, percentile(&sorted, percent)?)))
    };
    of(first, Metric::FIRST_BYTE)
        .chain(of(whole, Metric::WHOLE))
        .collect()
}

/// In milliseconds, in ascending order.
fn sorted(samples: &[Sample], what: impl Fn(&Sample) -> Duration) -> Vec<f64> {
    let mut values: Vec<f64> = samples
        .iter()
        .map(|sample| what(sample).as_secs_f64() * 1000.0)
        .collect();
    values.sort_by(f64::total_cmp);
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(milliseconds: u64) -> Sample {
        Sample {
            first_byte: Duration::from_millis(milliseconds),
            whole: Duration::from_millis(milliseconds * 2),
            late: Duration::ZERO,
        }
    }

    fn work(requests: u64, took_ms: u64, processor_ms: Option<u64>) -> Work {
        Work {
            requests,
            took: Duration::from_millis(took_ms),
            processor: processor_ms.map(Duration::from_millis),
        }
    }

    #[test]
    fn both_turns_of_a_round_make_one_number() {
        let mut turns = Turns::default();
        turns.add_samples(vec![sample(1), sample(2)]);
        turns.add_work(Metric::Throughput8, work(100, 100, Some(30)));
        turns.add_samples(vec![sample(9)]);
        turns.add_work(Metric::Throughput8, work(300, 100, Some(10)));
        turns.end_round();
        turns.add_samples(vec![sample(40)]);
        turns.end_round();
        assert_eq!(turns.requests(), 4);
        let overall = turns.overall();
        assert_eq!(overall[&Metric::WholeP50], 4.0);
        let rounds = turns.into_rounds();
        assert_eq!(rounds[&Metric::FirstByteP50], [2.0, 40.0]);
        assert_eq!(rounds[&Metric::WholeP99], [18.0, 80.0]);
        assert_eq!(rounds[&Metric::Throughput8], [2000.0]);
        assert_eq!(rounds[&Metric::Processor], [0.1]);
    }

    #[test]
    fn where_the_system_tells_no_processor_time_there_is_none() {
        let mut turns = Turns::default();
        turns.add_work(Metric::Throughput8, work(1, 1, None));
        turns.end_round();
        assert!(!turns.into_rounds().contains_key(&Metric::Processor));
    }
}
