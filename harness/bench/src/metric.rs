//! What is measured, in which unit, and which way is better.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One number of a worker in one case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// From the moment at which a request was due to the first byte of its response: the median, in milliseconds.
    FirstByteP50,
    /// The same, the 95th percentile.
    FirstByteP95,
    /// The same, the 99th percentile.
    FirstByteP99,
    /// From the moment at which a request was due to the last byte of its response: the median, in milliseconds.
    WholeP50,
    /// The same, the 95th percentile.
    WholeP95,
    /// The same, the 99th percentile.
    WholeP99,
    /// Processor time of `workerd`, with 8 connections: seconds for 1,000 requests.
    Processor,
    /// Responses a second with one connection.
    Throughput1,
    /// Responses a second with 8 connections.
    Throughput8,
    /// Responses a second with 64 connections.
    Throughput64,
    /// From the start of the process to the first whole response, in milliseconds.
    Start,
}

impl Metric {
    /// The percentiles of the first byte, each with its number.
    pub const FIRST_BYTE: [(Self, f64); 3] = [
        (Self::FirstByteP50, 50.0),
        (Self::FirstByteP95, 95.0),
        (Self::FirstByteP99, 99.0),
    ];

    /// The percentiles of the whole response, each with its number.
    pub const WHOLE: [(Self, f64); 3] = [
        (Self::WholeP50, 50.0),
        (Self::WholeP95, 95.0),
        (Self::WholeP99, 99.0),
    ];

    /// The throughputs, each with its connections.
    pub const THROUGHPUT: [(Self, usize); 3] = [
        (Self::Throughput1, 1),
        (Self::Throughput8, 8),
        (Self::Throughput64, 64),
    ];

    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::FirstByteP50 => "first byte p50",
            Self::FirstByteP95 => "first byte p95",
            Self::FirstByteP99 => "first byte p99",
            Self::WholeP50 => "whole response p50",
            Self::WholeP95 => "whole response p95",
            Self::WholeP99 => "whole response p99",
            Self::Processor => "processor time",
            Self::Throughput1 => "throughput, 1 connection",
            Self::Throughput8 => "throughput, 8 connections",
            Self::Throughput64 => "throughput, 64 connections",
            Self::Start => "cold start",
        }
    }

    /// The unit of its number.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Processor => "s/1000",
            Self::Throughput1 | Self::Throughput8 | Self::Throughput64 => "/s",
            _ => "ms",
        }
    }

    /// Whether more of it is better.
    pub fn is_gain(self) -> bool {
        matches!(
            self,
            Self::Throughput1 | Self::Throughput8 | Self::Throughput64
        )
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name().fmt(f)
    }
}
