//! The scenarios of this repository, at a site that is deployed with what they are about.

use edgeproof_fingerprint::ruleset_id;
use edgeproof_run::exit;
use edgeproof_test_support::wait::until_blocking;
use rstest::rstest;

use crate::world::{
    AT_TARGET, GIVEN, HOST, ZONES, page, report, repository, said, staging, verdicts,
};

fn deployment() -> String {
    format!(
        "name: flow\nzone: shop.example\nidentification_pages: [shop.example/signup]\n\
         protected_apis: [POST shop.example/api/create-account*]\nfailure_mode: closed\ncoverage: urls\nruleset: {}\n",
        ruleset_id("staging")
    )
}

#[rstest]
#[case::chromium("chromium")]
#[case::firefox("firefox")]
fn the_flow_scenarios_run_at_the_site_and_what_is_not_seen_is_told(#[case] engine: &str) {
    let staging = staging(GIVEN);
    staging.target(&staging.deployed(&deployment()));
    let scenarios = repository("scenarios/flow");
    let arguments = [
        "run",
        &scenarios,
        "--engine",
        engine,
        "--report",
        "json=there.json",
    ];
    let at = [
        "--target",
        "target.yaml",
        "--i-may-test",
        HOST,
        "--destructive",
    ];
    let output = staging.run(&[arguments.as_slice(), &at].concat());
    let text = said(&output);
    assert_eq!(
        output.status.code(),
        Some(i32::from(exit::PASSED)),
        "{text}"
    );
    let report = report(staging.folder.path(), "there.json");
    let verdicts = verdicts(&report);
    for (case, expected) in [
        ("flow::incognito_is_blocked", "passed"),
        ("flow::regular_passes", "passed"),
        ("flow::bot_is_blocked", "passed"),
        ("flow::no_signals_fail_closed", "passed"),
        (
            "flow::no_signals_fail_open",
            "skipped: it is about another deployment than `deployment.yaml`: failure mode open, and there failure mode closed",
        ),
        (
            "flow::monitoring_blocks_nothing",
            "skipped: it is about another deployment than `deployment.yaml`: monitoring, and there a ruleset",
        ),
        (
            "flow::ruleset_changes",
            "skipped: step 1, `request`: it states signals; only a real agent makes those that the platform reads",
        ),
    ] {
        assert_eq!(verdicts[case], expected, "{text}");
    }
    // The events were looked up, and what only the origin knows was not taken for passed.
    let cases = report["target"]["cases"].as_array().unwrap().iter();
    let of = |name: &str| cases.clone().find(|case| case["name"] == name).unwrap();
    let case = of("flow::incognito_is_blocked");
    assert_eq!(case["looked_up"][0], "events of the end (the Server API)");
    let unseen = case["not_observable"].as_array().unwrap();
    let unseen: Vec<_> = unseen
        .iter()
        .map(|one| one["what"].as_str().unwrap())
        .collect();
    assert_eq!(unseen, ["origin of step 3", "origin of the end"]);
    assert!(
        text.contains("flow::incognito_is_blocked: origin of step 3, origin of the end"),
        "{text}"
    );
    // What is deployed is what the file says, as far as it is known.
    assert!(text.contains("? version of the worker"), "{text}");
    assert!(!text.contains("≠ "), "{text}");
    for name in ["FINGERPRINT_SERVER_API_KEY", "CLOUDFLARE_API_TOKEN"] {
        assert!(!text.contains(&staging.exports[name]), "{name}");
        assert!(
            !report.to_string().contains(&staging.exports[name]),
            "{name}"
        );
    }
}

