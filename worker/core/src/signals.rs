//! The signals of a protected call: the content of `fp-data`, as a header, as a form field, or spread over cookies.

pub mod cookies;

use crate::{form::Form, headers::Headers};

/// The signals of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signals {
    /// What the agent collected; opaque.
    pub data: String,
    /// Where they were found.
    pub source: Source,
}

/// Where signals were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// In the header, set by the instrumentor; `app_sends_credentials` when the app itself asked for credentials, which
    /// the instrumentor marks with a leading `_`.
    Header {
        /// Whether cookies are the app's own wish.
        app_sends_credentials: bool,
    },
    /// In a form field.
    Form,
    /// In cookies of the instrumentor's, as a navigation carries them.
    Cookies,
}

/// The signals of a call with these headers and this form. The header wins, then the form, whose field counts even when
/// it is empty.
pub fn find(headers: &Headers, form: Option<&Form>) -> Option<Signals> {
    let from_form = || {
        let data = form?.data.clone()?;
        Some(Signals {
            data,
            source: Source::Form,
        })
    };
    headers
        .get("fp-data")
        .and_then(from_header)
        .or_else(from_form)
        .or_else(|| cookies::from_cookies(headers.get("cookie")?))
}

/// The signals in a header value; none in an empty one.
fn from_header(value: &str) -> Option<Signals> {
    let (data, app_sends_credentials) = match value.strip_prefix('_') {
        Some(data) => (data, true),
        None => (value, false),
    };
    (!data.is_empty()).then(|| Signals {
        data: data.to_owned(),
        source: Source::Header {
            app_sends_credentials,
        },
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("abc", Some(("abc", false)))]
    #[case("_abc", Some(("abc", true)))]
    #[case("__abc", Some(("_abc", true)))]
    #[case("", None)]
    #[case("_", None)]
    fn the_flag_is_no_part_of_the_signals(
        #[case] value: &str,
        #[case] expected: Option<(&str, bool)>,
    ) {
        let expected = expected.map(|(data, app_sends_credentials)| Signals {
            data: data.to_owned(),
            source: Source::Header {
                app_sends_credentials,
            },
        });
        assert_eq!(from_header(value), expected);
    }

    #[rstest]
    #[case("fp-data: a", Some("b"), Some("a"))]
    #[case("fp-data: ", Some("b"), Some("b"))]
    #[case("", Some(""), Some(""))]
    #[case("cookie: a=b; fp-data-0=1.c", Some("b"), Some("b"))]
    #[case("cookie: a=b; fp-data-0=1.c", None, Some("c"))]
    #[case("cookie: fp-data-0=1.c\nfp-data: a", None, Some("a"))]
    #[case("", None, None)]
    fn the_header_wins_over_the_form_and_the_form_over_cookies(
        #[case] headers: &str,
        #[case] field: Option<&str>,
        #[case] expected: Option<&str>,
    ) {
        let form = Form {
            data: field.map(str::to_owned),
            cuts: Vec::new(),
        };
        let signals = find(&Headers::from_lines(headers), Some(&form));
        assert_eq!(signals.map(|signals| signals.data).as_deref(), expected);
        assert_eq!(find(&Headers::default(), None), None);
    }
}
