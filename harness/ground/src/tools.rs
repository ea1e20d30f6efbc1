//! Finds the programs edgeproof starts but does not contain.

mod browsers;
mod install;
mod packages;

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use crate::parts;

/// A program that must be installed beside edgeproof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// Bundles TypeScript and the worker's glue.
    Esbuild,
    /// The Workers runtime.
    Workerd,
    /// The browser of visitors that name none.
    Chromium,
    /// Another browser of visitors.
    Firefox,
}

impl Tool {
    /// Every tool, in the order in which a request meets them.
    pub const ALL: [Self; 4] = [Self::Chromium, Self::Firefox, Self::Workerd, Self::Esbuild];

    /// The name people know it by.
    pub fn name(self) -> &'static str {
        match self {
            Self::Esbuild => "esbuild",
            Self::Workerd => "workerd",
            Self::Chromium => "Chromium",
            Self::Firefox => "Firefox",
        }
    }

    /// The environment variable that names its executable and wins over every other place.
    pub fn variable(self) -> &'static str {
        match self {
            Self::Esbuild => "EDGEPROOF_ESBUILD",
            Self::Workerd => "EDGEPROOF_WORKERD",
            Self::Chromium => "EDGEPROOF_CHROMIUM",
            Self::Firefox => "EDGEPROOF_FIREFOX",
        }
    }

    /// Whether edgeproof does without it: whatever needs it is skipped then. A checkout needs esbuild, to build its worker.
    pub fn is_optional(self) -> bool {
        match self {
            Self::Firefox => true,
            Self::Esbuild => !is_checkout(),
            Self::Workerd | Self::Chromium => false,
        }
    }

    /// What it is needed for.
    pub fn use_of(self) -> &'static str {
        match self {
            Self::Esbuild => "workers that are not bundled yet",
            Self::Workerd => "every scenario",
            Self::Chromium => "visitors with a browser",
            Self::Firefox => "visitors with Firefox",
        }
    }

    fn names_on_path(self) -> &'static [&'static str] {
        match self {
            Self::Esbuild => &["esbuild"],
            Self::Workerd => &["workerd"],
            Self::Chromium => &[
                "chromium",
                "chromium-browser",
                "google-chrome",
                "google-chrome-stable",
                "microsoft-edge",
                "microsoft-edge-stable",
            ],
            Self::Firefox => &["firefox-esr", "firefox"],
        }
    }
}

/// Why a tool could not be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ToolError {
    /// It is in none of the places where it is looked for.
    #[error("{} is not installed ({}, or set {} to its executable)", .0.name(), install::command(*.0), .0.variable())]
    Missing(Tool),
    /// The runtime is older than the one edgeproof is made for.
    #[error("{} says `{version}`, which is older than {} ({}, or set {} to another one)", path.display(), packages::made_for(), install::command(Tool::Workerd), Tool::Workerd.variable())]
    Old {
        /// Where it is.
        path: PathBuf,
        /// What it says.
        version: String,
    },
    /// The variable names something that is not a file.
    #[error("{variable} names {}, which is not a file", path.display())]
    NotAFile {
        /// The variable that was set.
        variable: &'static str,
        /// What it said.
        path: PathBuf,
    },
}

/// Where edgeproof's own parts are: what `EDGEPROOF_HOME` names, what a released command laid out, else the checkout in
/// which this library was compiled.
pub fn home() -> PathBuf {
    let stated = env::var_os("EDGEPROOF_HOME").map(PathBuf::from);
    let laid_out = || parts::folder().map(Path::to_owned);
    stated.or_else(laid_out).unwrap_or_else(|| {
        let room = Path::new(env!("CARGO_MANIFEST_DIR"));
        room.ancestors().nth(2).unwrap_or(room).to_owned()
    })
}

/// Whether the parts are sources, which have to be built first.
pub fn is_checkout() -> bool {
    home().join("worker/Cargo.toml").is_file()
}

/// The folder for what is kept from run to run: results of builds, profiles of browsers.
pub fn cache() -> PathBuf {
    let laid_out = parts::cache().filter(|_| !is_checkout());
    laid_out.map_or_else(|| home().join("target/edgeproof"), Path::to_owned)
}

/// Where npm put the packages of `ci/package.json`.
pub fn node_modules() -> PathBuf {
    home().join("ci/node_modules")
}

/// Finds the executable of a tool: its variable, npm's packages (of the checkout, of the folders above the working
/// directory, of those above this executable), `PATH`, then the places where installers put browsers.
///
/// # Errors
/// When it is in none of these places, or its variable names no file.
pub fn find(tool: Tool) -> Result<PathBuf, ToolError> {
    if let Some(path) = env::var_os(tool.variable()).map(PathBuf::from) {
        return if path.is_file() {
            Ok(path)
        } else {
            Err(ToolError::NotAFile {
                variable: tool.variable(),
                path,
            })
        };
    }
    if let Some(path) = packages::find(tool) {
        return Ok(path);
    }
    let mut names = tool.names_on_path().iter();
    if let Some(path) = names.find_map(|name| which::which(name).ok()) {
        // Only of the runtime the version matters, and it says it at once.
        if tool == Tool::Workerd {
            checked_version(tool, &path)?;
        }
        return Ok(path);
    }
    browsers::find(tool).ok_or(ToolError::Missing(tool))
}

/// The version of a tool, where it says one.
///
/// # Errors
/// When it is a runtime older than the one edgeproof is made for.
pub fn checked_version(tool: Tool, path: &Path) -> Result<Option<String>, ToolError> {
    match version(path) {
        Some(version) if tool == Tool::Workerd && packages::is_older(&version) => {
            Err(ToolError::Old {
                path: path.to_owned(),
                version,
            })
        }
        said => Ok(said),
    }
}

/// The first line that a program prints when it is asked for its version.
pub fn version(program: &Path) -> Option<String> {
    let output = Command::new(program).arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().next()?.trim();
    (output.status.success() && !line.is_empty()).then(|| line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_tool_is_answered_with_the_command_that_helps() {
        let message = ToolError::Missing(Tool::Workerd).to_string();
        assert!(
            message.contains("ci/setup") && message.contains("EDGEPROOF_WORKERD"),
            "{message}"
        );
    }

    #[test]
    fn the_home_is_the_workspace() {
        assert!(home().join("harness/ground/Cargo.toml").is_file());
    }
}
