//! The runtime against the real `workerd`.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use edgeproof_ground::{
    memory::Memory,
    runtime_headers::{CF_BLOB_HEADER, FORWARDED_PROTO_HEADER},
    tools::{self, Tool},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::*;

fn worker(
    name: &str,
    source: &str,
    directory: &std::path::Path,
    internet: SocketAddr,
) -> WorkerConfig {
    let directory = directory.join(name);
    std::fs::create_dir(&directory).unwrap();
    std::fs::write(directory.join("index.js"), source).unwrap();
    WorkerConfig {
        options: WorkerOptions::default(),
        name: name.to_owned(),
        bundle: Bundle::read(&directory).unwrap(),
        internet,
        variables: BTreeMap::from([("GREETING".to_owned(), "\"quoted\" \\ ü".to_owned())]),
    }
}

async fn start(workers: &[WorkerConfig]) -> Result<Runtime, RuntimeError> {
    Runtime::start(&tools::find(Tool::Workerd).unwrap(), workers).await
}

async fn ask(address: SocketAddr, head: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    response
}

const NOWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1);

#[test]
fn the_service_for_which_the_runtime_would_read_the_certificates_of_the_system_is_the_rigs_own() {
    let directory = tempfile::tempdir().unwrap();
    let source = "export default { fetch() { return new Response() } }";
    let worker = worker("module", source, directory.path(), NOWHERE);
    let rendered = config::render(&[worker], directory.path());
    let its = r#"( name = "internet", external = ( address = "127.0.0.1:1""#;
    assert!(rendered.contains(its), "{rendered}");
}

#[tokio::test]
async fn workers_of_either_syntax_run_side_by_side_with_their_variables() {
    let directory = tempfile::tempdir().unwrap();
    let workers = [
        worker(
            "module",
            "export default { fetch(request, env) { return new Response(env.GREETING + request.url + request.cf.country) } }",
            directory.path(),
            NOWHERE,
        ),
        worker(
            "script",
            "addEventListener('fetch', event => event.respondWith(new Response('old ' + GREETING)))",
            directory.path(),
            NOWHERE,
        ),
    ];
    let runtime = start(&workers).await.unwrap();

    let request = format!(
        "GET /a?b HTTP/1.1\r\nHost: shop.example\r\n{CF_BLOB_HEADER}: {{\"country\":\"DE\"}}\r\n{FORWARDED_PROTO_HEADER}: https\r\nConnection: close\r\n\r\n"
    );
    let response = ask(runtime.address("module").unwrap(), &request).await;
    assert!(
        response.contains("\"quoted\" \\ ühttps://shop.example/a?bDE"),
        "{response}"
    );
    let response = ask(runtime.address("script").unwrap(), &request).await;
    assert!(response.contains("old \"quoted\" \\ ü"), "{response}");
    runtime.stop().await;
}

#[tokio::test]
async fn a_fetch_arrives_at_the_internet_with_the_url_the_worker_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let internet = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let workers = [worker(
        "module",
        "export default { fetch() { return fetch('https://api.example:8443/v4/send?x=1', { method: 'POST', body: 'b' }) } }",
        directory.path(),
        internet.local_addr().unwrap(),
    )];
    let runtime = start(&workers).await.unwrap();
    let asked = tokio::spawn(async move {
        let (mut stream, _) = internet.accept().await.unwrap();
        let mut bytes = [0; 4096];
        let length = stream.read(&mut bytes).await.unwrap();
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            .await
            .unwrap();
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    });
    let address = runtime.address("module").unwrap();
    ask(
        address,
        "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n",
    )
    .await;
    let asked = asked.await.unwrap();
    assert!(
        asked.starts_with("POST https://api.example:8443/v4/send?x=1 HTTP/1.1\r\n"),
        "{asked}"
    );
}

#[tokio::test]
async fn the_console_of_a_worker_can_be_read() {
    let directory = tempfile::tempdir().unwrap();
    let workers = [worker(
        "module",
        "export default { fetch() { console.warn('odd'); return new Response() } }",
        directory.path(),
        NOWHERE,
    )];
    let runtime = start(&workers).await.unwrap();
    let address = runtime.address("module").unwrap();
    ask(
        address,
        "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n",
    )
    .await;
    let line = runtime
        .wait_for_log(Duration::from_secs(5), |line| {
            line.source == LogSource::Console
        })
        .await
        .unwrap();
    assert_eq!((line.level, line.message.as_str()), (LogLevel::Warn, "odd"));
}

#[tokio::test]
async fn a_worker_that_does_not_parse_is_reported_with_the_runtimes_words() {
    let directory = tempfile::tempdir().unwrap();
    let workers = [worker(
        "module",
        "export default {",
        directory.path(),
        NOWHERE,
    )];
    let error = start(&workers).await.unwrap_err();
    assert!(error.to_string().contains("SyntaxError"), "{error}");
}

