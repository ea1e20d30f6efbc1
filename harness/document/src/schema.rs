//! What schemas of a user's files have in common.

use schemars::{Schema, json_schema};

/// A short form or a mapping.
pub fn either(short: &Schema, long: &Schema) -> Schema {
    json_schema!({ "anyOf": [short, long] })
}
