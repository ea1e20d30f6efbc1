//! What an app needs that it does not bring along: an interpreter, a server, packages that are installed first.

use super::Launch;

/// Something an app needs that is not on this machine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the app `{command}` needs `{what}`, which is not {place}: {remedy}")]
pub struct Missing {
    command: String,
    what: String,
    place: String,
    remedy: String,
}

impl Launch {
    /// The first of its needs that is not there: a path that does not exist, seen from its folder, or a program that
    /// is not on `PATH`.
    pub fn missing(&self) -> Option<Missing> {
        let is_missing = |what: &str| match what.contains('/') {
            true => !self.folder.join(what).exists(),
            false => which::which(what).is_err(),
        };
        let (what, remedy) = self.needs.iter().find(|(what, _)| is_missing(what))?;
        Some(Missing {
            command: self.name(),
            what: what.clone(),
            place: match what.contains('/') {
                true => format!("in `{}`", self.folder.display()),
                false => "on PATH".to_owned(),
            },
            remedy: remedy.clone(),
        })
    }
}
