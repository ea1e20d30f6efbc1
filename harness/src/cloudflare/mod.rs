//! Cloudflare's control plane, the clients that ask it, and the deployments that they make.

pub mod client;
pub mod deploy;
pub mod plane;

pub use crate::deployment::{Expansion, Keys, ROUTE_PREFIX, expand, node_host};
