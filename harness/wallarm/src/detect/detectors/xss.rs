//! Markup and script that a page would run.

use super::{Detector, Sign, excerpt};
use crate::detect::{attack::AttackType, value::Value};

pub(super) const DETECTOR: Detector = Detector {
    attack: AttackType::Xss,
    triggers: &[
        "<",
        "script",
        "=",
        "alert",
        "confirm",
        "prompt",
        "eval",
        "document",
        "window",
        "data:",
        "+adw",
        "[]",
        "constructor",
        "expression",
        "@import",
        "&{",
    ],
    signatures: &[
        (
            "tag that runs",
            r"<[\s/]*(?:script|iframe|object|embed|applet|base|frameset|frame|i?layer|bgsound|isindex|portal|foreignobject|animate(?:transform|motion)?|xss|noscript)(?:[\s/>:\x22'=+]|$|(?u:\x{fffd}))",
        ),
        ("drawing", r"<[\s/]*(?:[a-z]+:)?(?:svg|math)(?:[\s/>]|$)"),
        (
            "link or meta",
            r"<[\s/]*(?:meta|link)\b[^>]*(?:http-equiv|href|content\s*=|rel\s*=)",
        ),
        (
            "style",
            r"<style\b[^>]*>?[^<]*(?:@import|expression|javascript|behaviou?r|url\s*\(|</style|\\[0-9a-f])|<style\b[^>]*\bon\w+",
        ),
        (
            "handler in a tag",
            r#"<[a-z!/?][^<>]{0,1000}?[\s/"'`\x0c]on[a-z]{3,30}\s*="#,
        ),
        (
            "handler in a tag",
            r#"<[a-z][^\s<>]{0,40}/?on(?:load|error|click|focus|mouse\w+|toggle|begin|start|animation\w+)\s*="#,
        ),
        (
            "handler after a quote",
            r#"(?:["'`]|%22|%27)[^<>]{0,80}?(?:[\s/;+"'`])?\bon(?:load|error|click|dblclick|auxclick|contextmenu|mouse[a-z]+|focus(?:in|out)?|blur|key[a-z]+|change|submit|reset|toggle|pointer[a-z]+|animation[a-z]+|transition[a-z]+|drag[a-z]*|drop|wheel|scroll[a-z]*|paste|copy|cut|begin|end|repeat|resize|input|invalid|select|hashchange|pageshow|pagehide|message|unload|beforeunload|touch[a-z]+|search|show|play(?:ing)?|canplay[a-z]*|loadstart|loadend|loadeddata|timeupdate|finish|bounce|popstate|storage|readystatechange|propertychange|activate|beforecopy|beforecut|afterprint|beforeprint|webkit[a-z]+|moz[a-z]+)\s*="#,
        ),
        (
            "script as an address",
            r#"(?:^|[=("'`\s>,:;\[{]|[^a-z])(?:j\s*a\s*v\s*a|v\s*b|l\s*i\s*v\s*e|j|e\s*c\s*m\s*a)\s*s\s*c\s*r\s*i\s*p\s*t\s*:\s*(?://|/\*|[^\s]*[(=`\[%\\<]|void|['"])"#,
        ),
        (
            "document as an address",
            r"data:\s*[^,;]{0,40}(?:text/html|image/svg\+xml|application/x?html|text/xml|application/xml|text/(?:java|ecma)script|application/(?:java|ecma)script)[;,]",
        ),
        (
            "sink after a break",
            r#"(?:[;"'`)}\]>=*/,:!~{(\[&|?+^%-]|\\n|\bnew\s|\bvoid\s|\bthrow\s|\btypeof\s|\bin\s|\bdelete\s)\s*\(*\s*(?:(?:window|self|top|parent|this|frames|globalthis|document)\s*\.\s*)?(?:alert|confirm|prompt|eval|settimeout|setinterval|execscript|importscripts|\$\.getscript)\)*\s*(?:\(|`|\?\.|\.call|\.apply|\.bind|&lpar;|\\u0028|\\x28|&#)"#,
        ),
        (
            "document of the page",
            r#"\bdocument\s*(?:/\*.*?\*/\s*)*(?:\.\s*(?:cookie|write(?:ln)?\s*\(|domain\b|location\b|url\b\s*[;)+]|body\s*[.\[]|createelement|documentelement|getelement|queryselector|referrer\b)|\[\s*['"`/(])|\b(?:window|self|top|parent|frames|globalthis|this)\s*\[\s*(?:['"`/(+]|\w+\s*\+)|\bwindow\s*\.\s*(?:location|open|name|onerror)\b|\blocation\s*(?:\.\s*(?:href|hash|replace|assign|search))?\s*=\s*(?:['"`]|name\b|atob|window|\w+:)|\blocal(?:storage)\s*[.\[]|string\s*\.\s*fromcharcode\s*\(|\binnerhtml\s*=|\batob\s*[(`]|\bjquery\s*\(|\bnavigator\s*\.\s*sendbeacon|\bnew\s+(?:function|image|xmlhttprequest)\s*\(|\bfetch\s*\(\s*['"`](?:https?:)?//|\bimport\s*\(\s*['"`]|\breflect\s*\.\s*(?:apply|construct|get)|\bset\s*\.\s*constructor"#,
        ),
        (
            "attribute that runs",
            r#"<[^>]{0,400}\b(?:srcdoc|formaction|xlink:href|background|dynsrc|lowsrc|action|data|code|from|to|values)\s*=\s*["'`]?\s*(?:javascript|data:|vbscript|&|//|<|https?://[^\s>]*\.js)|\bsrcdoc\s*=\s*["'`]?\s*<"#,
        ),
        (
            "attribute closed, tag begun",
            r#"^[^<]{0,60}["'`]\s*/?>\s*<[a-z/!]"#,
        ),
    ],
    engine: Some(libinjection),
    applies: |point| !point.is_header("CONTENT-TYPE"),
};

/// Asks libinjection's parser of broken HTML.
///
/// It takes any comment, document type and `style=` for an attack; those without script are harmless.
fn libinjection(value: &Value) -> Option<Sign> {
    if value.by_program || !value.folded.contains(['<', '=', ':']) {
        return None;
    }
    let start = value.folded.trim_start();
    if start.starts_with("<!doctype") || start.starts_with("<?xml") || is_prose(&value.folded) {
        return None;
    }
    libinjectionrs::detect_xss(value.raw.as_bytes())
        .is_injection()
        .then(|| Sign {
            name: "libinjection",
            payload: excerpt(&value.folded, 0, value.folded.len()),
        })
}

/// Whether nothing in the text could run: no handler, no address with a scheme, no tag but those of rich text.
fn is_prose(text: &str) -> bool {
    const PLAIN: [&str; 26] = [
        "a",
        "b",
        "i",
        "u",
        "p",
        "br",
        "em",
        "strong",
        "ul",
        "ol",
        "li",
        "h1",
        "h2",
        "h3",
        "h4",
        "span",
        "div",
        "code",
        "pre",
        "blockquote",
        "small",
        "sub",
        "sup",
        "hr",
        "table",
        "img",
    ];
    let plain_tags = text.match_indices('<').all(|(at, _)| {
        let rest = text[at + 1..].trim_start_matches('/');
        let name: &str = rest
            .split(|letter: char| !letter.is_ascii_alphanumeric())
            .next()
            .unwrap_or_default();
        name.is_empty() && !rest.starts_with(['!', '?', '%']) || PLAIN.contains(&name)
    });
    plain_tags && !text.contains("script") && !text.contains("data:")
}
