//! Reports: pure functions of the stream of events, or of its result.

pub mod compare;
pub mod failure;
#[cfg(test)]
mod golden;
pub mod html;
pub mod json;
pub mod junit;
#[cfg(test)]
mod secrets;
pub mod tap;
pub mod target;
pub mod terminal;
#[cfg(test)]
mod tests;
