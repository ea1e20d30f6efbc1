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
mod compatibility;
mod config;
mod log;
mod project;
mod runtime_log;
mod source_maps;
mod tail;
mod workerd;

pub use bundle::{Bundle, BundleError, Module, ModuleKind, Syntax};
pub use compatibility::{
    COMPATIBILITY_DATE, DateError, NEWEST_COMPATIBILITY_DATE, check as check_compatibility_date,
};
pub use config::{WorkerConfig, WorkerOptions};
pub use log::{LogLevel, LogLine, LogSource};
pub use project::{MissingBinding, Project, ProjectError};
pub use runtime_log::RuntimeLog;
pub use tail::TailReader;
pub use workerd::{Runtime, RuntimeError, Watched};

#[cfg(test)]
mod tests;
