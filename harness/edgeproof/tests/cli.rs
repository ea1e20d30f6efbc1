//! The command as people meet it: what it writes and its exit code. Only what says so starts a rig.
//!
//! Golden texts lie in `fixtures/golden/cli`; `UPDATE_GOLDEN=1` writes them anew.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

#[path = "cli/app.rs"]
mod app;
#[path = "cli/deploy.rs"]
mod deploy;
#[path = "cli/ended.rs"]
mod ended;
#[path = "cli/failures.rs"]
mod failures;
#[path = "cli/hsts.rs"]
mod hsts;
#[path = "cli/idle_steps.rs"]
mod idle_steps;
#[path = "cli/inspect.rs"]
mod inspect;
#[path = "cli/new.rs"]
mod new;
#[path = "cli/proxies.rs"]
mod proxies;
#[path = "cli/secrets.rs"]
mod secrets;
#[path = "cli/silence.rs"]
mod silence;
#[path = "cli/standing_output.rs"]
mod standing_output;

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Output, Stdio},
};

use edgeproof_run::exit;
use rstest::rstest;
use rustix::process::{Pid, Signal, kill_process};

/// A file with a mistake of every kind that is found while reading.
const MISTAKES: &str = "\
scenario: Mistakes
given:
  zones: { shop.example: { hosts: { shop.example: { site: signup } } } }
  deployments:
    flow:
      protected_apis: [post shop.example/api]
      failure_mode: shut
      rulset: none
  visitors:
    ann: { profile: incognito, ip: here }
steps:
  - visit: https://shop.example/
    expect: { staus: 200, within: soon }
  - click: '#a'
    fill: { '#b': c }
";

const GOOD: &str = "\
scenario: A good one
tags: [good]
given:
  zones: { shop.example: { hosts: { shop.example: { site: signup } } } }
  deployments:
    flow:
      identification_pages: [shop.example/signup]
      protected_apis: [POST shop.example/api/login]
steps:
  - request: GET https://shop.example/
";

const NO_WORKER: &str = "\
scenario: A site alone
given:
  zones: { shop.example: { hosts: { shop.example: { site: signup } } } }
";

const NAMES: &str = "\
scenario: Names
given:
  zones: { shop.example: { hosts: { shop.example: { site: signup } } } }
  visitors: { ann: { profile: regular } }
steps:
  - visit: https://shop.exmaple/
    as: anne
";

/// Apps that cannot be started as they are described.
const APPS: &str = "\
scenario: Apps
given:
  zones:
    shop.example:
      hosts:
        shop.example: { app: { run: npm start, in: ../shop, ready: 'https://shop.example/health', ready_within: soon } }
        api.shop.example: { app: { host: localhost } }
        www.shop.example: { app: { address: 'http://localhost:$PORT', start: once } }
steps: []
";

/// An app in a folder that is not there, and two where only one can listen.
const PLACES: &str = "\
scenario: Places
given:
  zones:
    shop.example:
      hosts:
        shop.example: { app: { run: npm start, in: shop } }
        api.shop.example: { app: { run: node api.js, address: 'http://127.0.0.1:3000' } }
        www.shop.example: { app: { run: node www.js, address: 'http://localhost:3000' } }
steps: []
";

/// What a file names and that is not there, one of every kind.
const NOT_THERE: &str = "\
scenario: Not there
given:
  zones: { shop.example: { hosts: { shop.example: { site: sign-up } } } }
  deployments: { flow: { worker: none, routes: ['shop.example/a*b'] } }
  faults: [{ on: orgin, fault: refuse }]
steps:
  - request: { method: POST, url: 'https://shop.example/${PATH}', body: { file: none.json } }
    expect: { page: [{ select: 'p[' }] }
  - request: { url: 'https://shop.example/${pth}', body: { json: { phone: 0049123 } } }
    capture: { id: { json: id } }
";

/// Files of which lines may be shown to nobody.
const FOREIGN: &str = "\
scenario: Foreign files
include: [/proc/self/environ, /etc/passwd, ../other.yaml]
steps: []
";

/// More cases than anybody runs.
const MANY: &str = "\
scenario: Many
matrix: { a: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], b: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], c: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], \
d: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], e: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], f: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], \
g: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], h: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], i: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] }
steps: []
";

