//! Takes a request apart: path, query, headers, cookies, body.

use http::{
    HeaderMap,
    header::{CONTENT_ENCODING, CONTENT_TYPE, COOKIE},
};

use super::{
    Inspected, Point, decode,
    inspect::{Exhausted, Inspection, Origin},
};

pub(super) fn inspect(
    request: Inspected<'_>,
    inspection: &mut Inspection,
) -> Result<(), Exhausted> {
    let (path, query) = match request.path_and_query.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (request.path_and_query, None),
    };
    inspect_path(path, inspection)?;
    if let Some(query) = query {
        inspection.fields(&Point::part("query"), &decode::form(query.as_bytes()))?;
    }
    inspect_headers(request.headers, inspection)?;
    inspect_body(request.headers, request.body, inspection)
}

/// The path as a whole, because attacks have slashes, and segment by segment, because encodings do not.
fn inspect_path(path: &str, inspection: &mut Inspection) -> Result<(), Exhausted> {
    inspection.value(&Point::part("uri"), path.as_bytes(), Origin::Free)?;
    let whole = path.strip_prefix('/').unwrap_or(path);
    let point = Point::part("path");
    inspection.value(&point, whole.as_bytes(), Origin::Free)?;
    for (index, segment) in whole.split('/').enumerate() {
        inspection.value(
            &point.below(index.to_string()),
            segment.as_bytes(),
            Origin::Free,
        )?;
    }
    Ok(())
}

fn inspect_headers(headers: &HeaderMap, inspection: &mut Inspection) -> Result<(), Exhausted> {
    let header = Point::part("header");
    for (name, value) in headers {
        let point = header.below(name.as_str().to_ascii_uppercase());
        if name == COOKIE {
            for pair in value.as_bytes().split(|&byte| byte == b';') {
                let fields = decode::form(pair.trim_ascii());
                inspection.fields(&point, &fields)?;
            }
        } else {
            inspection.value(&point, value.as_bytes(), written_by(name.as_str()))?;
        }
    }
    Ok(())
}

/// Who writes a header: browsers and proxies fill these in, in syntaxes full of quotes, semicolons and brackets.
fn written_by(name: &str) -> Origin {
    const OF_PROGRAMS: [&str; 18] = [
        "accept",
        "accept-charset",
        "accept-encoding",
        "accept-language",
        "cdn-loop",
        "connection",
        "content-length",
        "content-type",
        "date",
        "forwarded",
        "host",
        "keep-alive",
        "priority",
        "te",
        "upgrade-insecure-requests",
        "user-agent",
        "via",
        "alt-used",
    ];
    let of_program = OF_PROGRAMS.contains(&name)
        || ["sec-", "cf-", "if-", "access-control-"]
            .iter()
            .any(|prefix| name.starts_with(prefix));
    if of_program {
        Origin::Program
    } else {
        Origin::Free
    }
}

fn inspect_body(
    headers: &HeaderMap,
    body: &[u8],
    inspection: &mut Inspection,
) -> Result<(), Exhausted> {
    if body.is_empty() {
        return Ok(());
    }
    let point = Point::part("post");
    let compressed = headers.contains_key(CONTENT_ENCODING);
    // One byte more than is left, so that a bomb is noticed.
    match decode::gunzip(body, inspection.bytes_left().saturating_add(1)).filter(|_| compressed) {
        Some(content) => inspect_content(headers, &content, &point.below("gzip"), inspection),
        None => inspect_content(headers, body, &point, inspection),
    }
}

fn inspect_content(
    headers: &HeaderMap,
    body: &[u8],
    point: &Point,
    inspection: &mut Inspection,
) -> Result<(), Exhausted> {
    let content_type = headers.get(CONTENT_TYPE).map_or_else(String::new, |value| {
        String::from_utf8_lossy(value.as_bytes()).into_owned()
    });
    if let Some(boundary) = boundary(&content_type, body) {
        let fields = decode::multipart(body, &boundary);
        if !fields.is_empty() {
            return inspection.fields(&point.below("multipart"), &fields);
        }
    }
    if is_form(&content_type, body) {
        return inspection.fields(&point.below("form_urlencoded"), &decode::form(body));
    }
    inspection.value(point, body, Origin::Free)
}

/// The boundary of a multipart body: the header's, or what the first line is.
fn boundary(content_type: &str, body: &[u8]) -> Option<Vec<u8>> {
    let named = content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.trim().split_once('=')?;
        name.eq_ignore_ascii_case("boundary")
            .then(|| value.trim_matches('"').as_bytes().to_vec())
    });
    named.or_else(|| {
        let line = body
            .strip_prefix(b"--")?
            .split(|&byte| byte == b'\n')
            .next()?
            .trim_ascii();
        let head = body.get(..body.len().min(512))?;
        let has_head =
            memchr::memmem::find(&head.to_ascii_lowercase(), b"content-disposition").is_some();
        (has_head && !line.is_empty()).then(|| line.to_vec())
    })
}

/// Whether the body is a form: it says so, or says nothing and begins as one does.
fn is_form(content_type: &str, body: &[u8]) -> bool {
    if !content_type.is_empty() {
        return content_type
            .to_ascii_lowercase()
            .starts_with("application/x-www-form-urlencoded");
    }
    let name = body.split(|&byte| byte == b'=').next().unwrap_or_default();
    name.len() < body.len()
        && name.len() <= 64
        && name
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-.[]$%+".contains(byte))
}
