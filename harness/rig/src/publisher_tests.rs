//! What is replaced goes on to its end, and ends; what replaces it is what the edge knows of.

use std::{collections::BTreeMap, num::NonZeroU32, path::Path, time::Duration};

use bytes::Bytes;
use edgeproof_ground::{process::ScratchDirectory, tools, trace::Party};
use edgeproof_test_support::wait::{PATIENCE, is_alive, until};
use http::Request;
use rstest::rstest;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use super::{Description, Environment, Rig};

/// A worker that asks the gate, and only then goes on: with its body under `/stream`, after its response under `/late`.
const GATED: &str = r#"
    const gate = () => fetch("https://gate.shop.example/");
    async function stream(writable) {
        const writer = writable.getWriter();
        await writer.write(new TextEncoder().encode("one "));
        await gate();
        await writer.write(new TextEncoder().encode("two"));
        await writer.close();
    }
    async function late() {
        await gate();
        const response = await fetch("https://shop.example/login");
        console.log("late " + response.status);
    }
    export default { fetch(request, env, context) {
        const { pathname } = new URL(request.url);
        console.log("ran for " + pathname);
        if (pathname === "/stream") {
            const { readable, writable } = new TransformStream();
            context.waitUntil(stream(writable));
            return new Response(readable);
        }
        if (pathname === "/late") context.waitUntil(late());
        return new Response("old");
    } };"#;
const NEW: &str = "export default { fetch: () => new Response('new') };";
/// Some tenths of a second of processor time.
const BURNING: &str = "export default { fetch() {
    let x = 0;
    for (let i = 0; i < 3e8; i++) x = (x * 31 + i) | 0;
    return new Response('burnt ' + x);
} };";

/// 200 KB of log for a visit.
const CHATTY: &str = "export default { fetch() {
    for (let i = 0; i < 20; i++) console.log('x'.repeat(10000));
    return new Response('said');
} };";

struct World {
    rig: Rig,
    gate: TcpListener,
    directory: ScratchDirectory,
}

impl World {
    /// `code` runs for everything below `shop.example`, which is not the first zone by name.
    async fn start(code: &str, edge: Value, wait_until: Duration) -> Self {
        Self::start_keeping(None, code, edge, wait_until).await
    }

    /// The same, which keeps so many MiB of what happens.
    async fn start_keeping(
        megabytes: Option<NonZeroU32>,
        code: &str,
        edge: Value,
        wait_until: Duration,
    ) -> Self {
        let gate = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let directory = ScratchDirectory::create(&std::env::temp_dir(), "edgeproof-test-").unwrap();
        let description = json!({
            "zones": {
                "a.example": { "hosts": { "a.example": { "site": "signup" } } },
                "shop.example": {
                    "hosts": {
                        "shop.example": { "site": "signup" },
                        "gate.shop.example": { "app": format!("http://{}", gate.local_addr().unwrap()) },
                    },
                    "edge": edge,
                },
            },
            "deployments": { "flow": deployment(&directory.path(), code) },
            "visitors": { "ann": {} },
        });
        let description: Description = serde_json::from_value(description).unwrap();
        let worker = tools::home().join("fixtures/workers/pass-through");
        let environment = Environment::prepare(Some(&worker)).unwrap();
        let environment = environment.keeping_megabytes(megabytes);
        Self {
            rig: Rig::start_with(&environment, description, wait_until)
                .await
                .unwrap(),
            gate,
            directory,
        }
    }

    async fn redeploy(&self, code: &str) {
        let deployments = json!({ "flow": deployment(&self.directory.path(), code) });
        let deployments = serde_json::from_value(deployments).unwrap();
        self.rig
            .redeploy(deployments, &BTreeMap::new())
            .await
            .unwrap();
    }

    async fn visit(&self, path: &str) -> String {
        let request = Request::get(format!("https://shop.example{path}"))
            .body(Bytes::new())
            .unwrap();
        let client = self.rig.client("ann").unwrap();
        let response = timeout(PATIENCE, client.send(request)).await.unwrap();
        let (head, body) = response.unwrap().into_parts();
        let body = String::from_utf8_lossy(&body);
        format!("{} {body}", head.status.as_u16())
    }

    /// A worker that stands at the gate.
    async fn at_the_gate(&self) -> TcpStream {
        let accepted = timeout(PATIENCE, self.gate.accept()).await.unwrap();
        accepted.unwrap().0
    }

    async fn process(&self) -> u32 {
        self.rig.publisher.process().await.unwrap()
    }

    fn logged(&self, message: &str) -> bool {
        let log = self.rig.log();
        log.iter().any(|line| line.message == message)
    }
}

