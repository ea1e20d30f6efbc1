//! What every engine does for a visitor: each real browser, against a small site on a real socket.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod http2;
mod input;
mod traps;

use std::{
    net::SocketAddr,
    sync::{Arc, LazyLock, Mutex},
    time::Duration,
};

use edgeproof_browser::{
    CallOutcome, DEFAULT_LIMIT,
    Engine::{self, Chromium, Firefox},
    GatewayTarget, Lease, Page, PageError, Place, Pool, Profile, Trust,
};
use edgeproof_ground::{process::ScratchDirectory, tools};
use edgeproof_test_support::server::listening;
use rstest::rstest;
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

const PAGE: &str = r#"<!doctype html><title>site</title>
<input id="name" value="old"><button id="send">send</button>
<script>
document.getElementById("send").onclick = async () => {
  const answer = await fetch("/api/send", { method: "POST", body: document.getElementById("name").value });
  document.title = "answered " + answer.status;
  console.warn("odd", { a: 1 });
};
</script>"#;

/// One pool for all tests of this process, so that browsers are started once for each kind.
static POOL: LazyLock<Pool> =
    LazyLock::new(|| Pool::new(&tools::cache().join("profiles"), Trust::default()));

/// A site that answers plain HTTP after the preamble line of its visitor.
async fn site() -> SocketAddr {
    let seen = Arc::new(Mutex::new(Vec::new()));
    listening(move |stream| {
        let served = serve(stream, Arc::clone(&seen));
        async move {
            served.await;
        }
    })
    .await
}

/// Answers requests, and keeps the first line of each.
async fn serve(stream: TcpStream, seen: Arc<Mutex<Vec<String>>>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    let mut preamble = String::new();
    stream.read_line(&mut preamble).await.ok()?;
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if stream.read_line(&mut head).await.ok()? == 0 {
                return None;
            }
        }
        let line = head.lines().next().unwrap_or_default();
        seen.lock().unwrap().push(line.to_owned());
        if head.contains(" /cut ") {
            return None;
        }
        // Long enough for anyone who does not wait to be seen.
        if head.contains(" /?slow") {
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        if head.contains(" /never ") {
            return std::future::pending().await;
        }
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.parse().unwrap())
        });
        let mut body = vec![0; length.unwrap_or(0)];
        stream.read_exact(&mut body).await.ok()?;
        let (status, kind, content) = if head.starts_with("POST /api/send") {
            (
                "403 Forbidden",
                "text/plain",
                String::from_utf8(body).unwrap(),
            )
        } else if head.starts_with("GET /cookies ") {
            let sent = head
                .lines()
                .find(|line| line.to_ascii_lowercase().starts_with("cookie:"));
            ("200 OK", "text/plain", sent.unwrap_or("none").to_owned())
        } else if head.starts_with("GET /seen ") {
            let seen = seen.lock().unwrap().join("\n");
            ("200 OK", "text/plain", seen)
        } else if head.starts_with("GET /head ") {
            ("200 OK", "text/plain", head.clone())
        } else if head.starts_with("GET /secret ") && !head.contains("uthorization: ") {
            ("401 Unauthorized", "text/plain", String::new())
        } else if head.starts_with("GET /secret ") || head.starts_with("GET /hints ") {
            ("200 OK", "text/plain", String::new())
        } else if head.starts_with("GET /away ") {
            ("302 Found", "text/plain", String::new())
        } else if head.starts_with("GET /large ") {
            ("200 OK", "text/plain", "x".repeat(8 << 20))
        } else if head.starts_with("GET /nothing ") {
            ("204 No Content", "text/plain", String::new())
        } else if head.starts_with("GET /refused ") {
            ("403 Forbidden", "text/plain", String::new())
        } else if ["GET / ", "GET /?", "GET /not-gzip ", "GET /broken-off "]
            .iter()
            .any(|line| head.starts_with(line))
        {
            ("200 OK", "text/html", PAGE.to_owned())
        } else {
            ("404 Not Found", "text/plain", preamble.clone())
        };
        let (more, length) = match head.split(' ').nth(1) {
            Some("/not-gzip") => ("Content-Encoding: gzip\r\n", content.len()),
            Some("/secret") => ("WWW-Authenticate: Basic realm=a\r\n", content.len()),
            Some("/hints") => ("Accept-CH: Sec-CH-UA-Model\r\n", content.len()),
            Some("/away") => ("Location: /cookies\r\n", content.len()),
            Some("/broken-off") => ("", content.len() + 1000),
            _ => ("", content.len()),
        };
        let response = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n{more}Content-Length: {length}\r\nSet-Cookie: seen=yes; Path=/\r\n\r\n{content}"
        );
        stream.write_all(response.as_bytes()).await.ok()?;
        if head.starts_with("GET /broken-off ") {
            return None;
        }
    }
}

