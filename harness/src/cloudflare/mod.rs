//! The control plane: what a deployment means in worker variables and routes, and the clients that deploy it.

pub mod client;
mod connector;
pub mod deploy;
mod deployment;
pub mod plane;

pub(crate) use connector::node_host;
pub use deployment::{Expansion, Keys, ROUTE_PREFIX, expand};
