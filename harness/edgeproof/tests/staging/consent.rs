//! Without both consents nothing is sent: not to the site, and not to an API.

use std::{
    io::{ErrorKind, Write},
    net::TcpListener,
    process::{Command, Stdio},
};

use edgeproof_run::exit;
use rstest::rstest;

use crate::world::ZONES;

/// Counts the connections that wait.
fn waiting(listener: &TcpListener) -> usize {
    listener.set_nonblocking(true).unwrap();
    let mut count = 0;
    loop {
        match listener.accept() {
            Ok(_) => count += 1,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return count,
            Err(error) => panic!("{error}"),
        }
    }
}

#[rstest]
#[case::without_a_word(&["run", "a.yaml", "--target", "t.yaml"], exit::USAGE, "`t.yaml` leads to staging.shop.test", 0)]
#[case::for_another_host(&["run", "a.yaml", "--target", "t.yaml", "--i-may-test", "shop.test"], exit::USAGE, "does not name shop.test", 0)]
#[case::before_a_run(&["check", "a.yaml", "--target", "t.yaml"], exit::PASSED, "seen: status of step 1", 0)]
#[case::with_both(&["run", "a.yaml", "--target", "t.yaml", "--i-may-test", "staging.shop.test"], exit::FAILED, "expected a response to GET https://staging.shop.test/", 1)]
fn nothing_is_sent_without_both_consents(
    #[case] arguments: &[&str],
    #[case] code: u8,
    #[case] expected: &str,
    #[case] connections: usize,
) {
    let folder = tempfile::tempdir().unwrap();
    let site = TcpListener::bind("127.0.0.1:0").unwrap();
    let api = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = site.local_addr().unwrap();
    let base = format!("http://{}", api.local_addr().unwrap());
    let target = format!(
        "hosts: {{ shop.example: staging.shop.test }}\nresolve: {{ staging.shop.test: '{address}' }}\n\
         fingerprint: {{ server_api_key: '${{env.KEY}}', base_url: '{base}' }}\n"
    );
    std::fs::write(folder.path().join("t.yaml"), target).unwrap();
    let steps =
        "steps: [{ request: GET https://shop.example/, timeout: 1s, expect: { status: 200 } }]\n";
    let scenario = format!("scenario: A page\ngiven:\n{ZONES}{steps}");
    std::fs::write(folder.path().join("a.yaml"), scenario).unwrap();
    // Whoever connects is cut, so that nobody waits.
    let cut = site.try_clone().unwrap();
    let (sender, cut_off) = std::sync::mpsc::channel();
    if connections > 0 {
        std::thread::spawn(move || {
            let (mut stream, _) = cut.accept().unwrap();
            let _ = stream.write_all(b"no TLS");
            sender.send(()).unwrap();
        });
    }
    let output = Command::new(env!("CARGO_BIN_EXE_edgeproof"))
        .args(arguments)
        .current_dir(folder.path())
        .env("KEY", "key-of-nobody")
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = crate::world::said(&output);
    assert_eq!(output.status.code(), Some(i32::from(code)), "{text}");
    assert!(text.contains(expected), "{text}");
    assert!(!text.contains("key-of-nobody"), "{text}");
    let came = cut_off.try_iter().count() + waiting(&site);
    assert_eq!((came, waiting(&api)), (connections, 0), "{text}");
}
