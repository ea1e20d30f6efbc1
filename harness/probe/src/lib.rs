//! Looks for ways past a protection before somebody else does.
//!
//! A protected call has shapes: requests that some origin runs as that call, and that some edge or worker takes for another
//! (`shapes.yaml`, one row a rule). [`expand`] makes them of any call; [`probe`] sends each to the emulated edge of a rig,
//! reads in the trace what became of it, and asks the origin whether it runs what reached it without an identification. Such
//! a shape is a hole.
//!
//! Nothing but a rig is ever a target. What cannot be seen here: rules of the real WAF in front, and frames after an
//! upgrade.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "a test that cannot go on has failed"
    )
)]

mod around;
mod call;
mod error;
mod expand;
mod fix;
mod frameworks;
mod judge;
mod likeness;
mod mend;
mod outcome;
mod place;
mod probe;
mod ran;
mod reading;
mod request;
mod send;
mod shape;
mod signals;
mod table;
mod template;

pub use around::{around, page};
pub use call::{Call, CallError};
pub use error::ProbeError;
pub use expand::{Content, PROBER, RowError, Surroundings, expand, plain};
pub use fix::{Fix, fix, probe_all};
pub use frameworks::{Framework, frameworks};
pub use judge::{Fate, RequestPath, request_path};
pub use likeness::{Likeness, Sample, likeness};
pub use mend::Mend;
pub use outcome::{FORMAT, Finding, Outcome, SentOver};
pub use place::Place;
pub use probe::{Options, Progress, probe};
pub use ran::{Ran, Sign};
pub use reading::{Reading, read};
pub use request::{Scheme, Version, WrittenRequest};
pub use send::Over;
pub use shape::{Made, Shape, ShapeId};
pub use table::{Around, BeforeRow, Family, Needs, Past, Row, Values, families};
