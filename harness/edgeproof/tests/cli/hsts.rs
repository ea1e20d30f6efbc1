//! HTTP Strict Transport Security, which a browser keeps beyond a visit if nobody makes it forget.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use edgeproof_run::exit;
use rstest::rstest;

use crate::{Running, edgeproof};

/// An application that demands HTTPS from now on, and shows how it was asked for.
const APP: &str = r#"
const server = require("node:http").createServer((request, response) => {
  response.setHeader("content-type", "text/html");
  response.setHeader("strict-transport-security", "max-age=31536000; includeSubDomains");
  response.end("<!doctype html><title>Shop</title><p>" + request.headers["x-forwarded-proto"] + "</p>");
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
"#;

/// Visits these URLs, each with the scheme that the application then sees.
fn scenario(engine: &str, port: &str, visits: &[(&str, &str)]) -> String {
    let visits = visits.iter().map(|(url, scheme)| {
        format!("  - visit: {url}\n    expect: {{ page: [{{ select: p, text: {scheme} }}] }}\n")
    });
    format!(
        "scenario: HSTS\ngiven:\n  zones: {{ shop.example: {{ hosts: {{ shop.example: {{ app: 'http://127.0.0.1:{port}' }} }} }} }}\n  \
         visitors: {{ ann: {{ profile: regular, engine: {engine} }} }}\nsteps:\n{}",
        visits.collect::<String>()
    )
}

#[rstest]
#[case::chromium("chromium")]
#[case::firefox("firefox")]
fn hsts_holds_for_the_visitor_who_heard_it_and_for_no_other(#[case] engine: &str) {
    let mut node = Command::new("node")
        .args(["--eval", APP])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut port = String::new();
    let said = node.stdout.take().unwrap();
    let _node = Running(node);
    BufReader::new(said).read_line(&mut port).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (plain, secure) = ("http://shop.example/", "https://shop.example/");
    let files: [(&str, &[(&str, &str)]); 2] = [
        (
            "a.yaml",
            &[(plain, "http"), (secure, "https"), (plain, "https")],
        ),
        // The same browser, lent to another visitor.
        ("b.yaml", &[(plain, "http")]),
    ];
    for (name, visits) in files {
        let text = scenario(engine, port.trim(), visits);
        fs::write(folder.path().join(name), text).unwrap();
    }
    let run = edgeproof(folder.path(), &["run", "a.yaml", "b.yaml", "--jobs", "1"]);
    let said = String::from_utf8_lossy(&run.stdout);
    assert_eq!(
        run.status.code(),
        Some(i32::from(exit::PASSED)),
        "{said}{}",
        String::from_utf8_lossy(&run.stderr)
    );
}
