//! A command that is told to end, as CI systems and supervisors do: it says so, and nothing that it started is left.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    net::TcpListener,
};

use edgeproof_run::exit;
use edgeproof_test_support::wait::{until_blocking, until_dead};
use rstest::rstest;
use rustix::process::Signal;

use crate::{FORWARDED, line_of, signal, start};

/// The processes that this one has started and not seen the end of, each with its name.
fn children(of: u32) -> Vec<(u32, String)> {
    let all = fs::read_dir("/proc").unwrap().flatten();
    let ids = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let child = |id: u32| {
        let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
        let name = status.lines().next()?.strip_prefix("Name:\t")?.to_owned();
        let is_child = status.contains(&format!("\nPPid:\t{of}\n"));
        is_child.then_some((id, name))
    };
    ids.filter_map(child).collect()
}

#[rstest]
#[case::of_a_run("run", &["run", "a.yaml", "hangs.yaml", "--jobs", "1"])]
#[case::of_claims("conform", &["conform"])]
#[case::of_measurements("bench", &["bench", "--short", "--filter", "page_1_kb"])]
fn an_order_to_end_is_said_and_leaves_nothing(#[case] command: &str, #[case] arguments: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    // It takes connections and never responds.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let app = format!("app: 'http://{}'", silent.local_addr().unwrap());
    for (name, text) in [
        ("a.yaml", FORWARDED.to_owned()),
        ("hangs.yaml", FORWARDED.replace("site: signup", &app)),
    ] {
        fs::write(folder.path().join(name), text.replace("STATUS", "200")).unwrap();
    }
    let mut running = start(folder.path(), arguments);
    let mut said = BufReader::new(running.0.stdout.take().unwrap()).lines();
    if command == "run" {
        line_of(&mut said, "✓ A page is forwarded  a ");
        silent.accept().unwrap();
    }
    let mut started = Vec::new();
    until_blocking("a runtime runs", || {
        started = children(running.0.id());
        started.iter().any(|(_, name)| name == "workerd")
    });
    signal(&running, Signal::TERM);
    let mut told = String::new();
    let mut err = running.0.stderr.take().unwrap();
    err.read_to_string(&mut told).unwrap();
    let code = running.0.wait().unwrap().code();
    assert_eq!(code, Some(i32::from(exit::TERMINATED)), "{told}");
    let last = told.lines().last();
    assert_eq!(
        last,
        Some("edgeproof: ended by SIGTERM before it was done"),
        "{told}"
    );
    until_dead(&started.into_iter().map(|(id, _)| id).collect::<Vec<_>>());
}
