//! edgeproof proves an edge protection before it is deployed.
//!
//! It boots, on one machine and without any account or network, everything a protected site runs through in
//! production, and records every hop:
//!
//! ```text
//! visitor ──▶ edge ──▶ runtime (workerd + the worker) ──▶ internet ──▶ origin
//!                                                            ├──▶ Fingerprint
//!                                                            └──▶ Wallarm node
//! ```
//!
//! A request moves one way through the rooms, and each hop appends one [`trace::Exchange`] to the
//! [`trace::Trace`]. Expectations and reports read the trace and the stores; they never reach into a part.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "a test that cannot go on has failed"
    )
)]

pub mod background;
pub mod bench;
pub mod body;
pub mod browser;
pub mod build;
mod causes;
pub mod cli;
pub mod clock;
pub mod cloudflare;
pub mod content_coding;
pub mod deployment;
pub mod document;
pub mod edge;
pub mod exit;
pub mod fault;
pub mod fingerprint;
#[cfg(test)]
mod golden;
pub mod international;
pub mod internet;
mod lingering;
pub mod origin;
mod process;
pub mod report;
pub mod rig;
pub mod run;
pub mod runtime;
pub mod scenario;
mod server_connection;
#[cfg(test)]
mod test_support;
pub mod tools;
pub mod trace;
pub mod wallarm;
