//! What one types to run this command.

use std::env;

/// The words that start it, where npm's launcher says them: `npx edgeproof`.
pub(super) fn launched_as() -> Option<String> {
    let words = env::var("EDGEPROOF_LAUNCHED").ok()?;
    words.ends_with("edgeproof").then_some(words)
}

/// The words that start it, for what is said to come next.
pub(super) fn name() -> String {
    launched_as().unwrap_or_else(|| "edgeproof".to_owned())
}
