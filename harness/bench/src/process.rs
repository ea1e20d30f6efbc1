//! What a process has used: Linux tells it below `/proc`.

use std::{fs, time::Duration};

/// The processor time that a process has taken so far, all its threads together; none where the system does not tell.
///
/// The scheduler's own count is in nanoseconds (`schedstat`, its first number); `stat` counts in hundredths of a second,
/// which is more than a short slice takes. A thread that has ended is no longer counted: `workerd` keeps its own.
pub fn processor_time(process: u32) -> Option<Duration> {
    let threads = fs::read_dir(format!("/proc/{process}/task")).ok()?;
    threads
        .flatten()
        .filter_map(|thread| fs::read_to_string(thread.path().join("schedstat")).ok())
        .map(|text| nanoseconds(&text))
        .sum::<Option<u64>>()
        .map(Duration::from_nanos)
}

/// The most memory that a process has held at any time so far, in bytes.
pub fn peak_memory(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    peak(&status)
}

fn nanoseconds(schedstat: &str) -> Option<u64> {
    schedstat.split_whitespace().next()?.parse().ok()
}

fn peak(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("2158403771 39029 417\n", Some(2_158_403_771))]
    #[case("", None)]
    fn the_first_number_is_the_time_on_a_processor(
        #[case] text: &str,
        #[case] expected: Option<u64>,
    ) {
        assert_eq!(nanoseconds(text), expected);
    }

    #[rstest]
    #[case("VmPeak:\t  9 kB\nVmHWM:\t    1208 kB\n", Some(1_236_992))]
    #[case("VmPeak:\t  9 kB\n", None)]
    fn the_peak_is_that_of_resident_memory(#[case] text: &str, #[case] expected: Option<u64>) {
        assert_eq!(peak(text), expected);
    }

    #[test]
    fn work_of_another_thread_counts() {
        let own = std::process::id();
        let before = processor_time(own).unwrap();
        let (done, wait) = std::sync::mpsc::channel::<()>();
        let (finished, worked) = std::sync::mpsc::channel();
        let worker = std::thread::spawn(move || {
            let start = std::time::Instant::now();
            let mut sum = 0_u64;
            while start.elapsed() < Duration::from_millis(30) {
                sum = std::hint::black_box(sum.wrapping_add(1));
            }
            finished.send(sum).unwrap();
            // It stays until it was counted.
            let _ = wait.recv();
        });
        worked.recv().unwrap();
        assert!(processor_time(own).unwrap() > before);
        drop(done);
        worker.join().unwrap();
        assert!(peak_memory(own).unwrap() > 0);
        assert_eq!(processor_time(u32::MAX), None);
    }
}
