//! Sites that are deployed: the scenarios that were proven in a rig, run against a staging site.
//!
//! A [`Target`] is what a target file says. It becomes [`Permitted`] when the one who runs it repeats its hosts, and only that
//! leads anywhere: to the site, to the events at Fingerprint, to what is deployed at Cloudflare. [`plan`] says of each case
//! whether it can run there, and what of it is seen; [`sight`] is the table by key that it goes by.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "a test that cannot go on has failed"
    )
)]

mod authority;
mod events;
mod file;
mod load;
mod log;
mod pace;
mod permitted;
pub mod plan;
mod rules;
pub mod schema;
pub mod sight;

pub use events::{Events, Shown};
pub use file::TargetFile;
pub use load::Target;
pub use log::{LogError, WorkerLog, ray};
pub use pace::Pace;
pub use permitted::{ConsentError, Drift, Permitted, RUN_HEADER};
