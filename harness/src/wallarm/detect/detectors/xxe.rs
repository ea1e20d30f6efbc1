//! Entities, inclusions and style sheets that make an XML parser fetch something.

use super::{Detector, everywhere};
use crate::wallarm::detect::attack::AttackType;

pub(super) const DETECTOR: Detector = Detector {
    attack: AttackType::Xxe,
    triggers: &[
        "<!entity",
        "<!doctype",
        "xinclude",
        "<xi:",
        "schemalocation",
        "<?xml-stylesheet",
        "<xsl:",
        "<xs:",
        "<!attlist",
        "<!element",
    ],
    signatures: &[
        (
            "external entity",
            r#"<!entity\s+(?:%\s+)?[^\s>]+\s+(?:system|public)\b"#,
        ),
        ("parameter entity", r"<!entity\s+%\s+\S+"),
        // Any entity of the document's own is what expansion attacks are made of.
        (
            "declared entity",
            r#"<!doctype[^>\[]*\[[^\]]*<!entity\s+[^\s>]+\s+["']"#,
        ),
        ("entity", r#"^\s*<!entity\s+[^\s>]+\s+["']"#),
        // The document types of (X)HTML and SVG name the W3C.
        (
            "external document type",
            r#"<!doctype\s+[^\s>\[]+\s+(?:system\s*["'][^"']+|public\s*["'](?:[^-"'+]|-[^/])[^"']*["']\s*["'][^"']+)"#,
        ),
        (
            "inclusion",
            r#"<(?:xi|[a-z]+):(?:include|fallback)\b[^>]*\bhref\s*=|xmlns:[a-z]+\s*=\s*["']http://www\.w3\.org/2001/xinclude"#,
        ),
        (
            "foreign schema",
            r#"schemalocation\s*=\s*["'][^"']*(?:file:|ftp:|gopher:|https?://(?:\d|localhost|[^"'/]*(?:attacker|evil|burp|oast|collab)))"#,
        ),
        (
            "schema inclusion",
            r#"<xsd?:(?:include|import)\b[^>]*schemalocation\s*="#,
        ),
        (
            "style sheet",
            r#"<\?xml-stylesheet\b[^>]*href\s*=\s*["']?\s*(?:https?:|ftp:|file:|//)"#,
        ),
        (
            "transformation",
            r#"<xsl:(?:include|import|copy-of|value-of|variable)\b[^>]*(?:document\s*\(|unparsed-text|system-property|href\s*=\s*["'](?:https?|ftp|file):|php:function)"#,
        ),
    ],
    engine: None,
    applies: everywhere,
};
