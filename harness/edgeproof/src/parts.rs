//! What this crate has inside where it was not built in its checkout.

use std::path::{Path, PathBuf};

use edgeproof_ground::{parts, tools};

#[cfg(has_parts)]
const PARTS: Option<&[u8]> = Some(include_bytes!(env!("EDGEPROOF_PARTS")));
#[cfg(not(has_parts))]
const PARTS: Option<&[u8]> = None;

/// Why the worker, the agent and the sites are not to be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PartsError {
    /// They can be written nowhere.
    #[error(transparent)]
    NotWritten(#[from] parts::PartsError),
    /// They are in a checkout that was moved or deleted.
    #[error(
        "edgeproof was built to read its worker and sites from {}, which is not there any more; set EDGEPROOF_HOME to the \
         checkout, or install edgeproof with npm, which needs none",
        _0.display()
    )]
    NoCheckout(PathBuf),
}

/// Lays out the worker, the agent and the sites that a released edgeproof has inside; one that was built in its checkout
/// reads them there. The command and [`cargo_test::main`](crate::cargo_test::main) do this; whoever prepares an
/// [`Environment`](crate::Environment) does it before.
///
/// # Errors
/// When they can be written neither to the user's cache nor to the folder for temporary files, or the checkout is gone.
pub fn lay_out_parts() -> Result<(), PartsError> {
    match PARTS {
        Some(archive) => Ok(parts::lay_out(archive)?),
        None => in_checkout(&tools::home()),
    }
}

fn in_checkout(home: &Path) -> Result<(), PartsError> {
    match home.is_dir() {
        true => Ok(()),
        false => Err(PartsError::NoCheckout(home.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkout_that_is_gone_is_told_with_the_way_out() {
        assert!(in_checkout(&tools::home()).is_ok());
        let error = in_checkout(Path::new("/nowhere/edgeproof")).unwrap_err();
        let message = error.to_string();
        assert!(
            message.contains("/nowhere/edgeproof") && message.contains("EDGEPROOF_HOME"),
            "{message}"
        );
    }
}
