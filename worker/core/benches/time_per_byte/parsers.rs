//! Every parser of the core that reads what strangers send, as a function of bytes. The bench and the fuzz target of the time
//! they take share this file.

use std::hint::black_box;

use edgeproof_worker_core::{
    configuration::Configuration,
    cors, edge, edge_headers,
    form::FormScanner,
    headers::Headers,
    identification::{self, identification_cookie},
    injection::{self, Scanner, Width},
    matching,
    pattern::Pattern,
    protection,
    request::RequestHead,
    script,
    signals::{self, cookies},
};

/// A parser.
pub(crate) struct Parser {
    pub(crate) name: &'static str,
    /// The longest input that reaches it, in bytes.
    pub(crate) longest: usize,
    pub(crate) parse: fn(&[u8]),
}

/// What the worker holds of a body.
const BODY: usize = 256 * 1024;

/// What Cloudflare lets through of header fields, together.
const HEADERS: usize = 128 * 1024;

/// What Cloudflare lets through of a URL.
const URL: usize = 16 * 1024;

/// All of them.
pub(crate) const PARSERS: [Parser; 17] = [
    parser("form, url-encoded", BODY, |bytes| {
        form("application/x-www-form-urlencoded", bytes);
    }),
    parser("form, multipart", BODY, |bytes| form(MULTIPART, bytes)),
    parser("form, content type", HEADERS, content_type),
    parser("form, JSON", BODY, |bytes| form("application/json", bytes)),
    parser("response of /v4/send", BODY, response),
    parser("response of /v4/edge", BODY, |bytes| {
        let _ = black_box(edge::judge(200, bytes));
    }),
    parser("cookies", HEADERS, cookie),
    parser("header fields", HEADERS, header_fields),
    parser("origin", HEADERS, origin),
    parser("cache control", HEADERS, |bytes| {
        let response = Headers::from_iter([("cache-control", text(bytes))]);
        black_box(script::loader_cache_control(200, &response));
    }),
    parser("URL, by its path", URL, |bytes| {
        route(&format!("https://shop.example/{}", url_safe(bytes)), "");
    }),
    parser("URL, by its query", URL, |bytes| {
        let url = format!("https://shop.example/x?{}", url_safe(bytes));
        route(&url, "");
    }),
    parser("URL, in a header", HEADERS, |bytes| {
        let line = format!("x-original-url: {}", text(bytes));
        route("https://shop.example/x", &line);
    }),
    parser("variables", HEADERS, variables),
    parser("page", injection::LIMIT, |bytes| page(bytes, 1024)),
    parser("page, byte by byte", injection::LIMIT, |bytes| {
        page(bytes, 1);
    }),
    parser("Content-Security-Policy", HEADERS, policy),
];

const fn parser(name: &'static str, longest: usize, parse: fn(&[u8])) -> Parser {
    Parser {
        name,
        longest,
        parse,
    }
}

const MULTIPART: &str = "multipart/form-data; boundary=b";

/// Text without line breaks, as a header field has it.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace(['\n', '\r'], " ")
}

fn url_safe(bytes: &[u8]) -> String {
    text(bytes).replace(['#', '?'], "/")
}

fn form(content_type: &str, bytes: &[u8]) {
    if let Some(mut scanner) = FormScanner::of_overriding(content_type) {
        scanner.push(bytes);
        black_box(scanner.finish(true));
    }
}

/// The boundary and the body are the sender's, both.
fn content_type(bytes: &[u8]) {
    let boundary = text(bytes);
    let body = boundary.replace('b', "\r\n--");
    form(
        &format!("multipart/form-data; boundary=\"{boundary}\""),
        body.as_bytes(),
    );
    form(&format!("multipart/form-data; {boundary}"), body.as_bytes());
}

fn head(url: &str, line: &str) -> Option<RequestHead> {
    let lines = format!("cf-connecting-ip: ::1\n{line}");
    RequestHead::new("POST", url, Headers::from_lines(lines))
}

fn configuration() -> Configuration {
    Configuration::read(|name| {
        let value = match name {
            "WORKER_ROUTE_PREFIX" => "fp",
            "FP_RULESET_ID" => "rs_1",
            "PROTECTED_APIS" => {
                r#"[{"method":"POST","url":"*/a/b*"},{"method":"PUT","url":"*/a.php"},{"method":"GET","url":"*/"}]"#
            }
            "IDENTIFICATION_PAGE_URLS" => r#"["*/*"]"#,
            _ => return None,
        };
        Some(value.to_owned())
    })
}

fn response(bytes: &[u8]) {
    if let Some(head) = head("https://shop.example/", "") {
        let _ = black_box(identification::judge(
            &configuration(),
            &head,
            200,
            bytes,
            0,
        ));
    }
}

fn cookie(bytes: &[u8]) {
    let text = text(bytes);
    black_box(identification_cookie(&text));
    if let Some(head) = head("https://shop.example/", &format!("cookie: {text}")) {
        black_box(cookies::from_cookies(&head));
        black_box(cookies::expire(&head));
    }
    black_box(cookies::strip(&Headers::from_iter([("cookie", text)])));
}

fn header_fields(bytes: &[u8]) {
    let headers = Headers::from_lines(String::from_utf8_lossy(bytes));
    black_box(edge_headers::strip(&headers));
    if let Some(head) = RequestHead::new("OPTIONS", "https://shop.example/a/b", headers) {
        black_box(signals::find(&head, None));
        black_box((head.addresses(), head.cross_origin(), head.is_preflight()));
        black_box(protection::without_own_headers(&head));
        black_box(cors::preflight(
            &head,
            &configuration().identification_pages,
        ));
        black_box(injection::length(&head.headers));
    }
}

fn origin(bytes: &[u8]) {
    let text = text(bytes);
    for line in [format!("origin: https://{text}"), format!("origin: {text}")] {
        if let Some(head) = head("https://shop.example/", &line) {
            black_box(head.cross_origin());
        }
    }
}

fn route(url: &str, line: &str) {
    if let Some(head) = head(url, line) {
        black_box(matching::route(&configuration(), &head));
    }
}

fn variables(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let _ = black_box(Pattern::parse(&text));
    let _ = black_box(Pattern::parse(&format!("shop.example/{text}")));
    black_box(Configuration::read(|_| Some(text.clone())));
}

/// A page comes in pieces, at most of the size that the shell looks at.
fn page(bytes: &[u8], piece: usize) {
    let mut scanner = Scanner::new(Width::One);
    for piece in bytes.chunks(piece) {
        if scanner.push(piece) {
            break;
        }
    }
    black_box(scanner.finish());
}

fn policy(bytes: &[u8]) {
    let fields = [("content-security-policy", text(bytes))];
    let found = injection::Found::default();
    if let Some(head) = head("https://shop.example/", "") {
        let response = Headers::from_iter(fields);
        black_box(injection::verdict(&head, "fp", &response, &found));
    }
}
