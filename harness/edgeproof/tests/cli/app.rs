//! `run:` of one's own app as people meet it: what is written, and that nothing is left of the app however the command
//! ends.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
};

use edgeproof_run::exit;
use edgeproof_test_support::wait::{is_alive, until_blocking, until_dead};
use rstest::rstest;
use rustix::process::{Pid, Signal, kill_process};

use crate::{edgeproof, line_of, signal, start};

/// An app with a worker that left its group; it says in `ids` who they are, and in `bye` that it was asked to end.
const APP: &str = "\
const { spawn } = require('child_process'), fs = require('fs'), http = require('http');
const worker = spawn('sleep', ['600'], { detached: true, stdio: 'ignore' });
fs.appendFileSync('ids', `${process.pid}\\n${worker.pid}\\n`);
process.on('SIGTERM', () => { fs.appendFileSync('bye', 'bye\\n'); process.exit(); });
http.createServer((request, response) => response.end(process.env.MODE)).listen(process.env.PORT, '127.0.0.1');
";

const SCENARIO: &str = "\
scenario: An app
given:
  zones: { shop.example: { hosts: { shop.example: { app: { run: npm start, env: { MODE: first } } } } } }
steps:
  - request: GET https://shop.example/
    expect: { status: STATUS }
";

fn folder(status: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("app.js", APP),
        (
            "package.json",
            r#"{ "scripts": { "start": "node app.js" } }"#,
        ),
        ("a.yaml", &SCENARIO.replace("STATUS", status)),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn ids(folder: &Path) -> Vec<u32> {
    let text = fs::read_to_string(folder.join("ids")).unwrap();
    text.lines().map(|line| line.parse().unwrap()).collect()
}

/// Everything is dead after a while, and was asked to end before.
fn ended_politely(folder: &Path) {
    until_dead(&ids(folder));
    assert_eq!(fs::read_to_string(folder.join("bye")).unwrap(), "bye\n");
}

#[rstest]
#[case::with_ctrl_c(Signal::INT)]
#[case::with_kill(Signal::KILL)]
fn nothing_of_an_app_is_left_when_a_rig_that_is_up_ends(#[case] how: Signal) {
    let folder = folder("200");
    let mut up = start(folder.path(), &["up", "a.yaml"]);
    let mut told = BufReader::new(up.0.stderr.take().unwrap()).lines();
    line_of(&mut told, "starting `npm start`");
    let mut said = BufReader::new(up.0.stdout.take().unwrap()).lines();
    line_of(&mut said, "Press Ctrl-C to stop it.");
    assert!(ids(folder.path()).iter().all(|id| is_alive(*id)));
    signal(&up, how);
    up.0.wait().unwrap();
    ended_politely(folder.path());
}

#[test]
fn an_app_that_dies_while_a_rig_is_up_is_told_when_it_happens() {
    let folder = folder("200");
    let text = SCENARIO.replace("STATUS", "200");
    let text = text.replace("npm start", "\"echo out of cheese\\nexec node app.js\"");
    fs::write(folder.path().join("a.yaml"), text).unwrap();
    let mut up = start(folder.path(), &["up", "a.yaml"]);
    let mut told = BufReader::new(up.0.stderr.take().unwrap()).lines();
    line_of(&mut told, "starting `echo out of cheese …`");
    let mut said = BufReader::new(up.0.stdout.take().unwrap()).lines();
    line_of(&mut said, "Press Ctrl-C to stop it.");
    let app = i32::try_from(ids(folder.path())[0]).unwrap();
    kill_process(Pid::from_raw(app).unwrap(), Signal::KILL).unwrap();
    line_of(
        &mut told,
        "`echo out of cheese …` was ended by signal 9 at ",
    );
    line_of(&mut told, "    out of cheese");
    line_of(&mut told, "It is not started again.");
    signal(&up, Signal::INT);
    assert_eq!(up.0.wait().unwrap().code(), Some(i32::from(exit::PASSED)));
}

#[rstest]
#[case::with_ctrl_c(Signal::INT, exit::INTERRUPTED)]
#[case::with_an_order(Signal::TERM, exit::TERMINATED)]
fn a_run_that_is_ended_while_an_app_starts_ends_after_the_app(
    #[case] how: Signal,
    #[case] expected: u8,
) {
    let folder = folder("200");
    let text = SCENARIO.replace("env:", "ready: never printed, env:");
    let text = text.replace("STATUS", "200");
    // It takes its time to end.
    let slow = APP.replace("process.exit();", "setTimeout(process.exit, 500);");
    fs::write(folder.path().join("app.js"), slow).unwrap();
    fs::write(folder.path().join("a.yaml"), text).unwrap();
    let mut run = start(folder.path(), &["run", "a.yaml"]);
    let ids_of = || fs::read_to_string(folder.path().join("ids"));
    until_blocking("the app starts", || {
        ids_of().is_ok_and(|ids| ids.lines().count() >= 2)
    });
    signal(&run, how);
    let code = run.0.wait().unwrap().code();
    assert_eq!(code, Some(i32::from(expected)));
    assert!(ids(folder.path()).iter().all(|id| !is_alive(*id)));
    assert_eq!(
        fs::read_to_string(folder.path().join("bye")).unwrap(),
        "bye\n"
    );
}

#[rstest]
#[case::passes("200", exit::PASSED)]
#[case::fails("404", exit::FAILED)]
fn nothing_of_an_app_is_left_when_a_run(#[case] status: &str, #[case] code: u8) {
    let folder = folder(status);
    let mut run = start(folder.path(), &["run", "a.yaml"]);
    assert_eq!(run.0.wait().unwrap().code(), Some(i32::from(code)));
    assert!(ids(folder.path()).iter().all(|id| !is_alive(*id)));
    ended_politely(folder.path());
}

#[rstest]
#[case::with_ctrl_c(Signal::INT)]
#[case::with_kill(Signal::KILL)]
fn nothing_of_an_app_is_left_when_a_run_is_ended_in_the_middle(#[case] how: Signal) {
    let folder = folder("404");
    let mut run = start(folder.path(), &["run", "--keep", "a.yaml"]);
    let mut told = BufReader::new(run.0.stderr.take().unwrap()).lines();
    line_of(&mut told, "Press Ctrl-C to stop it.");
    signal(&run, how);
    run.0.wait().unwrap();
    ended_politely(folder.path());
}

#[test]
fn an_app_stays_up_between_saves_until_it_is_described_otherwise() {
    let folder = folder("404");
    let file = folder.path().join("a.yaml");
    let mut run = start(folder.path(), &["run", "--watch", "a.yaml"]);
    let mut said = BufReader::new(run.0.stdout.take().unwrap()).lines();
    let mut told = BufReader::new(run.0.stderr.take().unwrap()).lines();
    line_of(&mut said, "1 scenario: 1 failed");
    line_of(&mut told, "waiting for a change");
    let passes = SCENARIO.replace("STATUS", "200");
    fs::write(&file, &passes).unwrap();
    let kept = line_of(&mut told, "`npm start` runs since ");
    assert!(kept.ends_with(" UTC, before this change"), "{kept}");
    line_of(&mut said, "1 scenario: 1 passed");
    line_of(&mut told, "waiting for a change");
    let first = ids(folder.path());
    assert_eq!(first.len(), 2);
    assert!(first.iter().all(|id| is_alive(*id)));
    fs::write(&file, passes.replace("first", "second")).unwrap();
    line_of(&mut said, "1 scenario: 1 passed");
    line_of(&mut told, "waiting for a change");
    assert!(first.iter().all(|id| !is_alive(*id)));
    assert_eq!(ids(folder.path()).len(), 4);
    signal(&run, Signal::INT);
    assert_eq!(
        run.0.wait().unwrap().code(),
        Some(i32::from(exit::INTERRUPTED))
    );
    let last = ids(folder.path());
    assert!(last.iter().all(|id| !is_alive(*id)));
}

#[test]
fn an_app_that_does_not_start_is_told_with_the_end_of_its_output() {
    let folder = folder("200");
    let text = SCENARIO.replace("run: npm start", "run: 'echo no database >&2; exit 3'");
    fs::write(folder.path().join("a.yaml"), text.replace("STATUS", "200")).unwrap();
    let worker = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/workers/pass-through");
    let output = edgeproof(
        folder.path(),
        &["run", "a.yaml", "--worker", worker.to_str().unwrap()],
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let told = "error: `echo no database >&2; exit 3` in `.` ended with exit status 3 before it was \
                ready; it printed:\n    no database\n";
    assert!(text.contains(told), "{text}");
    assert_eq!(output.status.code(), Some(i32::from(exit::HARNESS)));
}

#[test]
fn a_failure_shows_what_the_app_printed_meanwhile() {
    let folder = folder("404");
    let text = SCENARIO.replace("npm start", "'echo 1; exec node app.js'");
    fs::write(
        folder.path().join("a.yaml"),
        text.replace("env:", "start: each_scenario, env:")
            .replace("STATUS", "404"),
    )
    .unwrap();
    let worker = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/workers/pass-through");
    let arguments = [
        "run",
        "a.yaml",
        "--report",
        "html=a.html",
        "--report",
        "json=a.json",
        "--report",
        "junit=a.xml",
    ];
    let mut arguments = arguments.to_vec();
    arguments.extend(["--worker", worker.to_str().unwrap()]);
    let output = edgeproof(folder.path(), &arguments);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("printed:\n    1\n"), "{text}");
    for (report, told) in [
        ("a.html", " printed:"),
        ("a.json", "\"printed\""),
        ("a.xml", "printed:"),
    ] {
        let text = fs::read_to_string(folder.path().join(report)).unwrap();
        assert!(text.contains(told), "{text}");
    }
}
