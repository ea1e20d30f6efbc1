//! The control plane: what a deployment means in worker variables and routes.

mod deployment;

pub use deployment::{Expansion, Keys, ROUTE_PREFIX, expand};
