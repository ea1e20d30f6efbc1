//! The filtering node: what its detectors cost on one core.
//!
//! Expected: at least 2,000 requests of 1 KB a second.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use edgeproof_wallarm::detect::{Inspected, Limits, detect};
use http::{HeaderMap, HeaderValue, header};

/// A body of this many bytes.
const BODY: usize = 1024;

/// What a form of about 1 KB says: a sentence with an end of its own.
fn form(end: &str) -> Vec<u8> {
    let sentence = "Please+send+the+red+shoes+to+my+office%2C+and+the+bill+to+O%27Brien+%26+Sons.+";
    let mut body = format!(
        "email=ann%40shop.example&note={}",
        sentence.repeat(BODY / sentence.len())
    );
    body.truncate(BODY - end.len());
    body.push_str(end);
    body.into_bytes()
}

fn headers(content_type: &'static str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(
        header::ACCEPT_LANGUAGE,
        HeaderValue::from_static("de-DE,de;q=0.9,en;q=0.8"),
    );
    headers.insert(
        header::USER_AGENT,
        HeaderValue::from_static(
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
        ),
    );
    headers
}

fn detection(criterion: &mut Criterion) {
    let form_type = "application/x-www-form-urlencoded";
    let json = serde_json::json!({ "items": (0..24).map(|id| serde_json::json!({ "id": id, "name": "red shoes, size 42" })).collect::<Vec<_>>() });
    let binary: Vec<u8> = (0..BODY)
        .map(|index| (index * 167 + index / 7) as u8)
        .collect();
    let bodies = [
        ("harmless form", form_type, form("&last=yes")),
        (
            "attack at the end of a form",
            form_type,
            form("&last=1%27+or+1%3D1--"),
        ),
        (
            "harmless JSON",
            "application/json",
            json.to_string().into_bytes(),
        ),
        ("binary upload", "application/octet-stream", binary),
    ];
    let mut group = criterion.benchmark_group("wallarm/detect 1 KB");
    group.throughput(Throughput::Elements(1));
    for (name, content_type, body) in &bodies {
        let headers = headers(content_type);
        let request = Inspected {
            path_and_query: "/checkout/address?step=2&from=cart",
            headers: &headers,
            body,
        };
        group.bench_function(*name, |bencher| {
            bencher.iter(|| detect(black_box(request), Limits::default()))
        });
    }
    group.finish();
}

criterion_group!(benches, detection);
criterion_main!(benches);
