//! The viewer in a real browser: the report of a finished run, the page of one that is
//! under way, and the console of a running rig. The tests themselves are
//! in `harness/report/viewer/tests`, in the language of what they look at.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::process::Command;

use edgeproof_ground::tools;
use rstest::rstest;

#[rstest]
#[case::report("report")]
#[case::console("console")]
#[case::ui("ui")]
#[case::foreign("foreign")]
fn the_viewer_does_what_its_tests_say(#[case] name: &str) {
    let tests = tools::home().join("harness/report/viewer/tests");
    let output = Command::new("node")
        .args(["--test", "--test-reporter=spec"])
        .arg(tests.join(format!("{name}.test.mjs")))
        .env("EDGEPROOF", env!("CARGO_BIN_EXE_edgeproof"))
        .current_dir(tools::home())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
}
