//! Where an application is, and how it is asked.

use tokio::net::TcpListener;

use crate::{
    foreign::{ROUTES, listening, mirror, put, serve_all},
    world::{get, text, world},
};

#[tokio::test]
async fn an_application_is_reached_on_either_loopback_address() {
    let world = world().await;
    // `localhost` is taken by the one who listens; `localhost` below a name is the same (RFC 6761 §6.3).
    for (listens, asked) in [
        ("[::1]:0", "[::1]"),
        ("[::1]:0", "localhost"),
        ("127.0.0.1:0", "localhost"),
        ("127.0.0.1:0", "shop.localhost"),
        ("127.0.0.2:0", "127.0.0.2"),
    ] {
        let listener = TcpListener::bind(listens).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        serve_all(listener, mirror);
        put(&world, &format!("'http://{asked}:{port}'"));
        for (path, _) in ROUTES {
            let response = world.get(path).await;
            assert_eq!(response.status(), 200, "{listens} as {asked}, {path}");
        }
    }
}

#[tokio::test]
async fn an_application_is_asked_by_the_visitors_host_or_the_one_it_insists_on() {
    let world = world().await;
    let address = listening(mirror).await;
    for (app, path, line, host) in [
        (
            "http://ADDRESS",
            "/a?b",
            "GET /a?b HTTP/1.1",
            "shop.example",
        ),
        ("http://ADDRESS/", "/a/", "GET /a/ HTTP/1.1", "shop.example"),
        (
            "http://ADDRESS/shop",
            "/a?b",
            "GET /shop/a?b HTTP/1.1",
            "shop.example",
        ),
        (
            "http://ADDRESS/shop/",
            "/",
            "GET /shop/ HTTP/1.1",
            "shop.example",
        ),
        (
            "{ address: 'http://ADDRESS', host: 'localhost:5173' }",
            "/a",
            "GET /a HTTP/1.1",
            "localhost:5173",
        ),
        (
            "{ address: 'http://ADDRESS/shop', host: app.test }",
            "/w/a",
            "GET /shop/w/a HTTP/1.1",
            "app.test",
        ),
    ] {
        put(&world, &app.replace("ADDRESS", &address.to_string()));
        let response = world.ask(get(path)).await;
        let head = text(&response).to_lowercase();
        let (line, host) = (line.to_lowercase(), format!("\r\nhost: {host}\r\n"));
        assert!(head.starts_with(&line), "{app}: {head}");
        assert!(head.contains(&host), "{app}: {head}");
    }
}
