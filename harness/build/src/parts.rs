//! Collects what a released command has inside.

use std::{fs, path::Path};

use edgeproof_ground::tools;

use super::{
    BuildError, WorkerBuild,
    agent::{AGENT, build_agent},
    build_worker,
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

/// Copies a file, or a folder with everything in it.
fn copy(from: &Path, to: &Path) -> Result<(), BuildError> {
    if !from.is_dir() {
        let folder = to.parent().unwrap_or(to);
        fs::create_dir_all(folder).map_err(BuildError::file("created", folder))?;
        return fs::copy(from, to)
            .map(drop)
            .map_err(BuildError::file("written", to));
    }
    for entry in fs::read_dir(from).map_err(BuildError::file("read", from))? {
        let name = entry.map_err(BuildError::file("read", from))?.file_name();
        copy(&from.join(&name), &to.join(&name))?;
    }
    Ok(())
}
