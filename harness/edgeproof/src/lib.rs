//! edgeproof proves an edge protection before it is deployed.
//!
//! It boots, on one machine and without any account or network, everything a protected site runs through in
//! production, and records every hop:
//!
//! ```text
//! visitor ──▶ edge ──▶ runtime (workerd + the worker) ──▶ internet ──▶ origin
//!                                                            ├──▶ Fingerprint
//!                                                            └──▶ Wallarm node
//! ```
//!
//! A request moves one way through the rooms, and each hop appends one [`Exchange`] to the [`Trace`]. Expectations and
//! reports read the trace and the stores; they never reach into a part.
//!
//! This crate is the command and what a Rust test needs: scenario files as `cargo test` ([`cargo_test::main`]), or a
//! [`Rig`] of one's own. The rooms behind it are crates of their own, `edgeproof-edge` and the like; they promise nothing
//! to anybody outside this repository.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "a test that cannot go on has failed"
    )
)]

pub mod cargo_test;
#[doc(hidden)]
pub mod cli;
mod parts;

pub use edgeproof_browser::{Engine, Page, PageError, Profile};
pub use edgeproof_deployment::{
    BlockPage, Connector, ConnectorMode, Deployment, FailureMode, ProtectedApi, RealNode,
};
pub use edgeproof_ground::trace::{Exchange, Party, RequestHead, ResponseHead, Trace};
pub use edgeproof_rig::{
    BrowserVisit, Client, ClientError, Cookies, Description, Environment, EnvironmentError, Host,
    Rig, RigError, Visitor, VisitorHeaders, Zone,
};
pub use parts::{PartsError, lay_out_parts};