const BUDGET: &str = "\
- { case: page_1_kb, metric: processor, against: pass-through, ratio: .nan }
- { case: page_1_kb, metric: procesor, against: pass-through, ratio: 1.1 }
";

const TWO: &str = "scenario: One\nsteps: []\n---\nscenario: Two\nsteps: []\n";

fn edgeproof(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_edgeproof"))
        .args(arguments)
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .env("COLUMNS", "100")
        .output()
        .unwrap()
}

#[rstest]
#[case::mistakes("mistakes", &["run", "mistakes.yaml"], exit::USAGE)]
#[case::names("names", &["run", "names.yaml"], exit::USAGE)]
#[case::apps("apps", &["check", "apps.yaml"], exit::USAGE)]
#[case::app_places("app_places", &["check", "places.yaml"], exit::USAGE)]
#[case::not_yaml("not_yaml", &["run", "not_yaml.yaml"], exit::USAGE)]
#[case::not_there("not_there", &["check", "not_there.yaml"], exit::USAGE)]
#[case::not_there_run("not_there_run", &["run", "not_there.yaml"], exit::USAGE)]
#[case::foreign("foreign", &["check", "foreign.yaml"], exit::USAGE)]
#[case::many("many", &["check", "many.yaml"], exit::USAGE)]
#[case::two_documents("two_documents", &["check", "two.yaml"], exit::USAGE)]
#[case::crlf("crlf", &["check", "crlf.yaml"], exit::USAGE)]
#[case::mistyped("mistyped", &["check", "mistyped.yaml"], exit::USAGE)]
#[case::check_json("check_json", &["check", "--json", "good.yaml", "names.yaml"], exit::USAGE)]
#[case::list_beside_mistakes("list_beside_mistakes", &["run", "--list", "good.yaml", "names.yaml"], exit::USAGE)]
#[case::list_of_others("list_of_others", &["run", "--list", "--tag", "good", "good.yaml", "names.yaml"], exit::PASSED)]
#[case::new_without_a_zone("new_without_a_zone", &["new", "https://co.uk/signup", "POST /api"], exit::USAGE)]
#[case::route_of_a_scenario("route_of_a_scenario", &["route", "https://shop.example/signup", "good.yaml"], exit::PASSED)]
#[case::route_without_a_host("route_without_a_host", &["route", "/signup", "good.yaml"], exit::USAGE)]
#[case::no_such_env_file("no_such_env_file", &["check", "--env-file", "none.env", "good.yaml"], exit::USAGE)]
#[case::no_such_path("no_such_path", &["run", "none.yaml"], exit::USAGE)]
#[case::nothing_selected("nothing_selected", &["run", "--tag", "other", "good.yaml"], exit::NOTHING)]
#[case::no_such_tag("no_such_tag", &["run", "--tag", "good and other", "good.yaml", "two.yaml"], exit::NOTHING)]
#[case::memory("memory", &["up", "good.yaml", "--memory-mb", "0"], exit::USAGE)]
#[case::wrong_tag("wrong_tag", &["run", "--tag", "a b", "good.yaml"], exit::USAGE)]
#[case::wrong_report("wrong_report", &["run", "--report", "pdf=x", "good.yaml"], exit::USAGE)]
#[case::list("list", &["run", "--list", "good.yaml"], exit::PASSED)]
#[case::list_json("list_json", &["run", "--list", "--json", "good.yaml"], exit::PASSED)]
#[case::check("check", &["check", "good.yaml"], exit::FAILED)]
#[case::explain("explain", &["explain", "exact-pattern"], exit::PASSED)]
#[case::new("new", &["new", "https://shop.example/signup", "POST /api/create-account", "--out", "first.yaml"], exit::PASSED)]
#[case::new_over_a_file("new_over_a_file", &["new", "https://shop.example/", "POST /api", "--out", "good.yaml"], exit::USAGE)]
#[case::new_without_a_method("new_without_a_method", &["new", "https://shop.example/", "/api"], exit::USAGE)]
#[case::up_without_a_case("up_without_a_case", &["up", "good.yaml", "--filter", "other"], exit::NOTHING)]
#[case::keep_and_watch("keep_and_watch", &["run", "--keep", "--watch", "good.yaml"], exit::USAGE)]
#[case::bench_nothing("bench_nothing", &["bench", "--filter", "page_2_kb"], exit::NOTHING)]
#[case::bench_old("bench_old", &["bench", "--compare", "not_yaml.yaml"], exit::USAGE)]
#[case::bench_older("bench_older", &["bench", "--compare", "none.json"], exit::USAGE)]
#[case::bench_report("bench_report", &["bench", "--report", "junit=x"], exit::USAGE)]
#[case::bench_budget("bench_budget", &["bench", "--budget", "budget.yaml"], exit::USAGE)]
#[case::bench_no_worker("bench_no_worker", &["bench", "--filter", "page_1_kb", "--worker", "none"], exit::USAGE)]
#[case::conform_no_worker("conform_no_worker", &["conform", "--worker", "none"], exit::USAGE)]
#[case::probe_framework("probe_framework", &["probe", "good.yaml", "--origin", "none"], exit::USAGE)]
#[case::probe_header("probe_header", &["probe", "good.yaml", "--header", "cookie=a"], exit::USAGE)]
#[case::probe_app("probe_app", &["probe", "good.yaml", "--app", "http://shop.example"], exit::USAGE)]
#[case::probe_call("probe_call", &["probe", "good.yaml", "--call", "POST other.example/x"], exit::USAGE)]
#[case::probe_baseline("probe_baseline", &["probe", "good.yaml", "--baseline", "none.json"], exit::USAGE)]
#[case::probe_nothing("probe_nothing", &["probe", "names.yaml"], exit::USAGE)]
#[case::no_such_lint("no_such_lint", &["explain", "none"], exit::USAGE)]
fn a_command_answers_as_its_golden_text(
    #[case] name: &str,
    #[case] arguments: &[&str],
    #[case] code: u8,
) {
    let folder = tempfile::tempdir().unwrap();
    for (file, text) in [
        ("mistakes.yaml", MISTAKES),
        ("names.yaml", NAMES),
        ("apps.yaml", APPS),
        ("places.yaml", PLACES),
        ("good.yaml", GOOD),
        ("not_yaml.yaml", "scenario: a: b\n"),
        ("budget.yaml", BUDGET),
        ("not_there.yaml", NOT_THERE),
        ("foreign.yaml", FOREIGN),
        ("many.yaml", MANY),
        ("two.yaml", TWO),
        (
            "crlf.yaml",
            "scenario: CRLF\r\nsteps:\r\n  - request: GET https://shop.example/\r\n    expct: {}\r\n",
        ),
        (
            "mistyped.yaml",
            "scenario: Mistyped\ninlcude: a.yaml\nmatirx: {}\nsteps: [{ inclde: b.yaml }]\n",
        ),
    ] {
        fs::write(folder.path().join(file), text).unwrap();
    }
    let output = edgeproof(folder.path(), arguments);
    let text = format!(
        "$ edgeproof {}\n{}{}exit code {}\n",
        arguments.join(" "),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
        output.status.code().unwrap(),
    );
    golden(name, &text);
    assert_eq!(output.status.code(), Some(i32::from(code)));
}

