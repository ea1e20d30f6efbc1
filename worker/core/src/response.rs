//! A response the worker makes itself.

use crate::{action::Block, headers::HeaderEdit};

/// A response the worker makes itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnResponse {
    /// Its status.
    pub status: u16,
    /// Its header fields; the runtime takes every one of them.
    pub headers: Vec<(String, String)>,
    /// Its body; none where the status allows none.
    pub body: Option<String>,
}

impl OwnResponse {
    /// A plain text.
    pub fn text(status: u16, body: impl Into<String>) -> Self {
        Self {
            status,
            headers: vec![(
                "content-type".to_owned(),
                "text/plain;charset=UTF-8".to_owned(),
            )],
            body: Some(body.into()),
        }
    }

    /// The response of a block action. Header fields that the runtime would refuse, or that describe the connection, are
    /// left out, and so is a body where the status allows none: a rule never ends in an exception.
    pub(crate) fn of_block(block: &Block) -> Self {
        let mut headers: Vec<(String, String)> = block
            .headers
            .iter()
            .filter(|(name, value)| HeaderEdit::set(name, value).is_legal() && !is_framing(name))
            .cloned()
            .collect();
        let body = block
            .body
            .clone()
            .filter(|_| !matches!(block.status, 204 | 205 | 304));
        let has_type = headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        if body.is_some() && !has_type {
            headers.push((
                "content-type".to_owned(),
                "text/plain;charset=UTF-8".to_owned(),
            ));
        }
        Self {
            status: block.status,
            headers,
            body,
        }
    }

    pub(crate) fn is_html(&self) -> bool {
        self.headers.iter().any(|(name, value)| {
            let essence = value.split(';').next().unwrap_or_default().trim();
            name.eq_ignore_ascii_case("content-type") && essence.eq_ignore_ascii_case("text/html")
        })
    }

    /// Changes its head.
    pub(crate) fn apply(&mut self, edit: HeaderEdit) {
        let is = |wanted: &str, name: &str| name.eq_ignore_ascii_case(wanted);
        match edit {
            HeaderEdit::Remove(wanted) => self.headers.retain(|(name, _)| !is(&wanted, name)),
            HeaderEdit::Set(wanted, value) => {
                self.headers.retain(|(name, _)| !is(&wanted, name));
                self.headers.push((wanted, value));
            }
            HeaderEdit::Append(name, value) => self.headers.push((name, value)),
        }
    }
}

fn is_framing(name: &str) -> bool {
    [
        "content-length",
        "transfer-encoding",
        "connection",
        "keep-alive",
        "upgrade",
    ]
    .iter()
    .any(|framing| name.eq_ignore_ascii_case(framing))
}
