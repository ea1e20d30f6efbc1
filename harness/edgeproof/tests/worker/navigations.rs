//! Navigations to what is protected: signals in cookies, their end, and redirects.

use rstest::rstest;
use serde_json::json;

use crate::world::{Got, Reply, SentRequest, World, identified_but, json as json_reply, response};

const NAVIGATION: &str = "sec-fetch-mode: navigate\nsec-fetch-dest: document";

const SIGNALS: &str = "__Host-fp-data-key=7-9; fp-data-7-9-0=2.sig; fp-data-7-9-1=nals";

/// An origin that redirects `/report` to `/report/new`, behind a rule that adds a header. Signals are good once.
async fn moved(status: u16) -> World {
    let used = std::sync::atomic::AtomicBool::new(false);
    World::start(&[], move |asked| {
        if asked.url.ends_with("/v4/send") {
            let replayed = used.swap(true, std::sync::atomic::Ordering::Relaxed);
            let secret = json!({"set": [{"name": "x-origin-secret", "value": "rule: s3cret"}]});
            Some(json_reply(&identified_but(&json!({
                "event": {"replayed": replayed},
                "rule_action": {"request_header_modifications": secret},
            }))))
        } else if asked.url.ends_with("/report") || asked.url.ends_with("/api/form") {
            Some(response(status, &[("location", "/report/new#top")], ""))
        } else {
            None
        }
    })
    .await
}

async fn navigate(world: &World, path: &str, lines: &str) -> Got {
    let lines = format!("{NAVIGATION}\n{lines}");
    let url = format!("https://shop.example{path}");
    world.send("GET", &url, &lines, "").await
}

/// The cookies that a browser has after a response, apart from those of others.
fn set_cookies(got: &Got) -> Vec<&str> {
    let all = got.headers.get_all("set-cookie").iter();
    all.map(|value| value.to_str().unwrap())
        .filter(|cookie| cookie.contains("fp-data-"))
        .collect()
}

fn pass(got: &Got) -> Option<String> {
    set_cookies(got)
        .into_iter()
        .find(|cookie| cookie.starts_with("__Host-fp-data-pass=") && !cookie.contains("Max-Age=0"))
        .map(|cookie| cookie.split(';').next().unwrap().to_owned())
}

fn header<'a>(asked: &'a SentRequest, name: &str) -> Option<&'a str> {
    asked.headers.get(name).map(|value| value.to_str().unwrap())
}

#[tokio::test]
async fn the_answer_to_a_navigation_ends_the_cookies_that_it_came_with() {
    let world = World::start(&[], |_| None).await;
    let lines = format!("cookie: a=b; {SIGNALS}; fp-data-1-1-0=1.tossed");
    let got = navigate(&world, "/report?a", &lines).await;
    assert_eq!(got.status, 200, "{got:?}");
    assert_eq!(
        set_cookies(&got),
        [
            "fp-data-7-9-0=; Path=/report; Max-Age=0; HttpOnly; SameSite=Strict; Secure",
            "fp-data-7-9-1=; Path=/report; Max-Age=0; HttpOnly; SameSite=Strict; Secure",
            "__Host-fp-data-key=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict; Secure",
        ]
    );
    let sent: serde_json::Value =
        serde_json::from_slice(&world.asked_once("/v4/send").body()).unwrap();
    assert_eq!(sent["fingerprint_data"], "signals");
    assert_eq!(header(&world.asked_once("/report"), "cookie"), Some("a=b"));
}

#[rstest]
#[case::a_script("GET", "sec-fetch-mode: no-cors\nsec-fetch-dest: script")]
#[case::a_call("GET", "sec-fetch-mode: cors\nsec-fetch-dest: empty")]
#[case::a_form("POST", NAVIGATION)]
#[tokio::test]
async fn cookies_of_a_navigation_are_signals_of_nothing_else(
    #[case] method: &str,
    #[case] lines: &str,
) {
    let world = World::start(&[], |_| None).await;
    let lines = format!("{lines}\ncookie: {SIGNALS}\norigin: https://shop.example");
    let path = if method == "POST" {
        "/api/form"
    } else {
        "/report/app.js"
    };
    let url = format!("https://shop.example{path}");
    let got = world.send(method, &url, &lines, "").await;
    assert_eq!(got.status, 403, "{got:?}");
    assert_eq!(world.asked().len(), 0);
}

