//! Every decision of the worker as pure Rust.
