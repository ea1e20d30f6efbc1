//! The signals of a protected call: the content of `fp-data`, as a header or as a form field.

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
}

/// The signals in a header value; none in an empty one.
pub fn from_header(value: &str) -> Option<Signals> {
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
}
