//! Bundles the browser scripts, so that the worker embeds them.

use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The scripts of `browser/src`, by name.
const SCRIPTS: [&str; 2] = ["instrumentor", "agent-processor"];

fn main() -> Result<(), Box<dyn Error>> {
    let worker = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let output = PathBuf::from(env::var("OUT_DIR")?);
    println!("cargo::rerun-if-changed=browser/src");
    println!("cargo::rerun-if-env-changed=EDGEPROOF_ESBUILD");
    let esbuild = esbuild(&worker);
    for script in SCRIPTS {
        let status = Command::new(&esbuild)
            .arg(worker.join(format!("browser/src/{script}.ts")))
            .arg(format!("--outfile={}", output.join(format!("{script}.js")).display()))
            .args(["--bundle", "--minify", "--format=iife", "--target=es2020", "--log-level=warning"])
            .status()
            .map_err(|error| {
                format!("esbuild could not be started ({error}); `ci/setup` installs it, or set EDGEPROOF_ESBUILD")
            })?;
        if !status.success() {
            return Err(format!("esbuild could not bundle browser/src/{script}.ts").into());
        }
    }
    Ok(())
}

/// The bundler: its variable, the packages of `ci/package.json`, then `PATH`.
fn esbuild(worker: &Path) -> PathBuf {
    if let Some(path) = env::var_os("EDGEPROOF_ESBUILD") {
        return path.into();
    }
    let packages = worker.join("../ci/node_modules/@esbuild");
    fs::read_dir(packages)
        .into_iter()
        .flatten()
        .flatten()
        .map(|package| package.path().join("bin/esbuild"))
        .find(|path| path.is_file())
        .unwrap_or_else(|| "esbuild".into())
}
