//! The signals of a protected call: the content of `fp-data`, as a header, as a form field, or spread over cookies.

pub mod cookies;

use crate::{form::Form, request::RequestHead};

/// Where the signals of a call were found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signals {
    /// In the header. Its value is long and means nothing to the worker, so it need not be copied: the call to the
    /// platform takes it from there.
    Header {
        /// Whether the app itself asked for credentials, which the instrumentor marks with a leading `_`.
        app_sends_credentials: bool,
    },
    /// In a form field, with this value.
    Form(String),
    /// In cookies of the instrumentor's, as a navigation carries them; put together, they are this.
    Cookies(String),
}

/// The signals of a call with this head and this form. The header wins, unless it is empty, then the form, whose field
/// counts even when it is. The first two characters of the header's value are enough: a flag, and whether something follows it.
pub fn find(head: &RequestHead, form: Option<&Form>) -> Option<Signals> {
    head.headers
        .get("fp-data")
        .and_then(from_header)
        .or_else(|| form?.data.clone().map(Signals::Form))
        .or_else(|| cookies::from_cookies(head).map(Signals::Cookies))
}

fn from_header(value: &str) -> Option<Signals> {
    let app_sends_credentials = value.starts_with('_');
    let is_empty = value.len() == usize::from(app_sends_credentials);
    (!is_empty).then_some(Signals::Header {
        app_sends_credentials,
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::headers::Headers;

    #[rstest]
    #[case("abc", Some(false))]
    #[case("_abc", Some(true))]
    #[case("__", Some(true))]
    #[case("", None)]
    #[case("_", None)]
    fn the_flag_is_no_part_of_the_signals(#[case] value: &str, #[case] expected: Option<bool>) {
        let expected = expected.map(|app_sends_credentials| Signals::Header {
            app_sends_credentials,
        });
        assert_eq!(from_header(value), expected);
    }

    #[rstest]
    #[case("fp-data: a", Some("b"), Some(Signals::Header { app_sends_credentials: false }))]
    #[case("fp-data: ", Some("b"), Some(Signals::Form("b".to_owned())))]
    #[case("", Some(""), Some(Signals::Form(String::new())))]
    #[case("cookie: __Host-fp-data-key=1; fp-data-1-0=1.c", Some("b"), Some(Signals::Form("b".to_owned())))]
    #[case("cookie: __Host-fp-data-key=1; fp-data-1-0=1.c", None, Some(Signals::Cookies("c".to_owned())))]
    #[case("cookie: __Host-fp-data-key=1; fp-data-1-0=1.c\nfp-data: a", None, Some(Signals::Header { app_sends_credentials: false }))]
    #[case("", None, None)]
    fn the_header_wins_over_the_form_and_the_form_over_cookies(
        #[case] headers: &str,
        #[case] field: Option<&str>,
        #[case] expected: Option<Signals>,
    ) {
        let form = Form {
            data: field.map(str::to_owned),
            ..Form::default()
        };
        let head = |lines| {
            let headers = Headers::from_lines(lines);
            RequestHead::new("GET", "https://shop.example/", headers).unwrap()
        };
        assert_eq!(find(&head(headers), Some(&form)), expected);
        assert_eq!(find(&head(""), None), None);
    }
}
