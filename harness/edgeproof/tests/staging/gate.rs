//! What requests carry: to the hosts of the target, and to nobody else.

use std::net::SocketAddr;

use edgeproof_test_support::stub::{Seen, Stub, response};
use rstest::rstest;

use crate::world::{HOST, said, staging};

const PAGE: &str = "<!doctype html><title>Shop</title><img src='https://cdn.other.test/a.png'>\
<img src='https://production.shop.test/b.png'><p id=out></p><script>\
fetch('/api/a', { method: 'POST' }).then(() => fetch('/leave')).catch(() => 0).then(() => out.textContent = 'done')\
</script>";

/// An app that answers every request and keeps it.
fn app() -> Stub {
    Stub::in_thread(|seen| {
        Some(match seen.target() {
            // To the other host, as a link away is.
            "/leave" => response(302, &[("location", "https://cdn.other.test/left")], ""),
            _ => {
                let headers = [
                    ("content-type", "text/html"),
                    ("access-control-allow-origin", "*"),
                ];
                response(200, &headers, PAGE)
            }
        })
    })
}

/// Two hosts, each with the same app behind it.
fn given(app: SocketAddr) -> String {
    format!(
        "scenario: Two hosts\ngiven:\n  zones:\n    shop.test: {{ hosts: {{ {HOST}: {{ app: 'http://{app}' }} }} }}\n    \
         other.test: {{ hosts: {{ cdn.other.test: {{ app: 'http://{app}' }} }} }}\n"
    )
}

const TARGET: &str = "\
other_hosts: [other.test]
gate:
  headers: { x-gate-token: '${env.GATE}' }
  cookies: { preview: '${env.GATE}' }
  basic: { user: shop, password: '${env.GATE}' }
";

const BROWSER: &str = "\
scenario: A page
given:
  zones: { shop.example: { hosts: { shop.example: { site: signup } } } }
  visitors: { ann: { profile: PROFILE } }
steps:
  - visit: https://shop.example/
    expect: { status: 200, page: [{ select: '#out', text: done }] }
";

const CLIENT: &str = "\
scenario: A request
given:
  zones: { shop.example: { hosts: { shop.example: { site: signup } } } }
steps:
  - request: { url: 'https://shop.example/', headers: { cookie: a=b } }
    expect: { status: 200 }
";

#[rstest]
#[case::chromium("chromium", &BROWSER.replace("PROFILE", "regular"))]
#[case::chromium_in_a_private_window("chromium", &BROWSER.replace("PROFILE", "incognito"))]
#[case::firefox("firefox", &BROWSER.replace("PROFILE", "regular"))]
#[case::without_a_browser("chromium", CLIENT)]
fn the_hosts_of_the_target_get_the_gate_and_the_run_and_no_other_host_does(
    #[case] engine: &str,
    #[case] scenario: &str,
) {
    let app = app();
    let mut staging = staging(&given(app.address));
    staging
        .exports
        .insert("GATE".to_owned(), "open-sesame-1".to_owned());
    let target = staging.target(TARGET);
    let text = std::fs::read_to_string(&target).unwrap();
    let at = format!(
        "'{}', cdn.other.test: '{}' }}",
        staging.address, staging.address
    );
    std::fs::write(
        &target,
        text.replacen(&format!("'{}' }}", staging.address), &at, 1),
    )
    .unwrap();
    staging.write("a.yaml", scenario);
    let arguments = [
        "run",
        "a.yaml",
        "--engine",
        engine,
        "--target",
        "target.yaml",
        "--i-may-test",
        HOST,
    ];
    let output = staging.run(&[arguments.as_slice(), &["--report", "json=there.json"]].concat());
    let text = said(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    let run = text.split(", run ").nth(1).unwrap();
    let run = run.lines().next().unwrap();
    let heads: Vec<String> = app.seen().iter().map(Seen::head).collect();
    let host = |head: &&String, name: &str| head.contains(&format!("\nhost: {name}"));
    let (site, other): (Vec<&String>, Vec<&String>) =
        heads.iter().partition(|head| host(head, HOST));
    assert!(!site.is_empty());
    for head in site {
        for wanted in [
            format!("x-edgeproof-run: {run}"),
            "x-gate-token: open-sesame-1".to_owned(),
            "preview=open-sesame-1".to_owned(),
            "authorization: basic c2hvcdpvcgvulxnlc2ftzs0x".to_owned(),
        ] {
            assert!(head.contains(&wanted), "{wanted}\n{head}");
        }
    }
    if scenario.contains("visit") {
        let left = other
            .iter()
            .filter(|head| head.contains("/left") || head.contains("/a.png"));
        assert_eq!(left.count(), 2, "{other:?}");
    }
    for head in other {
        assert!(
            !head.contains("open-sesame-1") && !head.contains("x-edgeproof-run"),
            "{head}"
        );
    }
    assert!(!text.contains("open-sesame-1"), "{text}");
    let report = std::fs::read_to_string(staging.folder.path().join("there.json")).unwrap();
    assert!(!report.contains("open-sesame-1"));
    assert!(!report.to_lowercase().contains("c2hvcdpvcgvulxnlc2ftzs0x"));
}
