//! Requests that come when they come: the load that latency is measured under.
//!
//! Visitors do not wait for one another. Each request is due at a moment that was fixed beforehand, and its latency is
//! counted from that moment, whether it could be sent then or not: a worker that stalls makes all requests late that
//! were due meanwhile, and they all count. A loop that sends the next request after the last response would count the
//! stall once (coordinated omission).

use std::{
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use tokio::{sync::mpsc, task::JoinSet};

use super::{
    client::{Connection, VisitError},
    visitor::BenchRequest,
};

/// Connections that stand ready before the first request is due; further ones are opened when all are busy.
const READY: usize = 8;

/// What became of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sample {
    /// From the moment at which it was due to the first byte of the response.
    pub(super) first_byte: Duration,
    /// From the same moment to the last byte.
    pub(super) whole: Duration,
    /// How long after that moment it was sent: what the machine that measures adds by itself.
    pub(super) late: Duration,
}

/// Requests a second, of which [`bearable_rate`] chooses: few steps, so that two runs mostly have the same.
const RATES: [u32; 8] = [200, 100, 50, 20, 10, 5, 2, 1];

/// The highest rate at which requests that each keep a worker busy for so long leave it idle for half of the time. One
/// that is busy for most of the time would show how long its queue is, rather than how long it takes.
pub(super) fn bearable_rate(busy: Duration) -> u32 {
    let most = 0.5 / busy.as_secs_f64();
    let bearable = RATES.into_iter().find(|rate| f64::from(*rate) <= most);
    bearable.unwrap_or(RATES[RATES.len() - 1])
}

/// When requests are due: `count` moments from a start, `rate` a second on average, as independent visitors come
/// (exponential gaps). The same seed gives the same moments.
pub(super) fn schedule(count: u32, rate: u32, seed: u64) -> Vec<Duration> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut due = 0.0;
    (0..count)
        .map(|_| {
            due -= (1.0 - random.f64()).ln() / f64::from(rate.max(1));
            Duration::from_secs_f64(due)
        })
        .collect()
}

/// Sends a request at each of the moments.
pub(super) async fn run(
    address: SocketAddr,
    visit: &BenchRequest,
    schedule: Vec<Duration>,
) -> Result<Vec<Sample>, VisitError> {
    let mut idle = Connection::several(address, READY).await?;
    let mut due = pace(schedule);
    let mut under_way = JoinSet::new();
    let mut samples = Vec::new();
    let mut is_over = false;
    while !is_over || !under_way.is_empty() {
        tokio::select! {
            moment = due.recv(), if !is_over => match moment {
                Some(moment) => {
                    under_way.spawn(one(address, idle.pop(), visit.clone(), moment));
                }
                None => is_over = true,
            },
            Some(done) = under_way.join_next() => {
                // A task that panicked took its request with it; there is nothing to measure.
                let (connection, sample) = done.map_err(|error| VisitError::Connect(error.into()))??;
                idle.push(connection);
                samples.push(sample);
            }
        }
    }
    Ok(samples)
}

/// Tells each moment when it has come. The timer of the async runtime counts in milliseconds, which is as long as an
/// response takes; a thread can sleep more precisely.
fn pace(schedule: Vec<Duration>) -> mpsc::UnboundedReceiver<Instant> {
    let (sender, receiver) = mpsc::unbounded_channel();
    thread::spawn(move || {
        let start = Instant::now();
        for due in schedule {
            let moment = start + due;
            thread::sleep(moment.saturating_duration_since(Instant::now()));
            if sender.send(moment).is_err() {
                // The slice has failed; nobody is interested any longer.
                return;
            }
        }
    });
    receiver
}

async fn one(
    address: SocketAddr,
    connection: Option<Connection>,
    visit: BenchRequest,
    due: Instant,
) -> Result<(Connection, Sample), VisitError> {
    let late = due.elapsed();
    let mut connection = match connection {
        Some(connection) => connection,
        None => Connection::open(address).await?,
    };
    let answered = connection.visit(&visit).await?;
    let sample = Sample {
        first_byte: answered.first_byte - due,
        whole: answered.whole - due,
        late,
    };
    Ok((connection, sample))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    proptest! {
        #[test]
        fn moments_come_in_order_and_again_from_the_same_seed(count in 0_u32..200, rate in 0_u32..1000, seed: u64) {
            let moments = schedule(count, rate, seed);
            prop_assert!(moments.is_sorted());
            prop_assert_eq!(moments.len(), count as usize);
            prop_assert_eq!(moments, schedule(count, rate, seed));
        }
    }

    #[rstest]
    #[case::nothing(Duration::ZERO, 200)]
    #[case::a_call(Duration::from_micros(2400), 200)]
    #[case::a_large_page(Duration::from_micros(2600), 100)]
    #[case::a_huge_page(Duration::from_millis(60), 5)]
    #[case::stuck(Duration::from_secs(9), 1)]
    fn a_rate_leaves_half_of_the_time(#[case] busy: Duration, #[case] expected: u32) {
        assert_eq!(bearable_rate(busy), expected);
    }

    #[test]
    fn the_rate_is_kept_on_average() {
        let last = schedule(20_000, 200, 1).pop().unwrap();
        assert!((95.0..105.0).contains(&last.as_secs_f64()), "{last:?}");
    }
}
