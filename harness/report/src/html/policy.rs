//! What a page may do: show itself, run the one script that is ours, and nothing else. Words of scenarios, sites and visitors
//! stand in it, whatever they are.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::digest::{SHA256, digest};

/// A Content Security Policy.
#[derive(Clone, Debug)]
pub(super) struct Policy {
    connect: &'static str,
    script: Option<String>,
    style: Option<String>,
}

impl Policy {
    /// Of a page that needs nothing but itself.
    pub(super) fn of_file() -> Self {
        Self {
            connect: "'none'",
            script: None,
            style: None,
        }
    }

    /// Of the page that a console serves: it may ask there.
    pub(super) fn of_console() -> Self {
        Self {
            connect: "'self'",
            ..Self::of_file()
        }
    }

    /// The same, where this script runs.
    pub(super) fn with_script(&self, script: &str) -> Self {
        Self {
            script: Some(hash(script)),
            ..self.clone()
        }
    }

    /// The same, where this style applies.
    pub(super) fn with_style(&self, style: &str) -> Self {
        Self {
            style: Some(hash(style)),
            ..self.clone()
        }
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = |hash: &Option<String>| hash.clone().unwrap_or_else(|| "'none'".to_owned());
        write!(
            f,
            "default-src 'none'; script-src {}; style-src {}; img-src data:; connect-src {}; base-uri 'none'; \
             form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
            source(&self.script),
            source(&self.style),
            self.connect
        )
    }
}

fn hash(text: &str) -> String {
    let hash = STANDARD.encode(digest(&SHA256, text.as_bytes()));
    format!("'sha256-{hash}'")
}
