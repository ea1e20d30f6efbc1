//! Child processes that never outlive this one.
//!
//! A child ends with its handle: [`Child`] kills its process group when dropped, which covers failures and
//! panics. For the ends that run no destructor (a kill, an abort) a small shell, the warden, waits at the
//! other end of a pipe: when this process is gone the pipe closes, and the warden ends what is left.
//!
//! A [`Family`] is a child that somebody else wrote, so it is asked to end first, and whatever it started is its own.

mod family;
mod scratch;
mod warden;

use std::io;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{ChildStderr, ChildStdout};

pub use family::Family;
pub use scratch::{ScratchDirectory, write_private};
use warden::tell_warden;

/// A running child in a process group of its own.
#[derive(Debug)]
pub struct Child {
    child: tokio::process::Child,
    group: Option<Pid>,
}

impl Child {
    /// Starts the command with its own process group, under the warden's eye.
    ///
    /// # Errors
    /// Whatever the operating system says of the start.
    pub fn spawn(mut command: tokio::process::Command) -> io::Result<Self> {
        let child = command.process_group(0).kill_on_drop(true).spawn()?;
        let id = child.id();
        if let Some(id) = id {
            tell_warden(&format!("watch {id}"));
        }
        let group = id
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw);
        Ok(Self { child, group })
    }

    /// The process id.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// The pipe of the child's standard output, once.
    pub fn stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// The pipe of the child's standard error, once.
    pub fn stderr(&mut self) -> Option<ChildStderr> {
        self.child.stderr.take()
    }

    /// Waits until the child has ended by itself.
    ///
    /// # Errors
    /// Whatever the operating system says of the wait.
    pub async fn wait(&mut self) -> io::Result<std::process::ExitStatus> {
        self.child.wait().await
    }

    /// Ends the whole group and waits until the child is gone.
    pub async fn stop(mut self) {
        self.kill();
        // It has been killed; there is nothing to do about a failed wait.
        let _ = self.child.wait().await;
    }

    fn kill(&mut self) {
        if let Some(group) = self.group.take() {
            // An error means that the group is gone already.
            let _ = kill_process_group(group, Signal::KILL);
            tell_warden(&format!("forget {}", group.as_raw_nonzero()));
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        process::Stdio,
        time::{Duration, Instant},
    };

    use super::*;

    pub(super) fn alive(id: u32) -> bool {
        // A zombie is dead: it only waits for its parent to read the status.
        std::fs::read_to_string(format!("/proc/{id}/stat"))
            .is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or("").starts_with(" Z"))
    }

    pub(super) fn gone_within(id: u32, limit: Duration) -> bool {
        let start = Instant::now();
        while alive(id) {
            if start.elapsed() > limit {
                return false;
            }
            std::thread::yield_now();
        }
        true
    }

    fn sleeper() -> tokio::process::Command {
        let mut command = tokio::process::Command::new("sleep");
        command.arg("600");
        command
    }

    #[tokio::test]
    async fn a_dropped_child_is_dead() {
        let child = Child::spawn(sleeper()).unwrap();
        let id = child.id().unwrap();
        assert!(alive(id));
        drop(child);
        assert!(gone_within(id, Duration::from_secs(5)));
    }

    #[tokio::test]
    async fn the_children_of_a_child_die_with_it() {
        let mut command = tokio::process::Command::new("sh");
        command
            .args(["-c", "sleep 600 & echo $!; wait"])
            .stdout(Stdio::piped());
        let mut child = Child::spawn(command).unwrap();
        let mut line = String::new();
        let mut output = tokio::io::BufReader::new(child.stdout().unwrap());
        tokio::io::AsyncBufReadExt::read_line(&mut output, &mut line)
            .await
            .unwrap();
        let grandchild = line.trim().parse().unwrap();
        assert!(alive(grandchild));
        child.stop().await;
        assert!(gone_within(grandchild, Duration::from_secs(5)));
    }
}