/// A golden text of `fixtures/golden/cli`.
fn golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fixtures/golden/cli")
        .join(format!("{name}.txt"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
    }
    assert_eq!(
        text,
        fs::read_to_string(&path).unwrap(),
        "{}",
        path.display()
    );
}

#[test]
fn a_scenario_comes_by_standard_input() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_edgeproof"))
        .args(["run", "--list", "-"])
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut input, GOOD.as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "stdin  A good one\n"
    );
}

#[test]
fn a_scenario_reads_the_same_from_every_folder() {
    let folder = tempfile::tempdir().unwrap();
    let scenarios = folder.path().join("scenarios/flow");
    fs::create_dir_all(&scenarios).unwrap();
    fs::create_dir(folder.path().join("worker")).unwrap();
    fs::write(folder.path().join("worker/index.js"), "export default {}").unwrap();
    fs::write(
        folder.path().join("scenarios/_defaults.yaml"),
        "given: { deployments: { flow: { worker: ../worker, routes: ['shop.example/*'] } } }\n",
    )
    .unwrap();
    let text = "scenario: x\ngiven: { zones: { shop.example: { hosts: { shop.example: { site: signup } } } } }\n\
                allow: [nothing-protected]\nsteps: []\n";
    fs::write(scenarios.join("a.yaml"), text).unwrap();
    for (from, path) in [
        (folder.path(), "scenarios/flow/a.yaml"),
        (scenarios.as_path(), "a.yaml"),
        (Path::new("/"), scenarios.join("a.yaml").to_str().unwrap()),
    ] {
        let output = edgeproof(from, &["check", path]);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(
            output.status.code(),
            Some(i32::from(exit::PASSED)),
            "{told}"
        );
        let list = edgeproof(from, &["run", "--list", path]);
        assert_eq!(String::from_utf8_lossy(&list.stdout), "flow::a  x\n");
    }
}

