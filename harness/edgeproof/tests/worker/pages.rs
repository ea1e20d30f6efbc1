//! Pages: where the script goes, in which bytes, and what is left alone.

use std::io::{Read, Write};

use bytes::Bytes;
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use rstest::rstest;

use crate::world::{Got, INSTRUMENTOR, Reply, World, answer, html, pieces};

async fn page_of(reply: impl Fn() -> Reply + Send + Sync + 'static) -> (World, Got) {
    let world = World::start(&[], move |asked| asked.url.contains("/page").then(&reply)).await;
    let got = world.page().await;
    (world, got)
}

#[rstest]
#[case::a_head("<!doctype html><html><head>", "<title>a</title></head>")]
#[case::a_head_with_attributes("<html lang=en><head prefix='og: x'>", "<title>a</title>")]
#[case::no_head("<!doctype html>", "<title>a</title><p>b")]
#[case::nothing_but_text("", "hello")]
#[case::a_comment_that_speaks_of_a_head("<!-- <head> --><html><head>", "<title>a</title>")]
#[case::a_base(
    "<html><head>",
    "<base href=\"https://elsewhere.example/\"><title>a</title>"
)]
#[case::a_base_without_a_head("<!doctype html>", "<base href=\"https://elsewhere.example/\">")]
#[tokio::test]
async fn the_script_is_the_first_thing_in_the_head(#[case] before: &str, #[case] after: &str) {
    let page = format!("{before}{after}");
    let (_world, got) = page_of(move || html(page.clone())).await;
    assert_eq!(got.text(), format!("{before}{INSTRUMENTOR}{after}"));
}

fn one_byte(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

fn utf16_le(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn utf16_be(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

#[rstest]
#[case::utf_8("text/html; charset=utf-8", one_byte, "Gr\u{fc}\u{df}e".as_bytes())]
#[case::windows_1251(
    "text/html; charset=windows-1251",
    one_byte,
    b"\xcf\xf0\xe8\xe2\xe5\xf2"
)]
#[case::shift_jis("text/html;charset=Shift_JIS", one_byte, b"\x83\x6e\x83\x8d\x81\x5b")]
#[case::not_declared("text/html", one_byte, b"\xff\xfe\xfd")]
#[case::utf_16_le("text/html; charset=utf-16le", utf16_le, b"\x3d\xd8\x00\xde")]
#[case::utf_16_be("text/html; charset=\"UTF-16BE\"", utf16_be, b"\xd8\x3d\xde\x00")]
#[tokio::test]
async fn a_page_in_any_charset_gets_a_script_in_its_own(
    #[case] content_type: &'static str,
    #[case] encode: fn(&str) -> Vec<u8>,
    #[case] rest: &'static [u8],
) {
    let before = encode("<html><head>");
    let page = [before.as_slice(), rest].concat();
    let sent = page.clone();
    let (_world, got) =
        page_of(move || answer(200, &[("content-type", content_type)], sent.clone())).await;
    assert_eq!(
        got.body,
        [before.as_slice(), &encode(INSTRUMENTOR), rest].concat()
    );
}

#[tokio::test]
async fn a_page_that_only_its_byte_order_mark_declares_gets_a_script_in_its_charset() {
    let before = utf16_le("\u{feff}<html><head>");
    let sent = before.clone();
    let (_world, got) =
        page_of(move || answer(200, &[("content-type", "text/html")], sent.clone())).await;
    let script = utf16_le(INSTRUMENTOR);
    assert_eq!(got.body, [before, script].concat());
}

#[tokio::test]
async fn a_page_in_pieces_of_one_byte_is_the_page_in_one() {
    let page = format!(
        "<!doctype html><html><head><title>a</title></head>{}",
        "<p>b".repeat(300)
    );
    let bytes = page.clone().into_bytes();
    let (_world, got) = page_of(move || {
        let pieces_of_it = bytes.iter().map(|byte| Bytes::from(vec![*byte])).collect();
        pieces(200, &[("content-type", "text/html")], pieces_of_it)
    })
    .await;
    assert_eq!(
        got.text(),
        page.replacen("<head>", &format!("<head>{INSTRUMENTOR}"), 1)
    );
}

#[rstest]
#[case::nonce("script-src 'nonce-abc'", "", Some("abc"), true)]
#[case::strict_dynamic("script-src 'strict-dynamic' 'nonce-r4nd'", "", Some("r4nd"), true)]
#[case::by_meta(
    "",
    "<meta http-equiv=content-security-policy content=\"script-src 'nonce-m'\">",
    Some("m"),
    true
)]
#[case::self_is_enough("script-src 'self'", "", None, true)]
#[case::default_src("default-src 'self'", "", None, true)]
#[case::forbidden("script-src 'none'", "", None, false)]
#[case::others_only("script-src https://cdn.example", "", None, false)]
#[case::hashes_with_strict_dynamic("script-src 'strict-dynamic' 'sha256-AAAA'", "", None, false)]
#[tokio::test]
async fn a_page_under_a_policy_is_instrumented_or_the_log_says_why_not(
    #[case] policy: &'static str,
    #[case] meta: &'static str,
    #[case] nonce: Option<&str>,
    #[case] is_permitted: bool,
) {
    let (world, got) = page_of(move || {
        let mut headers = vec![("content-type", "text/html")];
        if !policy.is_empty() {
            headers.push(("content-security-policy", policy));
        }
        answer(200, &headers, format!("<html><head>{meta}</head>"))
    })
    .await;
    let nonce = nonce
        .map(|nonce| format!(" nonce=\"{nonce}\""))
        .unwrap_or_default();
    let script = format!("<script{nonce} src=\"/fp/instrumentor.iife.js\"></script>");
    assert_eq!(got.text(), format!("<html><head>{script}{meta}</head>"));
    let log = world.log().await;
    let complaints = log
        .iter()
        .filter(|line| line.contains("Content-Security-Policy"))
        .count();
    assert_eq!(complaints, usize::from(!is_permitted), "{log:?}");
}

