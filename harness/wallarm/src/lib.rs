//! The Wallarm filtering node, emulated: it reads each request whole, finds attacks, and answers 200 or 403.
//!
//! The node is a terminating endpoint: it forwards nothing. Only its status says what it decided. It runs in this
//! process behind the internet, which carries the faults; every request is in the trace with the decision and why.
//! `README.md` beside `src` says which detector covers what, and what is assumed.
//!
//! ```
//! use edgeproof_wallarm::{Mode, NodeSettings, WallarmNode};
//!
//! let node = WallarmNode::new(NodeSettings { mode: Mode::Block, ..NodeSettings::default() });
//! // Connected to an internet under a name, it is asked there.
//! for attack in node.attacks() {
//!     println!("{} at {}: {} hits", attack.attack, attack.point, attack.hits);
//! }
//! ```
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "a test that cannot go on has failed"
    )
)]

mod attacks;
mod decision;
pub mod detect;
mod graylisting;
mod lists;
mod node;
mod render;
mod settings;
#[cfg(test)]
mod tests;

pub use attacks::{Attack, AttackStatus, Hit};
pub use decision::{Decision, Mode, Standing};
pub use lists::{IpList, Listed};
pub use node::WallarmNode;
pub use settings::{Changes, NodeSettings};
