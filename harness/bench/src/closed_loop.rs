//! Requests one after the other on a number of connections: the load that throughput is measured under.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use futures_util::future::try_join_all;

use super::{
    client::{Connection, VisitError},
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
    let work = connections.iter_mut().map(|connection| async {
        let mut requests = 0;
        while requests == 0 || start.elapsed() < time {
            connection.visit(visit).await?;
            requests += 1;
        }
        Ok::<u64, VisitError>(requests)
    });
    let requests = try_join_all(work).await?.iter().sum();
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