#[test]
fn a_secret_of_the_environment_is_in_no_output() {
    const SECRET: &str = "sk-4711-4711-4711";
    let folder = tempfile::tempdir().unwrap();
    let text = "scenario: 'Title ${env.SHOP_TOKEN}'\ngiven:\n  zones: { shop.example: { hosts: { shop.example: { site: signup } } } }\n\
                  visitors: { ann: { profile: '${env.SHOP_TOKEN}' } }\nsteps:\n  - request: GET https://${env.SHOP_TOKEN}.shop.example/\n";
    fs::write(folder.path().join("a.yaml"), text).unwrap();
    fs::write(
        folder.path().join("b.yaml"),
        text.replace("profile: '${env.SHOP_TOKEN}'", "ip: 192.0.2.1"),
    )
    .unwrap();
    fs::write(folder.path().join(".env"), format!("SHOP_TOKEN={SECRET}\n")).unwrap();
    for arguments in [
        &["check", "."][..],
        &["check", "--json", "."],
        &["run", "--list", "."],
        &["run", "b.yaml"],
    ] {
        let mut arguments = arguments.to_vec();
        arguments.extend(["--env-file", ".env"]);
        let output = edgeproof(folder.path(), &arguments);
        for told in [output.stdout, output.stderr] {
            let told = String::from_utf8_lossy(&told).into_owned();
            assert!(!told.contains(SECRET), "{arguments:?}: {told}");
        }
    }
}

#[test]
fn a_shell_and_a_manual_know_every_command() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        &["man"][..],
        &["completions", "bash"],
        &["completions", "fish"],
    ] {
        let output = edgeproof(folder.path(), arguments);
        let text = String::from_utf8(output.stdout).unwrap();
        for command in ["run", "check", "route", "doctor", "schema"] {
            let found = text.to_lowercase().contains(command);
            assert!(found, "{arguments:?} does not know {command}");
        }
    }
}

/// A report of one shard of the golden run, with the cases whose number has this remainder.
fn shard_report(folder: &Path, number: usize) -> String {
    let golden =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/golden/reports/report.json");
    let mut report: serde_json::Value = serde_json::from_slice(&fs::read(golden).unwrap()).unwrap();
    let mut index = 0;
    report["cases"].as_array_mut().unwrap().retain(|_| {
        index += 1;
        index % 2 == number % 2
    });
    report["shard"] = format!("{number}/2").into();
    let name = format!("{number}.json");
    fs::write(folder.join(&name), report.to_string()).unwrap();
    name
}

#[test]
fn shards_are_merged_into_one_report() {
    let folder = tempfile::tempdir().unwrap();
    let shards = [1, 2].map(|number| shard_report(folder.path(), number));
    let merge = |files: &[&str]| {
        let mut arguments = vec!["report", "merge", "--report", "tap=out/all.tap"];
        arguments.extend(files);
        edgeproof(folder.path(), &arguments)
    };
    let output = merge(&[&shards[0], &shards[1]]);
    // One of the cases in it was an error of the harness.
    assert_eq!(output.status.code(), Some(i32::from(exit::HARNESS)));
    let tap = fs::read_to_string(folder.path().join("out/all.tap")).unwrap();
    assert!(tap.starts_with("TAP version 13\n1..9\n"), "{tap}");

    let output = merge(&[&shards[0], &shards[0]]);
    assert_eq!(output.status.code(), Some(i32::from(exit::USAGE)));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("shard 1/2 is in both"), "{text}");

    let output = merge(&[&shards[1]]);
    assert_eq!(output.status.code(), Some(i32::from(exit::HARNESS)));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("no report of shard 1/2"), "{text}");
}

