//! Builds what is not Rust of this crate: the worker's bundle, the emulated agent, and the workers of others.
//!
//! The first two are cached by content below `target/edgeproof`: an unchanged tree costs the time of reading it. Results appear
//! under their final name only when they are whole, so tests that run at the same time may build at the same time.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "a test that cannot go on has failed"
    )
)]

mod agent;
mod bundle;
mod content;
mod parts;
mod project;
mod toolchain;
mod worker;

pub use agent::build_agent;
pub use parts::build_parts;
pub use project::{ProjectBuild, build_project};
pub use worker::{WorkerBuild, build_worker};

use std::{io, path::PathBuf};

use edgeproof_ground::tools::ToolError;

/// Why something could not be built. Everything but [`BuildError::Failed`] is the environment's fault.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A program is not installed.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// No Rust toolchain here compiles to wasm.
    #[error(
        "no Rust toolchain for wasm32-unknown-unknown was found; `ci/setup` installs one, or run `rustup target add wasm32-unknown-unknown`"
    )]
    NoWasmToolchain,
    /// A program was started and failed; what it wrote says why.
    #[error("{program} failed with {status}:\n{output}")]
    Failed {
        /// Its name.
        program: &'static str,
        /// How it ended.
        status: std::process::ExitStatus,
        /// What it wrote, without colours.
        output: String,
    },
    /// A program could not be started.
    #[error("{} could not be started", program.display())]
    Start {
        /// Its path.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The glue between wasm and JavaScript could not be made.
    #[error("wasm-bindgen failed: {0}")]
    Bindgen(String),
    /// A file could not be read or written.
    #[error("{} could not be {action}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl BuildError {
    /// For `map_err`: a file that could not be read or written.
    fn file(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File {
            action,
            path,
            source,
        }
    }
}
