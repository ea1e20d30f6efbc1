//! `up --inspect`: DevTools look into the workers.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::Command,
};

use edgeproof_ground::tools;

use crate::{interrupt, line_of, start};

#[test]
fn the_inspector_of_a_rig_that_is_up_lists_its_worker() {
    let folder = tempfile::tempdir().unwrap();
    let worker = tools::home().join("fixtures/workers/pass-through");
    let scenario = format!(
        "scenario: A worker\ngiven:\n  zones: {{ shop.example: {{ hosts: {{ shop.example: {{ site: signup }} }} }} }}\n  \
         deployments: {{ flow: {{ worker: '{}', routes: ['shop.example/*'] }} }}\n",
        worker.display()
    );
    fs::write(folder.path().join("a.yaml"), scenario).unwrap();
    let mut up = start(folder.path(), &["up", "a.yaml", "--inspect"]);
    let mut lines = BufReader::new(up.0.stderr.take().unwrap()).lines();
    let told = line_of(&mut lines, "DevTools for the workers");
    let (_, address) = told.trim().trim_end_matches(':').rsplit_once(' ').unwrap();
    let listed = Command::new("curl")
        .args(["--silent", "--max-time", "20"])
        .arg(format!("http://{address}/json"))
        .output()
        .unwrap();
    let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
    let targets = listed.as_array().unwrap().iter();
    let socket = format!("ws://{address}/flow");
    let mut sockets = targets.map(|target| &target["webSocketDebuggerUrl"]);
    assert!(sockets.any(|found| *found == socket), "{listed}");
    interrupt(&up);
    up.0.wait().unwrap();
}