#[test]
fn every_report_is_written_though_one_of_them_cannot_be() {
    let folder = tempfile::tempdir().unwrap();
    let shard = shard_report(folder.path(), 1);
    let reports = ["--report", "html=.", "--report", "tap=all.tap"];
    let merge = ["report", "merge", &shard];
    let output = edgeproof(folder.path(), &[&merge[..], &reports].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("the report `.` could not be written"),
        "{said}"
    );
    assert!(folder.path().join("all.tap").exists());
}

/// Runs the command where no file may have more than so many blocks: the system refuses more, as where a disk is full.
fn with_room_for(blocks: usize, folder: &Path, arguments: &[&str]) -> Output {
    let limited = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\"");
    Command::new("sh")
        .args(["-c", &limited, "sh", env!("CARGO_BIN_EXE_edgeproof")])
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

#[test]
fn a_report_that_has_no_room_leaves_the_old_one() {
    let folder = tempfile::tempdir().unwrap();
    let shard = shard_report(folder.path(), 1);
    fs::write(folder.path().join("all.html"), "the old one").unwrap();
    let before = fs::read_dir(folder.path()).unwrap().count();
    let merge = ["report", "merge", &shard, "--report", "html=all.html"];
    let output = with_room_for(8, folder.path(), &merge);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        output.status.code(),
        Some(i32::from(exit::HARNESS)),
        "{said}"
    );
    assert!(
        said.contains("the report `all.html` could not be written"),
        "{said}"
    );
    let kept = fs::read_to_string(folder.path().join("all.html")).unwrap();
    assert_eq!(kept, "the old one");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), before);
}

#[test]
fn a_run_goes_on_to_its_reports_though_nobody_reads_how_two_workers_differ() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("good.yaml"), GOOD).unwrap();
    let other = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/workers/plain-js");
    let other = other.to_str().unwrap();
    let report = "json=report.json";
    let run = ["run", "good.yaml", "--against", other, "--report", report];
    let mut run = start(folder.path(), &run);
    drop(run.0.stdout.take());
    let ended = run.0.wait().unwrap();
    assert_eq!(ended.code(), Some(i32::from(exit::PASSED)));
    assert!(folder.path().join("report.json").exists());
}

#[rstest]
#[case(&["new", "https://shop.example/signup", "POST /api/a", "--out", "edgeproof/a.yaml"])]
#[case(&["init", "--ci", "github"])]
fn a_file_that_cannot_be_written_is_named(#[case] arguments: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("edgeproof"), "a file, no folder").unwrap();
    let output = edgeproof(folder.path(), arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        output.status.code(),
        Some(i32::from(exit::HARNESS)),
        "{said}"
    );
    assert!(said.contains("edgeproof: `edgeproof"), "{said}");
}

#[rstest]
#[case::of_a_runtime("run", GOOD, "/edgeproof-runtime-")]
#[case::of_a_rig_that_is_up("up", NO_WORKER, "/edgeproof-up-")]
fn a_file_that_has_no_room_is_named(
    #[case] command: &str,
    #[case] scenario: &str,
    #[case] named: &str,
) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.yaml"), scenario).unwrap();
    let worker = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/workers/pass-through");
    let arguments = [command, "a.yaml", "--worker", worker.to_str().unwrap()];
    let output = with_room_for(0, folder.path(), &arguments);
    assert_eq!(output.status.code(), Some(i32::from(exit::HARNESS)));
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let error = said.lines().find(|line| line.contains("File too large"));
    assert!(error.is_some_and(|line| line.contains(named)), "{said}");
}

#[test]
fn a_shard_with_nothing_to_do_is_a_success_and_has_a_report() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("scenarios")).unwrap();
    fs::write(
        folder.path().join("scenarios/a.yaml"),
        FORWARDED.replace("STATUS", "200"),
    )
    .unwrap();
    let worker = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/workers/pass-through");
    let worker = worker.to_str().unwrap();
    let mut ran = 0;
    for number in 1..=2 {
        let shard = format!("{number}/2");
        let report = format!("json={number}.json");
        let arguments = [
            "run", "--worker", worker, "--shard", &shard, "--report", &report,
        ];
        let output = edgeproof(folder.path(), &arguments);
        assert_eq!(output.status.code(), Some(i32::from(exit::PASSED)));
        let written = fs::read(folder.path().join(format!("{number}.json"))).unwrap();
        let written: serde_json::Value = serde_json::from_slice(&written).unwrap();
        assert_eq!(written["shard"], shard);
        ran += written["cases"].as_array().unwrap().len();
    }
    assert_eq!(ran, 1);
}

