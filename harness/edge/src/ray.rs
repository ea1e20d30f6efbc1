//! The ray: the name of one visitor request, the same on every hop.

use std::fmt;

use http::HeaderValue;

/// A `CF-Ray`: 16 lower-case hexadecimal digits and the data centre's code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ray {
    text: String,
}

impl Ray {
    /// A new ray at a data centre such as `FRA`.
    pub fn new(colo: &str) -> Self {
        Self {
            text: format!("{:016x}-{colo}", fastrand::u64(..)),
        }
    }

    /// The value of the `CF-Ray` header.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The part before the data centre, as error pages show it.
    pub fn id(&self) -> &str {
        self.text.split('-').next().unwrap_or_default()
    }

    /// As a header value.
    pub fn header(&self) -> HeaderValue {
        // Hexadecimal digits and a code that was checked at start are always a valid value.
        HeaderValue::from_str(&self.text).unwrap_or_else(|_| HeaderValue::from_static(""))
    }
}

impl From<String> for Ray {
    /// A ray that another part of the edge made.
    fn from(text: String) -> Self {
        Self { text }
    }
}

impl fmt::Display for Ray {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
