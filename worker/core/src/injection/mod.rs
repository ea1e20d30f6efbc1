//! Where and how the worker's scripts enter a page.

mod csp;
mod element;
mod page;
mod scan;
mod token;

pub use csp::Verdict;
pub use element::{Element, agent_processor, instrumentor};
pub use page::{Refusal, answer_edits, check, verdict};
pub use scan::{Found, LIMIT, Scanner, Width};
