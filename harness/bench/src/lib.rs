//! What a worker costs those who visit, against what the same visits cost without it.
//!
//! Every contender, the origin without a worker among them, runs in a `workerd` of its own, and all take turns: in each
//! round one after the other, then again in the opposite order, so that a noisy machine meets all alike. What is reported is
//! how the numbers of a worker relate to those of a baseline in the same round, with an interval; a time in milliseconds
//! holds for one machine and one moment.
//!
//! Latency is measured under an open loop: requests come at moments fixed beforehand and count from these moments, so a
//! worker that stalls pays for everybody it kept waiting. It does not show how a worker does at its limit: the rate is far
//! below that, and throughput is measured by itself, with a closed loop. Neither shows a network, a cold cache of
//! Cloudflare's, or what its machines add: `workerd` and everything it talks to share the cores of one machine.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "a test that cannot go on has failed"
    )
)]

pub mod budget;
mod case;
mod client;
mod closed_loop;
mod cold_start;
pub mod compare;
mod contender;
mod error;
pub mod html;
mod machine;
mod metric;
mod open_loop;
mod plan;
mod plot;
mod process;
mod results;
mod run;
mod server;
mod statistics;
pub mod table;
#[cfg(test)]
mod tests;
mod turns;
mod visitor;

pub use case::{CASES, Case, Task};
pub use client::VisitError;
pub use cold_start::COLD_START;
pub use contender::{Contender, MINIMAL, ORIGIN, PASS_THROUGH, Role, Size, names};
pub use error::BenchError;
pub use machine::Machine;
pub use metric::Metric;
pub use plan::Plan;
pub use process::{peak_memory, processor_time};
pub use results::{CaseResult, FORMAT, Measured, Method, Ratio, Results};
pub use run::{Progress, run};
pub use server::RequestCounts;
pub use statistics::{Estimate, median, percentile, ratio, ratio_of_ratios};
