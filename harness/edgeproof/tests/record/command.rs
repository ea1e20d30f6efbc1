//! `edgeproof record`: a program acts in the browser, as Playwright does.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use rstest::rstest;

use super::{Running, edgeproof, node, pass_through, run, shop};

/// What a person would do, and then the page is closed.
const SIGN_UP: &str = r##"
const { chromium } = require("playwright-core");
(async () => {
  const browser = await chromium.connectOverCDP(process.argv[1]);
  const page = browser.contexts()[0].pages().find((page) => page.url().startsWith("https://"));
  await page.getByRole("link", { name: "Create an account" }).click();
  await page.waitForURL("**/signup");
  await page.getByLabel("E-mail").fill("bea@shop.example");
  await page.getByLabel("Password").fill("correct-horse-9");
  const response = page.waitForResponse("**/api/create-account");
  await page.getByRole("button", { name: "Create account" }).click();
  await (await response).finished();
  await page.locator("#outcome[data-status]").waitFor();
  await page.reload();
  await page.close();
  process.exit(0);
})().catch((error) => { console.error(error); process.exit(1); });
"##;

#[rstest]
#[case::blocked_by_a_rule(true, "status: 451", "type: block, rule_expression: vpn")]
#[case::allowed(false, "status: 201", "type: allow")]
fn what_one_does_passes_at_once_and_fails_where_nothing_protects(
    #[case] vpn: bool,
    #[case] status: &str,
    #[case] rule: &str,
) {
    let (folder, _) = shop(vpn);
    let arguments = [
        "record",
        "https://shop.example/",
        "--given",
        "shop.yaml",
        "--headless",
        "--out",
        "recorded.yaml",
    ];
    let child = Command::new(env!("CARGO_BIN_EXE_edgeproof"))
        .args(arguments)
        .current_dir(folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut recording = Running(child);
    let lines = BufReader::new(recording.0.stderr.take().unwrap()).lines();
    let mut said = Vec::new();
    let mut addresses = lines.filter_map(|line| {
        said.push(line.unwrap());
        let (_, address) = said.last()?.split_once("the browser at ")?;
        Some(address.to_owned())
    });
    let address = addresses.next();
    let address = address.unwrap_or_else(|| panic!("{said:?}"));
    let acted = node(SIGN_UP, &[&address]);
    assert!(acted.status.success(), "{acted:?}");
    assert_eq!(recording.0.wait().unwrap().code(), Some(0));

    let text = fs::read_to_string(folder.path().join("recorded.yaml")).unwrap();
    assert!(!text.contains("correct-horse-9"), "{text}");
    for expected in [
        r##"click: "#create""##,
        "call: POST /api/create-account",
        "  - visit: https://shop.example/signup\n",
        "${env.PASSWORD}",
        "wait: { for: agent }",
        "fp-data: { present: true }",
        status,
        rule,
    ] {
        assert!(text.contains(expected), "{expected} is not in\n{text}");
    }
    // The page that was loaded again was asked for by nobody's click.
    assert!(!text.contains("wait: GET"), "{text}");
    let password = [("PASSWORD", "correct-horse-9")];
    let (code, said) = run(folder.path(), &["recorded.yaml"], &password);
    assert_eq!(code, Some(0), "{said}\n{text}");
    let unprotected = ["recorded.yaml", "--worker", &pass_through()];
    let (code, said) = run(folder.path(), &unprotected, &password);
    assert_eq!(code, Some(1), "{said}\n{text}");
}

#[rstest]
#[case::no_display(&["record", "https://shop.example/"], "there is no display to show a browser on")]
#[case::elsewhere(&["record", "--given", "shop.yaml", "--headless", "--out", "x/a.yaml"], "is not in the folder of")]
#[case::there_already(&["record", "--given", "shop.yaml", "--headless", "--out", "shop.yaml"], "already exists")]
#[case::matrix(&["record", "--given", "matrix.yaml", "--headless"], "matrix.yaml:3:1")]
#[case::nobody(&["record", "--given", "http.yaml", "--headless"], "comes with a browser")]
#[case::no_zone(&["record", "http://localhost:3000/", "--headless"], "is no host of a zone")]
fn what_cannot_be_recorded_is_said_before_anything_starts(
    #[case] arguments: &[&str],
    #[case] expected: &str,
) {
    let (folder, _) = shop(false);
    let text = fs::read_to_string(folder.path().join("shop.yaml")).unwrap();
    let http = text.replace("profile: regular", "profile: http");
    fs::write(folder.path().join("http.yaml"), http).unwrap();
    let matrix = text.replacen("given:", "tags: [a]\nmatrix: { a: [1, 2] }\ngiven:", 1);
    fs::write(folder.path().join("matrix.yaml"), matrix).unwrap();
    let display = [("DISPLAY", ""), ("WAYLAND_DISPLAY", "")];
    let output = edgeproof(folder.path(), arguments, &display);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains(expected), "{said}");
}
