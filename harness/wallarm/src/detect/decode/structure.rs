//! Values made of named values: forms, JSON, XML, multipart bodies.

use quick_xml::{Reader, events::Event};
use serde_json::Value as Json;

use super::text;

/// A value inside another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    /// The steps that lead to it, such as `user` and `$ne`.
    pub names: Vec<String>,
    /// The value.
    pub value: Vec<u8>,
}

impl Field {
    fn new(names: Vec<String>, value: impl Into<Vec<u8>>) -> Self {
        Self {
            names,
            value: value.into(),
        }
    }
}

/// The pairs of `a=1&b=2`, names and values decoded.
pub(crate) fn form(value: &[u8]) -> Vec<Field> {
    let pair = |pair: &[u8]| {
        let (name, value) = match pair.iter().position(|&byte| byte == b'=') {
            Some(equals) => (&pair[..equals], &pair[equals + 1..]),
            None => (pair, &[][..]),
        };
        Field::new(vec![lossy(&decoded(name))], decoded(value))
    };
    value
        .split(|&byte| byte == b'&')
        .filter(|part| !part.is_empty())
        .map(pair)
        .collect()
}

fn decoded(value: &[u8]) -> Vec<u8> {
    let value = text::plus(value);
    text::percent(&value).unwrap_or_else(|| value.into_owned())
}

/// The strings and numbers of a JSON document, by their names.
pub(crate) fn json(value: &[u8]) -> Option<Vec<Field>> {
    if !matches!(value.trim_ascii_start().first(), Some(b'{' | b'[' | b'"')) {
        return None;
    }
    let document: Json = serde_json::from_slice(value).ok()?;
    let mut fields = Vec::new();
    walk(&document, &mut Vec::new(), &mut fields);
    Some(fields)
}

fn walk(value: &Json, names: &mut Vec<String>, fields: &mut Vec<Field>) {
    match value {
        // A member without content is there for its name.
        Json::Null | Json::Bool(_) => fields.push(Field::new(names.clone(), "")),
        Json::Number(number) => fields.push(Field::new(names.clone(), number.to_string())),
        Json::String(text) => fields.push(Field::new(names.clone(), text.as_str())),
        Json::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                names.push(index.to_string());
                walk(item, names, fields);
                names.pop();
            }
        }
        Json::Object(members) => {
            for (name, member) in members {
                names.push(name.clone());
                walk(member, names, fields);
                names.pop();
            }
        }
    }
}

/// The texts, attributes and comments of an XML document; nothing where it is not one.
pub(crate) fn xml(value: &str) -> Option<Vec<Field>> {
    let start = value.trim_start();
    let document = ["<?xml", "<!DOCTYPE", "<!doctype"]
        .iter()
        .any(|start_tag| start.starts_with(start_tag));
    let envelope = start.get(..80).unwrap_or(start).contains(":Envelope");
    if !document && !envelope {
        return None;
    }
    let mut reader = Reader::from_str(start);
    let mut fields = Vec::new();
    let mut path: Vec<String> = Vec::new();
    let field = |names: &[String], text: &str| {
        let text = text::entities(text).unwrap_or_else(|| text.to_owned());
        Field::new(names.to_vec(), text)
    };
    loop {
        match reader.read_event().ok()? {
            Event::Start(tag) => {
                path.push(tag.name().as_ref().to_owned());
                attributes(&tag, &path, &mut fields);
            }
            Event::Empty(tag) => {
                path.push(tag.name().as_ref().to_owned());
                attributes(&tag, &path, &mut fields);
                path.pop();
            }
            Event::End(_) => {
                path.pop();
            }
            Event::Text(text) => fields.push(field(&path, &text)),
            Event::CData(text) => fields.push(Field::new(path.clone(), text.as_bytes())),
            Event::Comment(text) => fields.push(field(&path, &text)),
            Event::GeneralRef(name) => {
                // A reference cuts a text in two; the whole is looked at as well.
                let name = format!("&{};", &*name);
                let text = text::entities(&name).unwrap_or(name);
                match fields.last_mut() {
                    Some(last) if last.names == path => last.value.extend(text.into_bytes()),
                    _ => fields.push(Field::new(path.clone(), text)),
                }
            }
            Event::Eof => return Some(joined(fields)),
            _ => {}
        }
    }
}

fn attributes(tag: &quick_xml::events::BytesStart<'_>, path: &[String], fields: &mut Vec<Field>) {
    for attribute in tag.attributes().flatten() {
        let mut names = path.to_vec();
        names.push(attribute.key.as_ref().to_owned());
        let value =
            text::entities(&attribute.value).unwrap_or_else(|| attribute.value.into_owned());
        fields.push(Field::new(names, value));
    }
}