#[test]
fn a_run_in_rigs_and_one_at_the_site_are_shown_side_by_side() {
    // The site lets everybody in.
    let staging = staging(&GIVEN.replace("if: incognito", "if: tampering"));
    staging.target("");
    let scenarios = repository("scenarios/flow");
    let select = ["run", &scenarios, "--filter", "flow::incognito_is_blocked"];
    let local = staging.run(&[select.as_slice(), &["--report", "json=local.json"]].concat());
    assert_eq!(local.status.code(), Some(0), "{}", said(&local));
    let at = [
        "--target",
        "target.yaml",
        "--i-may-test",
        HOST,
        "--destructive",
        "--against-report",
        "local.json",
        "--report",
        "json=there.json",
    ];
    let there = staging.run(&[select.as_slice(), &at].concat());
    let text = said(&there);
    assert_eq!(there.status.code(), Some(i32::from(exit::FAILED)), "{text}");
    for line in [
        "≠ flow::incognito_is_blocked  passed    failed",
        "    in a rig: everything held",
        "    at the target: expected status 403, got 201",
        "0 the same, 1 differ, 0 not observable",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    let report = report(staging.folder.path(), "there.json");
    assert_eq!(report["target"]["against"][0]["outcome"], "differs");
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_refused_by_clients_and_browsers() {
    let staging = staging(GIVEN);
    let target = staging.target("");
    let text = std::fs::read_to_string(&target).unwrap();
    std::fs::write(
        &target,
        text.replace("certificate_authority: authority.pem\n", ""),
    )
    .unwrap();
    staging.write("a.yaml", &page());
    let browser = format!(
        "scenario: A page in a browser\nmatrix: {{ engine: [chromium, firefox] }}\ngiven:\n{ZONES}  \
         visitors: {{ ann: {{ profile: regular, engine: '${{engine}}' }} }}\n\
         steps: [{{ visit: https://shop.example/login, expect: {{ status: 200 }} }}]\n"
    );
    staging.write("b.yaml", &browser);
    let at = ["--target", "target.yaml", "--i-may-test", HOST];
    let output = staging.run(&[["run", "a.yaml", "b.yaml"].as_slice(), &at].concat());
    let text = said(&output);
    assert_eq!(
        output.status.code(),
        Some(i32::from(exit::FAILED)),
        "{text}"
    );
    for why in [
        "authority that is trusted here signed its certificate",
        "ERR_CERT_AUTHORITY_INVALID",
        "SEC_ERROR_UNKNOWN_ISSUER",
    ] {
        assert!(text.contains(why), "{why}\n{text}");
    }
}

/// A site that takes a visitor in and never answers.
#[test]
fn a_run_that_is_stopped_leaves_no_browser() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let target = format!(
        "hosts: {{ shop.example: {HOST} }}\nresolve: {{ {HOST}: '{}' }}\n",
        silent.local_addr().unwrap()
    );
    std::fs::write(folder.path().join("target.yaml"), target).unwrap();
    let browser = format!(
        "scenario: A page in a browser\ngiven:\n{ZONES}  visitors: {{ ann: {{ profile: regular }} }}\n\
         steps: [{{ visit: https://shop.example/login, expect: {{ status: 200 }} }}]\n"
    );
    std::fs::write(folder.path().join("a.yaml"), browser).unwrap();
    let mut run = std::process::Command::new(env!("CARGO_BIN_EXE_edgeproof"))
        .args(AT_TARGET)
        .current_dir(folder.path())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    // The browser is there.
    let _visitor = silent.accept().unwrap();
    let id = run.id();
    let below = || {
        let listed = std::process::Command::new("ps")
            .args(["-eo", "pid=,ppid=,args="])
            .output()
            .unwrap();
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        let profile = format!("-{id}-");
        let lines = listed
            .lines()
            .filter(|line| line.contains("--user-data-dir="));
        let mine = lines.filter(|line| {
            line.split_whitespace().nth(1) == Some(&id.to_string()) || line.contains(&profile)
        });
        mine.map(str::to_owned).collect::<Vec<_>>()
    };
    let browsers = below();
    assert!(!browsers.is_empty());
    let profiles: Vec<String> = browsers
        .iter()
        .filter_map(|line| line.split("--user-data-dir=").nth(1))
        .filter_map(|rest| rest.split_whitespace().next())
        .map(str::to_owned)
        .collect();
    let pid = rustix::process::Pid::from_raw(i32::try_from(id).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(
        run.wait().unwrap().code(),
        Some(i32::from(exit::INTERRUPTED))
    );
    let is_left = || {
        let listed = std::process::Command::new("ps")
            .args(["-eo", "args="])
            .output()
            .unwrap();
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        profiles
            .iter()
            .any(|profile| listed.contains(profile.as_str()))
    };
    until_blocking(&format!("{profiles:?} are left"), || !is_left());
    for profile in profiles {
        assert!(!std::path::Path::new(&profile).exists(), "{profile}");
    }
}
