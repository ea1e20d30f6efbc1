//! What engines do unasked, or do not tell, and what is made of it.

use std::time::Duration;

use edgeproof_browser::{
    CallOutcome, DEFAULT_LIMIT,
    Engine::{self, Chromium, Firefox},
    Page, Profile, Sight,
};
use http::HeaderMap;
use rstest::rstest;
use serde_json::json;

use super::borrow;

const SITE: &str = "http://shop.example/";

/// The first lines of all requests that the site has had.
async fn seen(page: &Page) -> Vec<String> {
    let seen = page.visit("http://shop.example/seen", DEFAULT_LIMIT).await;
    let body = page.body(&seen.unwrap()).await.unwrap();
    let text = String::from_utf8(body).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[rstest]
#[tokio::test]
async fn a_browser_asks_for_nothing_that_no_step_asked_for(
    #[values(Profile::Regular, Profile::Incognito)] profile: Profile,
    #[values(Chromium, Firefox)] engine: Engine,
) {
    let (lease, page) = borrow(engine, profile).await;
    page.visit(SITE, DEFAULT_LIMIT).await.unwrap();
    page.input(DEFAULT_LIMIT).click("#send").await.unwrap();
    page.input(DEFAULT_LIMIT)
        .wait_for(&Sight::Idle)
        .await
        .unwrap();
    let expected = [
        "GET / HTTP/1.1",
        "POST /api/send HTTP/1.1",
        "GET /seen HTTP/1.1",
    ];
    let mut lines = seen(&page).await;
    // Chromium has it from the first page of each host, as a person's does.
    lines.retain(|line| engine == Firefox || !line.contains("/favicon.ico"));
    assert_eq!(lines, expected);
    lease.give_back(page).await.unwrap();
}

/// A call whose connection the site cuts has failed, for the page and for anyone who watches it.
pub(super) async fn assert_a_cut_call_fails(page: &Page) {
    let said = page
        .run("return await fetch('/cut', { method: 'POST', body: 'x' }).then(() => 'answered', () => 'failed')")
        .await
        .unwrap();
    assert_eq!(said, json!("failed"));
    let is_cut = |call: &edgeproof_browser::BrowserCall| call.url.ends_with("/cut");
    let call = page
        .call(0, "the call", DEFAULT_LIMIT, is_cut)
        .await
        .unwrap();
    assert!(matches!(call.outcome, CallOutcome::Failed(_)), "{call:?}");
}

#[rstest]
#[tokio::test]
async fn a_call_whose_connection_is_cut_has_failed_and_was_sent_once(
    #[values(Chromium, Firefox)] engine: Engine,
) {
    let (lease, page) = borrow(engine, Profile::Regular).await;
    page.visit(SITE, DEFAULT_LIMIT).await.unwrap();
    assert_a_cut_call_fails(&page).await;
    let lines = seen(&page).await;
    let sent = lines.iter().filter(|line| line.starts_with("POST /cut "));
    // A person's browser may send it again; Chromium cannot be kept from that.
    assert!(engine == Chromium || sent.count() == 1, "{lines:?}");
    lease.give_back(page).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn a_large_upload_is_no_reason_for_a_browser_to_stop(
    #[values(Chromium, Firefox)] engine: Engine,
) {
    let (lease, page) = borrow(engine, Profile::Regular).await;
    page.visit(SITE, DEFAULT_LIMIT).await.unwrap();
    page.run("fetch('/api/send', { method: 'POST', body: 'x'.repeat(20_000_000) })")
        .await
        .unwrap();
    let is_upload = |call: &edgeproof_browser::BrowserCall| call.url.ends_with("/api/send");
    let call = page.call(0, "the upload", DEFAULT_LIMIT, is_upload).await;
    // Chromium does not tell a body of this length.
    let known = (engine == Firefox).then_some(20_000_000);
    assert_eq!(call.unwrap().posted.map(|body| body.len()), known);
    assert_eq!(page.run("return 1 + 1").await.unwrap(), 2);
    lease.give_back(page).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn a_call_whose_response_the_page_does_not_read_was_answered(
    #[values(Chromium, Firefox)] engine: Engine,
) {
    let (lease, page) = borrow(engine, Profile::Regular).await;
    page.visit(SITE, DEFAULT_LIMIT).await.unwrap();
    page.run("window.kept = await fetch('/large')")
        .await
        .unwrap();
    let is_large = |call: &edgeproof_browser::BrowserCall| call.url.ends_with("/large");
    let call = page
        .call(0, "the call", Duration::from_secs(2), is_large)
        .await
        .unwrap();
    assert_eq!(call.status, Some(200));
    lease.give_back(page).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn a_page_that_comes_back_has_printed_its_lines_once_and_is_acted_in(
    #[values(Chromium, Firefox)] engine: Engine,
) {
    let (lease, page) = borrow(engine, Profile::Regular).await;
    page.visit(SITE, DEFAULT_LIMIT).await.unwrap();
    page.run("console.log('here'); addEventListener('pageshow', () => document.title = 'back')")
        .await
        .unwrap();
    page.visit("http://shop.example/?next", DEFAULT_LIMIT)
        .await
        .unwrap();
    page.run("history.back()").await.unwrap();
    let back = Sight::Url("shop.example/".parse().unwrap());
    page.input(DEFAULT_LIMIT).wait_for(&back).await.unwrap();
    page.input(DEFAULT_LIMIT).click("#send").await.unwrap();
    let is_sent = |call: &edgeproof_browser::BrowserCall| call.url.ends_with("/api/send");
    page.call(0, "the call", DEFAULT_LIMIT, is_sent)
        .await
        .unwrap();
    let printed = page.console().into_iter();
    let printed = printed.filter(|line| line.text == "here");
    assert_eq!(printed.count(), 1, "{:?}", page.console());
    lease.give_back(page).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn each_step_of_a_redirect_is_a_call_with_a_status_of_its_own(
    #[values(Chromium, Firefox)] engine: Engine,
) {
    let (lease, page) = borrow(engine, Profile::Regular).await;
    let url = "http://shop.example/away";
    let last = page.visit(url, DEFAULT_LIMIT).await.unwrap();
    assert_eq!(last.url, "http://shop.example/cookies");
    let calls: Vec<_> = page.calls();
    let statuses: Vec<_> = calls.iter().map(|call| call.status).collect();
    assert_eq!(statuses, [Some(302), Some(200)]);
    assert!(page.body(&calls[0]).await.is_err());
    let body = page.body(&last).await.unwrap();
    assert_eq!(body.to_ascii_lowercase(), b"cookie: seen=yes");
    lease.give_back(page).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn a_visitor_is_presented_with_headers_and_a_language(
    #[values(Chromium, Firefox)] engine: Engine,
) {
    let (lease, page) = borrow(engine, Profile::Regular).await;
    let mut headers = HeaderMap::new();
    headers.insert("x-campaign", "spring".parse().unwrap());
    page.present_as(&headers, Some("de-DE")).await.unwrap();
    let url = "http://shop.example/head";
    let document = page.visit(url, DEFAULT_LIMIT).await.unwrap();
    let head = String::from_utf8(page.body(&document).await.unwrap()).unwrap();
    let head = head.to_ascii_lowercase();
    assert!(head.contains("\r\nx-campaign: spring\r\n"), "{head}");
    assert!(head.contains("\r\naccept-language: de-de"), "{head}");
    let said = page.run("return navigator.language").await.unwrap();
    assert_eq!(said, json!("de-DE"));
    lease.give_back(page).await.unwrap();
    // The next visitor is somebody else.
    let (lease, page) = borrow(engine, Profile::Regular).await;
    page.visit(url, DEFAULT_LIMIT).await.unwrap();
    let said = page.run("return navigator.language").await.unwrap();
    assert_eq!(said, json!("en-US"));
    lease.give_back(page).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn cookies_are_forgotten_and_pictures_taken(#[values(Chromium, Firefox)] engine: Engine) {
    let (lease, page) = borrow(engine, Profile::Regular).await;
    page.visit(SITE, DEFAULT_LIMIT).await.unwrap();
    let kept = page.run("return document.cookie").await.unwrap();
    assert_eq!(kept, json!("seen=yes"));
    // What Chromium asks for by itself brings cookies too.
    page.input(DEFAULT_LIMIT)
        .wait_for(&Sight::Idle)
        .await
        .unwrap();
    page.clear_cookies().await.unwrap();
    let kept = page.run("return document.cookie").await.unwrap();
    assert_eq!(kept, json!(""));
    let picture = page.screenshot().await.unwrap();
    assert!(picture.starts_with(&[0xFF, 0xD8]), "no JPEG");
    lease.give_back(page).await.unwrap();
}

/// Two visitors at once, each with a browser of the same kind.
#[rstest]
#[tokio::test]
async fn visitors_at_the_same_time_know_nothing_of_each_other(
    #[values(Profile::Regular, Profile::Incognito)] profile: Profile,
    #[values(Chromium, Firefox)] engine: Engine,
) {
    let ((first, one), (second, two)) =
        tokio::join!(borrow(engine, profile), borrow(engine, profile));
    for page in [&one, &two] {
        page.visit(SITE, DEFAULT_LIMIT).await.unwrap();
        let stored = page.run(
            "const before = localStorage.length; localStorage.setItem('a', 'b'); return before",
        );
        assert_eq!(stored.await.unwrap(), json!(0));
        let calls = page.calls().into_iter();
        let calls = calls.filter(|call| !call.url.ends_with("/favicon.ico"));
        assert_eq!(calls.count(), 1);
    }
    first.give_back(one).await.unwrap();
    second.give_back(two).await.unwrap();
}
