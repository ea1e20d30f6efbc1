//! The profiles of visitors.

use schemars::JsonSchema;
use serde::Deserialize;

/// How a visitor comes to the site.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Profile {
    /// No browser: a plain HTTP client.
    #[default]
    Http,
    /// A browser with nothing that shows automation.
    Regular,
    /// The same browser in a private window.
    Incognito,
    /// A plain headless browser that says it is automated.
    Automated,
}
