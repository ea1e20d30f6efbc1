//! Bundles the agent that the emulated CDN serves.

use std::path::PathBuf;

use edgeproof_ground::tools;

use super::{
    BuildError,
    bundle::bundle,
    content::{Content, put},
};

/// Changes whenever the steps below do.
const RECIPE: &str = "agent 1";

/// Where the built agent is among the parts of a released command.
pub(super) const AGENT: &str = "agent/agent.js";

/// Bundles `fixtures/agent/agent.ts` with the libraries it measures with into one ES module, and says where that is. An
/// unchanged agent is not bundled again; a released command has it built.
///
/// # Errors
/// A missing tool, or what the bundler said when it failed.
pub fn build_agent() -> Result<PathBuf, BuildError> {
    let home = tools::home();
    if !tools::is_checkout() {
        return Ok(home.join(AGENT));
    }
    let mut content = Content::new(RECIPE);
    for part in ["fixtures/agent", "ci/package-lock.json"] {
        content.read(&home.join(part), &["node_modules"])?;
    }
    let directory = tools::cache().join("agent").join(content.name());
    if !directory.is_dir() {
        let entry = home.join("fixtures/agent/agent.ts");
        put(&directory, |made| {
            bundle(&entry, &made.join("agent.js"), &[])
        })?;
    }
    Ok(directory.join("agent.js"))
}
