//! Connections with an application that are used again.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use edgeproof_ground::body;
use edgeproof_ground::trace::Party;
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
};

use crate::{
    foreign::{ROUTES, head, last_decision, listening, put},
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
            let response = world.ask(get(path)).await;
            assert_eq!((response.status().as_u16(), text(&response)), (200, "GET"));
            let response = world.ask(post(path, body::empty())).await;
            assert_eq!((response.status().as_u16(), text(&response)), (200, "POST"));
            let response = world.ask(post(path, body::full("body"))).await;
            assert_eq!((response.status().as_u16(), text(&response)), (200, "POST"));
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
async fn a_request_that_is_sent_twice_is_recorded_twice_and_the_hop_says_so() {
    let world = world().await;
    let asked = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&asked);
    let address = listening(move |mut stream| {
        let counter = Arc::clone(&counter);
        async move {
            for response in ["HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", ""] {
                if head(&mut stream).await.is_some() {
                    counter.fetch_add(1, Ordering::SeqCst);
                }
                stream.write_all(response.as_bytes()).await.unwrap();
            }
        }
    });
    let origin = put(&world, &format!("http://{}", address.await));
    for visits in 1.. {
        assert_eq!(world.get("/a").await.status(), 200);
        let asked = asked.load(Ordering::SeqCst);
        assert_eq!(origin.requests().len() as u64, asked);
        // The connection is kept when its response has ended, which is a moment after the visitor has it.
        if asked > visits {
            break;
        }
    }
    let decision = last_decision(&world, Party::Edge);
    assert!(decision.starts_with("sent twice: "), "{decision}");
}

#[tokio::test]
async fn an_application_that_ends_over_a_request_on_a_kept_connection_is_520() {
    let world = world().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        loop {
            head(&mut stream).await;
            let response = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(response).await.unwrap();
            tokio::select! {
                Some(_) = head(&mut stream) => {
                    drop(listener);
                    return;
                }
                // The connection was not kept yet.
                Ok((next, _)) = listener.accept() => stream = next,
            }
        }
    });
    let origin = put(&world, &format!("http://{address}"));
    let mut visits = 1;
    let failed = loop {
        let response = world.get("/a").await;
        if response.status() != 200 {
            break response;
        }
        visits += 1;
    };
    assert_eq!(failed.status(), 520);
    assert_eq!(origin.requests().len(), visits);
    let decision = last_decision(&world, Party::Edge);
    for told in ["it closed the connection", "once more", "refused"] {
        assert!(decision.contains(told), "{decision}");
    }
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
