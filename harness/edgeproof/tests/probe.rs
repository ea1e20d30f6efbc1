//! What a probe finds in front of real apps, held against what the apps themselves say that they ran.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{collections::BTreeSet, sync::LazyLock};

use bytes::Bytes;
use edgeproof_build::{WorkerBuild, build_worker};
use edgeproof_ground::{body, tools};
use edgeproof_origin::{Origin, RecordedRequest};
use edgeproof_probe::{Call, Content, Fate, Mend, Options, Outcome, Ran, Sign, fix, probe};
use edgeproof_rig::{Description, Environment, Rig};
use edgeproof_test_support::server;
use http::{Request, Response, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
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

fn holes(outcome: &Outcome) -> Vec<&str> {
    outcome.holes().map(|hole| &*hole.shape).collect()
}

const SITE: &str = "{ site: signup }";

#[tokio::test]
async fn behind_a_worker_that_protects_nothing_all_that_the_origin_runs_is_a_hole() {
    let deployment = format!("worker: {}", pass_through());
    let rig = Rig::start(&environment(), description(SITE, &deployment))
        .await
        .unwrap();
    let outcome = probe(&rig, &options(Content::default()), &mut |_| {})
        .await
        .unwrap();
    rig.stop().await;
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
    let rig = Rig::start(&environment(), covered).await.unwrap();
    let outcome = probe(&rig, &options(Content::default()), &mut |_| {})
        .await
        .unwrap();
    rig.stop().await;
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
    let rig = Rig::start(&environment(), cached).await.unwrap();
    let outcome = probe(&rig, &options_of(LIST, Content::default()), &mut |_| {})
        .await
        .unwrap();
    rig.stop().await;
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
    let rig = Rig::start(&environment(), cached).await.unwrap();
    let only =
        ["call", "page"].map(|what| format!("cache/{what}-from-another-host www.shop.example"));
    let options = Options {
        only: Some(only.clone().into()),
        ..options_of(LIST, Content::default())
    };
    let outcome = probe(&rig, &options, &mut |_| {}).await.unwrap();
    rig.stop().await;
    assert_eq!(holes(&outcome), only);
}

const SECRET: &str = "x-from-the-worker";

/// An app that runs sign-ups of whom it takes for its own edge.
async fn guarded(is_own: fn(Option<&str>) -> bool) -> String {
    let address = server::http(move |request: Request<Incoming>| async move {
        let secret = request.headers().get(SECRET);
        let secret = secret.and_then(|value| value.to_str().ok());
        let is_call = request.method() == "POST" && request.uri().path() == "/api/create-account";
        let (status, text) = match (is_own(secret), is_call) {
            (false, _) => (403, "who are you?"),
            (true, false) => (404, "no such page"),
            (true, true) => (201, "welcome"),
        };
        let mut response = Response::new(body::full(text));
        *response.status_mut() = status.try_into().unwrap();
        Ok(response)
    });
    format!("{{ app: 'http://{}' }}", address.await)
}

/// What whoever knows the origin's address can do, where the deployment says that the origin demands a header.
#[rstest]
#[case::nothing(|_: Option<&str>| true, &["origin/address"], 9)]
#[case::anything(|secret: Option<&str>| secret.is_some_and(|secret| !secret.is_empty()), &["origin/address-guessed"], 7)]
#[case::the_value(|secret: Option<&str>| secret == Some("of-both"), &[], 0)]
#[tokio::test]
async fn an_origin_that_does_not_demand_its_secret_is_open(
    #[case] is_own: fn(Option<&str>) -> bool,
    #[case] rows: &[&str],
    #[case] count: usize,
) {
    let origin = guarded(is_own).await;
    let mut described = description(
        &origin,
        &format!("coverage: host\n    origin_secret: {SECRET}"),
    );
    let sets = format!("default: {{ allow: {{ set: {{ {SECRET}: of-both }} }} }}");
    let ruleset = serde_saphyr::from_str(&sets).unwrap();
    described.rulesets.insert("anybody".to_owned(), ruleset);
    let rig = Rig::start(&environment(), described).await.unwrap();
    let outcome = probe(&rig, &options(Content::default()), &mut |_| {})
        .await
        .unwrap();
    rig.stop().await;
    assert_eq!(outcome.control, Fate::Identified, "{:?}", outcome.notes);
    let names = holes(&outcome);
    assert_eq!(names.len(), count, "{names:#?}");
    for row in rows {
        assert!(names.iter().any(|name| name.starts_with(row)), "{names:#?}");
    }
}

/// Without such a header nobody knows who reaches the address: that is told, and no hole.
#[tokio::test]
async fn an_origin_that_demands_nothing_is_told() {
    let rig = Rig::start(&environment(), description(SITE, "coverage: host"))
        .await
        .unwrap();
    let options = Options {
        only: Some(["plain/call".to_owned()].into()),
        ..options(Content::default())
    };
    let outcome = probe(&rig, &options, &mut |_| {}).await.unwrap();
    rig.stop().await;
    assert_eq!(holes(&outcome), [""; 0]);
    let notes = outcome.notes.join("\n");
    assert!(notes.contains("`origin_secret`"), "{notes}");
}

#[tokio::test]
async fn the_response_to_somebody_elses_call_comes_from_a_cache() {
    let deployment = format!("cache: true\n    worker: {}", pass_through());
    let rig = Rig::start(&environment(), description_of(LIST, SITE, &deployment))
        .await
        .unwrap();
    let only = ["cache/call", "cache/call-by-head"].map(str::to_owned);
    let options = Options {
        only: Some(only.into()),
        ..options_of(LIST, Content::default())
    };
    let outcome = probe(&rig, &options, &mut |_| {}).await.unwrap();
    rig.stop().await;
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
    let rig = Rig::start(&environment(), description(SITE, &deployment))
        .await
        .unwrap();
    let outcome = probe(&rig, &options(Content::default()), &mut |_| {})
        .await
        .unwrap();
    rig.stop().await;
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

/// An app of `fixtures/apps`, what it wants of a sign-up, and where it says who has signed up.
struct OwnApp {
    folder: &'static str,
    run: &'static str,
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
    record: Record,
}

/// Where an app says that it ran a sign-up.
#[derive(Clone, Copy)]
enum Record {
    /// This page shows the e-mail of who has signed up.
    Page(&'static str),
    /// Its own code, and nothing else of it, responds with this status.
    Status(u16),
}

const EXPRESS: OwnApp = OwnApp {
    folder: "express",
    run: "npm start",
    headers: &[],
    body: r#"{"email":"ann-{unique}@shop.example","password":"correct horse"}"#,
    record: Record::Page("/api/me"),
};
const FASTIFY: OwnApp = OwnApp {
    folder: "fastify",
    ..EXPRESS
};
const DJANGO: OwnApp = OwnApp {
    folder: "django",
    run: "./run",
    headers: &[
        ("cookie", "csrftoken=abcdefghijklmnopqrstuvwxyzabcdef"),
        ("referer", "https://fernweh.example/signup"),
    ],
    body: "email=ann-{unique}@shop.example&password=correct-horse&csrfmiddlewaretoken=abcdefghijklmnopqrstuvwxyzabcdef",
    record: Record::Page("/welcome"),
};
const PHP: OwnApp = OwnApp {
    folder: "php",
    run: "./run",
    headers: &[],
    body: "email=ann-{unique}@shop.example&password=correct-horse",
    // Its form has a token for one use: here it always says that the form is too old.
    record: Record::Status(419),
};

impl OwnApp {
    fn is_installed(&self) -> bool {
        let folder = tools::home().join("fixtures/apps").join(self.folder);
        let is_there = folder.join(".installed").exists();
        assert!(
            is_there || std::env::var_os("CI").is_none(),
            "fixtures/apps/setup {} installs it",
            self.folder
        );
        is_there
    }

    fn origin(&self) -> String {
        let folder = tools::home().join("fixtures/apps").join(self.folder);
        // Django takes calls for its own name alone.
        let host = if self.folder == "django" {
            ", host: fernweh.example"
        } else {
            ""
        };
        format!(
            "{{ app: {{ run: {}, in: {}{host} }} }}",
            self.run,
            folder.display()
        )
    }

    /// What goes with a sign-up.
    fn content(&self) -> Content {
        let headers = self.headers.iter();
        Content {
            headers: headers
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            body: self.body.to_owned(),
        }
    }

    /// Whether the app says that it ran this, when it gets it once more for somebody else.
    async fn ran(&self, origin: &Origin, request: &RecordedRequest) -> bool {
        let email = format!("ann-{:08}@shop.example", fastrand::u32(0..100_000_000));
        let text = String::from_utf8_lossy(&request.body.start).into_owned();
        let body = match text.find("ann-") {
            Some(at) => format!("{}{email}{}", &text[..at], &text[at + email.len()..]),
            None => text.clone(),
        };
        let mut again = Request::new(body::full(Bytes::from(body)));
        *again.method_mut() = request.method.clone();
        *again.uri_mut() = request.url.parse().unwrap();
        *again.headers_mut() = request.headers.clone();
        for name in [
            header::ACCEPT_ENCODING,
            header::TRANSFER_ENCODING,
            header::EXPECT,
        ] {
            again.headers_mut().remove(name);
        }
        again
            .headers_mut()
            .insert(header::CONTENT_LENGTH, text.len().into());
        let sent = request
            .headers
            .get(header::COOKIE)
            .map(|cookie| cookie.to_str().unwrap_or_default().to_owned());
        let (status, _, set) = ask(origin, again).await;
        match self.record {
            Record::Status(own) => status == own,
            Record::Page(page) => {
                let cookies = [set, sent.unwrap_or_default()].join("; ");
                let (_, record, _) = ask(origin, get(page, &cookies)).await;
                record.contains(&email)
            }
        }
    }
}

fn get(path: &str, cookies: &str) -> Request<body::Body> {
    let request = Request::get(format!("https://shop.example{path}"))
        .header("host", "shop.example")
        .header("x-forwarded-proto", "https");
    let request = match cookies.trim_matches([' ', ';']) {
        "" => request,
        cookies => request.header("cookie", cookies),
    };
    request.body(body::empty()).unwrap()
}

/// The status and the text of a response, and the cookies that it sets; nothing where there is none.
async fn ask(origin: &Origin, request: Request<body::Body>) -> (u16, String, String) {
    let Ok(response) = origin.aside().response(request).await else {
        return Default::default();
    };
    let (head, body) = response.into_parts();
    let set = head.headers.get_all(header::SET_COOKIE).iter();
    let set: Vec<&str> = set
        .filter_map(|cookie| cookie.to_str().ok()?.split(';').next())
        .collect();
    let text = match head.status.as_u16() {
        101 => Bytes::new(),
        _ => body
            .collect()
            .await
            .map(|body| body.to_bytes())
            .unwrap_or_default(),
    };
    (
        head.status.as_u16(),
        String::from_utf8_lossy(&text).into_owned(),
        set.join("; "),
    )
}

/// How many shapes reach the app, and how many of them it runs, by its own record.
#[rstest]
#[case::express(EXPRESS)]
#[case::fastify(FASTIFY)]
#[case::django(DJANGO)]
#[case::php(PHP)]
#[tokio::test]
async fn the_holes_are_what_the_app_says_it_ran(#[case] app: OwnApp) {
    if !app.is_installed() {
        return;
    }
    let deployment = format!("worker: {}", pass_through());
    let rig = Rig::start(&environment(), description(&app.origin(), &deployment))
        .await
        .unwrap();
    // How much had arrived when a shape began, and when the last was over.
    let origin = rig.origin("shop.example").unwrap();
    let mut counts = Vec::new();
    let outcome = probe(&rig, &options(app.content()), &mut |_| {
        counts.push(origin.requests().len());
    })
    .await
    .unwrap();
    assert_eq!(counts.len(), outcome.findings.len() + 1);
    let records = origin.requests();
    let mut wrong = Vec::new();
    let (mut reached, mut ran) = (0, 0);
    for (finding, bounds) in outcome.findings.iter().zip(counts.windows(2)) {
        let results: Vec<_> = finding
            .results
            .iter()
            .filter_map(|result| Some((result, result.arrived.as_ref()?)))
            .collect();
        // In front of its own request a shape may send what somebody else does, or a call whose signals it repeats.
        let sent = &records[bounds[0]..bounds[1]];
        let each = sent.len().checked_div(results.len()).unwrap_or(1).max(1);
        let own = sent.chunks(each).filter_map(<[_]>::last);
        for ((result, arrived), request) in results.into_iter().zip(own) {
            assert!(arrived.starts_with(request.method.as_str()), "{arrived}");
            let truly = app.ran(origin, request).await;
            reached += 1;
            ran += usize::from(truly);
            if truly != result.ran.is_some_and(Ran::is_possible) {
                wrong.push(format!(
                    "{} over {:?}: app {truly}, probe {:?}: {}",
                    finding.shape, result.over, result.ran, finding.sent
                ));
            }
        }
    }
    rig.stop().await;
    assert!(
        wrong.is_empty(),
        "{} of {reached} ({ran} run):\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(ran > 100, "{ran} of {reached}");
}

/// With the guard, on the whole host, nothing that these apps run passes. PHP runs a file by GET as well, without the fields of
/// its form: another call, which is left alone.
#[rstest]
#[case::express(EXPRESS)]
#[case::fastify(FASTIFY)]
#[case::django(DJANGO)]
#[case::php(PHP)]
#[tokio::test]
async fn no_hole_is_left_with_the_guard_on_the_whole_host(#[case] app: OwnApp) {
    if !app.is_installed() {
        return;
    }
    let covered = description(&app.origin(), "coverage: host");
    let rig = Rig::start(&environment(), covered).await.unwrap();
    let outcome = probe(&rig, &options(app.content()), &mut |_| {})
        .await
        .unwrap();
    rig.stop().await;
    assert_eq!(outcome.control, Fate::Identified);
    let is_another_call = |hole: &&edgeproof_probe::Finding| {
        let arrived = hole.hole().and_then(|hole| hole.arrived.as_deref());
        app.folder == "php"
            && arrived
                .is_some_and(|arrived| arrived.starts_with("GET ") || arrived.starts_with("HEAD "))
    };
    let holes: Vec<_> = outcome
        .holes()
        .filter(|hole| !is_another_call(hole))
        .collect();
    assert!(holes.is_empty(), "{holes:#?}");
}
