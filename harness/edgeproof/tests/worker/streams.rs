//! What of a page is there goes on, before the rest comes and where none comes.

use std::{io::Write, sync::Arc, time::Duration};

use flate2::{Compression, write::GzEncoder};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use rstest::rstest;
use tokio::{sync::Notify, time::timeout};

use crate::world::{INSTRUMENTOR, NAVIGATION, World, breaks_off, held};

/// How long a piece may take that is on its way; one that is held never comes.
const LIMIT: Duration = Duration::from_secs(20);

const HTML: (&str, &str) = ("content-type", "text/html");

/// `|` is where the origin waits, SCRIPT what the worker adds; what is in front of the `|` is there without the rest.
#[rstest]
#[case::a_doctype("<!doctype html>|<html><head>SCRIPT<title>a</title><p>")]
#[case::a_comment("<!-- gene|rated --><head>SCRIPT<p>")]
#[case::an_open_head("<html><head>|SCRIPT<meta charset=utf-8><link href=a>")]
#[case::metas_and_a_title("<head><meta charset=utf-8><title>a</title>|SCRIPT<p>")]
#[case::what_is_sent_in_one_go(
    "<!doctype html>|<html><head>SCRIPT<meta charset=utf-8><title>a</title>"
)]
#[case::a_style_sheet("<!doctype html><html><head>SCRIPT<meta charset=utf-8><link href=a>|</head>")]
#[case::a_base("<head>SCRIPT<base href=\"https://cdn.example/\">|</head>")]
#[case::a_script("<head>SCRIPT<script>early()</script>|</head>")]
#[case::no_head("<!doctype html>SCRIPT<p>a|<p>b")]
#[case::a_policy_that_comes_late(
    "<head>|SCRIPT<meta http-equiv=content-security-policy content=\"script-src 'nonce-late'\"><p>"
)]
#[tokio::test]
async fn what_came_goes_on_at_once(
    #[case] page: &str,
    #[values(Body::Plain, Body::WithLength, Body::Compressed)] kind: Body,
) {
    let script = if page.contains("nonce-late") {
        INSTRUMENTOR.replace("<script", "<script nonce=\"late\"")
    } else {
        INSTRUMENTOR.to_owned()
    };
    let (at_once, late) = page.split_once('|').unwrap();
    let (start, rest) = (at_once.replace("SCRIPT", ""), late.replace("SCRIPT", ""));
    let length = (start.len() + rest.len()).to_string();
    let [sent_start, sent_rest] = kind.pieces(&start, &rest);
    let release = Arc::new(Notify::new());
    let origin = Arc::clone(&release);
    let world = World::start(&[], move |asked| {
        let headers = kind.headers(&length);
        let is_page = asked.url.contains("/page");
        is_page.then(|| held(&headers, sent_start.clone(), sent_rest.clone(), &origin))
    })
    .await;
    let opened = world.open("GET", "https://shop.example/page", NAVIGATION, "");
    let mut body = timeout(LIMIT, opened).await.unwrap().into_body();
    let at_once = at_once.replace("SCRIPT", &script);
    let mut came = read(&mut body, at_once.len()).await;
    assert_eq!(came, at_once);
    release.notify_one();
    came += &read(&mut body, usize::MAX).await;
    assert_eq!(came, at_once + &late.replace("SCRIPT", &script));
}

#[tokio::test]
async fn what_may_be_behind_the_place_is_held() {
    let release = Arc::new(Notify::new());
    let origin = Arc::clone(&release);
    let world = World::start(&[], move |asked| {
        let is_page = asked.url.contains("/page");
        is_page.then(|| held(&[HTML], "<!doctype html><he", "ader>a", &origin))
    })
    .await;
    let opened = world.open("GET", "https://shop.example/page", NAVIGATION, "");
    let mut body = timeout(LIMIT, opened).await.unwrap().into_body();
    assert_eq!(read(&mut body, 15).await, "<!doctype html>");
    release.notify_one();
    let rest = read(&mut body, usize::MAX).await;
    assert_eq!(rest, format!("{INSTRUMENTOR}<header>a"));
}

/// How the origin sends a page.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Body {
    Plain,
    WithLength,
    Compressed,
}

impl Body {
    fn headers(self, length: &str) -> Vec<(&'static str, &str)> {
        match self {
            Self::Plain => vec![HTML],
            Self::WithLength => vec![HTML, ("content-length", length)],
            Self::Compressed => vec![HTML, ("content-encoding", "gzip")],
        }
    }

    fn pieces(self, start: &str, rest: &str) -> [Vec<u8>; 2] {
        if self != Self::Compressed {
            return [start.into(), rest.into()];
        }
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(start.as_bytes()).unwrap();
        gzip.flush().unwrap();
        let flushed = gzip.get_ref().clone();
        gzip.write_all(rest.as_bytes()).unwrap();
        let end = gzip.finish().unwrap().split_off(flushed.len());
        [flushed, end]
    }
}

/// Reads so many bytes, or to the end.
async fn read(body: &mut Incoming, length: usize) -> String {
    let mut came = Vec::new();
    while came.len() < length {
        let frame = timeout(LIMIT, body.frame()).await.expect("a piece is held");
        let Some(frame) = frame else { break };
        came.extend(frame.unwrap().into_data().unwrap());
    }
    String::from_utf8(came).unwrap()
}

#[rstest]
#[case::before_its_start_is_known("<!doc", "<!doc")]
#[case::in_a_start_tag("<ht", "<ht")]
#[case::in_the_head("<!doctype html><head><title>a", "<!doctype html><head>SCRIPT<title>a")]
#[case::in_the_body(
    "<!doctype html><head></head><body>a",
    "<!doctype html><head>SCRIPT</head><body>a"
)]
#[tokio::test]
async fn a_page_that_breaks_off_breaks_off_behind_what_came(
    #[case] start: &'static str,
    #[case] expected: &str,
    #[values(Body::Plain, Body::WithLength, Body::Compressed)] kind: Body,
) {
    let world = World::start(&[], move |asked| {
        let [start, _] = kind.pieces(start, "");
        let is_page = asked.url.contains("/page");
        is_page.then(|| breaks_off(&kind.headers("2000"), start))
    })
    .await;
    let opened = world.open("GET", "https://shop.example/page", NAVIGATION, "");
    let response = timeout(LIMIT, opened).await.unwrap();
    assert_eq!(response.status(), 200);
    let mut body = response.into_body();
    let mut came = Vec::new();
    let broke_off = loop {
        match timeout(LIMIT, body.frame()).await.unwrap() {
            Some(Ok(frame)) => came.extend(frame.into_data().unwrap()),
            Some(Err(_)) => break true,
            None => break false,
        }
    };
    assert_eq!(
        String::from_utf8(came).unwrap(),
        expected.replace("SCRIPT", INSTRUMENTOR)
    );
    assert!(broke_off);
}
