//! What a probe finds: behind workers and caches, in front of sites and apps.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "probe/address.rs"]
mod address;
#[path = "probe/own_apps.rs"]
mod own_apps;

use std::{collections::BTreeSet, sync::LazyLock};

use edgeproof_build::{WorkerBuild, build_worker};
use edgeproof_ground::tools;
use edgeproof_probe::{Call, Content, Fate, Mend, Options, Outcome, Ran, Sign, fix, probe};
use edgeproof_rig::{Description, Environment, Rig};
use rstest::rstest;

const API: &str = "POST shop.example/api/create-account*";

fn environment() -> Environment {
    Environment::prepare(None).unwrap()
}

fn pass_through() -> String {
    let folder = tools::home().join("fixtures/workers/pass-through");
    folder.display().to_string()
}

/// One sign-up in front of `origin`, protected as `deployment` says.
fn description(origin: &str, deployment: &str) -> Description {
    description_of(API, origin, deployment)
}

/// The same of another call.
fn description_of(api: &str, origin: &str, deployment: &str) -> Description {
    let text = format!(
        "
zones:
  shop.example:
    hosts:
      shop.example: {origin}
deployments:
  flow:
    identification_pages: [shop.example/signup]
    protected_apis: [{api}]
    failure_mode: closed
    ruleset: anybody
    {deployment}
rulesets: {{ anybody: {{}} }}
visitors: {{ prober: {{ profile: http }} }}
"
    );
    serde_saphyr::from_str(&text).unwrap()
}

fn options(content: Content) -> Options<'static> {
    options_of(API, content)
}

fn options_of(api: &str, content: Content) -> Options<'static> {
    Options {
        api: api.to_owned(),
        call: Call::of(&api.parse().unwrap(), ["shop.example"]).unwrap(),
        content,
        sign: Sign::Response,
        framework: None,
        visitor: "prober".to_owned(),
        only: None,
    }
}

/// What a probe finds at a rig of its own.
async fn probed(description: Description, options: &Options<'_>) -> Outcome {
    let rig = Rig::start(&environment(), description).await.unwrap();
    let outcome = probe(&rig, options, &mut |_| {}).await.unwrap();
    rig.stop().await;
    outcome
}

fn holes(outcome: &Outcome) -> Vec<&str> {
    outcome.holes().map(|hole| &*hole.shape).collect()
}

const SITE: &str = "{ site: signup }";

#[tokio::test]
async fn behind_a_worker_that_protects_nothing_all_that_the_origin_runs_is_a_hole() {
    let deployment = format!("worker: {}", pass_through());
    let outcome = probed(description(SITE, &deployment), &options(Content::default())).await;
    assert_eq!(outcome.control, Fate::Unprotected, "{:?}", outcome.notes);
    let holes = holes(&outcome);
    for expected in [
        "plain/call",
        "query/query ?x=1",
        "encoding/letter @1",
        "signals/junk x",
        "transport/http ",
    ] {
        assert!(holes.contains(&expected), "{expected}: {holes:#?}");
    }
    // A site that compares letter by letter runs no other spelling.
    assert!(
        !holes.iter().any(|hole| hole.starts_with("case/")),
        "{holes:#?}"
    );
    let is_passed = |fate| matches!(fate, Fate::Unprotected | Fate::Refused | Fate::Unanswered);
    for finding in &outcome.findings {
        for result in &finding.results {
            // The runtime knows no other methods than those that Node.js has.
            let is_unknown_method = finding.family == "method" && result.status == Some(501);
            assert!(
                is_passed(result.fate) || is_unknown_method,
                "{}: {result:?}",
                finding.shape
            );
        }
    }
}

