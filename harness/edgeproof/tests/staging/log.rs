//! What the worker of the site logs and throws, read through its tail.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
};

use edgeproof_run::exit;
use rstest::rstest;

use crate::world::{AT_TARGET, HOST, Staging, ZONES, said, staging};

/// A worker that logs, before and after its response, and throws.
const TALKER: &str = "export default { async fetch(request, env, context) {
  const path = new URL(request.url).pathname;
  console.log('saw', path);
  if (path === '/throws') throw new TypeError('no luck');
  context.waitUntil(scheduler.wait(200).then(() => console.log('and later', path)));
  return fetch(request);
} };";

/// A site whose worker is that one, and the folder with the worker's code.
fn site() -> (Staging, tempfile::TempDir) {
    let code = tempfile::tempdir().unwrap();
    fs::write(code.path().join("index.js"), TALKER).unwrap();
    let given = format!(
        "scenario: Staging\ngiven:\n  zones: {{ {HOST}: {{ hosts: {{ {HOST}: {{ site: signup }} }} }} }}\n  \
         cloudflare: {{ workers: {{ talker: {{ worker: '{}', routes: ['{HOST}/*'] }} }} }}\n",
        code.path().display()
    );
    (staging(&given), code)
}

/// The lines of a target file that say how the log is looked up.
fn tail(staging: &Staging) -> String {
    let api = &staging.exports["CLOUDFLARE_API_BASE_URL"];
    format!(
        "cloudflare: {{ api_token: '${{env.CLOUDFLARE_API_TOKEN}}', base_url: '{api}', worker: talker }}\n"
    )
}

fn scenario(steps: &str) -> String {
    format!(
        "scenario: The log\ngiven:\n{ZONES}  visitors: {{ ann: {{}}, ben: {{ profile: regular }} }}\nsteps:\n{steps}"
    )
}

const HELD: &str = "
  - request: GET https://shop.example/login
    as: ann
    expect: { status: 200, worker: { log: [{ equals: saw /login }, { equals: and later /login }] } }
  - request: GET https://shop.example/throws
    as: ann
    expect: { status: 500, worker: { log: [{ contains: 'Uncaught TypeError: no luck' }] } }
";

const IN_BROWSER: &str = "
  - visit: https://shop.example/login
    as: ben
    expect: { status: 200, worker: { log: [{ equals: saw /login }] } }
";

const NOT_HELD: &str = "
  - request: GET https://shop.example/login
    as: ann
    expect: { status: 200, worker: { whole_log: { contains: good bye } } }
";

fn run(staging: &Staging, more: &[&str]) -> (Option<i32>, String) {
    let output = staging.run(&[AT_TARGET.as_slice(), more].concat());
    (output.status.code(), said(&output))
}

/// What the API says of the tails of the worker.
fn tails(staging: &Staging) -> String {
    let (base, token) = (
        &staging.exports["CLOUDFLARE_API_BASE_URL"],
        &staging.exports["CLOUDFLARE_API_TOKEN"],
    );
    let account = &staging.exports["CLOUDFLARE_ACCOUNT_ID"];
    let (host, path) = base
        .strip_prefix("http://")
        .unwrap()
        .split_once('/')
        .unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    write!(
        stream,
        "GET /{path}/accounts/{account}/workers/scripts/talker/tails HTTP/1.1\r\nhost: {host}\r\n\
         authorization: Bearer {token}\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response.split_once("\r\n\r\n").unwrap().1.to_owned()
}

#[rstest]
#[case::of_a_client(HELD, &[], exit::PASSED, "1 passed")]
#[case::in_chromium(IN_BROWSER, &["--engine", "chromium"], exit::PASSED, "1 passed")]
#[case::in_firefox(IN_BROWSER, &["--engine", "firefox"], exit::PASSED, "1 passed")]
#[case::that_does_not_hold(NOT_HELD, &[], exit::FAILED, "to contain `good bye`, got `saw /login")]
fn the_log_of_the_worker_is_looked_up_and_its_tail_ends_with_the_case(
    #[case] steps: &str,
    #[case] more: &[&str],
    #[case] expected: u8,
    #[case] shown: &str,
) {
    let (staging, _code) = site();
    staging.target(&tail(&staging));
    staging.write("a.yaml", &scenario(steps));
    let (code, text) = run(&staging, more);
    assert_eq!(code, Some(i32::from(expected)), "{text}");
    let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat(&text).contains(&flat(shown)), "{text}");
    assert!(
        tails(&staging).contains("\"result\":[]"),
        "{}",
        tails(&staging)
    );
}

#[test]
fn the_log_is_not_observable_without_a_token() {
    let (staging, _code) = site();
    staging.target("");
    staging.write("a.yaml", &scenario(HELD));
    let (code, text) = run(&staging, &[]);
    assert_eq!(code, Some(i32::from(exit::PASSED)), "{text}");
    let expected = "worker.log of step 1, worker.log of step 2";
    assert!(text.contains(expected), "{text}");
}

#[test]
fn a_tail_that_is_refused_is_no_verdict() {
    let (staging, _code) = site();
    staging.target(&tail(&staging).replace("worker: talker", "worker: nobody"));
    staging.write("a.yaml", &scenario(HELD));
    let (code, text) = run(&staging, &[]);
    assert_eq!(code, Some(i32::from(exit::HARNESS)), "{text}");
    assert!(text.contains("This Worker does not exist"), "{text}");
}
