//! Reports: pure functions of the stream of events.

pub mod failure;
pub mod terminal;
