//! What this crate has inside where it was not built in its checkout.

use edgeproof_ground::parts::{PartsError, lay_out};

#[cfg(has_parts)]
const PARTS: Option<&[u8]> = Some(include_bytes!(env!("EDGEPROOF_PARTS")));
#[cfg(not(has_parts))]
const PARTS: Option<&[u8]> = None;

/// Lays out the worker, the agent and the sites that a released edgeproof has inside; one that was built in its checkout
/// reads them there. The command and [`cargo_test::main`](crate::cargo_test::main) do this; whoever prepares an
/// [`Environment`](crate::Environment) does it before.
///
/// # Errors
/// When they can be written neither to the user's cache nor to the folder for temporary files.
pub fn lay_out_parts() -> Result<(), PartsError> {
    PARTS.map_or(Ok(()), lay_out)
}
