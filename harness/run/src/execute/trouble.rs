//! Why a step led to nothing.

use edgeproof_scenario::step::Step;

use super::HarnessFault;
use crate::check::Mismatch;

/// Why a step led to nothing.
#[derive(Debug)]
pub(super) enum Trouble {
    /// What should have happened did not: a verdict on the worker under test.
    Unmet(Unmet),
    /// The harness could not do its part.
    Fault(HarnessFault),
}

/// What a step claims by itself, and what happened instead.
#[derive(Debug)]
pub(super) struct Unmet {
    wanted: Wanted,
    pub(super) claim: String,
    pub(super) actual: String,
}

/// Which part of a step something is wanted by: its action, or what that is to cause, which has keys of its own.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wanted {
    Action,
    Call,
    Dialog,
}

impl Trouble {
    /// What the action of a step should have led to, and what it did.
    pub(super) fn unmet(claim: impl Into<String>, actual: impl Into<String>) -> Self {
        Self::Unmet(Unmet {
            wanted: Wanted::Action,
            claim: claim.into(),
            actual: actual.into(),
        })
    }

    /// The same, of another part of the step.
    pub(super) fn of(self, wanted: Wanted) -> Self {
        match self {
            Self::Unmet(unmet) => Self::Unmet(Unmet { wanted, ..unmet }),
            fault @ Self::Fault(_) => fault,
        }
    }
}

impl<E: Into<HarnessFault>> From<E> for Trouble {
    fn from(fault: E) -> Self {
        Self::Fault(fault.into())
    }
}

impl Unmet {
    /// As a failure of the step, at the key that wants it.
    pub(super) fn mismatch(self, step: &Step) -> Mismatch {
        let key = match self.wanted {
            // A `wait` has the call that it waits for as its action.
            Wanted::Call if step.call.is_some() => "call",
            Wanted::Dialog => "dialog",
            Wanted::Call | Wanted::Action => step.action.name(),
        };
        Mismatch {
            path: vec![key.to_owned()],
            claim: self.claim,
            actual: self.actual,
            nearest: None,
            message: None,
        }
    }
}
