//! The engines of browsers.

use std::{fmt, str::FromStr};

use edgeproof_ground::tools::Tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which browser a visitor comes with.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Engine {
    /// Chromium, driven by its DevTools protocol.
    #[default]
    Chromium,
    /// Firefox, driven by WebDriver BiDi.
    Firefox,
}

impl Engine {
    /// Every engine.
    pub const ALL: [Self; 2] = [Self::Chromium, Self::Firefox];

    /// As files and commands say it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Chromium => "chromium",
            Self::Firefox => "firefox",
        }
    }

    /// The program that must be installed for it.
    pub fn tool(self) -> Tool {
        match self {
            Self::Chromium => Tool::Chromium,
            Self::Firefox => Tool::Firefox,
        }
    }
}

/// As people say it.
impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tool().name())
    }
}

/// A name that is no engine's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no engine; there are `chromium` and `firefox`")]
pub struct EngineError(String);

impl FromStr for Engine {
    type Err = EngineError;

    fn from_str(name: &str) -> Result<Self, EngineError> {
        let mut all = Self::ALL.into_iter();
        all.find(|engine| engine.name() == name)
            .ok_or_else(|| EngineError(name.to_owned()))
    }
}
