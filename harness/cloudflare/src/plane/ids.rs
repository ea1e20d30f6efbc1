//! Ids in the shapes of Cloudflare's API.

/// 32 hexadecimal digits that are the same for the same kind and name: what zones and the account are called.
pub fn stable_id(kind: &str, name: &str) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("edgeproof 2026 ids of the emulated account");
    hasher.update(kind.as_bytes());
    // Keeps ("ab", "c") and ("a", "bc") apart.
    hasher.update(&[0]);
    hasher.update(name.as_bytes());
    hasher.finalize().to_hex().chars().take(32).collect()
}

/// 32 hexadecimal digits that nothing else has: routes and scripts.
pub(super) fn fresh_id() -> String {
    format!("{:032x}", fastrand::u128(..))
}

/// A UUID of version 4: versions and deployments.
pub(super) fn fresh_uuid() -> String {
    let bits = fastrand::u128(..) & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
    let digits = format!("{bits:032x}");
    let part = |range: std::ops::Range<usize>| digits.get(range).unwrap_or_default();
    let parts = [
        part(0..8),
        part(8..12),
        part(12..16),
        part(16..20),
        part(20..32),
    ];
    parts.join("-")
}

/// Whether a text has the shape of an id in a path.
pub(super) fn is_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_id_and_kinds_are_apart() {
        assert_eq!(stable_id("zone", "a"), stable_id("zone", "a"));
        assert_ne!(stable_id("zone", "a"), stable_id("account", "a"));
        assert!(is_id(&stable_id("zone", "a")) && is_id(&fresh_id()));
    }

    #[test]
    fn a_uuid_says_its_version_and_variant() {
        for _ in 0..100 {
            let uuid = fresh_uuid();
            assert_eq!(uuid.len(), 36);
            assert_eq!(uuid.as_bytes()[14], b'4', "{uuid}");
            assert!(matches!(uuid.as_bytes()[19], b'8'..=b'b'), "{uuid}");
        }
    }
}