/// What the log says after one request, the console's lines first.
async fn logged(source: &str, mapped: bool) -> (String, Option<String>) {
    let directory = tempfile::tempdir().unwrap();
    let workers = [worker("module", source, directory.path(), NOWHERE)];
    if mapped {
        let map = r#"{"version":3,"sources":["../src/a.ts"],"names":[],"mappings":"AAAA"}"#;
        std::fs::write(directory.path().join("module/index.js.map"), map).unwrap();
    }
    let runtime = start(&workers).await.unwrap();
    let began = std::time::Instant::now();
    let address = runtime.address("module").unwrap();
    ask(
        address,
        "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n",
    )
    .await;
    let failure = runtime.log_kept().failure("module", began).await;
    let lines = runtime.log_kept().lines_so_far().await;
    let lines: Vec<_> = lines.into_iter().map(|line| line.message).collect();
    (lines.join("\n"), failure)
}

#[rstest::rstest]
#[case::module(
    "export default { fetch() { console.log('says', 1); null.x } }",
    "says 1\nUncaught TypeError: Cannot read properties of null (reading 'x')\n    at Object.fetch (index.js:1:57)",
    Some(
        "TypeError: Cannot read properties of null (reading 'x')\n    at Object.fetch (index.js:1:57)"
    )
)]
#[case::script(
    "addEventListener('fetch', event => { console.log('says', 1); throw new Error('no') })",
    "says 1\nUncaught Error: no\n    at module:1:68",
    Some("Error: no\n    at module:1:68")
)]
#[case::a_text(
    "export default { async fetch() { throw 'just so' } }",
    "Uncaught just so",
    Some("just so")
)]
#[case::afterwards(
    "export default { fetch(request, env, context) { context.waitUntil(Promise.reject(new Error('late'))); return new Response() } }",
    "Uncaught Error: late\n    at Object.fetch (index.js:1:82)",
    None
)]
#[tokio::test]
async fn what_a_worker_throws_can_be_read_and_belongs_to_the_request_it_failed(
    #[case] source: &str,
    #[case] lines: &str,
    #[case] failure: Option<&str>,
) {
    let seen = logged(source, false).await;
    assert_eq!((seen.0.as_str(), seen.1.as_deref()), (lines, failure));
}

#[tokio::test]
async fn a_request_that_hangs_for_ever_says_so() {
    let (_, failure) = logged(
        "export default { fetch() { return new Promise(() => {}) } }",
        false,
    )
    .await;
    let failure = failure.unwrap();
    assert!(
        failure.contains("would never generate a response"),
        "{failure}"
    );
}

#[tokio::test]
async fn a_stack_is_in_the_words_of_the_sources() {
    let (lines, failure) = logged("export default { fetch() { null.x } }", true).await;
    for text in [lines, failure.unwrap()] {
        assert!(text.contains("src/a.ts:1:1)"), "{text}");
    }
}

/// What a tail gets of a request that a worker answers with an exception, with the stack of its sources.
#[tokio::test]
async fn a_tail_gets_what_an_invocation_came_to_and_secrets_are_hidden() {
    let directory = tempfile::tempdir().unwrap();
    let source =
        "export default { fetch() { console.log('one', { two: 3 }); throw new TypeError('no') } }";
    let mut tailed = worker("tailed", source, directory.path(), NOWHERE);
    tailed.options.is_tailed = true;
    let workers = [worker("other", source, directory.path(), NOWHERE), tailed];
    let (sender, mut events) = tokio::sync::mpsc::unbounded_channel();
    let tail: TailReader = std::sync::Arc::new(move |worker, events| {
        sender.send((worker.to_owned(), events)).unwrap();
    });
    let watched = Watched {
        tail: Some(tail),
        ..Watched::default()
    };
    let workerd = tools::find(Tool::Workerd).unwrap();
    let runtime = Runtime::start_with(&workerd, &workers, watched, &Memory::default())
        .await
        .unwrap();
    let request = "GET /a HTTP/1.1\r\nHost: shop.example\r\nCookie: session=sesame\r\nConnection: close\r\n\r\n";
    for worker in ["other", "tailed"] {
        ask(runtime.address(worker).unwrap(), request).await;
    }
    let received = tokio::time::timeout(Duration::from_secs(10), events.recv());
    let (worker, events) = received.await.unwrap().unwrap();
    assert_eq!((worker.as_str(), events.len()), ("tailed", 1));
    let event = &events[0];
    assert_eq!(event["scriptName"], "tailed");
    assert_eq!(event["outcome"], "exception");
    assert_eq!(
        event["logs"][0]["message"],
        serde_json::json!(["one", {"two": 3}])
    );
    assert_eq!(event["exceptions"][0]["name"], "TypeError");
    assert_eq!(event["event"]["request"]["headers"]["cookie"], "REDACTED");
    runtime.stop().await;
}