async fn borrow(engine: Engine, profile: Profile) -> (Lease, Page) {
    borrow_from(&POOL, engine, profile).await
}

async fn borrow_from(pool: &Pool, engine: Engine, profile: Profile) -> (Lease, Page) {
    let target = GatewayTarget::Edge {
        edge: site().await,
        preamble: b"from ann\n".to_vec(),
    };
    let lease = pool.lend(engine, profile, target).await.unwrap();
    let page = lease.open().await.unwrap();
    (lease, page)
}

#[rstest]
#[tokio::test]
async fn a_visitor_loads_a_page_fills_clicks_and_sees_the_answer(
    #[values(Chromium, Firefox)] engine: Engine,
) {
    let (lease, page) = borrow(engine, Profile::Regular).await;
    let document = page
        .visit("http://shop.example/", DEFAULT_LIMIT)
        .await
        .unwrap();
    assert_eq!(document.status, Some(200));
    let hand = page.input(DEFAULT_LIMIT);
    hand.fill("#name", &["Ada".to_owned()]).await.unwrap();
    hand.click("#send").await.unwrap();
    let call = page
        .call(0, "the call", DEFAULT_LIMIT, |call| {
            call.url.ends_with("/api/send")
        })
        .await
        .unwrap();
    assert_eq!((call.method.as_str(), call.status), ("POST", Some(403)));
    assert_eq!(call.outcome, CallOutcome::Finished);
    assert_eq!(page.body(&call).await.unwrap(), b"Ada");
    let title = "await new Promise(done => { const look = () => document.title !== 'site' ? done() : requestAnimationFrame(look); look(); }); return document.title";
    assert_eq!(page.run(title).await.unwrap(), json!("answered 403"));
    assert!(
        page.console()
            .iter()
            .any(|line| line.level == "warning" && line.text.starts_with("odd")),
        "{:?}",
        page.console()
    );
    lease.give_back(page).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn every_name_leads_to_the_borrowers_edge_in_the_visitors_name(
    #[values(Chromium, Firefox)] engine: Engine,
) {
    leads_to_the_borrower(engine, Profile::Regular).await;
}

/// Borrows a browser and asks another name who it comes from.
async fn leads_to_the_borrower(engine: Engine, profile: Profile) {
    let (lease, page) = borrow(engine, profile).await;
    let document = page
        .visit("http://other.example/who", DEFAULT_LIMIT)
        .await
        .unwrap();
    assert_eq!(page.body(&document).await.unwrap(), b"from ann\n");
    lease.give_back(page).await.unwrap();
}

/// Chromium has the socket of its profile in a directory elsewhere.
#[tokio::test]
async fn nothing_is_left_of_a_chromium_that_has_ended() {
    let profiles = ScratchDirectory::create(&tools::cache(), "profiles-").unwrap();
    let pool = Pool::new(&profiles.path(), Trust::default());
    let target = GatewayTarget::Edge {
        edge: site().await,
        preamble: Vec::new(),
    };
    let lease = pool.lend(Chromium, Profile::Regular, target).await.unwrap();
    let mut made = std::fs::read_dir(profiles.path()).unwrap();
    let profile = made.next().unwrap().unwrap().path();
    let socket = profile.join("SingletonSocket").read_link().unwrap();
    let elsewhere = socket.parent().unwrap();
    assert!(elsewhere.exists() && !elsewhere.starts_with(&profile));
    drop(lease);
    assert!(!elsewhere.exists() && !profile.exists());
}

#[rstest]
#[tokio::test]
async fn a_page_that_was_made_ready_leads_to_who_borrows_it(
    #[values(Chromium, Firefox)] engine: Engine,
    #[values(Profile::Regular, Profile::Incognito)] profile: Profile,
) {
    for _ in 0..2 {
        // There is one at most.
        POOL.prepare(engine, profile);
        POOL.prepare(engine, profile);
        leads_to_the_borrower(engine, profile).await;
    }
}

/// Addresses need no name to be asked for: nothing but the browser itself keeps a page from them.
#[rstest]
#[tokio::test]
async fn a_page_reaches_no_address_by_web_rtc(#[values(Chromium, Firefox)] engine: Engine) {
    let udp = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (lease, page) = borrow(engine, Profile::Regular).await;
    let url = "http://shop.example/";
    page.visit(url, DEFAULT_LIMIT).await.unwrap();
    let gather = format!(
        "const udp = '127.0.0.1:{}', tcp = '127.0.0.1:{}', secret = {{ username: 'a', credential: 'b' }};
        const iceServers = [{{ urls: 'stun:' + udp }}, {{ urls: 'turn:' + udp, ...secret }},
          {{ urls: 'turn:' + tcp + '?transport=tcp', ...secret }}];
        const peer = new RTCPeerConnection({{ iceServers }}), found = [];
        peer.createDataChannel('data');
        peer.onicecandidate = (event) => event.candidate?.candidate && found.push(event.candidate.candidate);
        await peer.setLocalDescription(await peer.createOffer());
        if (peer.iceGatheringState !== 'complete')
          await new Promise(done => peer.onicegatheringstatechange = () => peer.iceGatheringState === 'complete' && done());
        return found",
        udp.local_addr().unwrap().port(),
        tcp.local_addr().unwrap().port(),
    );
    assert_eq!(page.run(&gather).await.unwrap(), json!([]));
    let heard = [
        udp.try_recv(&mut [0; 64]).map(|_| ()),
        tcp.into_std().unwrap().accept().map(|_| ()),
    ];
    for heard in heard {
        assert_eq!(
            heard.unwrap_err().kind(),
            std::io::ErrorKind::WouldBlock,
            "something arrived"
        );
    }
    lease.give_back(page).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn nothing_of_a_visit_is_left_for_the_next(#[values(Chromium, Firefox)] engine: Engine) {
    for _ in 0..2 {
        let (lease, page) = borrow(engine, Profile::Regular).await;
        let url = "http://shop.example/cookies";
        let first = page.visit(url, DEFAULT_LIMIT).await.unwrap();
        assert_eq!(page.body(&first).await.unwrap(), b"none");
        let stored = page
            .run(
                "const before = localStorage.length; localStorage.setItem('a', 'b'); return before",
            )
            .await
            .unwrap();
        assert_eq!(stored, json!(0));
        // Within the visit the cookie is kept.
        let second = page.visit(url, DEFAULT_LIMIT).await.unwrap();
        let sent = String::from_utf8(page.body(&second).await.unwrap()).unwrap();
        assert_eq!(sent.to_ascii_lowercase(), "cookie: seen=yes");
        lease.give_back(page).await.unwrap();
    }
}

#[tokio::test]
async fn a_browser_that_remembers_nothing_is_lent_again() {
    let pool = Pool::new(&tools::cache().join("profiles"), Trust::default());
    let mut browsers = Vec::new();
    for _ in 0..2 {
        let (lease, page) = borrow_from(&pool, Chromium, Profile::Regular).await;
        // What may ask people for something: a page that counts as safe.
        page.visit("http://localhost/", DEFAULT_LIMIT)
            .await
            .unwrap();
        browsers.push(lease.devtools().unwrap().to_owned());
        lease.give_back(page).await.unwrap();
    }
    assert_eq!(browsers[0], browsers[1]);
}

// Firefox asks the visitor, who says nothing.
#[rstest]
#[case::credentials("http://ann:word@localhost/secret", "")]
#[case::what_a_site_wants_to_know("http://localhost/hints", "")]
#[case::decisions(
    "http://localhost/",
    "await Promise.race([Notification.requestPermission(), new Promise(done => setTimeout(done, 500))])"
)]
#[tokio::test]
async fn what_cannot_be_removed_is_left_to_nobody(
    #[case] url: &str,
    #[case] script: &str,
    #[values(Chromium, Firefox)] engine: Engine,
) {
    let pool = Pool::new(&tools::cache().join("profiles"), Trust::default());
    let state = "return (await navigator.permissions.query({ name: 'notifications' })).state";
    let mut seen = Vec::new();
    for _ in 0..2 {
        let (lease, page) = borrow_from(&pool, engine, Profile::Regular).await;
        let head = page.visit("http://localhost/head", DEFAULT_LIMIT).await;
        let head = page.body(&head.unwrap()).await.unwrap();
        seen.push((String::from_utf8(head), page.run(state).await.unwrap()));
        page.visit(url, DEFAULT_LIMIT).await.unwrap();
        page.run(script).await.unwrap();
        lease.give_back(page).await.unwrap();
    }
    assert_eq!(seen[0], seen[1]);
}

