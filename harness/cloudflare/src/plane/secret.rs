//! A text that is used and never shown.

use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;

/// A token or the value of a secret. It can be compared and handed to a worker; `Debug` does not show it, and it cannot be
/// serialised.
#[derive(Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Keeps this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for those who need it: the worker, and the one who redacts it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}
