//! An authority of the user's own, whose certificate the site does not send along, as few do.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::Command,
    sync::Arc,
};

use edgeproof_test_support::authority::Authority;
use tokio_rustls::rustls::{ServerConnection, StreamOwned};

use crate::world::{HOST, ZONES, said, target_folder};

/// A connection of a site.
pub(crate) type Tls = StreamOwned<ServerConnection, TcpStream>;

/// A site that responds so, and the certificate of who has signed for it.
pub(crate) fn site(respond: fn(Tls)) -> (SocketAddr, String) {
    let authority = Authority::new("An authority of one's own");
    let config = authority.server(&[HOST]);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let config = Arc::new(config);
        for stream in listener.incoming().flatten() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            std::thread::spawn(move || respond(StreamOwned::new(connection, stream)));
        }
    });
    (address, authority.pem())
}

fn respond(mut stream: Tls) {
    // A request without a body comes at once; anyone who only looks at the certificate sends none.
    if stream.read(&mut [0; 4096]).is_ok_and(|count| count > 0) {
        let page = "<!doctype html><p id=a>hello</p>";
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n";
        let _ = write!(stream, "{head}content-length: {}\r\n\r\n{page}", page.len());
        stream.conn.send_close_notify();
        let _ = stream.flush();
    }
}

#[test]
fn clients_and_browsers_take_a_certificate_that_an_authority_of_ones_own_has_signed() {
    let (address, authority) = site(respond);
    let folder = target_folder(address, &authority);
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let page = "expect: { status: 200, page: [{ select: '#a', text: hello }] }";
    write(
        "a.yaml",
        &format!(
            "scenario: A request\ngiven:\n{ZONES}steps: [{{ request: GET https://shop.example/, {page} }}]\n"
        ),
    );
    write(
        "b.yaml",
        &format!(
            "scenario: A page\nmatrix: {{ engine: [chromium, firefox], profile: [regular, incognito] }}\ngiven:\n{ZONES}  \
             visitors: {{ ann: {{ profile: '${{profile}}', engine: '${{engine}}' }} }}\n\
             steps: [{{ visit: https://shop.example/, {page} }}]\n"
        ),
    );
    let output = Command::new(env!("CARGO_BIN_EXE_edgeproof"))
        .args([
            "run",
            "a.yaml",
            "b.yaml",
            "--target",
            "target.yaml",
            "--i-may-test",
            HOST,
        ])
        .current_dir(folder.path())
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    let text = said(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("5 scenarios: 5 passed"), "{text}");
}
