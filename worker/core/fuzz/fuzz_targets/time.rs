//! Every parser of strangers' bytes takes a bounded time for each byte. These builds are instrumented and slow,
//! so the bound is far above that of the bench `time_per_byte`; what looks at bytes again and again is far above this one.
#![no_main]

#[path = "../../benches/time_per_byte/parsers.rs"]
mod parsers;

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use parsers::PARSERS;
use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds for a byte, and for a call.
const FOR_A_BYTE: u128 = 40_000;
const FOR_A_CALL: u128 = 20_000_000;

fuzz_target!(|input: (u8, u8, &[u8])| {
    let (parser, more, unit) = input;
    let parser = &PARSERS[usize::from(parser) % PARSERS.len()];
    // The same bytes again and again are what a parser is slow with, if it is.
    let mut bytes = unit.repeat(1 + usize::from(more));
    bytes.truncate(parser.longest);
    let bound = FOR_A_CALL + FOR_A_BYTE * bytes.len() as u128;
    // A machine that is busy makes slow what is not.
    let taken = (0..3).map(|_| {
        let start = processor_time();
        (parser.parse)(&bytes);
        (processor_time() - start).as_nanos()
    });
    assert!(
        taken.into_iter().any(|taken| taken <= bound),
        "{} is slow",
        parser.name
    );
});

/// What this thread has taken of a processor, whatever else the machine does meanwhile.
fn processor_time() -> Duration {
    let taken = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(taken).unwrap_or_default()
}
