//! What the detectors find in the payloads of `fixtures/payloads`, and the properties of any input.

use std::{collections::BTreeMap, io::Write, path::PathBuf};

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use edgeproof_test_support::golden::assert_golden;
use http::{HeaderMap, HeaderValue, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;
use rstest::rstest;
use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Payloads {
    attacks: Vec<String>,
    held_out: Vec<String>,
    harmless: Vec<String>,
    harmless_held_out: Vec<String>,
}

/// A request, as far as it matters here.
#[derive(Default)]
struct Sent {
    path_and_query: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Sent {
    fn kinds(&self) -> Vec<&'static str> {
        let request = Inspected {
            path_and_query: &self.path_and_query,
            headers: &self.headers,
            body: &self.body,
        };
        detect(request, Limits::default())
            .iter()
            .map(|finding| finding.attack.code())
            .collect()
    }
}

fn headers(name: header::HeaderName, value: &str) -> HeaderMap {
    HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
}

fn in_query(payload: &str) -> Sent {
    let payload = utf8_percent_encode(payload, NON_ALPHANUMERIC);
    Sent {
        path_and_query: format!("/?q={payload}"),
        ..Sent::default()
    }
}

/// The places and encodings every payload is tried in.
fn everywhere(payload: &str) -> Vec<Sent> {
    let escaped = utf8_percent_encode(payload, NON_ALPHANUMERIC);
    let post = |content_type: &str, body: String| Sent {
        path_and_query: "/".to_owned(),
        headers: headers(header::CONTENT_TYPE, content_type),
        body: body.into_bytes(),
    };
    vec![
        in_query(payload),
        in_query(&STANDARD_NO_PAD.encode(payload)),
        post(
            "application/x-www-form-urlencoded",
            format!("a=1&q={escaped}"),
        ),
        post(
            "application/json",
            serde_json::json!({ "a": [1, { "q": payload }] }).to_string(),
        ),
        post(
            "multipart/form-data; boundary=B",
            format!(
                "--B\r\nContent-Disposition: form-data; name=\"q\"\r\n\r\n{payload}\r\n--B--\r\n"
            ),
        ),
    ]
}

fn corpus() -> BTreeMap<String, Payloads> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/payloads");
    let files = folder
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().path());
    files
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
        .map(|path| {
            let payloads =
                serde_saphyr::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
            (
                path.file_stem().unwrap().to_string_lossy().into_owned(),
                payloads,
            )
        })
        .collect()
}

/// How many payloads are found to be an attack of this kind, of any kind, out of how many.
struct Count {
    of_kind: usize,
    of_any: usize,
    all: usize,
}

fn count(kind: &str, payloads: &[String]) -> Count {
    let mut count = Count {
        of_kind: 0,
        of_any: 0,
        all: 0,
    };
    for payload in payloads {
        let sent = if kind == "scanner" {
            vec![Sent {
                path_and_query: "/".to_owned(),
                headers: headers(header::USER_AGENT, payload),
                ..Sent::default()
            }]
        } else {
            everywhere(payload)
        };
        for request in sent {
            let kinds = request.kinds();
            count.all += 1;
            count.of_any += usize::from(!kinds.is_empty());
            count.of_kind += usize::from(kinds.contains(&kind));
        }
    }
    count
}

