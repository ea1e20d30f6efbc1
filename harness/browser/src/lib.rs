//! Browsers as visitors: started when first needed, lent to one visitor at a time.
//!
//! A lent browser reaches exactly one rig: every name it asks for leads to its gateway, and that
//! leads to the edge of the rig that borrowed it, in the name of the visitor. When it is given back, its
//! connections, cookies, storage and cache are gone.
//!
//! An engine is a `Driver`: what waits, checks and records stands beside it, once for all engines.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "a test that cannot go on has failed"
    )
)]

mod calls;
mod chromium;
mod connection;
mod driver;
mod engine;
mod error;
mod firefox;
mod frames;
mod gate;
mod gateway;
mod input;
mod page;
mod pool;
mod process;
mod profile;
mod reach;

use std::time::Duration;

pub use calls::{BrowserCall, CallOutcome, ConsoleLine};
pub use engine::{Engine, EngineError};
pub use error::BrowserError;
pub use gate::Gate;
pub use gateway::GatewayTarget;
pub use input::{Input, KeyPress, KeyPressError, OptionChoice, Place, Sight};
pub use page::{Deed, Deeds, Dialog, DialogAnswer, Did, Page, PageError};
pub use pool::{Lease, Pool};
pub use process::Trust;
pub use profile::Profile;
pub use reach::Reach;

/// How long a page may take for one thing that is waited for, if nothing else is said.
pub const DEFAULT_LIMIT: Duration = Duration::from_secs(15);
