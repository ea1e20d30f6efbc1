//! The time that every parser takes for a byte of the worst that a stranger can send, and a bound that fails.
//!
//! Inputs are tokens that mean something to one of the parsers, repeated alone, in pairs, and behind a start. A parser that
//! looks at bytes again and again takes more time for each byte of a longer input; one that does not takes the same.
#![allow(
    missing_docs,
    clippy::print_stdout,
    reason = "a bench is a program, and says what it found"
)]

mod parsers;

use std::{process::ExitCode, time::Duration};

use parsers::{PARSERS, Parser};
use rustix::time::{ClockId, clock_gettime};

/// What the longest input that reaches a parser may take: a request of the worst kind costs this, and never seconds.
const BOUND: Duration = Duration::from_millis(20);

const SHORT: usize = 4 * 1024;

const TOKENS: [&str; 52] = [
    "a",
    "b",
    "=",
    "&",
    ";",
    ",",
    ":",
    "/",
    "\\",
    "%",
    "%2e",
    "%252f",
    ".",
    "..",
    "../",
    "/..%2f",
    "-",
    "--",
    "\r\n",
    "\r\n\r\n",
    "\r\n--b",
    "--b\r\n",
    "\n",
    " ",
    "\t",
    "\"",
    "\\\"",
    "'",
    "{\"a\":",
    "[",
    "]",
    "{",
    "1e9",
    "\\u005f",
    "<",
    ">",
    "<!",
    "<!--",
    "<a b=\"",
    "<meta ",
    "<title>",
    "fp-data=",
    "fp-data-7-9-0=9.",
    "=_method",
    "'nonce-a'",
    "script-src ",
    "\u{fdfa}",
    "\u{301}",
    "\u{1d165}",
    "xn--",
    "@",
    "*",
];

const STARTS: [&str; 7] = [
    "",
    "__Host-fp-data-key=7-9; fp-data-7-9-0=16.a; ",
    "--b\r\n",
    "{\"_method\":\"",
    "<head><title>",
    "<head><meta content=\"",
    "<!--",
];

fn main() -> ExitCode {
    let mut is_bounded = true;
    for parser in PARSERS {
        let bound = BOUND.as_secs_f64() * 1e9 / as_number(parser.longest);
        let (worst, input) = worst(&parser, bound);
        let verdict = if worst > bound { "TOO SLOW" } else { "ok" };
        println!(
            "{:24} {worst:7.1} of {bound:6.1} ns/byte  {verdict}  worst: {input}",
            parser.name
        );
        is_bounded &= worst <= bound;
    }
    ExitCode::from(u8::from(!is_bounded))
}

/// The most that a parser takes for a byte, and of what.
fn worst(parser: &Parser, bound: f64) -> (f64, String) {
    let inputs = STARTS.iter().flat_map(|start| {
        let pairs = TOKENS
            .iter()
            .flat_map(|one| [""].iter().chain(&TOKENS).map(move |other| (*one, *other)));
        pairs.map(move |(one, other)| (*start, one, other))
    });
    let mut worst = (0.0, String::new());
    let mut worst_short = 0.0;
    for (start, one, other) in inputs {
        let measured = |length| {
            let input = repeated(start, one, other, length);
            let mut least = per_byte(parser, &input);
            // On a machine that is busy what is not slow can be.
            for _ in 0..5 {
                if least > bound {
                    least = least.min(per_byte(parser, &input));
                }
            }
            least
        };
        // What looks at bytes again and again is slower than the rest already when it is short, and more so when it is long.
        let short = measured(SHORT);
        if short > worst_short * 0.9 {
            worst_short = short.max(worst_short);
            let long = measured(parser.longest);
            if long > worst.0 {
                worst = (long, format!("{start:?} then {:?}", [one, other].concat()));
            }
        }
    }
    worst
}

fn repeated(start: &str, one: &str, other: &str, length: usize) -> Vec<u8> {
    let unit = [one, other].concat();
    let mut input = start.to_owned();
    input.push_str(&unit.repeat(length.saturating_sub(start.len()).div_ceil(unit.len())));
    input.into_bytes()
}

fn per_byte(parser: &Parser, input: &[u8]) -> f64 {
    let start = processor_time();
    (parser.parse)(input);
    (processor_time() - start).as_secs_f64() * 1e9 / as_number(input.len())
}

/// What this thread has taken of a processor, whatever else the machine does meanwhile.
fn processor_time() -> Duration {
    let taken = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(taken).unwrap_or_default()
}

#[expect(clippy::cast_precision_loss, reason = "inputs are short")]
fn as_number(length: usize) -> f64 {
    length as f64
}
