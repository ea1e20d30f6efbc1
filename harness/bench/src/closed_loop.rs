//! Requests one after the other on a number of connections: the load that throughput is measured under.

use std::{
    cell::Cell,
    net::SocketAddr,
    time::{Duration, Instant},
};

use futures_util::future::try_join_all;

use super::{
    client::{Connection, VisitError},
    metric::Metric,
    process::processor_time,
    visitor::BenchRequest,
};

/// What a slice has done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Work {
    pub(super) requests: u64,
    /// From the first request to the last response.
    pub(super) took: Duration,
    /// Processor time that the process has taken meanwhile.
    pub(super) processor: Option<Duration>,
}

/// Keeps all connections busy for so long; each then ends with the response it waits for. Each connection has one response at
/// least.
pub(super) async fn run(
    address: SocketAddr,
    visit: &BenchRequest,
    connections: usize,
    time: Duration,
    process: Option<u32>,
) -> Result<Work, VisitError> {
    let mut connections = Connection::several(address, connections).await?;
    let before = process.and_then(processor_time);
    let start = Instant::now();
    let is_over = |_| start.elapsed() >= time;
    let requests = keep_busy(&mut connections, visit, is_over).await?;
    let took = start.elapsed();
    let after = process.and_then(processor_time);
    Ok(Work {
        requests,
        took,
        processor: after
            .zip(before)
            .map(|(after, before)| after.saturating_sub(before)),
    })
}

/// Makes about so many requests on as many connections as are ever measured, for no longer than `time`; says how many.
pub(super) async fn warm_up(
    address: SocketAddr,
    visit: &BenchRequest,
    requests: u64,
    time: Duration,
) -> Result<u64, VisitError> {
    let [.., (_, most)] = Metric::THROUGHPUT;
    let mut connections = Connection::several(address, most).await?;
    let start = Instant::now();
    let is_over = |made| made >= requests || start.elapsed() >= time;
    keep_busy(&mut connections, visit, is_over).await
}

/// Makes one request after the other on each connection until it is over, which is asked with how many were made on all.
async fn keep_busy(
    connections: &mut [Connection],
    visit: &BenchRequest,
    is_over: impl Fn(u64) -> bool,
) -> Result<u64, VisitError> {
    let made = Cell::new(0);
    let work = connections.iter_mut().map(async |connection| {
        loop {
            connection.visit(visit).await?;
            made.set(made.get() + 1);
            if is_over(made.get()) {
                return Ok::<_, VisitError>(());
            }
        }
    });
    try_join_all(work).await?;
    Ok(made.get())
}
