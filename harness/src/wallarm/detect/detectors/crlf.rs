//! Line breaks that end a header and begin another one, or a second answer.

use super::Detector;
use crate::wallarm::detect::attack::AttackType;

pub(super) const DETECTOR: Detector = Detector {
    attack: AttackType::Crlf,
    // The two ideographs become CR and LF where a server keeps only their low bytes.
    triggers: &["\n", "\u{560a}", "\u{560d}"],
    signatures: &[
        (
            "header of an answer",
            r"(?:\n|(?u:[\x{560a}\x{560d}]))\s*(?:set-cookie2?|location|content-(?:length|encoding|disposition|security-policy)|refresh|link|access-control-[a-z-]+|x-xss-protection|strict-transport-security|transfer-encoding|cache-control|last-modified|www-authenticate)\s*:\s?\S",
        ),
        (
            "header of a request",
            r"(?:\n|(?u:[\x{560a}\x{560d}]))\s*(?:host|x-forwarded-(?:for|host|proto)|x-real-ip|authorization|cookie|user-agent|referer|connection|accept)\s*:\s?\S",
        ),
        (
            "content type",
            r"(?:\n|(?u:[\x{560a}\x{560d}]))\s*content-type\s*:\s*(?:text/html|application/|image/svg)",
        ),
        (
            "invented header",
            r"^[^\n]{0,80}(?:\n|(?u:[\x{560a}\x{560d}]))\s*[a-z]+(?:-[a-z]+)+\s*:\s?\S{1,60}$",
        ),
        (
            "another message",
            r"(?:\n|(?u:[\x{560a}\x{560d}]))\s*(?:(?:get|post|put|head|delete|options|trace|connect)\s+\S+\s+)?http/[0-9.]+(?:\s|$)",
        ),
        (
            "body after the headers",
            r"^[^\n<]{0,60}\n\s*<\s*(?:script|html|body|svg|img)\b[^>]*>",
        ),
    ],
    engine: None,
    // A multipart body and an upload have such lines by right; their parts are looked at one by one.
    applies: |point| !point.steps().iter().any(|step| step == "file"),
};