/// A deployment of this code, written to a file of its own.
fn deployment(directory: &Path, code: &str) -> Value {
    // Each code has a length of its own.
    let worker = directory.join(code.len().to_string());
    std::fs::create_dir_all(&worker).unwrap();
    std::fs::write(worker.join("index.js"), code).unwrap();
    json!({ "worker": worker, "routes": ["shop.example/*"] })
}

async fn open_the_gate(mut stream: TcpStream) {
    let _ = stream.read(&mut [0; 4096]).await.unwrap();
    let response = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    stream.write_all(response).await.unwrap();
}

#[tokio::test]
async fn the_cpu_limit_holds_for_the_process_that_replaced_another() {
    let world = World::start(NEW, json!({ "cpu_ms": 50 }), PATIENCE).await;
    assert_eq!(world.visit("/").await, "200 new");
    world.redeploy(BURNING).await;
    let response = world.visit("/").await;
    assert!(
        response.starts_with("503 ") && response.contains("1102"),
        "{response}"
    );
    world.rig.stop().await;
}

#[tokio::test]
async fn a_replaced_runtime_that_nobody_visited_ends_at_once() {
    let world = World::start(NEW, json!({}), Duration::from_secs(3600)).await;
    for _ in 0..3 {
        let replaced = world.process().await;
        world.redeploy(NEW).await;
        until("the replaced runtime ends", || !is_alive(replaced)).await;
    }
    assert_eq!(world.visit("/").await, "200 new");
    world.rig.stop().await;
}

#[tokio::test]
async fn a_replaced_runtime_ends_the_response_that_it_has_begun_and_then_itself() {
    let world = World::start(GATED, json!({}), Duration::ZERO).await;
    let replaced = world.process().await;
    let (streamed, ()) = tokio::join!(world.visit("/stream"), async {
        let waiting = world.at_the_gate().await;
        world.redeploy(NEW).await;
        assert_eq!(world.visit("/").await, "200 new");
        assert!(is_alive(replaced));
        open_the_gate(waiting).await;
    });
    assert_eq!(streamed, "200 one two");
    until("the replaced runtime ends", || !is_alive(replaced)).await;
    assert!(world.logged("ran for /stream"), "{:?}", world.rig.log());
    world.rig.stop().await;
}

#[rstest]
#[case::that_has_come_to_its_end(Duration::from_secs(3600), true)]
#[case::that_takes_too_long(Duration::ZERO, false)]
#[tokio::test]
async fn a_replaced_runtime_may_go_on_after_its_last_response_for_a_while(
    #[case] wait_until: Duration,
    #[case] goes_on: bool,
) {
    let world = World::start(GATED, json!({}), wait_until).await;
    let replaced = world.process().await;
    assert_eq!(world.visit("/late").await, "200 old");
    let waiting = world.at_the_gate().await;
    world.redeploy(NEW).await;
    assert_eq!(world.visit("/").await, "200 new");
    if goes_on {
        open_the_gate(waiting).await;
        until("what comes late is logged", || world.logged("late 200")).await;
        assert!(is_alive(replaced));
    } else {
        until("the replaced runtime ends", || !is_alive(replaced)).await;
        assert!(!world.logged("late 200"));
    }
    world.rig.stop().await;
}

#[tokio::test]
async fn a_late_subrequest_to_the_workers_own_zone_runs_no_worker() {
    let world = World::start(GATED, json!({}), PATIENCE).await;
    assert_eq!(world.visit("/late").await, "200 old");
    open_the_gate(world.at_the_gate().await).await;
    until("what comes late is logged", || world.logged("late 200")).await;
    let exchanges = world.rig.trace().exchanges();
    let to = |party| {
        let hops = exchanges.iter().filter(move |hop| hop.to == party);
        hops.map(|hop| hop.from).collect::<Vec<_>>()
    };
    assert_eq!(to(Party::Worker), [Party::Edge]);
    assert_eq!(to(Party::Origin), [Party::Worker, Party::Worker]);
    world.rig.stop().await;
}

#[tokio::test]
async fn a_follower_that_is_slow_misses_what_is_no_longer_kept_and_is_told_how_much() {
    let one = NonZeroU32::new(1);
    let world = World::start_keeping(one, CHATTY, json!({}), Duration::ZERO).await;
    for _ in 0..20 {
        assert_eq!(world.visit("/").await, "200 said");
    }
    world.rig.log_so_far().await;
    let (mut read, mut missed, mut lines) = (Vec::new(), 0, Vec::new());
    while missed + lines.len() < 400 {
        let followed = timeout(PATIENCE, world.rig.follow_log(&mut read));
        let followed = followed.await.unwrap();
        missed += followed.missed;
        lines.extend(followed.lines);
    }
    let bytes: usize = lines.iter().map(|line| line.message.len()).sum();
    assert!(missed > 250 && bytes <= 1024 * 1024, "{missed}, {bytes}");
    assert!(lines.iter().all(|line| line.message.starts_with('x')));
    world.rig.stop().await;
}
