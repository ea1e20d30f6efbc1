//! Pages: where the script goes, in which bytes, and what is left alone.

use std::io::Write;

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use rstest::rstest;

use crate::world::{Got, INSTRUMENTOR, NAVIGATION, Reply, World, html, pieces, response};

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
        page_of(move || response(200, &[("content-type", content_type)], sent.clone())).await;
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
        page_of(move || response(200, &[("content-type", "text/html")], sent.clone())).await;
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

#[tokio::test]
async fn a_page_of_nothing_is_nothing() {
    let (_world, got) = page_of(|| html("")).await;
    assert_eq!((got.status, got.text().as_str()), (200, ""));
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
        response(200, &headers, format!("<html><head>{meta}</head>"))
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
            ("last-modified", "Wed, 25 Nov 2026 10:00:00 GMT"),
            ("content-md5", "Q2hlY2sgSW50ZWdyaXR5IQ=="),
            ("digest", "sha-256=abc"),
            ("content-digest", "sha-256=:abc=:"),
            ("repr-digest", "sha-256=:abc=:"),
            ("accept-ranges", "bytes"),
            ("x-own", "1"),
        ];
        response(200, &headers, "<html><head></head>")
    })
    .await;
    let length = "<html><head></head>".len() + INSTRUMENTOR.len();
    assert_eq!(
        got.header("content-length"),
        Some(length.to_string().as_str())
    );
    assert_eq!(got.body.len(), length);
    let tag = got.header("etag").unwrap();
    assert!(tag.starts_with("W/\"") && tag.ends_with("-sv1\""), "{tag}");
    for gone in [
        "last-modified",
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
#[case::not_html("GET", 200, "application/xhtml+xml", &[])]
#[case::json("GET", 200, "application/json", &[])]
#[case::a_redirect("GET", 302, "text/html", &[("location", "/elsewhere")])]
#[case::not_modified("GET", 304, "text/html", &[])]
#[case::a_range("GET", 206, "text/html", &[("content-range", "bytes 0-3/9")])]
#[case::a_part_without_a_range("GET", 206, "text/html", &[])]
#[case::a_reset("POST", 205, "text/html", &[])]
#[case::a_download("GET", 200, "text/html", &[("content-disposition", "attachment; filename=\"a.html\"")])]
#[case::not_to_be_changed("GET", 200, "text/html", &[("cache-control", "public, no-transform")])]
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
            let has_body = !matches!(status, 205 | 304);
            response(
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

#[rstest]
#[case::unauthorized("GET", 401)]
#[case::forbidden("GET", 403)]
#[case::not_found("GET", 404)]
#[case::a_form_with_mistakes("POST", 422)]
#[case::failed("GET", 500)]
#[case::unavailable("GET", 503)]
#[case::a_choice("GET", 300)]
#[tokio::test]
async fn a_page_of_any_status_that_a_browser_shows_gets_the_script(
    #[case] method: &str,
    #[case] status: u16,
) {
    let world = World::start(&[], move |asked| {
        let page = "<!doctype html><html><head></head>";
        let is_page = asked.url.contains("/page");
        is_page.then(|| response(status, &[("content-type", "text/html")], page))
    })
    .await;
    let got = world
        .send(method, "https://shop.example/page", NAVIGATION, "")
        .await;
    assert_eq!(got.status, status);
    assert_eq!(
        got.text(),
        format!("<!doctype html><html><head>{INSTRUMENTOR}</head>")
    );
}

const FETCH: &str = "sec-fetch-dest: empty";
const CURL: &str = "accept: */*";
const OLD_SAFARI: &str = "accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
const OLD_AJAX: &str = "x-requested-with: XMLHttpRequest\naccept: text/html, */*; q=0.01";
const IMAGE: &str = "sec-fetch-dest: image";
const FRAME: &str = "sec-fetch-dest: iframe";
const PREFETCH: &str = "sec-fetch-dest: empty\nsec-purpose: prefetch";

const DOCUMENT: &str = "<!doctype html><title>a</title>";
const FRAGMENT: &str = "<li>one</li>";
const JSON: &str = "{\"stock\":7}";
const FEED: &str = "<?xml version=\"1.0\"?><rss><channel/></rss>";

#[rstest]
#[case::a_document_for_a_script(FETCH, DOCUMENT, true)]
#[case::a_document_for_a_program(CURL, DOCUMENT, true)]
#[case::a_document_for_an_image(IMAGE, DOCUMENT, false)]
#[case::a_fragment_for_a_script(FETCH, FRAGMENT, false)]
#[case::a_fragment_for_a_program(CURL, FRAGMENT, false)]
#[case::a_fragment_for_an_older_browser_s_script(OLD_AJAX, FRAGMENT, false)]
#[case::a_fragment_for_an_older_browser(OLD_SAFARI, FRAGMENT, true)]
#[case::a_fragment_for_a_window(NAVIGATION, FRAGMENT, true)]
#[case::a_fragment_for_a_later_window(PREFETCH, FRAGMENT, true)]
#[case::json_for_a_script(FETCH, JSON, false)]
#[case::json_for_a_frame(FRAME, JSON, false)]
#[case::a_feed_for_a_window(NAVIGATION, FEED, false)]
#[case::text_for_a_script(OLD_AJAX, "OK", false)]
#[tokio::test]
async fn what_claims_to_be_html_is_no_document_for_everybody(
    #[case] lines: &str,
    #[case] page: &'static str,
    #[case] is_injected: bool,
) {
    let world = World::start(&[], move |asked| {
        asked.url.contains("/page").then(|| html(page))
    })
    .await;
    let got = world.get("/page", lines).await;
    assert_eq!(got.text().contains(INSTRUMENTOR), is_injected);
    assert_eq!(got.text().replacen(INSTRUMENTOR, "", 1), page);
}

const AMP: &str = "<!doctype html><html \u{26a1}><head><title>a</title></head>";

#[rstest]
#[case::amp("/page", AMP, &[], "AMP")]
#[case::no_transform("/page", DOCUMENT, &[("cache-control", "no-transform")], "no-transform")]
#[case::kept_by_hash("/page?ngsw-cache-bust=0.5", DOCUMENT, &[], "ngsw-config.json")]
#[case::unreadable("/page", DOCUMENT, &[("content-encoding", "zstd")], "content encoding")]
#[tokio::test]
async fn a_page_that_is_left_as_it_is_says_why_in_the_log(
    #[case] target: &str,
    #[case] page: &'static str,
    #[case] headers: &'static [(&'static str, &'static str)],
    #[case] said: &str,
) {
    let world = World::start(&[("FP_LOG_LEVEL", "warn")], move |asked| {
        let mut all = vec![("content-type", "text/html"), ("etag", "\"v1\"")];
        all.extend_from_slice(headers);
        asked
            .url
            .contains("/page")
            .then(|| response(200, &all, page))
    })
    .await;
    let got = world.get(target, FETCH).await;
    assert_eq!(
        (got.text().as_str(), got.header("etag")),
        (page, Some("\"v1\""))
    );
    let log = world.log().await;
    assert!(log.len() == 1 && log[0].contains(said), "{log:?}");
}

// The hash is that of `export {}`.
#[rstest]
#[case(
    200,
    r#" crossorigin data-loader="sha256-9MXPm7eOhfFdwnGAJgY3zySyokvDngeIeDo6zMTd5hQ=" src="/fp/instrumentor.iife.js"></script></head>"#,
    "loader have one"
)]
#[case(
    503,
    r#" crossorigin src="/fp/instrumentor.iife.js"></script></head>"#,
    "could not be had"
)]
#[tokio::test]
async fn under_an_integrity_policy_the_script_has_its_hash(
    #[case] loader: u16,
    #[case] rest_of_tag: &str,
    #[case] said: &str,
) {
    let world = World::start(&[("FP_LOG_LEVEL", "warn")], move |asked| {
        let headers = [
            ("content-type", "text/html"),
            ("integrity-policy", "blocked-destinations=(script)"),
            ("etag", "\"1\""),
        ];
        if asked.url.contains("/page") {
            return Some(response(200, &headers, "<head></head>"));
        }
        asked
            .url
            .contains("procdn")
            .then(|| response(loader, &[], "export {}"))
    })
    .await;
    let page = world.page().await;
    // A page that was kept would name an agent of then.
    assert_eq!(page.headers.get("etag"), None);
    let page = page.text();
    // Whether it is the right one, a browser knows: `scenarios/pages`.
    let tag = page
        .strip_prefix("<head><script integrity=\"sha256-")
        .unwrap();
    let (hash, rest) = tag.split_once('"').unwrap();
    assert_eq!(hash.len(), 44);
    assert_eq!(rest, rest_of_tag);
    let log = world.log().await;
    assert!(log.len() == 1 && log[0].contains(said), "{log:?}");
}

