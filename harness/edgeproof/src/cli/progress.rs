//! One line that says how far a run is, for somebody who watches; in a log, one now and then.

use std::{
    io::Write,
    mem,
    pin::pin,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use edgeproof_ground::visible::in_one_line;
use edgeproof_origin::launch::Stage;
use edgeproof_run::event::Event;

/// How long a log says nothing: CI systems end what is silent for some minutes.
const SILENCE: Duration = Duration::from_secs(30);

/// The line. It is on the error stream, so what is piped elsewhere never has it.
pub(super) struct Progress {
    shown: bool,
    cases: usize,
    done: usize,
    running: Vec<String>,
    /// Commands of apps that are not ready yet.
    starting: Vec<String>,
    /// Whether a log was told something since it was last looked at.
    told: bool,
    /// Whether it is told what comes of each case.
    lists: bool,
}

/// A panic elsewhere leaves the line whole: at worst it is an old one.
pub(super) fn locked(progress: &Mutex<Progress>) -> MutexGuard<'_, Progress> {
    progress.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Does the work; where a log says nothing for a while, it says how far that is.
pub(super) async fn told_of<T>(progress: &Mutex<Progress>, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            () = tokio::time::sleep(SILENCE) => locked(progress).silence(),
        }
    }
}

impl Progress {
    pub(super) fn new(shown: bool, lists: bool) -> Self {
        Self {
            shown,
            cases: 0,
            done: 0,
            running: Vec::new(),
            starting: Vec::new(),
            told: false,
            lists,
        }
    }

    /// Takes the line away before something else is written.
    pub(super) fn clear(&self) {
        if self.shown {
            // Where nothing can be written there is nothing to take away.
            let _ = write!(anstream::stderr(), "\r\x1b[2K");
        }
    }

    /// Notes what happened and writes the line anew.
    pub(super) fn take(&mut self, event: &Event) {
        match event {
            Event::Started { cases, .. } => self.cases = *cases,
            Event::Running { name } => self.running.push(name.clone()),
            Event::Over { name } => {
                self.done += 1;
                self.running.retain(|running| running != name);
            }
            Event::Finished(_) => self.told |= self.lists,
            Event::Ended(_) => return,
        }
        self.write();
    }

    /// Notes what happens to an app and writes the line anew. One that has ended by itself is told to everybody.
    pub(super) fn stage(&mut self, stage: &Stage) {
        self.clear();
        match stage {
            Stage::Starting { command, after } => {
                if let Some(ended) = after {
                    let _ = writeln!(
                        anstream::stderr(),
                        "`{command}` {ended} at {}; starting it again",
                        ended.at()
                    );
                }
                if !self.shown {
                    let _ = writeln!(anstream::stderr(), "starting `{}`", in_one_line(command));
                }
                self.starting.push(command.clone());
            }
            Stage::Started { command } => {
                let first = self.starting.iter().position(|known| known == command);
                first.map(|index| self.starting.remove(index));
            }
            Stage::Kept { command, since } => {
                let _ = writeln!(
                    anstream::stderr(),
                    "`{command}` runs since {since}, before this change"
                );
            }
            // The scenario that used it fails with it.
            Stage::Ended { .. } => {}
        }
        self.write();
    }

    fn write(&self) {
        if self.shown {
            let _ = write!(anstream::stderr(), "{}", self.line());
            let _ = anstream::stderr().flush();
        }
    }

    fn silence(&mut self) {
        if !mem::take(&mut self.told) && !self.shown {
            let _ = writeln!(anstream::stderr(), "{}", self.line());
        }
    }

    fn line(&self) -> String {
        let starting = self.starting.last();
        let starting = starting.map(|command| format!("starting `{command}`"));
        let running = || self.running.last().cloned().unwrap_or_default();
        let now = starting.unwrap_or_else(running);
        format!("{}/{} {}", self.done, self.cases, in_one_line(&now))
    }
}
