//! The configuration file of `workerd`: Cap'n Proto text.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use edgeproof_ground::runtime_headers::{
    CACHE_API_HEADER, CF_BLOB_HEADER, FORWARDED_PROTO_HEADER, WORKERS_CACHE_NAMESPACE,
};

use super::{
    bundle::{Bundle, Module, ModuleKind, Syntax},
    compatibility::COMPATIBILITY_DATE,
    tail,
};

/// One worker to run.
#[derive(Clone, Debug)]
pub struct WorkerConfig {
    /// The name of the worker and of its socket.
    pub name: String,
    /// Its code.
    pub bundle: Bundle,
    /// Variables and secrets, all as text.
    pub variables: BTreeMap<String, String>,
    /// What the worker says about itself.
    pub options: WorkerOptions,
    /// Where its `fetch()` goes: a server that takes requests in absolute form.
    pub internet: SocketAddr,
}

/// What a worker that was uploaded says about itself; one that is only given says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkerOptions {
    /// Variables that are JSON, as its text.
    pub json_variables: BTreeMap<String, String>,
    /// The date whose runtime behaviour it wants, such as `2026-11-01`. With one that is later than this runtime knows the
    /// runtime does not start, and says which is the newest.
    pub compatibility_date: Option<String>,
    /// Single changes of the runtime that it wants, whatever the date.
    pub compatibility_flags: Vec<String>,
    /// Whether a cache is in front of it, which it may purge.
    pub has_cache: bool,
    /// Whether somebody reads what its invocations come to.
    pub is_tailed: bool,
}

impl WorkerOptions {
    fn compatibility_date(&self) -> &str {
        self.compatibility_date
            .as_deref()
            .unwrap_or(COMPATIBILITY_DATE)
    }
}

/// What the configuration calls the socket of a worker that is no port.
pub(super) fn local(worker: &str) -> String {
    format!("{worker} (local)")
}

/// The whole configuration: for each worker its service, its port, its socket below `directory`, and the way its `fetch()`
/// goes.
pub(super) fn render(workers: &[WorkerConfig], directory: &Path) -> String {
    let mut text = String::from("using Workerd = import \"/workerd/workerd.capnp\";\n\n");
    text.push_str("const config :Workerd.Config = (\n  services = [\n");
    let cache = quote(CACHE_API_HEADER);
    for (index, worker) in workers.iter().enumerate() {
        let address = quote(&worker.internet.to_string());
        let _ = writeln!(
            text,
            "    ( name = {}, worker = .worker{index} ),\n    ( name = {}, external = ( address = {address}, http = ( style = proxy, cfBlobHeader = {}, injectRequestHeaders = [ ( name = {cache} ) ] ) ) ),",
            quote(&worker.name),
            quote(&internet(index)),
            quote(CF_BLOB_HEADER),
        );
        // The Cache API goes the same way; the header tells its operations apart from `fetch()`, which cannot set it.
        let _ = writeln!(
            text,
            "    ( name = \"cache{index}\", external = ( address = {address}, http = ( style = proxy, injectRequestHeaders = [ ( name = {cache}, value = \"1\" ) ] ) ) ),",
        );
    }
    tail::render_services(&mut text, workers, directory);
    text.push_str("  ],\n  sockets = [\n");
    for (index, worker) in workers.iter().enumerate() {
        let path = format!("unix:{}", socket(directory, index).display());
        let sockets = [
            (worker.name.clone(), "127.0.0.1:0".to_owned()),
            (local(&worker.name), path),
        ];
        for (name, address) in sockets {
            let _ = writeln!(
                text,
                "    ( name = {}, address = {}, service = {}, http = ( cfBlobHeader = {}, forwardedProtoHeader = {} ) ),",
                quote(&name),
                quote(&address),
                quote(&worker.name),
                quote(CF_BLOB_HEADER),
                quote(FORWARDED_PROTO_HEADER),
            );
        }
    }
    text.push_str("  ],\n  logging = ( structuredLogging = true ),\n);\n");
    for (index, worker) in workers.iter().enumerate() {
        render_worker(&mut text, index, worker);
        if worker.options.is_tailed {
            tail::render_worker(&mut text, index);
        }
    }
    text
}

