//! A text that must be in no log, message or report.

use std::fmt;

use edgeproof_ground::redaction::REDACTED;
use schemars::JsonSchema;
use serde::Deserialize;

/// A token, a key or the value of a secret. It has no way to be printed or serialised.
#[derive(Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Keeps a text secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for those who need it: the wire, the worker, and the one who redacts it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// A text without this secret: what a server says may repeat what it was told.
    pub(crate) fn hidden_in(&self, text: &str) -> String {
        if self.0.is_empty() {
            text.to_owned()
        } else {
            text.replace(&self.0, REDACTED)
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}
