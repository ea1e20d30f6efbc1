//! Ids in the shapes of the platform.

const LETTERS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Letters and digits by chance.
pub(super) fn random(length: usize) -> String {
    std::iter::repeat_with(fastrand::alphanumeric)
        .take(length)
        .collect()
}

/// Letters and digits that are the same for the same purpose and text, at most 32.
pub(super) fn stable(purpose: &str, text: &str, length: usize) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("edgeproof 2026 ids of the emulated platform");
    hasher.update(purpose.as_bytes());
    // Keeps ("ab", "c") and ("a", "bc") apart.
    hasher.update(&[0]);
    hasher.update(text.as_bytes());
    let hash = hasher.finalize();
    hash.as_bytes()
        .iter()
        .take(length)
        .map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()]))
        .collect()
}

/// The id of an event: the milliseconds of its time, and six characters.
pub(super) fn event(timestamp: i64) -> String {
    format!("{timestamp}.{}", random(6))
}