#[rstest]
#[tokio::test]
async fn a_redirect_after_an_allowed_navigation_goes_on_as_that_did(
    #[values(301, 302, 303, 307, 308)] status: u16,
) {
    let world = moved(status).await;
    let first = navigate(&world, "/report", &format!("cookie: {SIGNALS}")).await;
    assert_eq!(first.status, status, "{first:?}");
    let pass = pass(&first).unwrap();
    assert!(!pass.contains("s3cret"));
    let second = navigate(&world, "/report/new", &format!("cookie: a=b; {pass}")).await;
    assert_eq!(second.status, 200, "{second:?}");
    assert_eq!(
        set_cookies(&second),
        ["__Host-fp-data-pass=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict; Secure"]
    );
    assert_eq!(world.asked_of("/v4/send").len(), 1);
    let seen = world.asked_once("/report/new");
    assert_eq!(header(&seen, "x-origin-secret"), Some("rule: s3cret"));
    assert_eq!(header(&seen, "cookie"), Some("a=b"));
}

#[tokio::test]
async fn a_page_behind_a_form_that_was_allowed_needs_no_signals_of_its_own() {
    let world = moved(303).await;
    let lines = format!(
        "{NAVIGATION}\norigin: https://shop.example\ncontent-type: application/x-www-form-urlencoded"
    );
    let url = "https://shop.example/api/form";
    let first = world.send("POST", url, &lines, "fp-data=signals&a=1").await;
    let cookie = format!("cookie: {}", pass(&first).unwrap());
    assert_eq!(navigate(&world, "/report/new", &cookie).await.status, 200);
}

/// What an attacker does with a pass.
#[rstest]
#[case::to_another_url("/report/other", "", "{pass}")]
#[case::with_another_query("/report/new?all", "", "{pass}")]
#[case::from_another_address("/report/new", "cf-connecting-ip: 203.0.113.8", "{pass}")]
#[case::with_another_browser("/report/new", "user-agent: curl", "{pass}")]
#[case::made_longer("/report/new", "", "{pass}A")]
#[case::cut_short("/report/new", "", "__Host-fp-data-pass=AAAA")]
#[case::set_by_another_host("/report/new", "", "fp-data-pass={token}")]
#[case::with_a_blank_before_its_name("/report/new", "", "\u{a0}{pass}")]
#[case::from_a_page_without_identification(
    "/report/new",
    "origin: https://blog.shop.example",
    "{pass}"
)]
#[tokio::test]
async fn a_pass_opens_nothing_but_its_redirect(
    #[case] path: &str,
    #[case] lines: &str,
    #[case] cookie: &str,
) {
    let world = moved(302).await;
    let first = navigate(&world, "/report", &format!("cookie: {SIGNALS}")).await;
    let pass = pass(&first).unwrap();
    let token = pass.split_once('=').unwrap().1;
    let cookie = cookie.replace("{pass}", &pass).replace("{token}", token);
    let lines = format!("{lines}\ncookie: {cookie}");
    let got = navigate(&world, path, lines.trim()).await;
    assert_eq!(got.status, 403, "{got:?}");
    assert_eq!(world.asked_of(path).len(), 0);
}

#[tokio::test]
async fn a_pass_of_another_workspace_opens_nothing() {
    let first = navigate(&moved(302).await, "/report", &format!("cookie: {SIGNALS}")).await;
    let other = World::start(&[("FP_SECRET_KEY", "another")], |_| None).await;
    let cookie = format!("cookie: {}", pass(&first).unwrap());
    assert_eq!(navigate(&other, "/report/new", &cookie).await.status, 403);
}

#[rstest]
#[case::that_was_refused(&[], false, "/report/new")]
#[case::to_what_is_open(&[], true, "/")]
#[case::to_another_host(&[], true, "https://www.shop.example/report")]
#[case::that_nobody_decided(&[crate::world::MONITORING], true, "/report/new")]
#[tokio::test]
async fn no_other_redirect_gets_a_pass(
    #[case] variables: &[(&str, &str)],
    #[case] is_identified: bool,
    #[case] location: &'static str,
) {
    let world = World::start(variables, move |asked: &SentRequest| -> Option<Reply> {
        if asked.url.ends_with("/v4/send") {
            let event = json!({"event": {"replayed": !is_identified}});
            Some(json_reply(&identified_but(&event)))
        } else {
            Some(response(302, &[("location", location)], ""))
        }
    })
    .await;
    let got = navigate(&world, "/report", &format!("cookie: {SIGNALS}")).await;
    assert_eq!(pass(&got), None, "{got:?}");
}
