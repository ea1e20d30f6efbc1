//! `edgeproof new` against an application that runs: what it writes passes at once.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use edgeproof_run::exit;
use rstest::rstest;

use crate::{Running, edgeproof};

/// An application that compresses for anyone who accepts it, on a port of the kernel's choice, which it prints.
const APP: &str = r#"
const http = require("node:http");
const zlib = require("node:zlib");
const coders = { br: zlib.createBrotliCompress, gzip: zlib.createGzip, deflate: zlib.createDeflate };
const page = `<!doctype html><html><head><title>Sign up</title></head><body>${"text ".repeat(500)}</body></html>`;
const server = http.createServer((request, response) => {
  const accepted = request.headers["accept-encoding"] ?? "";
  const coding = process.argv[1].split(",").find((name) => accepted.includes(name));
  response.setHeader("content-type", "text/html; charset=utf-8");
  response.setHeader("vary", "Accept-Encoding");
  if (!coding) return response.end(page);
  response.setHeader("content-encoding", coding);
  const coder = coders[coding]();
  coder.pipe(response);
  coder.end(page);
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
"#;

#[rstest]
#[case::as_most_middleware("br,gzip")]
#[case::gzip("gzip")]
fn what_is_written_for_an_application_that_compresses_passes_at_once(#[case] codings: &str) {
    let mut node = Command::new("node")
        .args(["--eval", APP, codings])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut port = String::new();
    let said = node.stdout.take().unwrap();
    let _node = Running(node);
    BufReader::new(said).read_line(&mut port).unwrap();
    let app = format!("http://127.0.0.1:{}", port.trim());
    let folder = tempfile::tempdir().unwrap();
    let new = [
        "new",
        "https://shop.example/signup",
        "POST /api/create-account",
        "--app",
        &app,
        "--out",
        "first.yaml",
    ];
    let written = edgeproof(folder.path(), &new);
    assert_eq!(written.status.code(), Some(i32::from(exit::PASSED)));
    let run = edgeproof(folder.path(), &["run", "first.yaml"]);
    let said = String::from_utf8_lossy(&run.stdout);
    let told = String::from_utf8_lossy(&run.stderr);
    assert_eq!(
        run.status.code(),
        Some(i32::from(exit::PASSED)),
        "{said}\n{told}"
    );
}
