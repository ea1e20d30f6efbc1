//! Addresses that a server must not fetch: its own network, its cloud's metadata, other protocols.

use super::Detector;
use crate::wallarm::detect::attack::AttackType;

pub(super) const DETECTOR: Detector = Detector {
    attack: AttackType::Ssrf,
    triggers: &[
        "://",
        "//",
        "169.254.",
        "metadata",
        "file:",
        "gopher:",
        "dict:",
        "jar:",
        "netdoc:",
        "localhost",
        "127.0.0.1",
    ],
    signatures: &[
        (
            "own network",
            r"(?:^|[=\s,(\x22'@])(?:[a-z][a-z0-9+.-]*:)?[/\\]{2}(?:[^/\\@\s]*@)?(?:localhost|localtest\.me|0|127\.\d+(?:\.\d+){0,2}|127\.1|0\.0\.0\.0|10\.\d+\.\d+\.\d+|192\.168\.\d+\.\d+|172\.(?:1[6-9]|2\d|3[01])\.\d+\.\d+|169\.254\.\d+\.\d+|\[(?:::1?|::ffff:[0-9a-f.:]+|0:0:0:0:0:(?:0|ffff)[0-9a-f.:]*|f[cd][0-9a-f:]+|fe80:[0-9a-f:]+|fd00:[0-9a-f:]+)\])(?:[:/\\?#\s\x22']|$)",
        ),
        (
            "address as a number",
            r"(?:^|[=\s,(\x22'])(?:https?|ftp):[/\\]{2}(?:[^/\\@\s]*@)?(?:0x[0-9a-f]{8}|0x[0-9a-f]{1,2}(?:\.0x[0-9a-f]{1,2}){1,3}|0[0-7]{2,3}(?:\.0*[0-7]{1,4}){1,3}|[1-9]\d{7,9})(?:[:/?#]|$)",
        ),
        (
            "address in a foreign script",
            r"://[^/\s]*(?u:[\x{2460}-\x{24ff}\x{3002}\x{ff0e}])",
        ),
        (
            "metadata of a cloud",
            r"169\.254\.169\.25[34]|169\.254\.170\.2|metadata\.(?:google\.internal|azure\.(?:com|internal)|tencentyun\.com|packet\.net|platformequinix)|100\.100\.100\.200|/latest/(?:meta-data|user-data|dynamic)|computemetadata/v1|instance-data(?:/|\.ec2)|kubernetes\.default(?:\.svc)?",
        ),
        (
            "name that leads inside",
            r"://[^/\s]*(?:\.(?:nip|xip|sslip)\.io|\.localtest\.me|\.lvh\.me|\.vcap\.me|\.lacolhost\.com|\.internal|\.intranet|\.localdomain|spoofed\.burpcollaborator\.net)(?:[:/]|$)",
        ),
        (
            "name that reports back",
            r"(?:burpcollaborator\.net|oastify\.com|interact\.sh|oast\.(?:pro|live|site|online|fun|me)|requestbin\.|webhook\.site|dnslog\.cn|ceye\.io|canarytokens|pipedream\.net|requestrepo\.com|\.ngrok(?:-free)?\.)",
        ),
        (
            "other protocol",
            r"(?:^|[=\s,(\x22'<>])(?:gopher|dict|tftp|ldaps?|sftp|netdoc|jar:(?:https?|file)|phar|local_file|view-source|ssh2|ogg|rar|zlib|compress\.\w+|smb|imaps?|pop3s?|rtsp|telnet|rmi|iiop|corba)(?:[:]/{1,3}|:https?:|:/)[\w./\[%-]",
        ),
        (
            "file of the server",
            r"(?:^|[=\s,(\x22'])file:/{1,3}[\w./%-]",
        ),
    ],
    engine: None,
    // A Referer or Origin says where the visitor comes from; nobody fetches it. The host of the request is no value.
    applies: |point| {
        ![
            "REFERER",
            "ORIGIN",
            "HOST",
            "X-FORWARDED-HOST",
            "X-FORWARDED-FOR",
        ]
        .iter()
        .any(|header| point.is_header(header))
    },
};