/// What the configuration calls the way of a worker's `fetch()`.
///
/// There must be a service of the name `internet`: without one `workerd` makes its own, and reads the system's certificates
/// for it, a ninth of the processor time of a start.
fn internet(index: usize) -> String {
    match index {
        0 => "internet".to_owned(),
        _ => format!("internet{index}"),
    }
}

/// Where the worker of this number has its socket.
pub(super) fn socket(directory: &Path, index: usize) -> PathBuf {
    directory.join(format!("{index}.sock"))
}

fn render_worker(text: &mut String, index: usize, worker: &WorkerConfig) {
    let _ = writeln!(text, "\nconst worker{index} :Workerd.Worker = (");
    match worker.bundle.syntax {
        Syntax::Module => {
            text.push_str("  modules = [\n");
            if worker.options.has_cache
                && let Some(main) = worker.bundle.modules.first()
            {
                let _ = writeln!(text, "    {},", render_with_cache(main));
            }
            for module in &worker.bundle.modules {
                let _ = writeln!(text, "    {},", render_module(module));
            }
            text.push_str("  ],\n");
        }
        Syntax::ServiceWorker => {
            if let Some(main) = worker.bundle.modules.first() {
                let _ = writeln!(text, "  serviceWorkerScript = {},", embed(&main.path));
            }
        }
    }
    text.push_str("  bindings = [\n");
    for (name, value) in &worker.variables {
        let _ = writeln!(
            text,
            "    ( name = {}, text = {} ),",
            quote(name),
            quote(value)
        );
    }
    for (name, value) in &worker.options.json_variables {
        let _ = writeln!(
            text,
            "    ( name = {}, json = {} ),",
            quote(name),
            quote(value)
        );
    }
    let flags = worker.options.compatibility_flags.iter();
    let flags: Vec<String> = flags.map(|flag| quote(flag)).collect();
    text.push_str("  ],\n");
    if worker.options.is_tailed {
        let _ = writeln!(text, "  tails = [ {} ],", quote(&tail::service(index)));
    }
    let _ = writeln!(
        text,
        "  compatibilityDate = {},\n  compatibilityFlags = [ {} ],\n  globalOutbound = {},\n  cacheApiOutbound = \"cache{index}\",\n);",
        quote(worker.options.compatibility_date()),
        flags.join(", "),
        quote(&internet(index)),
    );
}

/// A main module that gives its handler the cache in front of it, and is the worker's own otherwise.
fn render_with_cache(main: &Module) -> String {
    let import = format!("./{}", main.name.trim_start_matches("./"));
    let import = serde_json::Value::from(import).to_string();
    let code = include_str!("workers_cache.js")
        .replace("\"MAIN\"", &import)
        .replace("NAMESPACE", WORKERS_CACHE_NAMESPACE);
    format!(
        "( name = \"edgeproof-workers-cache.js\", esModule = {} )",
        quote(&code)
    )
}

fn render_module(module: &Module) -> String {
    let kind = match module.kind {
        ModuleKind::EsModule => "esModule",
        ModuleKind::Wasm => "wasm",
        ModuleKind::Text => "text",
        ModuleKind::Data => "data",
        ModuleKind::CommonJs => "commonJsModule",
        ModuleKind::Json => "json",
    };
    format!(
        "( name = {}, {kind} = {} )",
        quote(&module.name),
        embed(&module.path)
    )
}

/// An absolute path is looked up below the import directories, of which `/` is one.
fn embed(path: &Path) -> String {
    format!("embed {}", quote(&path.to_string_lossy()))
}

/// A text literal: C escapes, as Cap'n Proto reads them.
pub(super) fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            control if control.is_ascii_control() => {
                let _ = write!(quoted, "\\x{:02x}", u32::from(control));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("plain", r#""plain""#)]
    #[case(r#"[{"a":"b\\c"}]"#, r#""[{\"a\":\"b\\\\c\"}]""#)]
    #[case("a\nb\u{7f}", r#""a\x0ab\x7f""#)]
    #[case("Zürich", "\"Zürich\"")]
    fn text_is_quoted_so_that_it_cannot_end_the_literal(
        #[case] text: &str,
        #[case] expected: &str,
    ) {
        assert_eq!(quote(text), expected);
    }
}
