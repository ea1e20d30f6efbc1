//! Runs esbuild, and every other program a build needs.

use std::{
    ffi::OsString,
    path::Path,
    process::{Command, Stdio},
};

use edgeproof_ground::tools::{self, Tool};

use super::BuildError;

/// Bundles `entry` into the ES module `output`, minified.
pub(super) fn bundle(entry: &Path, output: &Path, options: &[OsString]) -> Result<(), BuildError> {
    let mut command = Command::new(tools::find(Tool::Esbuild)?);
    let mut outfile = OsString::from("--outfile=");
    outfile.push(output);
    command
        .arg(entry)
        .arg(outfile)
        .args([
            "--bundle",
            "--minify",
            "--format=esm",
            "--target=es2022",
            "--log-level=warning",
        ])
        .args(options)
        .env("NODE_PATH", tools::node_modules());
    run("esbuild", &mut command)
}

/// Runs a program to its end. What it writes is shown only when it fails.
pub(super) fn run(program: &'static str, command: &mut Command) -> Result<(), BuildError> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|source| BuildError::Start {
            program: command.get_program().into(),
            source,
        })?;
    if output.status.success() {
        return Ok(());
    }
    let mut text = String::from_utf8_lossy(&output.stderr).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stdout));
    Err(BuildError::Failed {
        program,
        status: output.status,
        output: text,
    })
}
