//! Builds the worker of this repository into a directory that workerd and Cloudflare take as it is.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use edgeproof_ground::tools;
use wasm_bindgen_cli_support::Bindgen;

use super::{
    BuildError,
    bundle::{bundle, run},
    content::{Content, copy, put},
    toolchain::{TARGET, Toolchain},
};

/// Changes whenever the steps below do, so that no older result is taken for one of theirs.
const RECIPE: &str = "worker 1";

/// Where the built worker is among the parts of a released command.
pub(super) const WORKER: &str = "worker";

/// How the worker is built.
#[derive(Clone, Debug, Default)]
pub struct WorkerBuild {
    /// Where the result is copied; without it, only its place in the cache is told.
    pub out: Option<PathBuf>,
}

/// Builds the worker: a directory with `index.js`, an ES module, and the `index_bg.wasm` it imports. An unchanged tree is
/// not built again; a released command has it built.
///
/// # Errors
/// A missing tool, or what a tool said when it failed.
pub fn build_worker(options: &WorkerBuild) -> Result<PathBuf, BuildError> {
    let directory = built()?;
    match &options.out {
        None => Ok(directory),
        Some(out) => copy(&directory, out).map(|()| out.clone()),
    }
}

/// The directory of the built worker.
fn built() -> Result<PathBuf, BuildError> {
    let home = tools::home();
    if !tools::is_checkout() {
        return Ok(home.join(WORKER));
    }
    let mut content = Content::new(RECIPE);
    for part in ["Cargo.lock", "Cargo.toml", "worker"] {
        content.read(&home.join(part), &["fuzz", "test", "tests", "node_modules"])?;
    }
    let directory = tools::cache().join("worker").join(content.name());
    if !directory.is_dir() {
        put(&directory, |made| make(&home, made))?;
    }
    Ok(directory)
}

/// Compiles, makes the glue and bundles it.
fn make(home: &Path, made: &Path) -> Result<(), BuildError> {
    let target = home.join("target/worker");
    let mut cargo = Toolchain::find()?.cargo_build();
    cargo
        .current_dir(home)
        .args([
            "--package",
            "edgeproof-worker",
            "--profile",
            "worker",
            "--locked",
            "--quiet",
            "--color=never",
        ])
        .arg("--target-dir")
        .arg(&target);
    run("cargo", &mut cargo)?;
    let compiled = target.join(TARGET).join("worker/edgeproof_worker.wasm");
    let glue = tempfile::tempdir_in(made).map_err(BuildError::file("created", made))?;
    bind(&compiled, glue.path()).map_err(|error| BuildError::Bindgen(format!("{error:#}")))?;
    let wasm = glue.path().join("index_bg.wasm");
    let module = made.join("index_bg.wasm");
    fs::rename(&wasm, &module).map_err(BuildError::file("moved", &wasm))?;
    let mut alias = OsString::from("--alias:glue=");
    alias.push(glue.path().join("index.js"));
    bundle(
        &home.join("worker/entry.js"),
        &made.join("index.js"),
        &[alias, "--external:./index_bg.wasm".into()],
    )
}

fn bind(compiled: &Path, glue: &Path) -> Result<(), impl std::fmt::Display + use<>> {
    let mut bindgen = Bindgen::new();
    bindgen
        .input_path(compiled)
        .out_name("index")
        .typescript(false)
        .remove_producers_section(true)
        .remove_name_section(true)
        // The entry imports the module itself and starts it again after a trap.
        .omit_default_module_path(true)
        .reset_state_function(true)
        .web(true)
        .and_then(|bindgen| bindgen.generate(glue))
}
