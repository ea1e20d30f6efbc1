//! The edge in front of the real workerd: what workers, other zones and hostile clients meet.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

#[path = "edge/encodings.rs"]
mod encodings;
#[path = "edge/hostile.rs"]
mod hostile;
#[path = "edge/streams.rs"]
mod streams;
#[path = "edge/subrequests.rs"]
mod subrequests;
#[path = "edge/world.rs"]
mod world;
