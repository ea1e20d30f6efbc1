//! Scenarios that are made of what was seen: what somebody did in a browser, a session of the developer tools, calls that were
//! picked. What is recorded passes at once, and fails where the protection is missing that was at work.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

#[path = "record/calls.rs"]
mod calls;
#[path = "record/command.rs"]
mod command;
#[path = "record/har.rs"]
mod har;
#[path = "record/pages.rs"]
mod pages;

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::LazyLock,
};

use edgeproof_ground::tools;
use edgeproof_record::World;
use edgeproof_rig::{Environment, Rig};
use edgeproof_scenario::load::{Outside, Variables};

static ENVIRONMENT: LazyLock<Environment> = LazyLock::new(|| Environment::prepare(None).unwrap());

/// A shop whose sign-up is protected by a rule about a signal that is stated.
const SHOP: &str = r#"scenario: A shop
given:
  zones: { shop.example: { hosts: { shop.example: { site: signup } } } }
  deployments:
    flow:
      identification_pages: [shop.example/signup]
      protected_apis: ["POST shop.example/api/create-account*"]
      failure_mode: closed
      coverage: host
      ruleset: sign-up
  rulesets: { sign-up: { rules: [{ if: vpn, block: { status: 451 } }] } }
  fingerprint: { signals: { vpn: VPN } }
  visitors: { ann: { profile: regular } }
"#;

/// What a file describes, and a rig of it.
async fn rig_of(file: &Path) -> (World, Rig) {
    let world = World::of_file(file).unwrap();
    let outside = Outside {
        variables: Variables::of_process(),
        may_be_without_steps: true,
        ..Outside::default()
    };
    let case = outside.load_text(file, &world.text()).unwrap().remove(0);
    let rig = Rig::start(&ENVIRONMENT, case.scenario.given.clone())
        .await
        .unwrap();
    (world, rig)
}

/// The command with these arguments and variables.
fn edgeproof(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_edgeproof"))
        .args(arguments)
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .env("COLUMNS", "100")
        .envs(variables.iter().copied())
        .output()
        .unwrap()
}

/// Whether the scenarios in a folder pass, and what was said of them.
fn run(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let mut all = vec!["run"];
    all.extend(arguments);
    let output = edgeproof(folder, &all, variables);
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.code(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

/// The worker that protects nothing.
fn pass_through() -> String {
    let worker = tools::home().join("fixtures/workers/pass-through");
    worker.display().to_string()
}

/// A folder with the shop in it, whose visitors come by a VPN or not.
fn shop(vpn: bool) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shop.yaml");
    fs::write(&file, SHOP.replace("VPN", &vpn.to_string())).unwrap();
    (folder, file)
}

/// A program of Node, with the packages of `ci` and these arguments.
fn node(program: &str, arguments: &[&str]) -> Output {
    Command::new("node")
        .args(["--eval", program])
        .args(arguments)
        .env("NODE_PATH", tools::node_modules())
        .output()
        .unwrap()
}

/// Ends with the test that started it.
struct Running(std::process::Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An app that says the port it listens at, and its address.
fn start(program: &str) -> (Running, String) {
    let mut child = Command::new("node")
        .args(["--eval", program, "0"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let said = child.stdout.take().unwrap();
    let running = Running(child);
    let mut port = String::new();
    BufReader::new(said).read_line(&mut port).unwrap();
    (running, format!("http://127.0.0.1:{}", port.trim()))
}
