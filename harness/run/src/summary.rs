//! How many passed, and what that means for the exit code.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::record::{CaseRecord, Verdict};
use crate::exit;

/// The sums of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Everything held.
    pub passed: usize,
    /// Something did not hold.
    pub failed: usize,
    /// The harness failed.
    pub errors: usize,
    /// Not run, for a stated reason.
    pub skipped: usize,
    /// Did not hold where it need not.
    pub observed: usize,
    /// Failed as was expected.
    pub known_failures: usize,
    /// How long all of it took, in milliseconds.
    pub took_ms: u64,
}

impl Summary {
    /// Counts one more case.
    pub fn count(&mut self, record: &CaseRecord) {
        match record.verdict {
            Verdict::Passed => self.passed += 1,
            Verdict::Failed(_) => self.failed += 1,
            Verdict::Error(_) => self.errors += 1,
            Verdict::Skipped(_) => self.skipped += 1,
            Verdict::Observed(_) => self.observed += 1,
            Verdict::KnownFailure { .. } => self.known_failures += 1,
        }
    }

    /// All cases.
    pub fn total(&self) -> usize {
        self.passed + self.failed + self.errors + self.skipped + self.observed + self.known_failures
    }

    /// How long it took.
    pub fn took(&self) -> Duration {
        Duration::from_millis(self.took_ms)
    }

    /// The exit code. A run in which everything was skipped proved nothing.
    pub fn exit_code(&self) -> u8 {
        if self.errors > 0 {
            exit::HARNESS
        } else if self.failed > 0 {
            exit::FAILED
        } else if self.passed + self.observed + self.known_failures == 0 {
            exit::NOTHING
        } else {
            exit::PASSED
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(1, 0, 0, 0, exit::PASSED)]
    #[case(1, 0, 0, 9, exit::PASSED)]
    #[case(9, 1, 0, 0, exit::FAILED)]
    #[case(9, 1, 1, 0, exit::HARNESS)]
    #[case(0, 0, 0, 0, exit::NOTHING)]
    #[case(0, 0, 0, 3, exit::NOTHING)]
    fn the_worst_outcome_decides(
        #[case] passed: usize,
        #[case] failed: usize,
        #[case] errors: usize,
        #[case] skipped: usize,
        #[case] code: u8,
    ) {
        let summary = Summary {
            passed,
            failed,
            errors,
            skipped,
            observed: 0,
            known_failures: 0,
            took_ms: 0,
        };
        assert_eq!(summary.exit_code(), code);
    }
}