#[test]
fn a_project_says_what_is_taken_for_granted_from_any_folder_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let worker = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/workers/pass-through");
    fs::create_dir_all(folder.path().join("checks/src")).unwrap();
    fs::write(
        folder.path().join("checks/a.yaml"),
        FORWARDED.replace("STATUS", "200"),
    )
    .unwrap();
    let project = format!("scenarios: [checks]\nworker: {}\n", worker.display());
    fs::write(folder.path().join("edgeproof.yaml"), project).unwrap();
    let below = folder.path().join("checks/src");
    let output = edgeproof(&below, &["run"]);
    assert_eq!(output.status.code(), Some(i32::from(exit::PASSED)));
    let text = String::from_utf8(edgeproof(&below, &["check"]).stdout).unwrap();
    assert!(text.contains("checked 1 scenario"), "{text}");
}

#[test]
fn a_report_that_cannot_be_read_is_bad_usage() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.json"), "{}").unwrap();
    let output = edgeproof(
        folder.path(),
        &["report", "merge", "a.json", "--report", "tap=b"],
    );
    assert_eq!(output.status.code(), Some(i32::from(exit::USAGE)));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("`a.json` is not a JSON report"), "{text}");
}

/// A scenario that holds of the worker that only forwards, and one that does not.
const FORWARDED: &str = "\
scenario: A page is forwarded
given:
  zones: { shop.example: { hosts: { shop.example: { site: signup } } } }
  deployments: { flow: { routes: ['shop.example/*'] } }
steps:
  - request: GET https://shop.example/login
    expect: { status: STATUS }
";

/// A child that is ended with the test, however that ends.
struct Running(std::process::Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(folder: &Path, arguments: &[&str]) -> Running {
    let worker = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/workers/pass-through");
    let child = Command::new(env!("CARGO_BIN_EXE_edgeproof"))
        .args(arguments)
        .arg("--worker")
        .arg(worker)
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    Running(child)
}

/// Reads lines until one is found that `wanted` accepts.
fn line_of(lines: &mut impl Iterator<Item = std::io::Result<String>>, wanted: &str) -> String {
    let mut said = Vec::new();
    for line in lines {
        let line = line.unwrap();
        if line.contains(wanted) {
            return line;
        }
        said.push(line);
    }
    panic!("`{wanted}` was not said, but:\n{}", said.join("\n"));
}

fn signal(running: &Running, signal: Signal) {
    let id = i32::try_from(running.0.id()).unwrap();
    kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
}

fn interrupt(running: &Running) {
    signal(running, Signal::INT);
}

#[test]
fn a_rig_that_is_up_answers_curl_and_ends_with_ctrl_c() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("a.yaml"),
        FORWARDED.replace("STATUS", "200"),
    )
    .unwrap();
    let mut up = start(folder.path(), &["up", "a.yaml"]);
    let mut lines = BufReader::new(up.0.stdout.take().unwrap()).lines();
    let curl = line_of(&mut lines, "curl --cacert");
    let page = Command::new("sh")
        .args([
            "-c",
            &format!("{} --silent --fail --max-time 20", curl.trim()),
        ])
        .output()
        .unwrap();
    let text = String::from_utf8(page.stdout).unwrap();
    assert!(text.contains("<!doctype html>"), "{curl}\n{text}");
    // Its control plane takes the token that is told.
    let mut exports = line_of(&mut lines, "CLOUDFLARE_API_BASE_URL");
    exports.push_str(&format!(";{}", line_of(&mut lines, "CLOUDFLARE_API_TOKEN")));
    let verify = "curl --silent --max-time 20 --header \"authorization: Bearer $CLOUDFLARE_API_TOKEN\" \
                  $CLOUDFLARE_API_BASE_URL/user/tokens/verify";
    let told = Command::new("sh")
        .args(["-c", &format!("{exports}; {verify}")])
        .output()
        .unwrap();
    let told = String::from_utf8(told.stdout).unwrap();
    assert!(told.contains(r#""status":"active""#), "{exports}\n{told}");
    interrupt(&up);
    assert_eq!(up.0.wait().unwrap().code(), Some(i32::from(exit::PASSED)));
}

#[test]
fn each_visitor_of_a_rig_that_is_up_has_a_browser_profile_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let visitors = "  visitors: { ann: { profile: http }, bob: { profile: http } }\n";
    fs::write(folder.path().join("a.yaml"), [NO_WORKER, visitors].concat()).unwrap();
    let mut up = start(folder.path(), &["up", "a.yaml"]);
    let mut lines = BufReader::new(up.0.stdout.take().unwrap()).lines();
    let mut profile = || {
        let line = line_of(&mut lines, "--user-data-dir=");
        let mut words = line.split_whitespace();
        words
            .find(|word| word.starts_with("--user-data-dir="))
            .map(str::to_owned)
    };
    assert_ne!(profile(), profile());
    interrupt(&up);
    assert_eq!(up.0.wait().unwrap().code(), Some(i32::from(exit::PASSED)));
}

