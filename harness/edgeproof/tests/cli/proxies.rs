//! The machine's proxies: browsers of scenarios know nothing of them, and `edgeproof deploy` goes through them.

use std::{fs, io::ErrorKind, net::TcpListener, process::Command};

use edgeproof_ground::tools;
use edgeproof_run::exit;

const SCENARIO: &str = "\
scenario: A browser reaches the rig, and nobody else
given:
  zones: { shop.example: { hosts: { shop.example: { site: signup } } } }
  visitors: { ann: { profile: regular } }
steps:
  - visit: https://shop.example/signup
    as: ann
    expect: { status: 200 }
";

#[test]
fn a_browser_of_a_scenario_asks_no_proxy_of_the_machine() {
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    proxy.set_nonblocking(true).unwrap();
    let address = format!("http://{}", proxy.local_addr().unwrap());
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("visit.yaml"), SCENARIO).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_edgeproof"));
    command
        .args(["run", "visit.yaml", "--worker"])
        .arg(tools::home().join("fixtures/workers/pass-through"))
        .current_dir(folder.path());
    for name in ["http_proxy", "https_proxy", "all_proxy"] {
        command.env(name, &address);
        command.env(name.to_uppercase(), &address);
    }
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(
        output.status.code(),
        Some(i32::from(exit::PASSED)),
        "{text}"
    );
    let asked = proxy.accept().map_err(|error| error.kind());
    assert!(matches!(asked, Err(ErrorKind::WouldBlock)), "{asked:?}");
}
