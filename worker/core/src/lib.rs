//! Every decision of the worker as pure Rust: no I/O, no JavaScript types.
//!
//! A request's head goes through [`matching`]; a protected call through [`signals`], [`identification`] and [`protection`];
//! a page through [`injection`]; what goes on to the origin through [`wallarm`]. The shell performs what comes out and holds no decision of its own.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "a test that cannot go on has failed"
    )
)]

pub mod action;
pub mod audience;
mod canonical;
pub mod configuration;
pub mod cors;
mod date;
pub mod edge;
pub mod edge_headers;
mod event;
pub mod form;
pub mod guard;
pub mod headers;
pub mod identification;
pub mod injection;
mod json;
pub mod log;
pub mod matching;
pub mod pattern;
pub mod protection;
pub mod redirect;
pub mod request;
pub mod response;
pub mod script;
pub mod signals;
pub mod tampering;
pub mod wallarm;
