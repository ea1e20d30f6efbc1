//! What becomes of a protected call that could not be identified.

use schemars::JsonSchema;
use serde::Deserialize;

/// What the worker does when it cannot identify a protected call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailureMode {
    /// The call goes on to the origin.
    #[default]
    Open,
    /// The call gets status 403.
    Closed,
}
