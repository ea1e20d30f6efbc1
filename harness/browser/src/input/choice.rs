//! The options of a select box.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which option of a select box is chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OptionChoice {
    /// By its value.
    Value(String),
    /// By the text that it shows.
    Label(String),
    /// By its number, from 0.
    Index(usize),
    /// By its value, or else the text it shows, or else its number.
    Any(String),
}

impl OptionChoice {
    /// For a person.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Value(value) => format!("with the value `{value}`"),
            Self::Label(label) => format!("with the label `{label}`"),
            Self::Index(index) => format!("with the number {index}"),
            Self::Any(text) => format!("`{text}`"),
        }
    }
}
