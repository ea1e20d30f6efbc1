//! Signals in form bodies: finds the field `fp-data` and says which bytes go, so that the origin gets the rest exactly as
//! it was sent. On the way it finds what origins take for another method of the request, the field `_method`.
//!
//! Only the start of a body is looked at, up to [`LIMIT`]; what follows streams to the origin unseen. The instrumentor
//! puts its field first in a form, so an upload of any size carries it within the limit.

mod json;
mod multipart;
mod urlencoded;

use std::ops::Range;

use multipart::Multipart;

use crate::configuration::Method;

/// How many bytes of a body are held and looked at.
pub const LIMIT: usize = 256 * 1024;

/// The field that carries signals.
const FIELD: &str = "fp-data";

/// The field that overrides the method of a request.
pub(crate) const METHOD_FIELD: &str = "_method";

/// What was found in a form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Form {
    /// The signals: the first value of the field, empty where the field was.
    pub data: Option<String>,
    /// The bytes that do not go on, in order and apart from each other.
    pub cuts: Vec<Range<usize>>,
    /// The methods that the form puts in place of the request's own.
    pub methods: Vec<Method>,
    /// Whether this is all there is to find.
    pub is_whole: bool,
}

impl Form {
    /// How many bytes do not go on.
    pub fn cut_bytes(&self) -> u64 {
        self.cuts.iter().map(|cut| cut.len() as u64).sum()
    }

    /// Takes note of a field that does not carry signals.
    fn see(&mut self, name: &str, value: &str) {
        if name == METHOD_FIELD {
            self.methods.extend(Method::parse(value));
        }
    }

    fn cut(&mut self, range: Range<usize>, value: impl FnOnce() -> String) {
        self.data.get_or_insert_with(value);
        match self.cuts.last_mut() {
            Some(last) if last.end >= range.start => {
                last.start = last.start.min(range.start);
                last.end = range.end;
            }
            _ => self.cuts.push(range),
        }
    }
}

/// Reads the start of a form body.
#[derive(Clone, Debug)]
pub struct FormScanner {
    kind: Kind,
    bytes: Vec<u8>,
}

#[derive(Clone, Debug)]
enum Kind {
    UrlEncoded,
    Multipart(Multipart),
    Json,
}

