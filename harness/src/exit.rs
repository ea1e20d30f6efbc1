//! What the command's exit code says. These numbers are a promise.

/// Everything that was selected passed.
pub const PASSED: u8 = 0;

/// At least one scenario failed, or a worker cannot be measured: it does not do what a scenario states or a bench needs.
pub const FAILED: u8 = 1;

/// The command line or a file cannot be understood; nothing was run.
pub const USAGE: u8 = 2;

/// The harness or its surroundings failed: a tool is missing, a process did not start. Nothing is known about the
/// scenarios it happened to. It wins over [`FAILED`].
pub const HARNESS: u8 = 3;

/// Nothing was selected, so nothing was proved.
pub const NOTHING: u8 = 4;

/// Ended by Ctrl-C.
pub const INTERRUPTED: u8 = 130;
