//! Ids in the shapes of the platform.

const LETTERS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Characters of a visitor's id.
pub(super) const VISITOR_ID: usize = 20;

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

/// Whether a text has the shape of an event's id.
pub(super) fn is_event(text: &str) -> bool {
    text.split_once('.').is_some_and(|(time, tail)| {
        (1..=16).contains(&time.len())
            && time.bytes().all(|byte| byte.is_ascii_digit())
            && tail.len() == 6
            && tail.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}
