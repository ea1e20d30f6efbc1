//! The shell that ends what is left when this process is gone.

use std::{
    io::Write,
    process::{Command, Stdio},
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
};

/// What the warden does; the functions of [`super::family`] stand above it.
const WARDEN: &str = concat!(include_str!("family.sh"), include_str!("warden.sh"));

static WARDEN_INPUT: OnceLock<Mutex<Option<std::process::ChildStdin>>> = OnceLock::new();

/// Tells the warden one line; starts it with the first. Without a `sh` the destructors still do their work.
pub(super) fn tell_warden(line: &str) {
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
    use std::time::Duration;

    use super::{
        super::tests::{alive, gone_within},
        *,
    };

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
        let (mut member, mut other) = (start(), start());
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
        writeln!(input, "family {}:bearsit", member.id()).unwrap();
        writeln!(input, "family {}:another", other.id()).unwrap();
        writeln!(input, "gone {}:another", other.id()).unwrap();
        drop(input);
        warden.wait().unwrap();

        assert!(gone_within(watched.id(), Duration::from_secs(5)));
        assert!(gone_within(member.id(), Duration::from_secs(5)));
        assert!(alive(forgotten.id()) && alive(other.id()));
        assert!(!scratch.exists());
        for child in [&mut forgotten, &mut other] {
            child.kill().unwrap();
        }
        for child in [&mut forgotten, &mut other, &mut watched, &mut member] {
            child.wait().unwrap();
        }
    }
}
