//! Every shape in which a worker can be given.

use std::path::Path;

use rstest::rstest;

use super::*;
use crate::bundle::ModuleKind;

const MODULE: &str = "export default { fetch: () => new Response('hello') };";

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (file, content) in files {
        let path = folder.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    folder
}

fn names(project: &Project) -> Vec<&str> {
    project
        .bundle
        .modules
        .iter()
        .map(|module| module.name.as_str())
        .collect()
}

fn refusal(path: &Path) -> String {
    edgeproof_ground::causes::with_causes(&Project::read(path).unwrap_err())
}

#[rstest]
#[case::a_folder(&[("index.js", MODULE), ("a.wasm", "")], "", &["index.js", "a.wasm"])]
#[case::the_output_of_a_dry_run(&[("index.js", MODULE), ("index.js.map", "{}"), ("ab12-page.html", "x"), ("README.md", "x")], "", &["index.js", "ab12-page.html"])]
#[case::one_script(&[("flow.mjs", MODULE), ("other.js", "x")], "flow.mjs", &["flow.mjs"])]
#[case::typescript(&[("flow.ts", "const a: number = 1; export default { fetch: () => new Response(`${a}`) };")], "flow.ts", &["index.js"])]
#[case::a_folder_of_typescript(&[("src/index.ts", "import { a } from './a'; export default { fetch: () => new Response(a) };"), ("src/a.ts", "export const a: string = 'x';")], "", &["index.js"])]
#[case::wrangler_toml(&[("wrangler.toml", "name = 'a'\nmain = 'src/main.js'\n"), ("src/main.js", MODULE), ("src/unused.html", "x")], "", &["index.js"])]
#[case::wrangler_jsonc(&[("wrangler.jsonc", "{ // a remark\n \"main\": \"main.js\", }"), ("main.js", MODULE)], "", &["index.js"])]
#[case::named(&[("deep/wrangler.json", r#"{"main": "main.js"}"#), ("deep/main.js", MODULE)], "deep/wrangler.json", &["index.js"])]
#[case::not_bundled(&[("wrangler.json", r#"{"main": "dist/main.js", "no_bundle": true, "rules": [{"type": "ESModule", "globs": ["**/*.js"]}]}"#), ("dist/main.js", MODULE), ("dist/lib/a.js", "x"), ("dist/a.txt", "x"), ("dist/a.md", "x")], "", &["main.js", "a.txt", "lib/a.js"])]
#[case::redirected(&[("wrangler.json", r#"{"main": "src/index.ts"}"#), (".wrangler/deploy/config.json", r#"{"configPath": "../../dist/flow/wrangler.json"}"#), ("dist/flow/wrangler.json", r#"{"main": "index.js", "no_bundle": true}"#), ("dist/flow/index.js", MODULE)], "", &["index.js"])]
#[case::build_output(&[(".cloudflare/output/v1/workers/default/worker.config.json", r#"{"name": "a", "manifest": {"type": "complete", "mainModule": "index.js", "modules": {"index.js": {"type": "esm"}, "page.html": {"type": "text"}, "index.js.map": {"type": "sourcemap"}}}}"#), (".cloudflare/output/v1/workers/default/bundle/index.js", MODULE), (".cloudflare/output/v1/workers/default/bundle/page.html", "x"), (".cloudflare/output/v1/workers/default/bundle/unlisted.txt", "x")], "", &["index.js", "page.html"])]
#[case::partial_build_output(&[("workers/a/worker.config.json", r#"{"manifest": {"type": "partial", "mainModule": "index.js", "modules": {"index.js": {"type": "esm"}}}}"#), ("workers/a/bundle/index.js", MODULE), ("workers/a/bundle/unlisted.txt", "x")], "", &["index.js", "unlisted.txt"])]
fn a_worker_is_read_in_the_shape_it_has(
    #[case] files: &[(&str, &str)],
    #[case] path: &str,
    #[case] modules: &[&str],
) {
    let folder = folder(files);
    let project = Project::read(&folder.path().join(path)).unwrap();
    assert_eq!(names(&project), modules);
    assert_eq!(project.missing, []);
}

