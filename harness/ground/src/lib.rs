//! What every room stands on, and nothing that has an opinion: body adapters, header accounting, URL and route patterns,
//! time, child processes, tools, and the trace with its exchanges.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "a test that cannot go on has failed"
    )
)]

pub mod background;
pub mod body;
pub mod call;
pub mod causes;
pub mod clock;
pub mod content_coding;
pub mod fault;
pub mod header_limits;
pub mod hop_by_hop;
pub mod http2;
pub mod interim;
pub mod international;
pub mod lingering;
pub mod memory;
pub mod parts;
pub mod pattern;
pub mod process;
pub mod redaction;
pub mod response_framing;
pub mod runtime_headers;
pub mod server_connection;
pub mod shell;
pub mod time;
pub mod tools;
pub mod trace;
pub mod visible;
pub mod whole_file;
