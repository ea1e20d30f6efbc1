//! The real Workers runtime: bundles in, one `workerd` process, one socket for each worker.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "a test that cannot go on has failed"
    )
)]

mod bundle;
mod config;
mod log;
mod workerd;

pub use bundle::{Bundle, BundleError, Module, ModuleKind, Syntax};
pub use config::{COMPATIBILITY_DATE, WorkerConfig, WorkerOptions};
pub use log::{LogLevel, LogLine};
pub use workerd::{Runtime, RuntimeError, RuntimeLog};

#[cfg(test)]
mod tests;