#[test]
fn a_configuration_says_what_the_worker_is_given() {
    let folder = folder(&[
        (
            "wrangler.toml",
            r#"
main = "main.js"
compatibility_date = "2026-10-01"
compatibility_flags = ["nodejs_compat"]
vars = { TEXT = "a", LIMITS = { day = 5 }, NUMBER = 1, TOKEN = "in the clear" }
limits = { cpu_ms = 50 }
cache = { enabled = true }
workers_dev = false
observability = { enabled = true }

[env.staging]
vars = { TEXT = "b" }
cache = { enabled = false }
"#,
        ),
        (
            "main.js",
            "import fs from 'fs'; export default { fetch: () => new Response(typeof fs) };",
        ),
        (".dev.vars", "TOKEN=secret"),
        (".dev.vars.staging", "TOKEN=\"of staging\""),
    ]);
    let project = Project::read(folder.path()).unwrap();
    assert_eq!(project.variables["TEXT"], "a");
    assert_eq!(project.options.json_variables["LIMITS"], r#"{"day":5}"#);
    assert_eq!(project.options.json_variables["NUMBER"], "1");
    assert_eq!(project.variables["TOKEN"], "secret");
    assert!(project.secrets.iter().eq(["TOKEN"]));
    assert_eq!(
        project.options.compatibility_date.as_deref(),
        Some("2026-10-01")
    );
    assert_eq!(project.options.compatibility_flags, ["nodejs_compat"]);
    assert_eq!((project.cpu_ms, project.cache), (Some(50), true));

    let staging = format!("{}#staging", folder.path().display());
    let project = Project::read(Path::new(&staging)).unwrap();
    assert_eq!(project.variables["TEXT"], "b");
    assert!(!project.options.json_variables.contains_key("LIMITS"));
    assert_eq!(project.variables["TOKEN"], "of staging");
    assert_eq!((project.cpu_ms, project.cache), (Some(50), false));

    let unknown = format!("{}#beta", folder.path().display());
    assert!(
        refusal(Path::new(&unknown)).ends_with("it has no environment `beta`; it has: staging")
    );
}

#[test]
fn secrets_that_are_named_are_taken_from_env_and_no_others() {
    let folder = folder(&[
        (
            "wrangler.json",
            r#"{"main": "main.js", "vars": {"TEXT": "a"}, "secrets": {"required": ["TOKEN"]}, "env": {"beta": {}}}"#,
        ),
        ("main.js", MODULE),
        (".env", "TOKEN=secret\nTEXT=b\nOTHER=c"),
        (".env.local", "TOKEN=local"),
        (".env.beta", "TOKEN=beta"),
    ]);
    let project = Project::read(folder.path()).unwrap();
    assert_eq!(project.variables["TOKEN"], "local");
    assert_eq!(project.variables["TEXT"], "b");
    assert!(!project.variables.contains_key("OTHER"));
    assert!(project.missing.is_empty(), "{:?}", project.missing);
    let beta = format!("{}#beta", folder.path().display());
    let project = Project::read(Path::new(&beta)).unwrap();
    assert_eq!(project.variables["TOKEN"], "beta");
}

#[test]
fn what_is_not_emulated_is_named_and_may_be_left_out() {
    let folder = folder(&[
        (
            "wrangler.json",
            r#"{"main": "main.js",
                "kv_namespaces": [{"binding": "CACHE", "id": "1"}],
                "durable_objects": {"bindings": [{"name": "ROOM", "class_name": "Room"}]},
                "queues": {"producers": [{"binding": "JOBS", "queue": "jobs"}]},
                "d1_databases": [],
                "assets": {"directory": "public"},
                "secrets": {"required": ["TOKEN"]},
                "warp_drive": true}"#,
        ),
        ("main.js", MODULE),
    ]);
    let project = Project::read(folder.path()).unwrap();
    let error = project.clone().complete(false).unwrap_err().to_string();
    assert_eq!(
        error,
        "it binds what is not emulated: `TOKEN` (secrets), `CACHE` (kv_namespaces), `ROOM` (durable_objects), \
         `JOBS` (queues), `assets`, `warp_drive`; `--allow-missing-bindings` runs it without"
    );
    assert_eq!(names(&project.complete(true).unwrap()), ["index.js"]);
}

#[rstest]
#[case::nothing(&[("README.md", "x")], "", "has no main module")]
#[case::another_file(&[("worker.rs", "x")], "worker.rs", "is no worker; a worker is a folder")]
#[case::no_toml(&[("wrangler.toml", "main = ")], "", "wrangler.toml: ")]
#[case::no_json(&[("wrangler.json", "{")], "", "wrangler.json: ")]
#[case::no_main(&[("wrangler.json", "{}")], "", "it has no `main`")]
#[case::not_built(&[("wrangler.json", r#"{"main": "dist/a.js", "build": {"command": "npm run build"}}"#)], "", "which is not there; `npm run build` makes it")]
#[case::a_late_date(&[("wrangler.json", r#"{"main": "a.js", "compatibility_date": "9999-01-01"}"#), ("a.js", MODULE)], "", "the newest that it knows is 2026-11-24")]
#[case::not_to_be_bundled(&[("a.ts", "import './not-there';")], "a.ts", "not-there")]
#[case::several_workers(&[("workers/a/worker.config.json", "{}"), ("workers/b/worker.config.json", "{}")], "", "it has several workers; name one of")]
#[case::python(&[("wrangler.json", r#"{"main": "a.py"}"#), ("a.py", "")], "", "Python")]
fn what_is_no_worker_is_told(
    #[case] files: &[(&str, &str)],
    #[case] path: &str,
    #[case] message: &str,
) {
    let folder = folder(files);
    let told = refusal(&folder.path().join(path));
    assert!(told.contains(message), "{told}");
}

#[test]
fn modules_that_are_no_scripts_keep_their_kinds_when_the_rest_is_bundled() {
    let folder = folder(&[
        (
            "wrangler.json",
            r#"{"main": "main.ts", "rules": [{"type": "Data", "globs": ["**/*.dat"]}]}"#,
        ),
        (
            "main.ts",
            "import text from './deep/a.txt'; import data from './b.dat'; import wasm from './c.wasm?module';\
             export default { fetch: () => new Response(text + data.byteLength + wasm) };",
        ),
        ("deep/a.txt", "text"),
        ("b.dat", "data"),
        ("c.wasm", "\0asm\u{1}\0\0\0"),
    ]);
    let project = Project::read(folder.path()).unwrap();
    let main = std::fs::read_to_string(&project.bundle.modules[0].path).unwrap();
    let mut kinds = Vec::new();
    for module in &project.bundle.modules[1..] {
        assert!(
            main.contains(&format!("./{}", module.name)),
            "{}: {main}",
            module.name
        );
        kinds.push(module.kind);
    }
    kinds.sort_unstable_by_key(|kind| format!("{kind:?}"));
    assert_eq!(
        kinds,
        [ModuleKind::Data, ModuleKind::Text, ModuleKind::Wasm]
    );
}
