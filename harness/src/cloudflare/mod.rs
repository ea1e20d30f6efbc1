//! The control plane: what a deployment means in worker variables and routes.

mod connector;
mod deployment;
pub mod plane;

pub(crate) use connector::node_host;
pub use deployment::{Expansion, Keys, ROUTE_PREFIX, expand};
