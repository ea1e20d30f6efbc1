//! Connections with an application that are used again.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use edgeproof_ground::body;
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::{
    foreign::{ROUTES, head, listening, put},
    world::{get, post, text, world},
};

/// Responds to the first request of a connection and closes on the second, as an application does whose idle connection
/// ends at that very moment.
async fn once(mut stream: TcpStream) {
    if let Some(head) = head(&mut stream).await {
        let method = head.split(' ').next().unwrap_or_default();
        let length = method.len();
        let response = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{method}");
        stream.write_all(response.as_bytes()).await.unwrap();
    }
    head(&mut stream).await;
}

#[tokio::test]
async fn a_connection_that_was_closed_while_idle_makes_no_error() {
    let world = world().await;
    put(&world, &format!("http://{}", listening(once).await));
    for _ in 0..5 {
        for (path, _) in ROUTES {
            let answer = world.ask(get(path)).await;
            assert_eq!((answer.status().as_u16(), text(&answer)), (200, "GET"));
            let answer = world.ask(post(path, body::empty())).await;
            assert_eq!((answer.status().as_u16(), text(&answer)), (200, "POST"));
            let answer = world.ask(post(path, body::full("body"))).await;
            assert_eq!((answer.status().as_u16(), text(&answer)), (200, "POST"));
        }
    }
}

#[tokio::test]
async fn a_request_that_breaks_a_new_connection_is_asked_once() {
    let world = world().await;
    let asked = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&asked);
    let address = listening(move |mut stream| {
        let counter = Arc::clone(&counter);
        async move {
            if head(&mut stream).await.is_some() {
                counter.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    put(&world, &format!("http://{}", address.await));
    assert_eq!(world.get("/a").await.status(), 520);
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_connection_carries_one_request_after_the_other() {
    let world = world().await;
    let opened = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&opened);
    let address = listening(move |stream| {
        counter.fetch_add(1, Ordering::SeqCst);
        crate::foreign::mirror(stream)
    });
    put(&world, &format!("http://{}", address.await));
    for _ in 0..10 {
        assert_eq!(world.get("/a").await.status(), 200);
        // The connection is kept when its response has ended, which is a moment after the visitor has it.
        tokio::task::yield_now().await;
    }
    let opened = opened.load(Ordering::SeqCst);
    assert!(opened < 10, "{opened} connections for 10 requests");
}