#[test]
fn as_many_attacks_are_found_as_the_golden_file_says() {
    let mut table =
        "kind            attacks          held out         harmless   held out\n".to_owned();
    let mut held_out = Count {
        of_kind: 0,
        of_any: 0,
        all: 0,
    };
    let mut alarms = Count {
        of_kind: 0,
        of_any: 0,
        all: 0,
    };
    for (kind, payloads) in corpus() {
        let attacks = |payloads: &[String]| {
            let count = count(&kind, payloads);
            (
                format!(
                    "{} as {kind}, {} of {}",
                    count.of_kind, count.of_any, count.all
                ),
                count,
            )
        };
        let harmless = |payloads: &[String]| {
            let count = count(&kind, payloads);
            (format!("{} of {}", count.of_any, count.all), count)
        };
        let (known, _) = attacks(&payloads.attacks);
        let (unknown, found) = attacks(&payloads.held_out);
        let (like, _) = harmless(&payloads.harmless);
        let (unlike, false_alarms) = harmless(&payloads.harmless_held_out);
        table.push_str(&format!(
            "{kind}: attacks {known}; held out {unknown}; harmless {like}; held out {unlike}\n"
        ));
        held_out.of_any += found.of_any;
        held_out.all += found.all;
        alarms.of_any += false_alarms.of_any;
        alarms.all += false_alarms.all;
    }
    let table = table.split_once('\n').map_or("", |(_, rows)| rows);
    // What the project promises of payloads nobody wrote detectors against.
    assert!(held_out.of_any * 100 >= held_out.all * 75, "{table}");
    assert!(alarms.of_any * 100 <= alarms.all * 3, "{table}");
    assert_golden("fixtures/payloads/golden.txt", table);
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

const XSS: &str = "<script>alert(1)</script>";

#[rstest]
#[case::percent_twice(in_query(&utf8_percent_encode(XSS, NON_ALPHANUMERIC).to_string()), "query.q.percent")]
#[case::base64_twice(in_query(&STANDARD_NO_PAD.encode(STANDARD_NO_PAD.encode(XSS))), "query.q.base64.base64")]
#[case::hex(
    in_query("3c7363726970743e616c6572742831293c2f7363726970743e"),
    "query.q.hex"
)]
#[case::entities(in_query("&lt;svg onload&equals;x&gt;"), "query.q.htmljs")]
#[case::json_in_a_form(
    in_query(r#"{"a":{"b":"<script>alert(1)</script>"}}"#),
    "query.q.json_doc.a.b"
)]
#[case::name(Sent { path_and_query: "/?%3Cscript%3Ealert(1)=1".into(), ..Sent::default() }, "query.name")]
#[case::path(Sent { path_and_query: "/a/%3Cscript%3Ealert(1)".into(), ..Sent::default() }, "uri.percent")]
#[case::segment(Sent { path_and_query: "/a/PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg".into(), ..Sent::default() }, "path.1.base64")]
#[case::cookie(Sent { path_and_query: "/".into(), headers: headers(header::COOKIE, "a=1; b=%3Cscript%3E"), ..Sent::default() }, "header.COOKIE.b")]
#[case::header(Sent { path_and_query: "/".into(), headers: headers(header::REFERER, XSS), ..Sent::default() }, "header.REFERER")]
#[case::gzip(Sent { path_and_query: "/".into(), headers: headers(header::CONTENT_ENCODING, "gzip"), body: gzip(XSS.as_bytes()) }, "post.gzip")]
#[case::xml(Sent { path_and_query: "/".into(), body: b"<?xml version='1.0'?><a><b>&lt;script&gt;alert(1)</b></a>".to_vec(), ..Sent::default() }, "post.xml.a.b")]
#[case::file(Sent { path_and_query: "/".into(), body: b"--B\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x.svg\"\r\n\r\n<svg onload=alert(1)>\r\n--B--".to_vec(), ..Sent::default() }, "post.multipart.f.file")]
fn attacks_are_found_behind_every_encoding_and_the_point_says_where(
    #[case] sent: Sent,
    #[case] point: &str,
) {
    let request = Inspected {
        path_and_query: &sent.path_and_query,
        headers: &sent.headers,
        body: &sent.body,
    };
    let findings = detect(request, Limits::default());
    let xss = findings
        .iter()
        .find(|finding| finding.attack == AttackType::Xss);
    assert_eq!(
        xss.map(|finding| finding.point.to_string()).as_deref(),
        Some(point)
    );
}

#[test]
fn the_headers_of_a_browser_behind_the_edge_are_harmless() {
    let written = [
        (
            "accept",
            "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8",
        ),
        ("accept-language", "de-DE,de;q=0.9,en;q=0.8"),
        ("cf-visitor", r#"{"scheme":"https"}"#),
        ("cdn-loop", "cloudflare; loops=1"),
        (
            "cookie",
            "session=0123456789abcdef; theme=dark; _ga=GA1.2.1234.5678",
        ),
        ("if-none-match", r#"W/"33a64df5""#),
        ("referer", "https://shop.example/search?q=red+shoes&page=2"),
        (
            "sec-ch-ua",
            r#""Chromium";v="140", "Not=A?Brand";v="24", "Google Chrome";v="140""#,
        ),
        (
            "user-agent",
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
        ),
    ];
    let headers = written.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
    let sent = Sent {
        path_and_query: "/search?q=red+shoes&page=2".into(),
        headers: headers.into_iter().collect(),
        body: Vec::new(),
    };
    assert_eq!(sent.kinds(), [""; 0]);
}

#[test]
fn what_takes_too_much_is_given_up() {
    let bomb = gzip(&vec![b'a'; 1 << 22]);
    let headers = headers(header::CONTENT_ENCODING, "gzip");
    let request = Inspected {
        path_and_query: "/",
        headers: &headers,
        body: &bomb,
    };
    let limits = Limits {
        bytes: 1 << 20,
        ..Limits::default()
    };
    let kinds: Vec<_> = detect(request, limits)
        .iter()
        .map(|finding| finding.attack)
        .collect();
    assert_eq!(kinds, [AttackType::OverlimitRes]);
    let mut nested = XSS.to_owned();
    for _ in 0..12 {
        nested = STANDARD_NO_PAD.encode(nested);
    }
    assert_eq!(in_query(&nested).kinds(), ["overlimit_res"]);
}

proptest! {
    #[test]
    fn no_request_is_too_much(
        path in "/[ -~]{0,60}",
        words in proptest::collection::vec(
            prop_oneof![Just("'"), Just("<"), Just("/*"), Just("union select "), Just("on x=\""), Just("%"), Just("${"), Just("\n"), Just("&#"), Just("é"), Just("\\"), Just("script"), Just("--"), Just("$(")],
            0..24,
        ),
        bytes in proptest::collection::vec(any::<u8>(), 0..64),
    ) {
        let headers = HeaderMap::new();
        let text = words.concat();
        for body in [text.as_bytes(), &bytes] {
            detect(Inspected { path_and_query: &path, headers: &headers, body }, Limits::default());
        }
    }
}
