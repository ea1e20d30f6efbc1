//! Reads results that an earlier command saved as JSON.

use std::{fs, path::Path};

use serde::de::DeserializeOwned;

/// The results in a file, or why they cannot be read: `format` tells theirs, and `known` is the one that this program
/// reads.
pub(super) fn read<Results: DeserializeOwned>(
    path: &Path,
    format: impl FnOnce(&Results) -> u32,
    known: u32,
) -> Result<Results, String> {
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    let results: Results = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    match format(&results) {
        format if format == known => Ok(results),
        other => Err(format!(
            "it has format {other}, and this edgeproof reads {known}"
        )),
    }
}
