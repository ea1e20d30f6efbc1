//! A probe that reads first what the zone has, from the account of another process.

use std::process::{Command, Output};

use rstest::rstest;

use super::world::{Staging, staging};

/// A zone that is not as the file has it: normalised in another way, with a name past the edge and a route of somebody else.
const GIVEN: &str = "\
scenario: The account
given:
  zones:
    staging.shop.test:
      hosts:
        staging.shop.test: { site: signup }
        direct.staging.shop.test: { site: signup, proxied: false }
      routes: [{ pattern: 'http://staging.shop.test/api/create-account*' }]
      edge: { normalization: { type: cloudflare } }
  deployments:
    flow:
      identification_pages: [staging.shop.test/signup]
      protected_apis: [POST staging.shop.test/api/create-account*]
      failure_mode: closed
      coverage: host
      ruleset: staging
  rulesets: { staging: {} }
  cloudflare:
    tokens:
      deployer: {}
      reader: { value: only-to-read-0123456789abcdef0123456789abcdef, permissions: ['Zone:Read', 'DNS:Read', 'Workers Routes:Read', 'Transform Rules:Read'] }
      narrow: { value: only-zones-0123456789abcdef0123456789abcdefab, permissions: ['Zone:Read'] }
";

/// What the file of somebody says who has not looked.
const FILE: &str = "\
zones: { staging.shop.test: { hosts: { staging.shop.test: { site: signup } } } }
deployments:
  flow:
    identification_pages: [staging.shop.test/signup]
    protected_apis: [POST staging.shop.test/api/create-account*]
    failure_mode: closed
    coverage: host
    ruleset: staging
rulesets: { staging: {} }
";

fn probe(staging: &Staging, token: Option<&str>, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_edgeproof"));
    command
        .args(["probe", "deployment.yaml"])
        .args(more)
        .current_dir(staging.folder.path())
        .env("NO_COLOR", "1")
        .env_remove("CLOUDFLARE_API_TOKEN")
        .env(
            "CLOUDFLARE_API_BASE_URL",
            &staging.exports["CLOUDFLARE_API_BASE_URL"],
        );
    if let Some(token) = token {
        command.env("CLOUDFLARE_API_TOKEN", token);
    }
    command.output().unwrap()
}

#[rstest]
#[case::read(
    Some("only-to-read-0123456789abcdef0123456789abcdef"),
    &["--cloudflare"],
    1,
    &[
        "normalises URLs as type `cloudflare` for routes and workers, says the account",
        "`direct.staging.shop.test` leads to the same origin, DNS-only, says the account",
        "remove the route `http://staging.shop.test/api/create-account*`",
        "proxy `direct.staging.shop.test`",
    ]
)]
#[case::what_may_not_be_read(
    Some("only-zones-0123456789abcdef0123456789abcdefab"),
    &["--cloudflare"],
    0,
    &[
        "is taken to normalise URLs by RFC 3986 for routes and workers, Cloudflare's default: GET /zones/",
        "Transform Rules:Read",
        "the routes of `staging.shop.test` are those of the file: GET /zones/",
    ]
)]
#[case::not_asked(None, &[], 0, &["Cloudflare's default: `--cloudflare` reads what it has"])]
#[case::without_a_token(None, &["--cloudflare"], 2, &["CLOUDFLARE_API_TOKEN is not set"])]
fn a_probe_says_whose_settings_it_took(
    #[case] token: Option<&str>,
    #[case] more: &[&str],
    #[case] code: i32,
    #[case] expected: &[&str],
) {
    let staging = staging(GIVEN);
    staging.write("deployment.yaml", FILE);
    let output = probe(&staging, token, more);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let text = text + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{text}");
    for told in expected {
        assert!(text.contains(told), "`{told}` is not in:\n{text}");
    }
}
