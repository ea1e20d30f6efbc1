//! The report for programs, and for `edgeproof report merge`.

use edgeproof_run::results::Results;

/// The results as JSON.
///
/// # Errors
/// None for results, whose maps have text keys; the writer's errors are kept rather than hidden.
pub fn text(results: &Results) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(results)?;
    text.push('\n');
    Ok(text)
}
