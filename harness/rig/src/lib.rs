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
mod control_plane;
#[cfg(test)]
mod control_plane_tests;
mod description;
mod desired;
mod edge;
mod environment;
mod error;
mod followed_plane;
mod internet;
mod presented;
mod publisher;
#[cfg(test)]
mod publisher_tests;
mod replacing;
mod rig;
mod site;
mod visit;
mod wrong_clock;

pub use apps::BorrowedApp;
pub use client::{Client, ClientError};
pub use description::{Cookies, Description, Host, Visitor, VisitorHeaders, Zone};
pub use desired::check_worker;
pub use edge::{routes, zones};
pub use edgeproof_edge::VisitorDoor;
pub use edgeproof_runtime::{LogLevel, LogLine, LogSource};
pub use environment::{Environment, EnvironmentError, sites};
pub use error::RigError;
pub use internet::PARTS;
pub use publisher::{Deployed, Followed};
pub use rig::{Forgotten, Rig};
pub use site::{Site, SiteWay};
pub use visit::BrowserVisit;
pub use wrong_clock::{WrongClock, WrongClockError};
