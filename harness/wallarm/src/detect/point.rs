//! Where in a request something was found.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A place in a request: the part, the name in it, and the parsers that led to the value.
///
/// `query.id.base64` is what the parameter `id` holds once its base64 is decoded.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Point(Vec<String>);

impl Point {
    /// A part of the request: `uri`, `path`, `query`, `header` or `post`.
    pub fn part(name: &str) -> Self {
        Self(vec![name.to_owned()])
    }

    /// What lies below: a name, or the parser that opened the value.
    #[must_use]
    pub fn below(&self, name: impl Into<String>) -> Self {
        let mut path = self.0.clone();
        path.push(name.into());
        Self(path)
    }

    /// The steps, outermost first.
    pub fn steps(&self) -> &[String] {
        &self.0
    }

    /// Whether it is this header, named as in `USER-AGENT`.
    pub(super) fn is_header(&self, name: &str) -> bool {
        self.0.first().is_some_and(|part| part == "header")
            && self.0.get(1).is_some_and(|header| header == name)
    }

    /// Whether it lies in this part of the request.
    pub(super) fn is_in(&self, part: &str) -> bool {
        self.0.first().is_some_and(|first| first == part)
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("."))
    }
}