#[rstest]
#[tokio::test]
async fn what_a_page_or_its_window_stores_while_it_closes_is_gone_too(
    #[values(Chromium, Firefox)] engine: Engine,
) {
    let (lease, page) = borrow(engine, Profile::Regular).await;
    let url = "http://shop.example/";
    page.visit(url, DEFAULT_LIMIT).await.unwrap();
    let store_late = "const late = (window, key) => { window.onpagehide = () => window.localStorage.setItem(key, 'kept'); };
        const other = window.open('/cookies');
        await new Promise(done => other.onload = done);
        late(window, 'page'); late(other, 'window')";
    page.run(store_late).await.unwrap();
    lease.give_back(page).await.unwrap();

    let (lease, page) = borrow(engine, Profile::Regular).await;
    page.visit(url, DEFAULT_LIMIT).await.unwrap();
    let left = page.run("return Object.keys(localStorage)").await.unwrap();
    assert_eq!(left, json!([]));
    lease.give_back(page).await.unwrap();
}

#[rstest]
#[case(Profile::Regular, false)]
#[case(Profile::Incognito, false)]
#[case(Profile::Automated, true)]
#[tokio::test]
async fn only_an_automated_browser_says_that_it_is_one(
    #[case] profile: Profile,
    #[case] says_so: bool,
    #[values(Chromium, Firefox)] engine: Engine,
) {
    let (lease, page) = borrow(engine, profile).await;
    page.visit("http://shop.example/", DEFAULT_LIMIT)
        .await
        .unwrap();
    let said = page
        .run("return [navigator.webdriver, navigator.userAgent.includes('Headless')]")
        .await
        .unwrap();
    // Firefox has the same name with a window and without.
    let is_headless = says_so && engine == Chromium;
    assert_eq!(said, json!([says_so, is_headless]));
    lease.give_back(page).await.unwrap();
}