#[tokio::test]
async fn what_speaks_of_the_bytes_of_a_page_is_right_afterwards() {
    let (_world, got) = page_of(|| {
        let headers = [
            ("content-type", "text/html"),
            ("etag", "\"v1\""),
            ("content-md5", "Q2hlY2sgSW50ZWdyaXR5IQ=="),
            ("digest", "sha-256=abc"),
            ("content-digest", "sha-256=:abc=:"),
            ("repr-digest", "sha-256=:abc=:"),
            ("accept-ranges", "bytes"),
            ("x-own", "1"),
        ];
        answer(200, &headers, "<html><head></head>")
    })
    .await;
    let length = "<html><head></head>".len() + INSTRUMENTOR.len();
    assert_eq!(
        got.header("content-length"),
        Some(length.to_string().as_str())
    );
    assert_eq!(got.body.len(), length);
    assert_eq!(got.header("etag"), Some("W/\"v1\""));
    for gone in [
        "content-md5",
        "digest",
        "content-digest",
        "repr-digest",
        "accept-ranges",
    ] {
        assert_eq!(got.header(gone), None, "{gone}");
    }
    assert_eq!(got.header("x-own"), Some("1"));
}

#[rstest]
#[case::head("HEAD", 200, "text/html", &[])]
#[case::not_html("GET", 200, "application/xhtml+xml", &[])]
#[case::json("GET", 200, "application/json", &[])]
#[case::a_redirect("GET", 302, "text/html", &[("location", "/elsewhere")])]
#[case::not_modified("GET", 304, "text/html", &[])]
#[case::a_range("GET", 206, "text/html", &[("content-range", "bytes 0-3/9")])]
#[case::not_found("GET", 404, "text/html", &[])]
#[case::an_error("GET", 500, "text/html", &[])]
#[case::unreadable("GET", 200, "text/html", &[("content-encoding", "zstd")])]
#[tokio::test]
async fn an_answer_that_is_no_whole_page_is_left_alone(
    #[case] method: &str,
    #[case] status: u16,
    #[case] content_type: &'static str,
    #[case] headers: &'static [(&'static str, &'static str)],
) {
    let world = World::start(&[], move |asked| {
        asked.url.contains("/page").then(|| {
            let mut all = vec![("content-type", content_type), ("etag", "\"v1\"")];
            all.extend_from_slice(headers);
            let has_body = asked.method != "HEAD" && status != 304;
            answer(
                status,
                &all,
                if has_body { "<html><head></head>" } else { "" },
            )
        })
    })
    .await;
    let got = world
        .send(
            method,
            "https://shop.example/page",
            "sec-fetch-dest: document",
            "",
        )
        .await;
    assert_eq!(got.status, status);
    assert_eq!(got.header("etag"), Some("\"v1\""));
    assert!(!got.text().contains("instrumentor"), "{got:?}");
}

#[tokio::test]
async fn a_compressed_page_is_instrumented_and_compressed_again() {
    let page = format!("<html><head></head>{}", "<p>text".repeat(2000));
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(page.as_bytes()).unwrap();
    let gzipped = gzip.finish().unwrap();
    let world = World::start(&[], move |asked| {
        let headers = [("content-type", "text/html"), ("content-encoding", "gzip")];
        asked
            .url
            .contains("/page")
            .then(|| answer(200, &headers, gzipped.clone()))
    })
    .await;
    let lines = "sec-fetch-dest: document\naccept-encoding: gzip";
    let got = world
        .send("GET", "https://shop.example/page", lines, "")
        .await;
    assert_eq!(got.header("content-encoding"), Some("gzip"));
    let mut text = String::new();
    GzDecoder::new(got.body.as_ref())
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(
        text,
        page.replacen("<head>", &format!("<head>{INSTRUMENTOR}"), 1)
    );
}

#[rstest]
#[case::a_page_that_says_it_is_a_picture("/page", "sec-fetch-dest: image", "", 1)]
#[case::a_page_that_says_it_is_data("/page/login", "sec-fetch-dest: json", "", 1)]
#[case::an_asset("/page/logo.png", "sec-fetch-dest: image", "", 0)]
#[case::an_asset_that_is_to_be_analysed("/page/logo.png", "sec-fetch-dest: image", "true", 1)]
#[case::an_asset_that_is_opened("/page/logo.png", "sec-fetch-dest: document", "", 1)]
#[tokio::test]
async fn a_request_does_not_talk_itself_out_of_the_analysis(
    #[case] path: &str,
    #[case] lines: &str,
    #[case] include_static_assets: &str,
    #[case] times: usize,
) {
    let variables = [
        ("FP_EDGE_API", "true"),
        ("FP_EDGE_INCLUDE_STATIC_ASSETS", include_static_assets),
    ];
    let world = World::start(&variables, |_| None).await;
    let lines = format!("{lines}\nfp-data: signals-of-twenty-kilobytes");
    let url = format!("https://shop.example{path}");
    world.send("GET", &url, &lines, "").await;
    let asked = world.asked_of("/v4/edge");
    assert_eq!(asked.len(), times);
    for asked in asked {
        // Whole or not at all: a part would be taken for the signals.
        assert!(!String::from_utf8_lossy(&asked.body).contains("fp-data"));
    }
}