impl FormScanner {
    /// A scanner for a body of this `Content-Type`; none when that is no form.
    pub fn new(content_type: &str) -> Option<Self> {
        let (essence, parameters) = content_type.split_once(';').unwrap_or((content_type, ""));
        let essence = essence.trim();
        let kind = if essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            Kind::UrlEncoded
        } else if essence.eq_ignore_ascii_case("multipart/form-data") {
            Kind::Multipart(Multipart::new(parameters)?)
        } else {
            return None;
        };
        Some(Self {
            kind,
            bytes: Vec::new(),
        })
    }

    /// A scanner for a body of this `Content-Type` that can override the method of its request; none when it cannot. JSON
    /// can, at origins that take its members for the fields of a form.
    pub fn of_overriding(content_type: &str) -> Option<Self> {
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        if json::is_json(essence) {
            let (kind, bytes) = (Kind::Json, Vec::new());
            return Some(Self { kind, bytes });
        }
        Self::new(content_type)
    }

    /// Takes the next piece of the body. True when enough was read.
    pub fn push(&mut self, piece: &[u8]) -> bool {
        self.bytes.extend_from_slice(piece);
        self.bytes.len() >= LIMIT
    }

    /// What was found. `is_whole` says that the body has ended.
    pub fn finish(&self, is_whole: bool) -> Form {
        let (form, is_whole) = match &self.kind {
            Kind::UrlEncoded => (urlencoded::find(&self.bytes, is_whole), is_whole),
            Kind::Multipart(multipart) => {
                let methods = Multipart::methods(&self.bytes);
                let is_whole = is_whole && methods.is_some();
                let mut form = multipart.find(&self.bytes);
                form.methods = methods.unwrap_or_default();
                (form, is_whole)
            }
            Kind::Json => (json::find(&self.bytes), is_whole),
        };
        Form { is_whole, ..form }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn scanned(content_type: &str, body: &[u8]) -> (Option<String>, Vec<u8>) {
        let mut scanner = FormScanner::new(content_type).unwrap();
        scanner.push(body);
        let form = scanner.finish(true);
        let mut rest = body.to_vec();
        for cut in form.cuts.iter().rev() {
            rest.drain(cut.clone());
        }
        assert_eq!(rest.len() as u64 + form.cut_bytes(), body.len() as u64);
        (form.data, rest)
    }

    const URLENCODED: &str = "application/x-www-form-urlencoded";
    const MULTIPART: &str = "Multipart/Form-Data; charset=utf-8; Boundary=\"b-1\"";

    #[rstest]
    #[case("fp-data=abc", Some("abc"), "")]
    #[case("fp-data=abc&x=1", Some("abc"), "x=1")]
    #[case("x=1&fp-data=abc", Some("abc"), "x=1")]
    #[case("x=a%20b+c&fp-data=a-_b&y=%zz", Some("a-_b"), "x=a%20b+c&y=%zz")]
    #[case("x=1&fp-data=a&fp-data=b", Some("a"), "x=1")]
    #[case("fp-data=a&fp-data=b&x=1", Some("a"), "x=1")]
    #[case("x=1&fp%2Ddata=a%2Bb&&y", Some("a+b"), "x=1&&y")]
    #[case("fp-data=&x=1", Some(""), "x=1")]
    #[case("fp-data&x=1", Some(""), "x=1")]
    #[case("x=fp-data&FP-DATA=no", None, "x=fp-data&FP-DATA=no")]
    #[case("", None, "")]
    fn a_urlencoded_form_loses_the_field_and_nothing_else(
        #[case] body: &str,
        #[case] data: Option<&str>,
        #[case] rest: &str,
    ) {
        let (found, left) = scanned(URLENCODED, body.as_bytes());
        assert_eq!(found.as_deref(), data);
        assert_eq!(String::from_utf8(left).unwrap(), rest);
    }

    /// A part of a multipart body: its header lines and its content.
    fn part(header: &str, content: &str) -> String {
        format!("--b-1\r\n{header}\r\n\r\n{content}\r\n")
    }

    #[rstest]
    #[case("form-data; name=\"fp-data\"")]
    #[case("form-data; name=fp-data")]
    #[case("Form-Data;NAME=\"fp-data\"; x=y")]
    fn a_multipart_form_loses_the_field_and_nothing_else(#[case] disposition: &str) {
        let field = part(&format!("content-disposition: {disposition}"), "abc");
        let file = part(
            "Content-Disposition: form-data; name=\"f\"; filename=\"fp-data\"\r\nContent-Type: image/png",
            "\u{0}--b-1x\r\n--b",
        );
        let last = part(
            "Content-Disposition: form-data; name=\"x\"",
            "name=\"fp-data\"",
        );
        for (sent, left) in [
            (
                format!("{field}{file}{last}--b-1--\r\n"),
                format!("{file}{last}--b-1--\r\n"),
            ),
            (
                format!("{file}{field}{last}--b-1--\r\n"),
                format!("{file}{last}--b-1--\r\n"),
            ),
            (
                format!("{file}{last}{field}--b-1--"),
                format!("{file}{last}--b-1--"),
            ),
            (
                format!("preamble\r\n{field}--b-1--"),
                "preamble\r\n--b-1--".to_owned(),
            ),
            (
                format!("{field}{file}{field}--b-1--"),
                format!("{file}--b-1--"),
            ),
        ] {
            let (data, rest) = scanned(MULTIPART, sent.as_bytes());
            assert_eq!(data.as_deref(), Some("abc"), "{sent}");
            assert_eq!(String::from_utf8(rest).unwrap(), left);
        }
    }

    fn methods(content_type: &str, body: &str) -> Vec<Method> {
        let mut scanner = FormScanner::of_overriding(content_type).unwrap();
        scanner.push(body.as_bytes());
        scanner.finish(true).methods
    }

    #[rstest]
    #[case(URLENCODED, "a=b&%5fmethod=put&_method=DELETE", &[Method::Put, Method::Delete])]
    #[case(URLENCODED, "method=PUT&x=_method", &[])]
    #[case("application/json; charset=utf-8", r#"{"a":1,"\u005fmethod":"patch"}"#, &[Method::Patch])]
    #[case("application/ld+json", r#"[{"_method":"PATCH"}]"#, &[])]
    #[case(MULTIPART, "--b-1\r\nContent-Disposition: form-data; name=\"_method\"\r\n\r\nput\r\n--b-1--", &[Method::Put])]
    #[case(MULTIPART, "--b-1\nContent-Disposition: form-data; name=_method\nx: y\n\nDELETE", &[Method::Delete])]
    #[case(MULTIPART, "--b-1\r\nContent-Disposition: form-data; name=\"f\"\r\n\r\n_method PUT\r\n--b-1--", &[])]
    fn a_body_overrides_the_method(
        #[case] content_type: &str,
        #[case] body: &str,
        #[case] expected: &[Method],
    ) {
        assert_eq!(methods(content_type, body), expected);
    }

    #[test]
    fn a_form_that_names_the_method_all_the_time_is_not_read_to_its_end() {
        let mut scanner = FormScanner::of_overriding(MULTIPART).unwrap();
        scanner.push("=_method".repeat(100).as_bytes());
        assert!(!scanner.finish(true).is_whole);
    }

    #[test]
    fn a_file_of_that_name_is_not_the_field() {
        let body = part(
            "Content-Disposition: form-data; name=\"fp-data\"; filename=\"x\"",
            "abc",
        ) + "--b-1--";
        assert_eq!(
            scanned(MULTIPART, body.as_bytes()),
            (None, body.into_bytes())
        );
    }

    #[test]
    fn a_part_that_has_not_ended_is_not_the_field() {
        let body = "--b-1\r\nContent-Disposition: form-data; name=\"fp-data\"\r\n\r\nabc";
        assert_eq!(scanned(MULTIPART, body.as_bytes()).0, None);
    }

    #[test]
    fn a_field_in_front_of_an_upload_is_found_within_the_limit() {
        let mut scanner = FormScanner::new(MULTIPART).unwrap();
        let field = part("Content-Disposition: form-data; name=\"fp-data\"", "abc");
        assert!(!scanner.push(field.as_bytes()));
        assert!(scanner.push(&vec![b'x'; LIMIT]));
        let form = scanner.finish(false);
        // The next part has begun, as far as its delimiter goes.
        assert_eq!(form, Form::default());
        let mut scanner = FormScanner::new(MULTIPART).unwrap();
        scanner.push(field.as_bytes());
        scanner.push(
            b"--b-1\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n",
        );
        assert!(scanner.push(&vec![b'x'; LIMIT]));
        let form = scanner.finish(false);
        assert_eq!(form.data.as_deref(), Some("abc"));
        assert_eq!(form.cuts.len(), 1);
        assert_eq!(form.cuts[0], 0..field.len());
    }

    #[test]
    fn a_urlencoded_value_that_goes_on_behind_the_limit_is_not_taken() {
        let mut scanner = FormScanner::new(URLENCODED).unwrap();
        scanner.push(b"x=1&fp-data=ab");
        assert_eq!(scanner.finish(false), Form::default());
    }

    #[rstest]
    #[case("application/json")]
    #[case("multipart/form-data")]
    #[case("multipart/form-data; boundary=")]
    #[case("multipart/form-data; boundary=\"a<b\"")]
    #[case("multipart/form-data; boundary=\"a \"")]
    #[case(
        "multipart/form-data; boundary=0123456789012345678901234567890123456789012345678901234567890123456789x"
    )]
    #[case("text/plain")]
    fn other_bodies_are_no_forms(#[case] content_type: &str) {
        assert!(FormScanner::new(content_type).is_none());
    }

    proptest! {
        #[test]
        fn no_body_makes_the_scanner_fail(body in prop::collection::vec(any::<u8>(), 0..80)) {
            scanned(URLENCODED, &body);
            scanned(MULTIPART, &body);
        }

        #[test]
        fn other_fields_stay_byte_for_byte(
            before in "([a-z]{1,3}=[a-z%0-9+]{0,5}&){0,3}",
            value in "[A-Za-z0-9_-]{0,20}",
            behind in "(&[a-z]{1,3}=[a-z%0-9+]{0,5}){0,3}",
        ) {
            let body = format!("{before}fp-data={value}{behind}");
            let (data, rest) = scanned(URLENCODED, body.as_bytes());
            prop_assert_eq!(data, Some(value));
            let expected = if before.is_empty() {
                behind.trim_start_matches('&').to_owned()
            } else {
                format!("{}{behind}", before.trim_end_matches('&'))
            };
            prop_assert_eq!(String::from_utf8(rest).unwrap(), expected);
        }
    }
}
