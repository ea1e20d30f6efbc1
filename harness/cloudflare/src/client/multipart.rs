//! The form that an upload of a worker is (`multipart/form-data`, RFC 7578).

use std::fmt::Write as _;

use bytes::{Bytes, BytesMut};

/// A form under construction.
pub(super) struct Form {
    boundary: String,
    body: BytesMut,
}

impl Form {
    pub(super) fn new() -> Self {
        // 119 bits of chance: no module contains it.
        let tail: String = std::iter::repeat_with(fastrand::alphanumeric)
            .take(20)
            .collect();
        Self {
            boundary: format!("edgeproof-{tail}"),
            body: BytesMut::new(),
        }
    }

    /// Adds a field without a file name.
    pub(super) fn field(&mut self, name: &str, content_type: &str, content: &[u8]) {
        self.part(name, None, content_type, content);
    }

    /// Adds a file; Cloudflare wants its field named as the file.
    pub(super) fn file(&mut self, name: &str, content_type: &str, content: &[u8]) {
        self.part(name, Some(name), content_type, content);
    }

    fn part(&mut self, name: &str, file: Option<&str>, content_type: &str, content: &[u8]) {
        let mut head = format!(
            "--{}\r\nContent-Disposition: form-data; name=\"{}\"",
            self.boundary,
            quoted(name)
        );
        if let Some(file) = file {
            let _ = write!(head, "; filename=\"{}\"", quoted(file));
        }
        let _ = write!(head, "\r\nContent-Type: {content_type}\r\n\r\n");
        self.body.extend_from_slice(head.as_bytes());
        self.body.extend_from_slice(content);
        self.body.extend_from_slice(b"\r\n");
    }

    /// The content type and the body.
    pub(super) fn finish(mut self) -> (String, Bytes) {
        let end = format!("--{}--\r\n", self.boundary);
        self.body.extend_from_slice(end.as_bytes());
        let content_type = format!("multipart/form-data; boundary={}", self.boundary);
        (content_type, self.body.freeze())
    }
}

/// A name as forms escape it (WHATWG HTML, multipart/form-data encoding).
fn quoted(name: &str) -> String {
    name.replace('"', "%22")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_has_a_part_for_each_field_and_an_end() {
        let mut form = Form::new();
        form.field("metadata", "application/json", b"{}");
        form.file("a\".js", "application/javascript+module", b"export {}");
        let (content_type, body) = form.finish();
        let boundary = content_type.split_once("boundary=").unwrap().1;
        assert_eq!(
            String::from_utf8(body.to_vec())
                .unwrap()
                .replace(boundary, "B"),
            "--B\r\nContent-Disposition: form-data; name=\"metadata\"\r\nContent-Type: application/json\r\n\r\n{}\r\n\
             --B\r\nContent-Disposition: form-data; name=\"a%22.js\"; filename=\"a%22.js\"\r\nContent-Type: application/javascript+module\r\n\r\nexport {}\r\n\
             --B--\r\n"
        );
    }
}
