//! Runs scenarios: what is expected is judged by what each hop recorded.

pub mod check;
pub mod event;
pub mod execute;
pub mod expected;
mod failure;
pub mod journey;
pub mod observed;
mod order;
pub mod record;
pub mod redact;
pub mod results;
pub mod runner;
pub mod summary;
