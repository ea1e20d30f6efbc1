//! What a node does with a request: the table of modes (documentation, Filtration mode).

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How strict the node is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Nothing is looked at, nothing is blocked.
    Off,
    /// Attacks are recorded; only addresses of the denylist are blocked. The node's default.
    #[default]
    Monitoring,
    /// Attacks are blocked where they come from an address of the graylist.
    SafeBlocking,
    /// Attacks are blocked.
    Block,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "off",
            Self::Monitoring => "monitoring",
            Self::SafeBlocking => "safe_blocking",
            Self::Block => "block",
        })
    }
}

/// Which list the client's address is on; the first of allowlist, denylist and graylist counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is on none.
    Unlisted,
    /// It is on the allowlist.
    Allowed,
    /// It is on the denylist.
    Denied,
    /// It is on the graylist.
    Gray,
}

/// What the node does, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether the request is answered with 403.
    pub blocks: bool,
    /// Why, in words a user understands.
    pub reason: &'static str,
}

impl Decision {
    const fn pass(reason: &'static str) -> Self {
        Self {
            blocks: false,
            reason,
        }
    }

    const fn block(reason: &'static str) -> Self {
        Self {
            blocks: true,
            reason,
        }
    }

    /// What is decided before anybody looks for attacks; nothing where that has to be done.
    pub fn before_analysis(mode: Mode, standing: Standing) -> Option<Self> {
        match (mode, standing) {
            (Mode::Off, _) => Some(Self::pass("the node is off")),
            (_, Standing::Allowed) => Some(Self::pass("the address is on the allowlist")),
            (_, Standing::Denied) => Some(Self::block("the address is on the denylist")),
            (_, Standing::Unlisted | Standing::Gray) => None,
        }
    }

    /// What is decided about a request that was looked at.
    pub fn after_analysis(mode: Mode, standing: Standing, malicious: bool) -> Self {
        match (malicious, mode, standing) {
            (false, ..) => Self::pass("no attack"),
            (true, Mode::Block, _) => Self::block("an attack"),
            (true, Mode::SafeBlocking, Standing::Gray) => {
                Self::block("an attack from an address on the graylist")
            }
            (true, Mode::SafeBlocking, _) => {
                Self::pass("an attack, but its address is not on the graylist")
            }
            (true, Mode::Monitoring | Mode::Off, _) => Self::pass("an attack, only recorded"),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// One row of the documentation's table for each mode and standing: harmless, malicious.
    #[rstest]
    fn the_documented_table(
        #[values(Mode::Off, Mode::Monitoring, Mode::SafeBlocking, Mode::Block)] mode: Mode,
        #[values(
            Standing::Unlisted,
            Standing::Allowed,
            Standing::Denied,
            Standing::Gray
        )]
        standing: Standing,
    ) {
        let blocks = |malicious| {
            Decision::before_analysis(mode, standing)
                .unwrap_or_else(|| Decision::after_analysis(mode, standing, malicious))
                .blocks
        };
        let expected = match (mode, standing) {
            (Mode::Off, _)
            | (_, Standing::Allowed)
            | (Mode::Monitoring, Standing::Unlisted | Standing::Gray) => (false, false),
            (_, Standing::Denied) => (true, true),
            (Mode::SafeBlocking, Standing::Gray) | (Mode::Block, _) => (false, true),
            (Mode::SafeBlocking, Standing::Unlisted) => (false, false),
        };
        assert_eq!((blocks(false), blocks(true)), expected);
    }
}
