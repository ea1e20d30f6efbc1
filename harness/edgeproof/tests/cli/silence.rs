//! What a log is told of a run that has nothing to tell for long.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::TcpListener,
};

use crate::{FORWARDED, line_of, start};

#[test]
fn a_log_says_now_and_then_how_far_a_run_is() {
    let folder = tempfile::tempdir().unwrap();
    // It takes connections and never responds.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let app = format!("app: 'http://{}'", silent.local_addr().unwrap());
    let scenario = FORWARDED.replace("STATUS", "200");
    let hangs = scenario.replace("site: signup", &app);
    let hangs = hangs.replace("expect:", "timeout: 50s\n    expect:");
    for (name, text) in [("hangs.yaml", hangs), ("passes.yaml", scenario)] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let mut run = start(folder.path(), &["run", "hangs.yaml", "passes.yaml"]);
    let mut told = BufReader::new(run.0.stderr.take().unwrap()).lines();
    line_of(&mut told, "1/2 hangs");
}
