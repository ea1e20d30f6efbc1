//! A site whose responses break off: half a response is none, whatever its status.

use std::{
    io::{Read, Write},
    process::Command,
};

use rstest::rstest;

use crate::{
    authority::{Tls, site},
    world::{AT_TARGET, ZONES, said, target_folder},
};

/// Says of what it was asked for only the beginning, or nothing at all.
fn respond(mut stream: Tls) {
    let mut request = [0; 4096];
    let count = stream.read(&mut request).unwrap_or_default();
    if request[..count].starts_with(b"GET /half") {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 1000";
        let _ = write!(stream, "{head}\r\n\r\n<p>half");
        let _ = stream.flush();
    }
    if request.starts_with(b"PRI * HTTP/2") {
        respond_over_http2(&mut stream, request[..count].to_vec());
    }
}

/// The head of a response and half of its body, and that the stream is over and nothing is wrong.
fn respond_over_http2(stream: &mut Tls, mut came: Vec<u8>) {
    const PREFACE: usize = 24;
    const HEADERS: u8 = 1;
    let frame = |kind: u8, flags: u8, on: u8, payload: &[u8]| {
        let length = u8::try_from(payload.len()).unwrap();
        [&[0, 0, length, kind, flags, 0, 0, 0, on], payload].concat()
    };
    let has_request = |came: &[u8]| {
        let mut rest = came.get(PREFACE..).unwrap_or_default();
        while let [a, b, c, kind, ..] = rest {
            if *kind == HEADERS {
                return true;
            }
            let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
            rest = rest.get(9 + length..).unwrap_or_default();
        }
        false
    };
    let _ = stream.write_all(&frame(4, 0, 0, b""));
    let _ = stream.flush();
    let mut buffer = [0; 4096];
    while !has_request(&came) {
        match stream.read(&mut buffer) {
            Ok(count) if count > 0 => came.extend(&buffer[..count]),
            _ => return,
        }
    }
    // Status 200, and a length of 1000.
    let head = b"\x88\x0f\x0d\x041000";
    let frames = [
        frame(HEADERS, 4, 1, head),
        frame(0, 0, 1, b"<p>half"),
        frame(3, 0, 1, &[0; 4]),
    ];
    let _ = stream.write_all(&frames.concat());
    let _ = stream.flush();
    // Until the client has gone.
    while stream.read(&mut buffer).is_ok_and(|count| count > 0) {}
}

#[rstest]
#[case::a_status(
    "http",
    "request: GET https://shop.example/half, expect: { status: 200 }",
    "expected a complete response body, but it broke off after 7 bytes"
)]
#[case::nothing_expected(
    "http",
    "request: GET https://shop.example/half }, { request: GET https://shop.example/half, expect: { body_complete: false }",
    "expected a complete response body, but it broke off after 7 bytes"
)]
#[case::over_http2(
    "http",
    "request: { url: https://shop.example/, version: HTTP/2 }, expect: { status: 200 }",
    "expected a complete response body, but it broke off after 7 bytes"
)]
#[case::a_page(
    "regular",
    "visit: https://shop.example/half, expect: { status: 200 }",
    "expected a complete response body, but it broke off after 7 bytes"
)]
#[case::expected(
    "http",
    "request: GET https://shop.example/half, expect: { status: 200, body_complete: false, body: { contains: half } }",
    "1 scenario: 1 passed"
)]
#[case::no_head(
    "http",
    "request: GET https://shop.example/none, expect: { status: 200 }",
    "but the connection was closed before one came"
)]
fn half_a_response_is_none(#[case] profile: &str, #[case] step: &str, #[case] expected: &str) {
    let (address, authority) = site(respond);
    let folder = target_folder(address, &authority);
    let scenario = format!(
        "scenario: A visit\ngiven:\n{ZONES}  visitors: {{ ann: {{ profile: {profile} }} }}\nsteps: [{{ {step} }}]\n"
    );
    std::fs::write(folder.path().join("a.yaml"), scenario).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_edgeproof"))
        .args(AT_TARGET)
        .current_dir(folder.path())
        .env("NO_COLOR", "1")
        .env("COLUMNS", "200")
        .output()
        .unwrap();
    let text = said(&output);
    assert!(text.contains(expected), "{text}");
    let passes = expected.ends_with("1 passed");
    assert_eq!(output.status.code(), Some(i32::from(!passes)), "{text}");
}
