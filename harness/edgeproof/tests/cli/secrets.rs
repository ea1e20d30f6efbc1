//! What is secret is in no output, wherever a run meets it.

use std::{
    fs,
    process::{Command, Output},
};

use edgeproof_run::exit;
use edgeproof_test_support::stub::{Stub, response};

/// A secret that a test plants, by a number that makes it one of its own.
fn planted(number: usize) -> String {
    format!("planted-{number:02}-0a1b2c3d")
}

/// Headers of the request, all secret by their name.
const HEADERS: [&str; 16] = [
    "x-api-key",
    "apikey",
    "x-auth-token",
    "x-auth",
    "x-csrf-token",
    "x-xsrf-token",
    "cf-access-jwt-assertion",
    "x-amz-security-token",
    "x-session-id",
    "x-access-key",
    "x-signature",
    "x-client-secret",
    "x-password",
    "x-credential",
    "fp-data",
    "x-goog-iap-jwt",
];

/// Query parameters.
const PARAMETERS: [&str; 10] = [
    "api_key",
    "token",
    "access_token",
    "id_token",
    "client_secret",
    "sig",
    "signature",
    "session_id",
    "password",
    "assertion",
];

/// Members of the body.
const MEMBERS: [&str; 6] = [
    "password",
    "csrfToken",
    "refreshToken",
    "apiKey",
    "credentials",
    "privateKey",
];

/// Logs all it is given.
const WORKER: &str = "\
export default { async fetch(request, env) {
  const body = await request.clone().text();
  console.log(JSON.stringify([...request.headers]), body, JSON.stringify(env));
  console.log('plain', [...request.headers.values()].join(' '), Object.values(env).join(' '));
  return fetch(request);
} };
";

/// An app that answers everything with secrets of its own, and repeats the credentials of the request; its control
/// characters are for terminals.
fn app(own: &[String]) -> u16 {
    let [token, cookie, header, agent, secret, csrf, url] = own else {
        panic!("seven secrets of its own")
    };
    let body = format!(
        "{{\"access_token\":\"{token}\",\"pad\":\"{}\",\"clientSecret\":\"{secret}\",\"again\":\"AGAIN\",\
         \"html\":\"<input name='csrf_token' value='{csrf}'>\",\"e\":\"\u{1b}]0;PWNED\u{7}\u{9b}31m\u{fffe}\"}}",
        "y".repeat(100)
    );
    let headers = [
        ("content-type", "application/json".to_owned()),
        ("set-cookie", format!("id={cookie}; Path=/")),
        ("x-auth-token", header.clone()),
        ("fp-agent-data", agent.clone()),
        ("x-next", format!("https://shop.example/cb?token={url}")),
    ];
    let stub = Stub::in_thread(move |seen| {
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let again = seen.header("authorization").unwrap_or_default();
        Some(response(200, &headers, body.replace("AGAIN", again)))
    });
    stub.address.port()
}

fn scenario(port: u16, mut next: impl FnMut() -> String) -> String {
    let headers = HEADERS.map(|name| format!("{name}: {}", next())).join(", ");
    let parameters = PARAMETERS
        .map(|name| format!("{name}={}", next()))
        .join("&");
    let members = MEMBERS.map(|name| format!("{name}: {}", next())).join(", ");
    format!(
        "scenario: Secrets\n\
         allow: [nothing-protected, unrouted]\n\
         given:\n  \
           zones: {{ shop.example: {{ hosts: {{ shop.example: {{ app: \"http://127.0.0.1:{port}\" }} }} }} }}\n  \
           deployments:\n    \
             pass: {{ routes: [\"shop.example/*\"], variables: {{ UPSTREAM_TOKEN: {}, GREETING: {}, DATABASE: \"postgres://shop:{}@db/shop\" }} }}\n  \
           visitors: {{ bot: {{ headers: {{ x-session-token: {} }} }} }}\n\
         steps:\n  \
           - request:\n      \
               method: POST\n      \
               url: \"https://shop.example/x?{parameters}\"\n      \
               headers: {{ {headers}, authorization: \"Bearer {}\", cookie: \"sid={}; theme=dark\" }}\n      \
               body: {{ json: {{ {members} }} }}\n    \
             expect: {{ status: 299, body: nope, headers: {{ x-auth-token: nope, x-next: nope }}, worker: {{ log: [nope] }} }}\n",
        next(),
        next(),
        next(),
        next(),
        next(),
        next(),
    )
}

fn run(folder: &std::path::Path, env: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_edgeproof"))
        .args(["run", "a.yaml", "--worker", "worker"])
        .args(
            ["junit", "json", "html", "tap"]
                .map(|format| format!("--report={format}=report.{format}")),
        )
        .current_dir(folder)
        .env("STRIPE_KEY", env)
        .env("NO_COLOR", "1")
        .output()
        .unwrap()
}

#[test]
fn no_output_has_a_secret_or_a_control_character() {
    let mut number = 0;
    let mut next = || {
        number += 1;
        planted(number)
    };
    let own: Vec<String> = (0..7).map(|_| next()).collect();
    let env = next();
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("worker")).unwrap();
    fs::write(folder.path().join("worker/index.js"), WORKER).unwrap();
    let text = scenario(app(&own), &mut next);
    fs::write(folder.path().join("a.yaml"), text).unwrap();
    assert!(number >= 40, "{number}");

    let output = run(folder.path(), &env);
    assert_eq!(output.status.code(), Some(i32::from(exit::FAILED)));
    let mut outputs = vec![
        ("stdout", String::from_utf8(output.stdout).unwrap()),
        ("stderr", String::from_utf8(output.stderr).unwrap()),
    ];
    for format in ["junit", "json", "html", "tap"] {
        let report = fs::read_to_string(folder.path().join(format!("report.{format}")));
        outputs.push((format, report.unwrap()));
    }
    for (name, text) in &outputs {
        // A long line may be broken, but not in the middle of a word.
        let shown: Vec<String> = (1..=number)
            .map(planted)
            .filter(|secret| text.contains(&secret[..10]))
            .collect();
        assert!(shown.is_empty(), "{name} shows {shown:?}:\n{text}");
        let is_odd = |character: char| {
            (character.is_control() && character != '\n' && character != '\t')
                || character == '\u{fffe}'
        };
        assert!(!text.contains(is_odd), "{name}:\n{text:?}");
    }
    assert!(outputs[0].1.contains("[redacted]"), "{}", outputs[0].1);
}