#[tokio::test]
async fn a_list_of_trusted_types_is_in_the_log() {
    let world = World::start(&[("FP_LOG_LEVEL", "warn")], |asked| {
        let policy = "require-trusted-types-for 'script'; trusted-types app";
        let headers = [
            ("content-type", "text/html"),
            ("content-security-policy", policy),
        ];
        asked
            .url
            .contains("/page")
            .then(|| response(200, &headers, "<head></head>"))
    })
    .await;
    assert!(world.page().await.text().contains(INSTRUMENTOR));
    let log = world.log().await;
    assert!(
        log.len() == 1 && log[0].contains("Trusted Types"),
        "{log:?}"
    );
}

#[rstest]
#[case::a_page(NAVIGATION, "<html><head>", true)]
#[case::a_fragment(FETCH, "<div>", false)]
#[tokio::test]
async fn a_compressed_page_goes_on_uncompressed_for_the_edge_to_compress(
    #[case] lines: &str,
    #[case] start: &str,
    #[case] is_injected: bool,
) {
    let page = format!("{start}</head>{}", "<p>text".repeat(2000));
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(page.as_bytes()).unwrap();
    let gzipped = gzip.finish().unwrap();
    let world = World::start(&[], move |asked| {
        let headers = [("content-type", "text/html"), ("content-encoding", "gzip")];
        let is_page = asked.url.contains("/page");
        is_page.then(|| response(200, &headers, gzipped.clone()))
    })
    .await;
    let got = world
        .get("/page", &format!("{lines}\naccept-encoding: gzip"))
        .await;
    assert_eq!(got.header("content-encoding"), None);
    assert_eq!(got.text().contains(INSTRUMENTOR), is_injected);
    assert_eq!(got.text().replacen(INSTRUMENTOR, "", 1), page);
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
        assert!(!String::from_utf8_lossy(&asked.body()).contains("fp-data"));
    }
}
