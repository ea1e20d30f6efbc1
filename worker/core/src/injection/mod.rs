//! Where and how the worker's scripts enter a page.

mod csp;
mod element;
mod integrity;
mod page;
mod plan;
mod scan;
mod token;
mod validators;

pub use csp::Verdict;
pub use element::{Element, Hashes, agent_processor, instrumentor};
pub use integrity::blocks_scripts;
pub use page::{Refusal, check, length, read_edits, verdict};
pub use plan::{Injection, Plan, Wanted, early_edits, plan, unread_edits, wanted};
pub use scan::{Found, Kind, LIMIT, Scanner, Width};
pub use validators::request_edits;
