//! The processor time that the runtime takes for a worker: what stands in for Cloudflare's CPU limit.
//!
//! workerd has no limit of its own, and does not say what an invocation takes. What the kernel says is what the whole
//! process has taken, so this is right while a worker has one request at a time, and too strict with several.

use std::{future::pending, time::Duration};

use tokio::time::sleep;

/// How often the kernel is asked; it counts in hundredths of a second.
const INTERVAL: Duration = Duration::from_millis(5);

/// Comes back when `process` has taken more than `limit` of processor time from now on; never where there is no limit,
/// or the system does not tell.
pub(super) async fn used_up(process: Option<u32>, limit: Option<Duration>) {
    let (Some(process), Some(limit)) = (process, limit) else {
        return pending().await;
    };
    let Some(before) = taken(process) else {
        return pending().await;
    };
    while let Some(now) = taken(process) {
        if now.saturating_sub(before) > limit {
            return;
        }
        sleep(INTERVAL).await;
    }
    // The runtime has ended, which is another failure than this one.
    pending().await
}

/// The processor time that a process has taken so far.
fn taken(process: u32) -> Option<Duration> {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // Behind the name, which may hold anything: `utime` and `stime` are the 12th and 13th fields (proc_pid_stat(5)).
    let (_, fields) = text.rsplit_once(')')?;
    let mut ticks = fields.split_whitespace().skip(11).map(str::parse::<u64>);
    let sum = ticks.next()?.ok()? + ticks.next()?.ok()?;
    Some(Duration::from_millis(sum * 10))
}
