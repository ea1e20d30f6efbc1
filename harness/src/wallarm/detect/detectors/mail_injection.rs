//! Headers of a mail, and commands of SMTP and IMAP, put into a field of a form.

use super::Detector;
use crate::wallarm::detect::attack::AttackType;

pub(super) const DETECTOR: Detector = Detector {
    attack: AttackType::MailInjection,
    triggers: &[
        "bcc",
        "cc:",
        "cc :",
        "\nto",
        "\nfrom",
        "\nsubject",
        "\nreply-to",
        "rcpt",
        "mail from",
        "capability",
        "\nquit",
        "\ndata",
        "\n.\n",
        "mime-version",
        "content-type",
        "\nhelo",
        "\nehlo",
        "login",
        "fetch",
        "select inbox",
        "\nnoop",
    ],
    signatures: &[
        ("copies", r"(?:^|\n|\\n|\\r)\s*b?cc\s*:\s*\S*@?\S*"),
        (
            "recipient or sender",
            r"(?:\n|\\n|\\r)\s*(?:to|from|reply-to|return-path|sender|x-mailer)\s*:\s*[^\n]{0,80}@",
        ),
        (
            "subject or form",
            r"(?:\n|\\n|\\r)\s*(?:subject|mime-version|content-type|content-transfer-encoding)\s*:\s?\S",
        ),
        (
            "command of SMTP",
            r"(?:^|\n|\\n)\s*(?:rcpt\s+to\s*:|mail\s+from\s*:|(?:helo|ehlo|vrfy|expn)\s+\S+|data\s*\n|quit\s*(?:$|\n)|rset\s*\n)",
        ),
        (
            "end of a message",
            r"\n\.\s*(?:\n|$)(?:.|\n){0,80}(?:mail from|rcpt to|quit|helo|ehlo)",
        ),
        (
            "command of IMAP",
            r#"(?:^|["')]|\n)\s*\n?\s*[a-z]\d{1,4}\s+(?:capability|noop|logout|login|authenticate|select|examine|create|delete|rename|subscribe|list|lsub|status|append|check|close|expunge|search|fetch|store|copy|uid|starttls)\b"#,
        ),
    ],
    engine: None,
    applies: |point| !point.steps().iter().any(|step| step == "file"),
};
