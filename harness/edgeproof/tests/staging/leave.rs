//! Steps that may change something, and browsers that are shown.

use std::{
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    process::{Command, Stdio},
};

use edgeproof_ground::tools::{self, Tool};
use edgeproof_run::exit;
use rstest::rstest;

use crate::world::{AT_TARGET, GIVEN, HOST, Staging, ZONES, said, staging};

const CHANGES: &str =
    "steps: [{ request: POST https://shop.example/api/login, expect: { status: 200 } }]\n";

/// Runs it at a terminal of its own (`script` of util-linux) at which this is typed.
fn at_terminal(staging: &Staging, typed: &str) -> (Option<i32>, String) {
    let command = format!(
        "{} run a.yaml --target target.yaml --i-may-test {HOST}",
        env!("CARGO_BIN_EXE_edgeproof")
    );
    let mut child = Command::new("script")
        .args(["-qefc", &command, "/dev/null"])
        .current_dir(staging.folder.path())
        .envs(&staging.exports)
        .env("NO_COLOR", "1")
        .env("SHELL", "/bin/sh")
        .env_remove("CI")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut terminal = child.stdin.take().unwrap();
    terminal.write_all(typed.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    drop(terminal);
    (output.status.code(), said(&output))
}

#[rstest]
#[case::yes("yes\n", exit::PASSED, "1 passed")]
#[case::anything_else("y\n", exit::NOTHING, "step 1 may change something at the target")]
fn what_may_change_something_runs_once_yes_is_typed(
    #[case] typed: &str,
    #[case] expected: u8,
    #[case] shown: &str,
) {
    let staging = staging(GIVEN);
    staging.target("");
    staging.write(
        "a.yaml",
        &format!("scenario: A login\ngiven:\n{ZONES}{CHANGES}"),
    );
    let (code, text) = at_terminal(&staging, typed);
    let asked = format!("These may change something at {HOST}:");
    assert!(text.contains(&asked), "{text}");
    assert!(text.contains("Type `yes` to run them too:"), "{text}");
    assert!(text.contains(shown), "{text}");
    assert_eq!(code, Some(i32::from(expected)), "{text}");
}

/// A machine without a display has no window to show, so the browser here is one that writes its arguments down and shows none.
#[test]
fn a_browser_at_the_site_is_shown_and_the_report_is_a_page() {
    let staging = staging(GIVEN);
    staging.target("");
    let page = "steps: [{ visit: https://shop.example/login, expect: { status: 200 } }]\n";
    let visitors = "  visitors: { ann: { profile: regular } }\n";
    staging.write(
        "a.yaml",
        &format!("scenario: A page\ngiven:\n{ZONES}{visitors}{page}"),
    );
    let chromium = tools::find(Tool::Chromium).unwrap();
    let arguments = staging.folder.path().join("arguments");
    let program = format!(
        "#!/bin/sh\necho \"$@\" >> '{}'\nexec '{}' --headless=new \"$@\"\n",
        arguments.display(),
        chromium.display()
    );
    let path = staging.write("chromium", &program);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_edgeproof"))
        .args(AT_TARGET)
        .args(["--headed", "--report", "html=there.html"])
        .current_dir(staging.folder.path())
        .envs(&staging.exports)
        .env("EDGEPROOF_CHROMIUM", &path)
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let arguments = fs::read_to_string(arguments).unwrap();
    assert!(!arguments.contains("--headless"), "{arguments}");
    let report = fs::read_to_string(staging.folder.path().join("there.html")).unwrap();
    assert!(
        report.contains("A page") && report.contains("</html>"),
        "{report}"
    );
}
