//! Finds the programs edgeproof starts but does not contain.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

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

    /// Whether edgeproof does without it: whatever needs it is skipped then.
    pub fn is_optional(self) -> bool {
        self == Self::Firefox
    }

    /// How it is installed.
    fn install(self) -> &'static str {
        match self {
            Self::Esbuild | Self::Workerd => "run ci/setup",
            Self::Chromium => "run ci/setup, install Chromium or Google Chrome",
            Self::Firefox => "run ci/setup, install Firefox",
        }
    }

    /// The npm scope, the start of the package's name and the path in the package. The name ends in the platform, and
    /// npm installs the one package that fits this machine.
    fn npm(self) -> Option<(&'static str, &'static str, &'static str)> {
        match self {
            Self::Esbuild => Some(("@esbuild", "", "bin/esbuild")),
            Self::Workerd => Some(("@cloudflare", "workerd-", "bin/workerd")),
            Self::Chromium | Self::Firefox => None,
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
            ],
            Self::Firefox => &["firefox-esr", "firefox"],
        }
    }

    fn fixed_places(self) -> &'static [&'static str] {
        match self {
            Self::Esbuild | Self::Workerd => &[],
            Self::Chromium => &[
                "/Applications/Chromium.app/Contents/MacOS/Chromium",
                "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
            ],
            Self::Firefox => &["/Applications/Firefox.app/Contents/MacOS/firefox"],
        }
    }
}

/// Why a tool could not be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ToolError {
    /// It is in none of the places where it is looked for.
    #[error("{} is not installed ({}, or set {} to its executable)", .0.name(), .0.install(), .0.variable())]
    Missing(Tool),
    /// The variable names something that is not a file.
    #[error("{variable} names {}, which is not a file", path.display())]
    NotAFile {
        /// The variable that was set.
        variable: &'static str,
        /// What it said.
        path: PathBuf,
    },
}

/// The root of the repository: `EDGEPROOF_HOME` where it is set, else where this library was compiled.
pub fn home() -> PathBuf {
    env::var_os("EDGEPROOF_HOME").map_or_else(
        || {
            let room = Path::new(env!("CARGO_MANIFEST_DIR"));
            room.ancestors().nth(2).unwrap_or(room).to_owned()
        },
        PathBuf::from,
    )
}

/// Where npm put the packages of `ci/package.json`.
pub fn node_modules() -> PathBuf {
    home().join("ci/node_modules")
}

/// Finds the executable of a tool: its variable, the packages of `ci/package.json`, `PATH`, then the places where an
/// installer puts it.
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
    in_packages(tool, &node_modules())
        .or_else(|| {
            let mut names = tool.names_on_path().iter();
            names.find_map(|name| which::which(name).ok())
        })
        .or_else(|| {
            let mut places = tool.fixed_places().iter().map(PathBuf::from);
            places.find(|place| place.is_file())
        })
        .ok_or(ToolError::Missing(tool))
}

/// The first line that a program prints when it is asked for its version.
pub fn version(program: &Path) -> Option<String> {
    let output = Command::new(program).arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().next()?.trim();
    (output.status.success() && !line.is_empty()).then(|| line.to_owned())
}

/// The executable in the npm package for this platform.
fn in_packages(tool: Tool, node_modules: &Path) -> Option<PathBuf> {
    let (scope, start, executable) = tool.npm()?;
    let mut found: Vec<PathBuf> = std::fs::read_dir(node_modules.join(scope))
        .ok()?
        .flatten()
        .filter(|package| package.file_name().to_string_lossy().starts_with(start))
        .map(|package| package.path().join(executable))
        .filter(|path| path.is_file())
        .collect();
    found.sort();
    found.into_iter().next()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(Tool::Esbuild, "@esbuild/linux-x64/bin/esbuild")]
    #[case(Tool::Workerd, "@cloudflare/workerd-darwin-arm64/bin/workerd")]
    fn the_package_of_the_platform_holds_the_executable(#[case] tool: Tool, #[case] path: &str) {
        let directory = tempfile::tempdir().unwrap();
        let executable = directory.path().join(path);
        fs::create_dir_all(executable.parent().unwrap()).unwrap();
        assert_eq!(in_packages(tool, directory.path()), None);
        fs::write(&executable, "").unwrap();
        assert_eq!(in_packages(tool, directory.path()), Some(executable));
    }

    #[test]
    fn a_missing_tool_is_answered_with_the_command_that_helps() {
        let message = ToolError::Missing(Tool::Workerd).to_string();
        assert!(message.contains("ci/setup") && message.contains("EDGEPROOF_WORKERD"));
    }

    #[test]
    fn the_home_is_the_workspace() {
        assert!(home().join("harness/ground/Cargo.toml").is_file());
    }
}