/// Texts that follow each other under one name are one text that a reference cut in two.
fn joined(fields: Vec<Field>) -> Vec<Field> {
    let mut whole: Vec<Field> = Vec::with_capacity(fields.len());
    for field in fields {
        match whole.last_mut() {
            Some(last) if last.names == field.names => last.value.extend(field.value),
            _ => whole.push(field),
        }
    }
    whole.retain(|field| !field.value.trim_ascii().is_empty());
    whole
}

/// The parts of a multipart body (RFC 7578), names of files included.
pub(crate) fn multipart(body: &[u8], boundary: &[u8]) -> Vec<Field> {
    let mut delimiter = b"--".to_vec();
    delimiter.extend_from_slice(boundary);
    let mut fields = Vec::new();
    // What stands before the first delimiter belongs to nobody.
    for part in split(body, &delimiter).into_iter().skip(1) {
        if part.starts_with(b"--") {
            break;
        }
        let part = part
            .strip_prefix(b"\r\n")
            .or_else(|| part.strip_prefix(b"\n"))
            .unwrap_or(part);
        let (head, content) = match find(part, b"\r\n\r\n") {
            Some(end) => (&part[..end], &part[end + 4..]),
            None => match find(part, b"\n\n") {
                Some(end) => (&part[..end], &part[end + 2..]),
                None => (part, &[][..]),
            },
        };
        let content = content
            .strip_suffix(b"\r\n")
            .or_else(|| content.strip_suffix(b"\n"))
            .unwrap_or(content);
        let head = lossy(head);
        let name = parameter(&head, "name").unwrap_or_default();
        if let Some(file) = parameter(&head, "filename") {
            fields.push(Field::new(vec![name.clone(), "filename".to_owned()], file));
            fields.push(Field::new(vec![name, "file".to_owned()], content));
        } else {
            fields.push(Field::new(vec![name], content));
        }
    }
    fields
}

/// The value of `name="…"` in the head of a part.
fn parameter(head: &str, name: &str) -> Option<String> {
    head.split(';').skip(1).find_map(|parameter| {
        let (key, value) = parameter.trim().split_once('=')?;
        if !key.eq_ignore_ascii_case(name) {
            return None;
        }
        let value = value.lines().next().unwrap_or_default();
        Some(value.trim().trim_matches('"').to_owned())
    })
}

fn split<'a>(body: &'a [u8], delimiter: &[u8]) -> Vec<&'a [u8]> {
    let mut parts = Vec::new();
    let mut rest = body;
    while let Some(at) = find(rest, delimiter) {
        parts.push(&rest[..at]);
        rest = &rest[at + delimiter.len()..];
    }
    parts.push(rest);
    parts
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    memchr::memmem::find(text, wanted)
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(fields: &[Field]) -> Vec<String> {
        fields
            .iter()
            .map(|field| format!("{}={}", field.names.join("."), lossy(&field.value)))
            .collect()
    }

    #[test]
    fn forms() {
        assert_eq!(
            read(&form(b"a=1%262&b+c=d+e&&f")),
            ["a=1&2", "b c=d e", "f="]
        );
    }

    #[test]
    fn json_documents() {
        let fields = json(br#"{"user": {"$ne": null}, "list": [1, "\u003cb"]}"#).unwrap();
        assert_eq!(read(&fields), ["user.$ne=", "list.0=1", "list.1=<b"]);
        assert_eq!(json(b"{ not json"), None);
        assert_eq!(json(b"12"), None);
    }

    #[test]
    fn xml_documents() {
        let fields = xml(r#"<?xml version="1.0"?><a b="&quot;x"><c>1 &lt; 2</c><!-- y --></a>"#);
        assert_eq!(read(&fields.unwrap()), [r#"a.b="x"#, "a.c=1 < 2", "a= y "]);
        assert_eq!(xml("<b>bold</b>"), None);
        assert_eq!(xml("<?xml version='1.0'?><a><b></a>"), None);
    }

    #[test]
    fn multipart_bodies() {
        let body = b"--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x\r\n\
            Content-Disposition: form-data; name=\"f\"; filename=\"b.txt\"\r\nContent-Type: text/plain\r\n\r\n2\r\n3\r\n--x--\r\n";
        assert_eq!(
            read(&multipart(body, b"x")),
            ["a=1", "f.filename=b.txt", "f.file=2\r\n3"]
        );
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_much(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "[<>?x!&;a=\"' -]{0,60}") {
            let _ = (form(&bytes), json(&bytes), multipart(&bytes, b"-"));
            let _ = xml(&format!("<?xml {text}"));
        }
    }
}
