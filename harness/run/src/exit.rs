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

/// `edgeproof deploy`: a rule forbids it, or nobody confirmed it. Nothing was changed.
pub const REFUSED: u8 = 5;

/// `edgeproof deploy`: an API refused or did not answer before anything was changed.
pub const API: u8 = 6;

/// `edgeproof deploy`: it broke off half-way, and all that was done was undone.
pub const UNDONE: u8 = 7;

/// `edgeproof deploy`: it broke off half-way, and what is listed stands.
pub const HALF_MADE: u8 = 8;

/// Ended by Ctrl-C.
pub const INTERRUPTED: u8 = 130;

/// Ended by SIGTERM. What a program that is ended by the signal itself has.
pub const TERMINATED: u8 = 143;

/// Whoever read the output has gone, as `head` does. What a program that is ended by the signal for it has.
pub const CLOSED_PIPE: u8 = 141;
