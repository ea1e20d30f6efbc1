//! Clients that nobody here wrote: curl, Python and Node.js, in front of an application of Node.js.

use std::{process::Output, time::Duration};

use edgeproof_ground::trace::Party;
use rstest::rstest;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::Command,
    time::timeout,
};

use crate::{
    foreign::{head, listening, put},
    node::AppProcess,
    world::{World, world},
};

/// A bound for what must happen soon; nothing waits for it when all is well.
const SOON: Duration = Duration::from_secs(60);

/// Asks for a path with curl, which says itself that it is a visitor.
async fn curl(world: &World, path: &str, arguments: &[&str]) -> Output {
    let mut curl = Command::new("curl");
    curl.args([
        "--silent",
        "--show-error",
        "--insecure",
        "--haproxy-protocol",
    ])
    .args(["--connect-to", &format!("::{}", world.address)])
    .args(arguments)
    .arg(format!("https://shop.example{path}"))
    .kill_on_drop(true);
    let output = timeout(SOON, curl.output()).await;
    output.expect("curl ends").expect("curl is installed")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The status lines of all responses to one request.
fn statuses(output: &Output) -> Vec<String> {
    let head = text(&output.stdout);
    let lines = head.lines().filter(|line| line.starts_with("HTTP/"));
    let status = |line: &str| line.split(' ').nth(1).unwrap_or_default().to_owned();
    lines.map(status).collect()
}

#[rstest]
#[case::http_1_0("--http1.0", "/hints", &["200"])]
#[case::http_1_1("--http1.1", "/hints", &["103", "200"])]
#[case::http_2("--http2", "/hints", &["103", "200"])]
#[case::http_1_1_through_the_worker("--http1.1", "/w/hints", &["200"])]
#[case::http_2_through_the_worker("--http2", "/w/hints", &["200"])]
#[tokio::test]
async fn early_hints_reach_who_may_have_them(
    #[case] version: &str,
    #[case] path: &str,
    #[case] expected: &[&str],
    #[values(0, 1, 2)] server: usize,
) {
    let (world, node) = (world().await, AppProcess::start().await);
    let (app, _) = &node.servers()[server];
    put(&world, app);
    let output = curl(&world, path, &["--include", version]).await;
    assert_eq!(statuses(&output), expected, "{output:?}");
    let text = text(&output.stdout);
    assert!(text.ends_with("\r\n\r\npage"), "{text}");
    if expected.len() == 2 {
        assert!(
            text.contains("link: </style.css>; rel=preload; as=style"),
            "{text}"
        );
        let hop = world.hops(Party::Edge, Party::Origin).pop().unwrap();
        let decision = hop.decision.unwrap_or_default();
        assert_eq!(decision, "103 Early Hints before the response");
    }
}

#[rstest]
#[case::http_1_0("--http1.0", "1")]
#[case::http_1_1("--http1.1", "1.1")]
#[case::http_2("--http2", "2")]
#[tokio::test]
async fn what_curl_sends_and_gets_passes_whole(
    #[case] version: &str,
    #[case] spoken: &str,
    #[values("", "/w")] route: &str,
) {
    let (world, node) = (world().await, AppProcess::start().await);
    put(&world, &node.servers()[0].0);
    let files = tempfile::tempdir().unwrap();
    let file = files.path().join("upload");
    std::fs::write(&file, vec![b'x'; 20 << 20]).unwrap();
    let upload = file.to_str().unwrap();
    let sent = curl(
        &world,
        &format!("{route}/a"),
        &[version, "--upload-file", upload],
    )
    .await;
    let seen: serde_json::Value = serde_json::from_slice(&sent.stdout).unwrap();
    assert_eq!(seen["length"], 20 << 20, "{seen}");
    let asks = ["--header", "x-pieces: 512", "--output", "/dev/null"];
    let tells = [
        "--write-out",
        "%{http_code} %{http_version} %{size_download}",
    ];
    let arguments = [&[version], &asks[..], &tells[..]].concat();
    let got = curl(&world, &format!("{route}/download"), &arguments).await;
    assert_eq!(text(&got.stdout), format!("200 {spoken} {}", 32 << 20));
}

/// curl stops its upload on a refusal, and ends a stream of HTTP/2 short of the length that it announced.
#[rstest]
#[tokio::test]
async fn curl_gets_a_refusal_of_its_upload_whole(
    #[values("--http1.1", "--http2")] version: &str,
    #[values("", "/w")] route: &str,
    #[values(0, 2)] server: usize,
) {
    let (world, node) = (world().await, AppProcess::start().await);
    put(&world, &node.servers()[server].0);
    let files = tempfile::tempdir().unwrap();
    let file = files.path().join("upload");
    std::fs::write(&file, vec![b'x'; 5 << 20]).unwrap();
    let arguments = [
        version,
        "--upload-file",
        file.to_str().unwrap(),
        "--header",
        "x-pieces: 16",
        "--output",
        "/dev/null",
        "--write-out",
        "%{http_code} %{size_download}",
    ];
    for time in 0..5 {
        let got = curl(&world, &format!("{route}/too-much"), &arguments).await;
        let seen = text(&got.stdout);
        assert_eq!(seen, format!("413 {}", 1 << 20), "time {time}: {got:?}");
    }
}

/// As it stands in published logs of what Cloudflare's edge says over HTTP/1.1.
#[tokio::test]
async fn a_status_of_cloudflares_own_has_its_reason_phrase() {
    let world = world().await;
    put(&world, "http://127.0.0.1:9");
    let output = curl(&world, "/", &["--http1.1", "--include"]).await;
    let text = text(&output.stdout);
    assert!(text.starts_with("HTTP/1.1 521 <none>\r\n"), "{text}");
}

/// Two interim responses, what the visitor is not to have of them, and a final one in pieces.
async fn talkative(mut stream: tokio::net::TcpStream) {
    while let Some(head) = head(&mut stream).await {
        let path = head.split(' ').nth(1).unwrap();
        let response = format!(
            "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <{path}>\r\n\
             Keep-Alive: timeout=5\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npage"
        );
        for piece in response.as_bytes().chunks(40) {
            stream.write_all(piece).await.unwrap();
            stream.flush().await.unwrap();
        }
    }
}

#[tokio::test]
async fn every_interim_response_comes_between_the_responses_of_a_pipeline() {
    let world = world().await;
    let address = listening(talkative).await;
    put(&world, &format!("http://{address}"));
    let mut visitor = world.tcp().await;
    let paths: Vec<String> = (0..20).map(|number| format!("/{number}")).collect();
    for path in &paths {
        let last = if path == "/19" {
            "Connection: close\r\n"
        } else {
            ""
        };
        let request = format!("GET {path} HTTP/1.1\r\nHost: shop.example\r\n{last}\r\n");
        visitor.write_all(request.as_bytes()).await.unwrap();
    }
    let mut seen = String::new();
    let read = visitor.read_to_string(&mut seen);
    timeout(SOON, read).await.expect("it ends").unwrap();
    let heads: Vec<&str> = seen
        .lines()
        .filter(|line| line.contains("HTTP/1.1 ") || line.starts_with("link: "))
        .collect();
    let expected = |path: &String| {
        let mut page = "page";
        if path == "/0" {
            page = "";
        }
        [
            format!("{page}HTTP/1.1 102 Processing"),
            "HTTP/1.1 103 Early Hints".to_owned(),
            format!("link: <{path}>"),
            "HTTP/1.1 200 OK".to_owned(),
        ]
    };
    assert_eq!(heads, paths.iter().flat_map(expected).collect::<Vec<_>>());
    assert!(
        !seen.to_ascii_lowercase().contains("keep-alive: timeout"),
        "{seen}"
    );
}
