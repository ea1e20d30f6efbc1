//! Where it was measured: numbers of one machine say nothing about another.

use std::{fs, path::Path};

use edgeproof_ground::tools;
use serde::{Deserialize, Serialize};

/// The machine, the runtime and the build that measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// Model of the processor; empty where the system does not tell.
    pub processor: String,
    /// Processors that this process may use.
    pub cores: usize,
    /// Bytes of memory; none where the system does not tell.
    pub memory_bytes: Option<u64>,
    /// Operating system and its version.
    pub system: String,
    /// What `workerd --version` says; empty where it says nothing.
    pub workerd: String,
    /// Whether the harness that measured was optimised.
    pub is_release: bool,
    /// How many processes wanted a processor when it began, over the last minute: above 0 others were at work.
    pub load_before: Option<f64>,
    /// When it began.
    pub began: jiff::Timestamp,
}

impl Machine {
    /// This machine, now.
    pub fn here(workerd: &Path) -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let field = |text: &str, name: &str| {
            let line = text.lines().find(|line| line.starts_with(name))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let kilobytes = |text: String| text.strip_suffix("kB")?.trim().parse::<u64>().ok();
        Self {
            processor: field(&read("/proc/cpuinfo"), "model name").unwrap_or_default(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_bytes: field(&read("/proc/meminfo"), "MemTotal")
                .and_then(kilobytes)
                .map(|kilobytes| kilobytes * 1024),
            system: [
                std::env::consts::OS,
                read("/proc/sys/kernel/osrelease").trim(),
            ]
            .join(" ")
            .trim()
            .to_owned(),
            workerd: tools::version(workerd).unwrap_or_default(),
            is_release: !cfg!(debug_assertions),
            load_before: read("/proc/loadavg")
                .split_whitespace()
                .next()
                .and_then(|load| load.parse().ok()),
            began: jiff::Timestamp::now(),
        }
    }
}
