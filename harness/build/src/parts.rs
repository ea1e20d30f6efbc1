//! Collects what a released command has inside.

use std::path::Path;

use edgeproof_ground::tools;

use super::{
    BuildError, WorkerBuild,
    agent::{AGENT, build_agent},
    build_worker,
    content::copy,
    worker::WORKER,
};

/// What is taken as it stands in the repository: the sites of scenarios, the workers that `bench` compares with, and the
/// scenarios that `conform` runs, with what they are made of.
const AS_THEY_ARE: [&str; 7] = [
    "fixtures/payloads",
    "fixtures/sites",
    "fixtures/workers/forger",
    "fixtures/workers/minimal-js",
    "fixtures/workers/pass-through",
    "fixtures/workers/plain-js",
    "scenarios",
];

/// Builds the worker and the agent and puts them into `out` with everything else that a command without a checkout
/// needs.
///
/// # Errors
/// A missing tool, what a tool said when it failed, or a file that could not be written.
pub fn build_parts(out: &Path) -> Result<(), BuildError> {
    let home = tools::home();
    build_worker(&WorkerBuild {
        out: Some(out.join(WORKER)),
    })?;
    copy(&build_agent()?, &out.join(AGENT))?;
    for part in AS_THEY_ARE {
        copy(&home.join(part), &out.join(part))?;
    }
    Ok(())
}
