//! The Wallarm connector: which requests a filtering node sees, what it is sent, and what its response means.
//!
//! The shell asks [`Connector::treatment`] about each request that is on its way to the origin, makes the call to the node
//! and hands what came of it to [`Connector::judge`]. Only the node's 403 blocks; where there is no verdict, the failure
//! mode decides.

mod block_page;
mod connector;
mod loop_guard;
mod node_request;
mod routes;
mod selection;
mod static_file;
mod verdict;

pub use connector::{BlockPage, Connector, DEFAULT_BODY_LIMIT, FailureMode, FilteringNode, Mode};
pub use loop_guard::{HEADER as LOOP_HEADER, LoopGuard};
pub use node_request::{NodeRequest, target};
pub use routes::Routes;
pub use selection::Treatment;
pub use verdict::{Judgement, Outcome, Verdict};
