//! The edge in front of the real workerd: what workers, other zones and hostile clients meet.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

#[path = "edge/early.rs"]
mod early;
#[path = "edge/encodings.rs"]
mod encodings;
#[path = "edge/frames.rs"]
mod frames;
#[path = "edge/hang_up.rs"]
mod hang_up;
#[path = "edge/hostile.rs"]
mod hostile;
#[path = "edge/http_1_0.rs"]
mod http_1_0;
#[path = "edge/responses.rs"]
mod responses;
#[path = "edge/streams.rs"]
mod streams;
#[path = "edge/subrequests.rs"]
mod subrequests;
#[path = "edge/targets.rs"]
mod targets;
#[path = "edge/workers_cache.rs"]
mod workers_cache;
#[path = "edge/world.rs"]
mod world;