// In Firefox the document is left before a script that goes back has returned, which is told as such.
#[rstest]
#[tokio::test]
async fn a_script_after_a_step_in_the_history_runs_in_the_page_that_it_leads_to(
    #[values(Chromium, Firefox)] engine: Engine,
) {
    let (lease, page) = borrow(engine, Profile::Regular).await;
    for query in ["a", "b"] {
        let url = format!("http://shop.example/?{query}");
        page.visit(&url, DEFAULT_LIMIT).await.unwrap();
    }
    for time in 0..30 {
        for (step, query) in [
            ("back()", "?a"),
            ("forward()", "?b"),
            ("go(-1)", "?a"),
            ("go(1)", "?b"),
        ] {
            page.run(&format!("history.{step}")).await.unwrap();
            let shown = page.run("return location.search").await.unwrap();
            assert_eq!(shown, query, "time {time}, {step}");
        }
    }
    lease.give_back(page).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn what_a_page_does_not_do_is_an_error_that_says_what(
    #[values(Chromium, Firefox)] engine: Engine,
) {
    let (lease, page) = borrow(engine, Profile::Regular).await;
    let late = Duration::from_millis(500);
    assert!(matches!(
        page.input(late).click("#none").await,
        Err(PageError::Obstacle { reason, .. }) if reason.contains("#none")
    ));
    assert!(matches!(
        page.run("throw new TypeError('no')").await,
        Err(PageError::Script(text)) if text.contains("TypeError: no")
    ));
    lease.give_back(page).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn what_an_opened_window_asks_for_counts_as_the_pages(
    #[values(Chromium, Firefox)] engine: Engine,
) {
    let (lease, page) = borrow(engine, Profile::Regular).await;
    page.visit("http://shop.example/", DEFAULT_LIMIT)
        .await
        .unwrap();
    page.run("window.open('/cookies')").await.unwrap();
    let call = page
        .call(0, "the window's call", DEFAULT_LIMIT, |call| {
            call.url.ends_with("/cookies")
        })
        .await
        .unwrap();
    assert_eq!(call.status, Some(200));
    lease.give_back(page).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn an_error_without_a_body_is_an_answer(#[values(Chromium, Firefox)] engine: Engine) {
    let (lease, page) = borrow(engine, Profile::Regular).await;
    let document = page
        .visit("http://shop.example/refused", DEFAULT_LIMIT)
        .await
        .unwrap();
    assert_eq!(
        (document.status, document.outcome),
        (Some(403), CallOutcome::Finished)
    );
    lease.give_back(page).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn a_page_that_cannot_be_shown_is_an_error_at_once(
    #[values(Chromium, Firefox)] engine: Engine,
) {
    let (lease, page) = borrow(engine, Profile::Regular).await;
    let visit = page.visit("http://shop.example/not-gzip", DEFAULT_LIMIT);
    let visit = visit.await;
    let expected = match engine {
        Chromium => "net::ERR_CONTENT_DECODING_FAILED",
        _ => "NS_ERROR_INVALID_CONTENT_ENCODING",
    };
    assert!(
        matches!(&visit, Err(PageError::Navigation { reason, .. }) if reason == expected),
        "{visit:?}"
    );
    lease.give_back(page).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn a_page_that_breaks_off_has_its_status_and_is_known_to_be_incomplete(
    #[values(Chromium, Firefox)] engine: Engine,
) {
    let (lease, page) = borrow(engine, Profile::Regular).await;
    let visit = page.visit("http://shop.example/broken-off", DEFAULT_LIMIT);
    let document = visit.await.unwrap();
    assert_eq!(
        (document.status, document.outcome),
        (Some(200), CallOutcome::BrokeOff)
    );
    // What has come of it can be looked at.
    let title = page.run("return document.title").await.unwrap();
    assert_eq!(title, json!("site"));
    lease.give_back(page).await.unwrap();
}

#[rstest]
#[case("Date.toString().replace(/\\s+/g, ' ')", json!("function Date() { [native code] }"))]
#[case("Date.now.toString().replace(/\\s+/g, ' ')", json!("function now() { [native code] }"))]
#[case("Function.prototype.toString.toString().replace(/\\s+/g, ' ')", json!("function toString() { [native code] }"))]
#[case("new Intl.DateTimeFormat('en', { year: 'numeric' }).format()", json!("2096"))]
#[case("new Intl.DateTimeFormat('en', { year: 'numeric' }).format(0)", json!("1970"))]
#[case("new Intl.DateTimeFormat('en', { year: 'numeric' }).formatToParts()[0].value", json!("2096"))]
#[case("new Date(document.lastModified).getFullYear()", json!(2096))]
#[case("new Date(new File([], 'a').lastModified).getFullYear()", json!(2096))]
#[case("new File([], 'a', { lastModified: 5 }).lastModified", json!(5))]
#[case("new File([], 'a') instanceof File", json!(true))]
#[tokio::test]
async fn a_wrong_clock_is_wrong_everywhere_and_looks_like_the_browsers(
    #[case] script: &str,
    #[case] expected: serde_json::Value,
    #[values(Chromium, Firefox)] engine: Engine,
) {
    let (lease, page) = borrow(engine, Profile::Regular).await;
    // The middle of 2096, whatever the day of the test is.
    const THEN: i64 = 3_991_982_400_000;
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis();
    let ahead = THEN - i64::try_from(now).unwrap();
    page.wrong_clock(ahead).await.unwrap();
    page.visit("http://shop.example/", DEFAULT_LIMIT)
        .await
        .unwrap();
    assert_eq!(
        page.run(&format!("return {script}")).await.unwrap(),
        expected
    );
    lease.give_back(page).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn a_wrong_clock_is_wrong_in_a_frame_of_another_site_too(
    #[values(Chromium, Firefox)] engine: Engine,
) {
    let (lease, page) = borrow(engine, Profile::Regular).await;
    const DAY: i64 = 24 * 60 * 60 * 1000;
    page.wrong_clock(DAY).await.unwrap();
    page.visit("http://shop.example/", DEFAULT_LIMIT)
        .await
        .unwrap();
    let frame = "document.body.innerHTML = \"<iframe id=f src='http://pay.example/'></iframe>\";
        await new Promise(done => f.onload = done)";
    page.run(frame).await.unwrap();
    let inside = Place {
        frames: vec!["#f".to_owned()],
        ..Place::default()
    };
    let now = page.run_at(&inside, "return Date.now()").await.unwrap();
    let machine = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis();
    let ahead = now.as_i64().unwrap() - i64::try_from(machine).unwrap();
    assert!((ahead - DAY).abs() < 60_000, "{ahead}");
    lease.give_back(page).await.unwrap();
}
