//! Runs scenarios: what is expected is judged by what each hop recorded.

pub mod check;
pub mod journey;
pub mod observed;
pub mod record;
pub mod redact;
