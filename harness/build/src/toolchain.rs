//! Finds a Rust toolchain that compiles to wasm: the active one with its installed target, else the distribution's,
//! which builds the standard library from its sources.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::BuildError;

/// The target of the worker.
pub(super) const TARGET: &str = "wasm32-unknown-unknown";

/// A toolchain that compiles to wasm.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Toolchain {
    /// The active one; the target is installed.
    Installed,
    /// Debian's `rustc`, `cargo` and `rust-web-src`, with the linker of its LLVM.
    Distribution {
        /// Such as `/usr/bin/wasm-ld-19`.
        linker: PathBuf,
    },
}

const DISTRIBUTION_RUSTC: &str = "/usr/bin/rustc";
const DISTRIBUTION_CARGO: &str = "/usr/bin/cargo";

impl Toolchain {
    /// Finds one.
    pub(super) fn find() -> Result<Self, BuildError> {
        if print(
            Path::new("rustc"),
            &["--print", "target-libdir", "--target", TARGET],
        )
        .is_some_and(|libraries| Path::new(&libraries).is_dir())
        {
            return Ok(Self::Installed);
        }
        distribution().ok_or(BuildError::NoWasmToolchain)
    }

    /// `cargo build` with this toolchain; the caller names the package.
    pub(super) fn cargo_build(&self) -> Command {
        let mut command = match self {
            Self::Installed => Command::new("cargo"),
            Self::Distribution { .. } => Command::new(DISTRIBUTION_CARGO),
        };
        clean(&mut command);
        command.args(["build", "--target", TARGET]);
        if let Self::Distribution { linker } = self {
            command
                .arg("-Zbuild-std=std,panic_abort")
                // The sources are those of this very compiler, so its unstable flag is safe here.
                .env("RUSTC_BOOTSTRAP", "1")
                .env("RUSTC", DISTRIBUTION_RUSTC)
                .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
        }
        command
    }
}

fn distribution() -> Option<Toolchain> {
    let sysroot = print(Path::new(DISTRIBUTION_RUSTC), &["--print", "sysroot"])?;
    let sources = Path::new(&sysroot).join("lib/rustlib/src/rust/library/std");
    if !sources.is_dir() || !Path::new(DISTRIBUTION_CARGO).is_file() {
        return None;
    }
    // The newest linker first; Debian names it with LLVM's version.
    let versioned = (17..=30).rev().map(|version| format!("wasm-ld-{version}"));
    let linker = std::iter::once("wasm-ld".to_owned())
        .chain(versioned)
        .find_map(|name| which::which(name).ok())?;
    Some(Toolchain::Distribution { linker })
}

/// The first line a compiler prints; none when it fails.
fn print(rustc: &Path, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(rustc);
    clean(&mut command);
    let output = command
        .args(arguments)
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !text.trim().is_empty()).then(|| text.trim().to_owned())
}

/// Takes away what a surrounding cargo says about its own build: this one is another, of another target, perhaps with
/// another toolchain. Where cargo keeps and fetches its packages stays.
fn clean(command: &mut Command) {
    const KEPT: [&str; 4] = ["CARGO_HOME", "CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTR"];
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        let is_cargo = text == "CARGO" || text.starts_with("CARGO_");
        let is_rustc =
            text.starts_with("RUSTC") || text.starts_with("RUSTFLAGS") || text == "RUSTDOCFLAGS";
        let is_kept = KEPT.iter().any(|kept| text.starts_with(kept));
        if (is_cargo && !is_kept) || is_rustc || text == "RUSTUP_TOOLCHAIN" {
            command.env_remove(&name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_build_knows_nothing_of_a_surrounding_cargo() {
        let command = Toolchain::Installed.cargo_build();
        let removed: Vec<_> = command
            .get_envs()
            .filter(|(_, value)| value.is_none())
            .map(|(name, _)| name.to_owned())
            .collect();
        // This test runs inside cargo, which sets both.
        assert!(removed.iter().any(|name| name == "CARGO_MANIFEST_DIR"));
        assert!(removed.iter().any(|name| name == "CARGO"));
        assert!(!removed.iter().any(|name| name == "CARGO_HOME"));
    }
}
