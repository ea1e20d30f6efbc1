//! A running world: every part built from one description, stopped together.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "a test that cannot go on has failed"
    )
)]

mod apps;
mod client;
#[cfg(test)]
mod control_plane_tests;
mod description;
mod door;
mod environment;
mod plane;
mod replacing;
mod running;
mod visit;
mod wrong_clock;

pub use apps::BorrowedApp;
pub use client::{Client, ClientError};
pub use description::{Cookies, Description, Host, Visitor, VisitorHeaders, Zone};
pub use door::Door;
pub use environment::{Environment, EnvironmentError};
pub use running::{Rig, RigError};
pub use running::{routes, zones};
pub use visit::BrowserVisit;
pub use wrong_clock::{WrongClock, WrongClockError};
