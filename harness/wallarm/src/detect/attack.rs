//! The kinds of attack that are told apart.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A kind of attack, by the code that the vendor's console shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttackType {
    /// SQL injection.
    Sqli,
    /// Cross-site scripting.
    Xss,
    /// Execution of commands or code.
    Rce,
    /// Path traversal.
    Ptrav,
    /// External entities in XML.
    Xxe,
    /// Requests forged on behalf of the server.
    Ssrf,
    /// Injection into a server-side template.
    Ssti,
    /// Injection of server-side includes.
    Ssi,
    /// LDAP injection.
    Ldapi,
    /// Injection into queries of document databases.
    Nosqli,
    /// Headers smuggled in by line breaks.
    Crlf,
    /// Headers or commands of electronic mail.
    MailInjection,
    /// A vulnerability scanner.
    Scanner,
    /// The analysis was given up because the request took too much of it.
    OverlimitRes,
    /// A request from an address on the denylist.
    BlockedSource,
}

impl AttackType {
    /// The code, such as `mail_injection`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Sqli => "sqli",
            Self::Xss => "xss",
            Self::Rce => "rce",
            Self::Ptrav => "ptrav",
            Self::Xxe => "xxe",
            Self::Ssrf => "ssrf",
            Self::Ssti => "ssti",
            Self::Ssi => "ssi",
            Self::Ldapi => "ldapi",
            Self::Nosqli => "nosqli",
            Self::Crlf => "crlf",
            Self::MailInjection => "mail_injection",
            Self::Scanner => "scanner",
            Self::OverlimitRes => "overlimit_res",
            Self::BlockedSource => "blocked_source",
        }
    }

    /// Whether a request of this kind carries a malicious payload: what counts towards the graylist.
    ///
    /// The vendor's trigger leaves `overlimit_res` out; a request from the denylist is not looked at.
    pub fn has_payload(self) -> bool {
        !matches!(self, Self::OverlimitRes | Self::BlockedSource)
    }
}

impl fmt::Display for AttackType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