#[test]
fn a_failing_step_is_kept_up_until_ctrl_c() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("a.yaml"),
        FORWARDED.replace("STATUS", "404"),
    )
    .unwrap();
    let mut run = start(folder.path(), &["run", "--keep", "a.yaml"]);
    let mut lines = BufReader::new(run.0.stderr.take().unwrap()).lines();
    line_of(&mut lines, "got 200");
    line_of(&mut lines, "It is still running.");
    line_of(&mut lines, "Press Ctrl-C to stop it.");
    interrupt(&run);
    assert_eq!(run.0.wait().unwrap().code(), Some(i32::from(exit::FAILED)));
}

#[test]
fn a_changed_scenario_is_run_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.yaml");
    fs::write(&file, FORWARDED.replace("STATUS", "404")).unwrap();
    let mut run = start(folder.path(), &["run", "--watch", "a.yaml"]);
    let mut said = BufReader::new(run.0.stdout.take().unwrap()).lines();
    let mut told = BufReader::new(run.0.stderr.take().unwrap()).lines();
    line_of(&mut said, "1 scenario: 1 failed");
    line_of(&mut told, "waiting for a change");
    fs::write(&file, FORWARDED.replace("STATUS", "200")).unwrap();
    line_of(&mut said, "1 scenario: 1 passed");
    line_of(&mut told, "waiting for a change");
    interrupt(&run);
    assert_eq!(
        run.0.wait().unwrap().code(),
        Some(i32::from(exit::INTERRUPTED))
    );
}

/// The commands of the file that `init` writes for GitHub.
fn recipe(command: &str) -> Vec<String> {
    let text = include_str!("../src/cli/init/github.yaml");
    let line = text.lines().find_map(|line| {
        line.split_once("run: edgeproof ")
            .filter(|(_, rest)| rest.starts_with(command))
    });
    let line = line.unwrap().1.replace("${{ matrix.shard }}", "1");
    let line = line.replace("${{ strategy.job-total }}", "1");
    line.split(' ').map(str::to_owned).collect()
}

#[test]
fn the_recipe_for_github_runs_shards_and_merges_them() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("scenarios")).unwrap();
    let scenario = folder.path().join("scenarios/a.yaml");
    fs::write(&scenario, FORWARDED.replace("STATUS", "200")).unwrap();
    let mut run = recipe("run");
    let worker = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/workers/pass-through");
    run.extend(["--worker".to_owned(), worker.display().to_string()]);
    let run: Vec<&str> = run.iter().map(String::as_str).collect();
    let output = edgeproof(folder.path(), &run);
    assert_eq!(output.status.code(), Some(i32::from(exit::PASSED)));
    // No shell is here to find the files.
    let merge = recipe("report merge");
    let merge: Vec<&str> = merge
        .iter()
        .map(|word| {
            if word == "reports/*.json" {
                "reports/1.json"
            } else {
                word
            }
        })
        .collect();
    let output = edgeproof(folder.path(), &merge);
    assert_eq!(output.status.code(), Some(i32::from(exit::PASSED)));
    let html = fs::read_to_string(folder.path().join("edgeproof.html")).unwrap();
    assert!(html.contains("1 passed"), "{html}");
}
