//! `edgeproof up` while nobody reads what it prints: a pager that waits, a terminal after Ctrl-S.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::Command,
};

use edgeproof_run::exit;
use edgeproof_test_support::wait::until_blocking;

use crate::{interrupt, line_of, start};

/// More for each visit than a pipe has room for.
const WORKER: &str = "export default { fetch() {
    for (let i = 0; i < 20; i++) console.log('x'.repeat(10000));
    return new Response('said');
} };";

const SCENARIO: &str = "\
scenario: A worker that says much
given:
  zones: { shop.example: { hosts: { shop.example: { site: signup } } } }
  deployments: { flow: { worker: worker.js, routes: [shop.example/*] } }
";

#[test]
fn a_rig_goes_on_and_ends_with_ctrl_c_though_nobody_reads_what_it_prints() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("worker.js"), WORKER).unwrap();
    fs::write(folder.path().join("a.yaml"), SCENARIO).unwrap();
    let mut up = start(folder.path(), &["up", "a.yaml"]);
    // It stays open to the end.
    let mut lines = BufReader::new(up.0.stdout.take().unwrap()).lines();
    let curl = line_of(&mut lines, "curl --cacert");
    line_of(&mut lines, "Press Ctrl-C to stop it.");
    let curl = format!("{} --silent --fail --max-time 20", curl.trim());
    for _ in 0..3 {
        let response = Command::new("sh").args(["-c", &curl]).output().unwrap();
        assert_eq!(response.stdout, b"said");
    }
    interrupt(&up);
    let mut code = None;
    until_blocking("it ends", || {
        code = up.0.try_wait().unwrap();
        code.is_some()
    });
    assert_eq!(code.unwrap().code(), Some(i32::from(exit::PASSED)));
}
