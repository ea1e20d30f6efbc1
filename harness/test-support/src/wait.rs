//! Waiting for what must happen.

use std::{
    fs,
    time::{Duration, Instant},
};

/// How long anything may take that a test waits for; nothing waits for it when all is well.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until it is so.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < PATIENCE, "never: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// The same on this thread, which does nothing meanwhile.
pub fn until_blocking(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < PATIENCE, "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether a process lives; a zombie is dead.
pub fn is_alive(process: u32) -> bool {
    fs::read_to_string(format!("/proc/{process}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or("").starts_with(" Z"))
}

/// Waits until they are dead.
pub fn until_dead(processes: &[u32]) {
    until_blocking(&format!("{processes:?} end"), || {
        !processes.iter().any(|process| is_alive(*process))
    });
}
