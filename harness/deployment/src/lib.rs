//! The words of a deployment, and what they expand to: the variables and routes that Cloudflare stores.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "a test that cannot go on has failed"
    )
)]

mod connector;
mod connector_variables;
mod coverage;
mod description;
mod expansion;
mod failure_mode;
mod protected_api;

pub use connector::{BlockPage, Connector, ConnectorMode, NODE_HOST, RealNode, node_host};
pub use coverage::Coverage;
pub use description::Deployment;
pub use expansion::{Expansion, Keys, ROUTE_PREFIX, derived_routes, expand};
pub use failure_mode::FailureMode;
pub use protected_api::{ProtectedApi, ProtectedApiError};