#[tokio::test]
async fn a_worker_that_covers_its_host_leaves_no_hole() {
    let covered = description(SITE, "coverage: host");
    let outcome = probed(covered, &options(Content::default())).await;
    assert_eq!(outcome.control, Fate::Identified);
    assert_eq!(
        holes(&outcome),
        [""; 0],
        "{:#?}",
        outcome.holes().collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn what_closes_the_holes_is_found_and_proved() {
    let environment = environment();
    let mut open = description(
        SITE,
        "routes: [shop.example/signup, shop.example/api/create-account]",
    );
    open.deployments.get_mut("flow").unwrap().protected_apis[0]
        .url
        .pop();
    let apis = [Options {
        api: API.trim_end_matches('*').to_owned(),
        ..options(Content::default())
    }];
    let before = edgeproof_probe::probe_all(&environment, &open, &apis, &mut |_| {})
        .await
        .unwrap();
    assert!(!holes(&before[0]).is_empty());
    // Another case is run by no site that compares letter by letter, so the shorter change will do.
    let fixed = fix(&environment, &open, &apis, &before, &mut |_| {})
        .await
        .unwrap();
    let changes: Vec<String> = fixed.mends.iter().map(Mend::says).collect();
    let star = "end the pattern with a star: `POST shop.example/api/create-account*` in `flow`";
    assert_eq!(changes, [star]);
    assert_eq!(holes(&fixed.outcomes[0]), [""; 0], "{changes:?}");
}

/// The families that have holes.
fn open_families(outcome: &Outcome) -> BTreeSet<&str> {
    outcome.holes().map(|hole| &*hole.family).collect()
}

const LIST: &str = "GET shop.example/login*";

/// What a cache in front of the worker has: the worker says whom a page without a script is not for, and what it says to an
/// identified visitor is for those signals.
#[tokio::test]
async fn a_cache_in_front_of_the_worker_gives_nobody_what_is_not_his() {
    let cached = description_of(LIST, SITE, "coverage: host\n    cache: true");
    let outcome = probed(cached, &options_of(LIST, Content::default())).await;
    let names = outcome.findings.iter().map(|finding| &*finding.shape);
    let fetched: Vec<&str> = names
        .filter(|name| name.starts_with("cache/page-"))
        .collect();
    assert!(fetched.len() > 15, "{fetched:?}");
    assert_eq!(holes(&outcome), [""; 0]);
}

#[tokio::test]
async fn what_a_cache_in_front_of_a_worker_has_is_a_hole_until_there_is_none() {
    LazyLock::force(&PRODUCTION);
    let environment = environment();
    let worker = tools::home().join("fixtures/workers/mutants/vary-dropped.ts");
    let deployment = format!(
        "coverage: host\n    cache: true\n    worker: {}",
        worker.display()
    );
    let cached = description_of(LIST, SITE, &deployment);
    let apis = [options_of(LIST, Content::default())];
    let before = edgeproof_probe::probe_all(&environment, &cached, &apis, &mut |_| {})
        .await
        .unwrap();
    let names = holes(&before[0]);
    let fetched = ["cache/page-fetched image", "cache/page-fetched script"];
    for expected in fetched {
        assert!(names.contains(&expected), "{expected}: {names:#?}");
    }
    assert_eq!(open_families(&before[0]), BTreeSet::from(["cache"]));
    let fixed = fix(&environment, &cached, &apis, &before, &mut |_| {})
        .await
        .unwrap();
    let changes: Vec<String> = fixed.mends.iter().map(Mend::says).collect();
    assert_eq!(
        changes,
        ["no Workers Cache in front of `flow`: `cache: false`"]
    );
    assert_eq!(holes(&fixed.outcomes[0]), [""; 0]);
}

/// Workers Cache leaves the host out of its key.
#[tokio::test]
async fn what_another_host_shows_a_cache_gives_to_all() {
    let text = "coverage: host\n    cache: true\n    routes: ['*shop.example/*']";
    let mut cached = description_of(LIST, SITE, text);
    let zone = cached.zones.get_mut("shop.example").unwrap();
    let host = zone.hosts["shop.example"].clone();
    zone.hosts.insert("www.shop.example".to_owned(), host);
    let only =
        ["call", "page"].map(|what| format!("cache/{what}-from-another-host www.shop.example"));
    let options = Options {
        only: Some(only.clone().into()),
        ..options_of(LIST, Content::default())
    };
    let outcome = probed(cached, &options).await;
    assert_eq!(holes(&outcome), only);
}

#[tokio::test]
async fn the_response_to_somebody_elses_call_comes_from_a_cache() {
    let deployment = format!("cache: true\n    worker: {}", pass_through());
    let only = ["cache/call", "cache/call-by-head"].map(str::to_owned);
    let options = Options {
        only: Some(only.into()),
        ..options_of(LIST, Content::default())
    };
    let outcome = probed(description_of(LIST, SITE, &deployment), &options).await;
    let fates = outcome.findings.iter().flat_map(|finding| &finding.results);
    let fates: Vec<(Fate, Option<Ran>)> = fates.map(|result| (result.fate, result.ran)).collect();
    assert_eq!(fates, [(Fate::Cached, Some(Ran::Alike)); 4]);
}

/// What may skip the node by what the worker says of files: words in a path, and no other attack.
#[tokio::test]
async fn what_skips_the_node_is_found_and_closed() {
    let environment = environment();
    let filtered = description(SITE, "coverage: host\n    wallarm: {}");
    let apis = [options(Content::default())];
    let before = edgeproof_probe::probe_all(&environment, &filtered, &apis, &mut |_| {})
        .await
        .unwrap();
    let mut rows: Vec<&str> = before[0].holes().map(|hole| &*hole.row).collect();
    rows.dedup();
    // The edge makes of the one in `file-path` words as well: it resolves `..` before the worker sees it.
    assert_eq!(
        rows,
        ["file-path", "file-words"],
        "{:#?}",
        holes(&before[0])
    );
    let fixed = fix(&environment, &filtered, &apis, &before, &mut |_| {})
        .await
        .unwrap();
    let changes: Vec<String> = fixed.mends.iter().map(Mend::says).collect();
    assert_eq!(
        changes,
        ["let nothing skip the node: `wallarm: { static_suffixes: [] }` in `flow`"]
    );
    assert_eq!(holes(&fixed.outcomes[0]), [""; 0]);
}

/// With a sign that says nothing every hole would be taken for none.
#[rstest]
#[case::header(Sign::Header("x-none".parse().unwrap()), "its response has no header `x-none`")]
#[case::command(Sign::Command("echo same".to_owned()), "`echo same` prints the same before and after it")]
#[tokio::test]
async fn a_sign_that_the_plain_call_does_not_give_is_an_error(
    #[case] sign: Sign,
    #[case] expected: &str,
) {
    let deployment = format!("worker: {}", pass_through());
    let rig = Rig::start(&environment(), description(SITE, &deployment))
        .await
        .unwrap();
    let options = Options {
        sign,
        ..options(Content::default())
    };
    let outcome = probe(&rig, &options, &mut |_| {}).await;
    rig.stop().await;
    let error = outcome.unwrap_err().to_string();
    assert!(
        error.contains(expected) && error.contains("status 201"),
        "{error}"
    );
}

/// The worker that the mutants are made of, where they expect it.
static PRODUCTION: LazyLock<()> = LazyLock::new(|| {
    let out = tools::home().join("fixtures/workers/production");
    build_worker(&WorkerBuild { out: Some(out) }).unwrap();
});

/// Which rows a mutant opens. The others have defects that let nobody past.
#[rstest]
#[case::replays_pass("replays-pass", &["signals/made replayed"])]
#[case::old_signals_pass("old-signals-pass", &["signals/made stale"])]
#[case::node_ignored("node-ignored", &["connector"])]
#[case::address_unchecked("address-unchecked", &[])]
#[case::any_host("any-host", &[])]
#[case::blocks_with_403("blocks-with-403", &[])]
#[case::body_re_encoded("body-re-encoded", &[])]
#[case::cors_for_everybody("cors-for-everybody", &[])]
#[case::fallback_ignored("fallback-ignored", &[])]
#[case::forged_headers("forged-headers", &[])]
#[case::header_changes_ignored("header-changes-ignored", &[])]
#[case::no_deadline("no-deadline", &[])]
#[case::second_script("second-script", &[])]
#[case::secrets_told("secrets-told", &[])]
#[case::signals_kept("signals-kept", &[])]
#[tokio::test]
async fn a_mutant_opens_what_its_defect_opens(#[case] mutant: &str, #[case] opened: &[&str]) {
    LazyLock::force(&PRODUCTION);
    let worker = tools::home().join(format!("fixtures/workers/mutants/{mutant}.ts"));
    let deployment = format!(
        "coverage: host\n    wallarm: {{ static_suffixes: [], timeout: 5s }}\n    worker: {}\nnode: {{ mode: block }}",
        worker.display()
    );
    let outcome = probed(description(SITE, &deployment), &options(Content::default())).await;
    assert_eq!(outcome.control, Fate::Identified, "{:?}", outcome.notes);
    let names = holes(&outcome);
    let is_opened = |name: &&str| opened.iter().any(|opened| name.starts_with(opened));
    let other: Vec<_> = names.iter().filter(|name| !is_opened(name)).collect();
    assert!(other.is_empty(), "{other:#?}");
    for opened in opened {
        assert!(
            names.iter().any(|name| name.starts_with(opened)),
            "{opened}: {names:?}"
        );
    }
}
