//! Bundles somebody's worker from its sources, as wrangler does.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

use edgeproof_ground::tools::{self, Tool};

use super::{BuildError, bundle::run};

/// What is bundled, and how.
#[derive(Clone, Debug, Default)]
pub struct ProjectBuild {
    /// The main module.
    pub entry: PathBuf,
    /// Extensions of files that stay modules of their own, such as `.wasm`.
    pub copied: Vec<String>,
    /// Names that are another package's, as `alias` has them.
    pub alias: BTreeMap<String, String>,
    /// Names that are replaced by a text of code, as `define` has them.
    pub define: BTreeMap<String, String>,
    /// The file that says how TypeScript is meant; default: the nearest one.
    pub tsconfig: Option<PathBuf>,
    /// Whether names and spaces are shortened.
    pub minify: bool,
    /// What JSX calls for an element.
    pub jsx_factory: Option<String>,
    /// What JSX calls for a fragment.
    pub jsx_fragment: Option<String>,
    /// Whether Node's own modules are there without `node:` before their names.
    pub has_node: bool,
}

/// Node's modules that `workerd` has.
const NODE: [&str; 34] = [
    "assert",
    "async_hooks",
    "buffer",
    "child_process",
    "cluster",
    "console",
    "constants",
    "crypto",
    "diagnostics_channel",
    "dns",
    "events",
    "fs",
    "http",
    "http2",
    "https",
    "module",
    "net",
    "os",
    "path",
    "perf_hooks",
    "process",
    "punycode",
    "querystring",
    "readline",
    "stream",
    "string_decoder",
    "timers",
    "tls",
    "tty",
    "url",
    "util",
    "vm",
    "worker_threads",
    "zlib",
];

/// Bundles it into `out`, with a source map; says where the main module is.
///
/// # Errors
/// A missing esbuild, or what it said when it failed.
pub fn build_project(build: &ProjectBuild, out: &Path) -> Result<PathBuf, BuildError> {
    let mut command = Command::new(tools::find(Tool::Esbuild)?);
    let folder = build.entry.parent().unwrap_or(Path::new("."));
    let mut outdir = OsString::from("--outdir=");
    outdir.push(out);
    command
        .current_dir(folder)
        .arg(&build.entry)
        .arg(outdir)
        .args([
            "--bundle",
            "--format=esm",
            "--target=es2024",
            "--conditions=workerd,worker,browser",
            "--main-fields=browser,module,main",
            "--define:process.env.NODE_ENV=\"production\"",
            "--define:navigator.userAgent=\"Cloudflare-Workers\"",
            "--external:cloudflare:*",
            "--external:node:*",
            "--loader:.js=jsx",
            "--loader:.mjs=jsx",
            "--loader:.cjs=jsx",
            "--asset-names=[name]-[hash]",
            "--entry-names=index",
            "--sourcemap=linked",
            "--keep-names",
            "--log-level=warning",
        ]);
    for extension in &build.copied {
        command.arg(format!("--loader:{extension}=copy"));
    }
    for (name, other) in &build.alias {
        command.arg(format!("--alias:{name}={other}"));
    }
    for (name, code) in &build.define {
        command.arg(format!("--define:{name}={code}"));
    }
    if let Some(tsconfig) = &build.tsconfig {
        let mut argument = OsString::from("--tsconfig=");
        argument.push(tsconfig);
        command.arg(argument);
    }
    let jsx = [
        ("factory", &build.jsx_factory),
        ("fragment", &build.jsx_fragment),
    ];
    for (key, name) in jsx {
        command.args(name.iter().map(|name| format!("--jsx-{key}={name}")));
    }
    if build.minify {
        command.arg("--minify");
    }
    if build.has_node {
        command.args(NODE.map(|name| format!("--external:{name}")));
    }
    run("esbuild", &mut command)?;
    Ok(out.join("index.js"))
}
