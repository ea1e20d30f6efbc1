//! A child that is asked to end, with everything it started.

use std::{
    io,
    process::{ExitStatus, Stdio},
};

use tokio::process::{ChildStderr, ChildStdout, Command};

use super::tell_warden;

/// How a family is ended; the warden has the same functions.
const END: &str = concat!(include_str!("family.sh"), "end \"$1\" \"$2\"\n");

/// The variable by which processes are known as members, wherever they went.
const MARK: &str = "EDGEPROOF_FAMILY";

/// A running child in a process group of its own, and all that it started: a program such as `npm start`, whose
/// server is a grandchild, and which may put children into groups of their own.
///
/// Where it is not ended with [`Family::end`] the warden does it, when this is dropped or this process is gone. A
/// process that cleared its environment and left the group is known to nobody.
#[derive(Debug)]
pub struct Family {
    child: tokio::process::Child,
    /// `GROUP:MARK`, until it has ended.
    name: Option<String>,
}

impl Family {
    /// Starts the command.
    ///
    /// # Errors
    /// Whatever the operating system says of the start.
    pub fn spawn(mut command: Command) -> io::Result<Self> {
        let mark = format!("{:032x}", fastrand::u128(..));
        let child = command.env(MARK, &mark).process_group(0).spawn()?;
        let name = child.id().map(|id| format!("{id}:{mark}"));
        if let Some(name) = &name {
            tell_warden(&format!("family {name}"));
        }
        Ok(Self { child, name })
    }

    /// The pipe of the child's standard output, once.
    pub fn stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// The pipe of the child's standard error, once.
    pub fn stderr(&mut self) -> Option<ChildStderr> {
        self.child.stderr.take()
    }

    /// Waits until the child itself has ended; others of the family may go on.
    ///
    /// # Errors
    /// Whatever the operating system says of the wait.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Asks every member to end, kills those that are there after 2 to 3 seconds, and waits until nobody is left.
    pub async fn end(mut self) {
        let Some((group, mark)) = self.name.as_deref().and_then(|name| name.split_once(':')) else {
            return;
        };
        let mut ending = Command::new("sh");
        ending
            .args(["-c", END, "sh", group, mark])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        // The child is a zombie until it is waited for, and so long its group is there.
        let (ended, _) = tokio::join!(ending.status(), self.child.wait());
        if ended.is_ok()
            && let Some(name) = self.name.take()
        {
            tell_warden(&format!("gone {name}"));
        }
    }
}

impl Drop for Family {
    fn drop(&mut self) {
        if let Some(name) = self.name.take() {
            tell_warden(&format!("end {name}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncBufReadExt, BufReader, Lines};

    use super::{
        super::tests::{alive, gone_within},
        *,
    };

    const LIMIT: Duration = Duration::from_secs(10);

    /// Starts a script, and reads the ids it prints until it has printed `up`.
    async fn family(script: &str) -> (Family, Vec<u32>, Lines<BufReader<ChildStdout>>) {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdout(Stdio::piped());
        let mut family = Family::spawn(command).unwrap();
        let mut lines = BufReader::new(family.stdout().unwrap()).lines();
        let mut ids = Vec::new();
        loop {
            let line = lines.next_line().await.unwrap().unwrap();
            match line.parse() {
                Ok(id) => ids.push(id),
                Err(_) => return (family, ids, lines),
            }
        }
    }

    /// A child in the group, one that left it, and one that left it and whose parent is gone.
    const TREE: &str = "echo $$
        sleep 600 & echo $!
        setsid sh -c 'echo $$; sleep 600; :' &
        setsid sh -c 'setsid sh -c \"echo \\$\\$; echo up; exec sleep 600\" &' &
        wait; wait";

    #[tokio::test]
    async fn everything_a_child_started_ends_with_it() {
        let (family, ids, _lines) = family(TREE).await;
        assert_eq!(ids.len(), 4);
        assert!(ids.iter().all(|id| alive(*id)));
        family.end().await;
        assert!(ids.iter().all(|id| !alive(*id)), "{ids:?}");
    }

    #[tokio::test]
    async fn everything_ends_with_the_handle() {
        let (family, ids, _lines) = family(TREE).await;
        drop(family);
        assert!(ids.iter().all(|id| gone_within(*id, LIMIT)), "{ids:?}");
    }

    #[tokio::test]
    async fn what_a_child_left_behind_ends_too() {
        let (mut family, ids, _lines) =
            family("setsid sh -c 'echo $$; echo up; sleep 600; :' & read -r").await;
        family.wait().await.unwrap();
        assert!(alive(ids[0]));
        family.end().await;
        assert!(!alive(ids[0]));
    }

    #[tokio::test]
    async fn a_child_is_asked_once_to_end_and_killed_if_it_does_not() {
        let script = "trap 'echo asked' TERM; echo $$; echo up; while :; do sleep 0.1; done";
        let (family, ids, mut lines) = family(script).await;
        family.end().await;
        assert!(!alive(ids[0]));
        let mut asked = 0;
        while let Some(line) = lines.next_line().await.unwrap() {
            assert_eq!(line, "asked");
            asked += 1;
        }
        assert_eq!(asked, 1);
    }

    #[tokio::test]
    async fn the_time_to_end_is_counted_by_the_clock_however_slow_the_machine_is() {
        let script = "trap '' TERM; echo $$; echo up; while :; do sleep 0.1; done";
        let (mut family, ids, _lines) = family(script).await;
        let name = family.name.clone().unwrap();
        let (group, mark) = name.split_once(':').unwrap();
        // Each look for who is left takes a second.
        let slow = format!("sleep() {{ command sleep 1; }}\n{END}");
        let mut ending = Command::new("sh");
        ending.args(["-c", &slow, "sh", group, mark]);
        let ended = async { tokio::join!(ending.status(), family.wait()) };
        let ended = tokio::time::timeout(Duration::from_secs(20), ended).await;
        assert!(ended.is_ok() && !alive(ids[0]));
    }

    #[tokio::test]
    async fn a_child_that_ends_as_it_is_asked_is_given_the_time_for_it() {
        let script = "trap 'sleep 0.3; echo bye; exit' TERM; echo up; while :; do sleep 0.1; done";
        let (family, _, mut lines) = family(script).await;
        family.end().await;
        assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("bye"));
    }
}
