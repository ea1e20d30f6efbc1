//! `edgeproof deploy` as people meet it, against the emulated APIs of this process.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    process::{Command, Stdio},
};

use edgeproof_cloudflare::{
    client::{Cloudflare, Secret, Waiting},
    plane::{
        AccountSettings, ControlPlane, ErrorFault, PlaneFault, PlaneFaultKind, Record, State,
        ZoneSettings, stable_id,
    },
};
use edgeproof_fingerprint::{self as fingerprint, Fingerprint};
use edgeproof_run::exit;
use rstest::rstest;
use rustix::process::Signal;

use crate::golden;

/// A worker whose bundle is the same on every machine.
const WORKER: &str = "export default { fetch: (request) => fetch(request) };\n";

const SHOP: &str = "\
name: shop
zone: shop.example
identification_pages:
  - { path: /signup, prefix: true }
protected_apis:
  - { method: POST, path: /api/login, prefix: true }
failure_mode: closed
ruleset: rs_noIncognito001
worker: worker
";

struct World {
    plane: ControlPlane,
    platform: Fingerprint,
    folder: tempfile::TempDir,
}

/// What a command answered.
struct CommandOutput {
    text: String,
    code: i32,
}

impl World {
    async fn new() -> Self {
        let mut zone = ZoneSettings::proxied("shop.example", &["shop.example", "www.shop.example"]);
        zone.records
            .push(Record::of_host("past.shop.example", false));
        let settings = AccountSettings {
            zones: vec![zone],
            ..AccountSettings::default()
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        fs::create_dir(path.join("worker")).unwrap();
        let edited = SHOP
            .replace(
                "  - { path: /signup, prefix: true }",
                "  - { subdomain: www, path: /join }",
            )
            .replace("closed", "open");
        let mistakes = SHOP
            .replace("path: /signup", "paht: /signup")
            .replace(
                "  - { method: POST, path: /api/login, prefix: true }",
                "  - POST other.example/api/login*",
            )
            .replace("closed", "shut");
        let unseen = SHOP.replace("{ path: /signup,", "{ subdomain: past, path: /signup,");
        for (name, text) in [
            ("worker/index.js", WORKER),
            ("shop.yaml", SHOP),
            ("other.yaml", &SHOP.replace("name: shop", "name: other")),
            ("edited.yaml", &edited),
            ("mistakes.yaml", &mistakes),
            ("unseen.yaml", &unseen),
        ] {
            fs::write(path.join(name), text).unwrap();
        }
        Self {
            plane: ControlPlane::start(settings).await.unwrap(),
            platform: Fingerprint::start(fingerprint::PlatformSettings::default())
                .await
                .unwrap(),
            folder,
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_edgeproof"));
        command
            .arg("deploy")
            .args(arguments)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .env("NO_COLOR", "1")
            .env("COLUMNS", "100")
            .env("CLOUDFLARE_API_BASE_URL", self.plane.base_url())
            .env("CLOUDFLARE_API_TOKEN", self.plane.token().reveal())
            .env_remove("CLOUDFLARE_ACCOUNT_ID")
            .env(
                "FINGERPRINT_MANAGEMENT_API_BASE_URL",
                format!("http://{}", self.platform.address()),
            )
            .env(
                "FINGERPRINT_MANAGEMENT_API_KEY",
                self.platform.management_key(),
            );
        command
    }

    /// Runs a command. The APIs answer from this process, so it must not be blocked meanwhile.
    async fn run(&self, arguments: &[&str]) -> CommandOutput {
        let mut command = self.command(arguments);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap());
        let output = output.await.unwrap();
        let text = format!(
            "$ edgeproof deploy {}\n{}{}exit code {}\n",
            arguments.join(" "),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
            output.status.code().unwrap(),
        );
        for secret in self.platform.secrets() {
            assert!(!text.contains(&secret), "{text}");
        }
        assert!(!text.contains(self.plane.token().reveal()), "{text}");
        CommandOutput {
            text: self.without_chance(text),
            code: output.status.code().unwrap(),
        }
    }

    /// What is different in every run stands as a word.
    fn without_chance(&self, text: String) -> String {
        let state = self.plane.state();
        let mut text = text;
        for script in state.scripts.values() {
            if let Some(key) = script.variables.get("FP_PUBLIC_KEY") {
                text = text.replace(key, "PUBLIC_KEY");
            }
        }
        for route in &state.routes {
            text = text.replace(&route.id, "ROUTE");
        }
        text
    }
}

/// Each command line with its exit code; those before the last only lead there.
#[rstest]
#[case::plan("deploy_plan", &[("plan shop.yaml", exit::PASSED)])]
#[case::plan_json("deploy_plan_json", &[("plan shop.yaml --json", exit::PASSED)])]
#[case::apply("deploy_apply", &[("apply shop.yaml --yes", exit::PASSED)])]
#[case::again("deploy_again", &[("apply shop.yaml --yes", exit::PASSED), ("apply shop.yaml --yes", exit::PASSED)])]
#[case::edit("deploy_edit", &[("apply shop.yaml --yes", exit::PASSED), ("apply edited.yaml --yes", exit::PASSED)])]
#[case::show("deploy_show", &[("apply shop.yaml --yes", exit::PASSED), ("show shop", exit::PASSED)])]
#[case::list("deploy_list", &[("apply shop.yaml --yes", exit::PASSED), ("list", exit::PASSED)])]
#[case::list_nothing("deploy_list_nothing", &[("list", exit::PASSED)])]
#[case::delete("deploy_delete", &[("apply shop.yaml --yes", exit::PASSED), ("delete shop --yes", exit::PASSED)])]
#[case::delete_file("deploy_delete_json", &[("apply shop.yaml --yes", exit::PASSED), ("delete shop.yaml --yes --json", exit::PASSED)])]
#[case::not_deployed("deploy_not_deployed", &[("delete shop --yes", exit::REFUSED)])]
#[case::not_confirmed("deploy_not_confirmed", &[("apply shop.yaml", exit::REFUSED)])]
#[case::deletion_not_confirmed("deploy_deletion_not_confirmed", &[("apply shop.yaml --yes", exit::PASSED), ("delete shop", exit::REFUSED)])]
#[case::conflict("deploy_conflict", &[("apply other.yaml --yes", exit::PASSED), ("apply shop.yaml --yes", exit::REFUSED)])]
#[case::unseen("deploy_unseen_host", &[("apply unseen.yaml --yes", exit::REFUSED)])]
#[case::mistakes("deploy_mistakes", &[("plan mistakes.yaml", exit::USAGE)])]
#[case::mistakes_json("deploy_mistakes_json", &[("plan mistakes.yaml --json", exit::USAGE)])]
#[case::conflict_json("deploy_conflict_json", &[("apply other.yaml --yes", exit::PASSED), ("apply shop.yaml --yes --json", exit::REFUSED)])]
#[case::usage_json("deploy_usage_json", &[("apply --json", exit::USAGE)])]
#[tokio::test(flavor = "multi_thread")]
async fn a_command_answers_as_its_golden_text(#[case] name: &str, #[case] commands: &[(&str, u8)]) {
    let world = World::new().await;
    let mut text = String::new();
    for (arguments, code) in commands {
        let arguments: Vec<&str> = arguments.split(' ').collect();
        let answered = world.run(&arguments).await;
        assert_eq!(answered.code, i32::from(*code), "{}", answered.text);
        text = answered.text;
    }
    golden(name, &text);
}

#[rstest]
#[case::refused("deploy_refused", "GET */dns_records*", 400, exit::API)]
#[case::undone("deploy_undone", "POST */workers/routes", 400, exit::UNDONE)]
#[case::forbidden("deploy_forbidden", "DELETE */workers/scripts/*", 403, exit::REFUSED)]
#[tokio::test(flavor = "multi_thread")]
async fn what_an_api_refuses_ends_in_a_text_and_a_code(
    #[case] name: &str,
    #[case] on: &str,
    #[case] status: u16,
    #[case] code: u8,
) {
    let world = World::new().await;
    let error = PlaneFaultKind::Error(ErrorFault::status(status));
    let fault = PlaneFault::new(Some(on.parse().unwrap()), error);
    world.plane.set_fault(fault.nth(1));
    let answered = world.run(&["apply", "shop.yaml", "--yes"]).await;
    golden(name, &answered.text);
    assert_eq!(answered.code, i32::from(code));
    assert_eq!(world.plane.state(), State::default());
}

/// Deletes a route of the deployment, as somebody in the dashboard would.
async fn delete_a_route(world: &World) {
    let token = Secret::new(world.plane.token().reveal());
    let cloudflare = Cloudflare::new(&world.plane.base_url(), token, Waiting::Real).unwrap();
    let zone = stable_id("zone", "shop.example");
    let routes = cloudflare.routes(&zone).await.unwrap();
    let page = routes
        .iter()
        .find(|route| route.pattern == "shop.example/signup*")
        .unwrap();
    cloudflare.delete_route(&zone, &page.id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn drift_is_listed_and_planned_away() {
    let world = World::new().await;
    world.run(&["apply", "shop.yaml", "--yes"]).await;
    delete_a_route(&world).await;
    golden("deploy_drift", &world.run(&["list"]).await.text);
    golden(
        "deploy_drift_plan",
        &world.run(&["plan", "shop.yaml"]).await.text,
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_undone_is_said() {
    let world = World::new().await;
    for on in ["POST */workers/routes", "DELETE */workers/scripts/shop"] {
        let error = PlaneFaultKind::Error(ErrorFault::status(400));
        world
            .plane
            .set_fault(PlaneFault::new(Some(on.parse().unwrap()), error));
    }
    let answered = world.run(&["apply", "shop.yaml", "--yes"]).await;
    golden("deploy_half_made", &answered.text);
    assert_eq!(answered.code, i32::from(exit::HALF_MADE));
    world.plane.set_faults(Vec::new());
    let deleted = world.run(&["delete", "shop.yaml", "--yes"]).await;
    assert_eq!(deleted.code, 0, "{}", deleted.text);
    assert_eq!(world.plane.state(), State::default());
}

#[rstest]
#[case::no_token("deploy_no_token", "CLOUDFLARE_API_TOKEN", exit::USAGE)]
#[case::no_key("deploy_no_key", "FINGERPRINT_MANAGEMENT_API_KEY", exit::REFUSED)]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_set_is_named(#[case] name: &str, #[case] variable: &str, #[case] code: u8) {
    let world = World::new().await;
    let mut command = world.command(&["apply", "shop.yaml", "--yes"]);
    command.env_remove(variable);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = output.await.unwrap();
    golden(name, &String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(i32::from(code)));
}

#[rstest]
#[case("CLOUDFLARE_API_TOKEN", "a line break")]
#[case("FINGERPRINT_MANAGEMENT_API_KEY", "a line break")]
#[tokio::test(flavor = "multi_thread")]
async fn a_line_break_in_a_token_is_told_with_its_variable(
    #[case] variable: &str,
    #[case] what: &str,
) {
    let world = World::new().await;
    let mut command = world.command(&["list"]);
    command.env(variable, "a-token\n");
    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = output.await.unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        text.contains(&format!("{variable} has {what} in it")),
        "{text}"
    );
    assert!(!text.contains("a-token"), "{text}");
    assert_eq!(output.status.code(), Some(i32::from(exit::USAGE)));
}

/// Where nobody reads what it says, a deployment is made or undone all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_does_not_leave_it_half_made() {
    let world = World::new().await;
    let full = || {
        fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap()
    };
    let mut command = world.command(&["apply", "shop.yaml", "--yes"]);
    command.stdout(full()).stderr(full());
    let status = tokio::task::spawn_blocking(move || command.status().unwrap());
    assert_eq!(status.await.unwrap().code(), Some(i32::from(exit::HARNESS)));
    assert_eq!(world.plane.state(), State::default());
    assert_eq!(world.platform.key_names().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_not_sent_over_plain_http() {
    let world = World::new().await;
    let mut command = world.command(&["list"]);
    command.env("CLOUDFLARE_API_BASE_URL", "http://shop.example/client/v4");
    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = output.await.unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("over https only"), "{text}");
    assert_eq!(output.status.code(), Some(i32::from(exit::USAGE)));
}

#[rstest]
#[case::ctrl_c(Signal::INT)]
#[case::order_to_end(Signal::TERM)]
#[tokio::test(flavor = "multi_thread")]
async fn a_signal_in_the_middle_undoes_it_and_says_so(#[case] signal: Signal) {
    let world = World::new().await;
    // Long enough for the signal to arrive while the call is under way.
    let on = "POST */workers/routes".parse().unwrap();
    let delay = PlaneFaultKind::Delay(1500);
    world
        .plane
        .set_fault(PlaneFault::new(Some(on), delay).nth(1));
    let mut command = world.command(&["apply", "shop.yaml", "--yes"]);
    let (code, text) = tokio::task::spawn_blocking(move || {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains("worker uploaded")));
        let id = rustix::process::Pid::from_raw(child.id().try_into().unwrap()).unwrap();
        rustix::process::kill_process(id, signal).unwrap();
        let mut text = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        (child.wait().unwrap().code(), text)
    })
    .await
    .unwrap();
    golden("deploy_interrupted", &text);
    assert_eq!(code, Some(i32::from(exit::INTERRUPTED)));
    assert_eq!(world.plane.state(), State::default());
    assert_eq!(world.platform.key_names().len(), 2);
}
