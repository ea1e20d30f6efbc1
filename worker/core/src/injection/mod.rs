//! Where and how the worker's scripts enter a page.

mod csp;
mod element;
mod page;
mod plan;
mod scan;
mod token;

pub use csp::Verdict;
pub use element::{Element, agent_processor, instrumentor};
pub use page::{Refusal, check, length, verdict};
pub use plan::{Injection, Wanted, plan, wanted};
pub use scan::{Found, LIMIT, Scanner, Width};
