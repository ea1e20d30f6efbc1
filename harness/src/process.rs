//! Child processes that never outlive this one.
//!
//! A child ends with its handle: [`Child`] kills its process group when dropped, which covers failures and
//! panics. For the ends that run no destructor (a kill, an abort) a small shell, the warden, waits at the
//! other end of a pipe: when this process is gone the pipe closes, and the warden ends what is left.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{ChildStderr, ChildStdout};

/// Reads `watch PID`, `forget PID` and `remove DIRECTORY` lines; acts when its input ends. It ignores the
/// signals a terminal sends to the whole foreground group, or Ctrl-C would end it before its work is done.
const WARDEN: &str = r#"
trap '' INT TERM HUP QUIT
pids=' '
directories=''
while read -r action subject; do
  case $action in
    watch) pids="$pids$subject " ;;
    forget) case $pids in *" $subject "*) pids="${pids%%" $subject "*} ${pids#*" $subject "}" ;; esac ;;
    remove) directories="$directories$subject
" ;;
  esac
done
for pid in $pids; do kill -KILL "-$pid" 2>/dev/null; done
printf '%s' "$directories" | while read -r directory; do rm -rf -- "$directory"; done
"#;

static WARDEN_INPUT: OnceLock<Mutex<Option<std::process::ChildStdin>>> = OnceLock::new();

/// A running child in a process group of its own.
#[derive(Debug)]
pub(crate) struct Child {
    child: tokio::process::Child,
    group: Option<Pid>,
}

impl Child {
    /// Starts the command with its own process group, under the warden's eye.
    ///
    /// # Errors
    /// Whatever the operating system says of the start.
    pub(crate) fn spawn(mut command: tokio::process::Command) -> io::Result<Self> {
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
    pub(crate) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// The pipe of the child's standard output, once.
    pub(crate) fn stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// The pipe of the child's standard error, once.
    pub(crate) fn stderr(&mut self) -> Option<ChildStderr> {
        self.child.stderr.take()
    }

    /// Waits until the child has ended by itself.
    ///
    /// # Errors
    /// Whatever the operating system says of the wait.
    pub(crate) async fn wait(&mut self) -> io::Result<std::process::ExitStatus> {
        self.child.wait().await
    }

    /// Ends the whole group and waits until the child is gone.
    pub(crate) async fn stop(mut self) {
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

/// A directory that is removed with its handle, and by the warden when no destructor runs.
#[derive(Debug)]
pub(crate) struct ScratchDirectory(tempfile::TempDir);

impl ScratchDirectory {
    /// Makes a fresh directory with the given prefix below `parent`, which is made too where it is missing.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub(crate) fn create(parent: &Path, prefix: &str) -> io::Result<Self> {
        std::fs::create_dir_all(parent)?;
        let directory = tempfile::Builder::new().prefix(prefix).tempdir_in(parent)?;
        tell_warden(&format!("remove {}", directory.path().display()));
        Ok(Self(directory))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> PathBuf {
        self.0.path().to_owned()
    }
}

/// Tells the warden one line; starts it with the first. Without a `sh` the destructors still do their work.
fn tell_warden(line: &str) {
    if let Some(input) = warden_input().as_mut() {
        let _ = writeln!(input, "{line}");
    }
}

fn warden_input() -> MutexGuard<'static, Option<std::process::ChildStdin>> {
    use std::os::unix::process::CommandExt;

    WARDEN_INPUT
        .get_or_init(|| {
            let warden = Command::new("sh")
                .args(["-c", WARDEN])
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .process_group(0)
                .spawn();
            Mutex::new(warden.ok().and_then(|mut warden| warden.stdin.take()))
        })
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn alive(id: u32) -> bool {
        // A zombie is dead: it only waits for its parent to read the status.
        std::fs::read_to_string(format!("/proc/{id}/stat"))
            .is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or("").starts_with(" Z"))
    }

    fn gone_within(id: u32, limit: Duration) -> bool {
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

    /// The warden alone, as when its owner is killed: only its pipe closes.
    #[test]
    fn the_warden_ends_what_it_watches_and_spares_what_it_was_told_to_forget() {
        use std::os::unix::process::CommandExt;

        let directory = tempfile::tempdir().unwrap();
        let scratch = directory.path().join("profile");
        std::fs::create_dir(&scratch).unwrap();
        let start = || {
            Command::new("sleep")
                .arg("600")
                .process_group(0)
                .spawn()
                .unwrap()
        };
        let (mut watched, mut forgotten) = (start(), start());
        let mut warden = Command::new("sh")
            .args(["-c", WARDEN])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = warden.stdin.take().unwrap();
        writeln!(input, "watch {}", watched.id()).unwrap();
        writeln!(input, "watch {}", forgotten.id()).unwrap();
        writeln!(input, "forget {}", forgotten.id()).unwrap();
        writeln!(input, "remove {}", scratch.display()).unwrap();
        drop(input);
        warden.wait().unwrap();

        assert!(gone_within(watched.id(), Duration::from_secs(5)));
        assert!(alive(forgotten.id()));
        assert!(!scratch.exists());
        forgotten.kill().unwrap();
        forgotten.wait().unwrap();
        watched.wait().unwrap();
    }
}
