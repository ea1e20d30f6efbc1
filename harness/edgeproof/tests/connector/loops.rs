//! Calls to the node that come back to the worker.

use edgeproof_ground::body;
use rstest::rstest;

use crate::world::{NODE, Node, SITE, World, request};

const SECRET: (&str, &str) = ("WALLARM_LOOP_SECRET", "000102030405060708090a0b0c0d0e0f");

/// The node passes requests on to the site, so the worker sees its own call again: perhaps in another isolate, which
/// here is another process with the same secret.
#[rstest]
#[case("inline")]
#[case("async")]
#[tokio::test]
async fn a_call_that_comes_back_is_not_sent_to_the_node_again(#[case] mode: &str) {
    let variables = [SECRET, ("WALLARM_MODE", mode)];
    let first = World::start(Node::Verdict, &variables).await;
    first.get("/attack?x").await;
    let call = first.internet.until(NODE, |seen| seen.is_whole).await;

    let second = World::start(Node::Verdict, &variables).await;
    let mut back = request("GET", "/attack?x", body::empty());
    *back.headers_mut() = call.headers.clone();
    back.headers_mut().insert("host", SITE.parse().unwrap());
    assert_eq!(second.ask(back).await.status(), 200);
    assert_eq!(second.internet.order(), [SITE]);
    assert_eq!(
        second.internet.at(SITE)[0].headers.get("x-wallarm-loop"),
        None
    );
    second.logged("came back").await;
}

/// Without a secret the isolate makes one up.
#[tokio::test]
async fn a_call_that_comes_back_to_its_isolate_needs_no_configuration() {
    let world = World::start(Node::Verdict, &[]).await;
    world.get("/attack").await;
    let mark = world.internet.at(NODE)[0].headers["x-wallarm-loop"].clone();
    let mut back = request("GET", "/attack", body::empty());
    back.headers_mut().insert("x-wallarm-loop", mark);
    assert_eq!(world.ask(back).await.status(), 200);
    assert_eq!(world.internet.order(), [NODE, SITE]);
}

#[tokio::test]
async fn a_request_for_the_node_itself_goes_there() {
    let world = World::start(Node::Verdict, &[SECRET]).await;
    let mut call = request("GET", "/in/attack", body::empty());
    call.headers_mut().insert("host", NODE.parse().unwrap());
    assert_eq!(world.ask(call).await.status(), 403);
    let targets: Vec<String> = world
        .internet
        .at(NODE)
        .into_iter()
        .map(|seen| seen.target().to_owned())
        .collect();
    assert_eq!(targets, ["/in/attack"]);
}

#[rstest]
#[case("1")]
#[case("1795000000-00")]
#[case("")]
#[tokio::test]
async fn a_forged_mark_does_not_get_past_the_node(#[case] mark: &str) {
    let world = World::start(Node::Verdict, &[SECRET]).await;
    let mut forged = request("GET", "/attack", body::empty());
    forged
        .headers_mut()
        .insert("x-wallarm-loop", mark.parse().unwrap());
    assert_eq!(world.ask(forged).await.status(), 403);
    assert_eq!(world.internet.order(), [NODE]);
}

/// A mark that somebody got hold of is good for its own call only.
#[tokio::test]
async fn a_stolen_mark_opens_no_other_url() {
    let world = World::start(Node::Verdict, &[SECRET]).await;
    world.get("/harmless").await;
    let mark = world.internet.at(NODE)[0].headers["x-wallarm-loop"].clone();
    let mut forged = request("GET", "/attack", body::empty());
    forged.headers_mut().insert("x-wallarm-loop", mark);
    assert_eq!(world.ask(forged).await.status(), 403);
}
