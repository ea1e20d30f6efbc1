//! Cache Deception Armor: what a URL's extension promises against what the response is.
//!
//! Source: Cloudflare's documentation, Cache › Cache security › Avoid web poisoning, and Workers › Cache. Which types belong to
//! an extension is a decision.

/// Extensions, each with what the name of a type that belongs to it contains.
const PROMISED: [(&[&str], &[&str]); 8] = [
    (
        &[
            "jpg", "jpeg", "png", "gif", "webp", "avif", "ico", "svg", "svgz", "bmp", "tif", "tiff",
        ],
        &["image/"],
    ),
    (
        &[
            "mp4", "webm", "mkv", "avi", "mov", "mp3", "ogg", "flac", "wav", "mid", "midi",
        ],
        &["video/", "audio/", "application/ogg"],
    ),
    (&["woff", "woff2", "ttf", "otf", "eot"], &["font"]),
    (&["css"], &["text/css"]),
    (&["js", "mjs"], &["javascript"]),
    (&["json"], &["json"]),
    (&["pdf"], &["application/pdf"]),
    (
        &["zip", "gz", "bz2", "7z", "rar", "tar", "zst"],
        &["zip", "compress", "tar", "zst"],
    ),
];

/// Whether a text or an application stands under the name of something else.
pub(super) fn is_deception(path: &str, content_type: &str) -> bool {
    let content_type = content_type.trim().to_ascii_lowercase();
    let is_checked = content_type.starts_with("text/") || content_type.starts_with("application/");
    // A type that is saved and not shown promises nothing.
    if !is_checked || content_type.starts_with("application/octet-stream") {
        return false;
    }
    let name = path.rsplit('/').next().unwrap_or_default();
    let Some((_, extension)) = name.rsplit_once('.') else {
        return false;
    };
    let extension = extension.to_ascii_lowercase();
    let promised = PROMISED
        .iter()
        .find(|(extensions, _)| extensions.contains(&extension.as_str()));
    promised.is_some_and(|(_, types)| !types.iter().any(|part| content_type.contains(part)))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("/account/x.jpg", "text/html; charset=utf-8", true)]
    #[case("/account/x.CSS", "text/html", true)]
    #[case("/account/x.js", "application/json", true)]
    #[case("/x.css", "text/css", false)]
    #[case("/x.js", "text/javascript", false)]
    #[case("/x.svg", "image/svg+xml", false)]
    #[case("/x.jpg", "image/webp", false)]
    #[case("/x.zip", "application/octet-stream", false)]
    #[case("/account", "text/html", false)]
    #[case("/account.php", "text/html", false)]
    fn an_extension_promises_a_type(
        #[case] path: &str,
        #[case] content_type: &str,
        #[case] expected: bool,
    ) {
        assert_eq!(is_deception(path, content_type), expected);
    }
}
