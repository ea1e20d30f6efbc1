//! Bundles the viewer, so that the command has it inside. A package of this crate has it bundled.

use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

fn main() -> Result<(), Box<dyn Error>> {
    let here = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let output = PathBuf::from(env::var("OUT_DIR")?);
    let packages = here.join("../../ci/node_modules");
    let bundled = here.join("viewer.js");
    if bundled.is_file() {
        println!("cargo::rerun-if-changed=viewer.js");
        fs::copy(bundled, output.join("viewer.js"))?;
        return Ok(());
    }
    println!("cargo::rerun-if-changed=viewer");
    println!("cargo::rerun-if-changed=../../ci/package-lock.json");
    println!("cargo::rerun-if-env-changed=EDGEPROOF_ESBUILD");
    let status = Command::new(esbuild(&packages))
        .arg(here.join("viewer/main.tsx"))
        .arg(format!("--outfile={}", output.join("viewer.js").display()))
        .args(["--bundle", "--minify", "--format=iife", "--target=es2022", "--charset=utf8", "--log-level=warning"])
        .args(["--jsx=automatic", "--jsx-import-source=preact"])
        .env("NODE_PATH", packages)
        .status()
        .map_err(|error| {
            format!("esbuild could not be started ({error}); `ci/setup` installs it, or set EDGEPROOF_ESBUILD")
        })?;
    match status.success() {
        true => Ok(()),
        false => Err(
            "esbuild could not bundle harness/report/viewer; `ci/setup` installs what it imports"
                .into(),
        ),
    }
}

/// The bundler: its variable, the packages of `ci/package.json`, then `PATH`.
fn esbuild(packages: &Path) -> PathBuf {
    if let Some(path) = env::var_os("EDGEPROOF_ESBUILD") {
        return path.into();
    }
    fs::read_dir(packages.join("@esbuild"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|package| package.path().join("bin/esbuild"))
        .find(|path| path.is_file())
        .unwrap_or_else(|| "esbuild".into())
}
