//! One line that says how far a run is, for somebody who watches.

use std::io::Write;

use edgeproof_ground::visible::in_one_line;
use edgeproof_origin::launch::Stage;
use edgeproof_run::event::Event;

/// The line. It is on the error stream, so what is piped elsewhere never has it.
pub(super) struct Progress {
    shown: bool,
    cases: usize,
    done: usize,
    running: Vec<String>,
    /// Commands of apps that are not ready yet.
    starting: Vec<String>,
}

impl Progress {
    pub(super) fn new(shown: bool) -> Self {
        Self {
            shown,
            cases: 0,
            done: 0,
            running: Vec::new(),
            starting: Vec::new(),
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
            Event::Finished(record) => {
                self.done += 1;
                self.running.retain(|name| *name != record.name);
            }
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
            let starting = self
                .starting
                .last()
                .map(|command| format!("starting `{command}`"));
            let running = || self.running.last().cloned().unwrap_or_default();
            let now = starting.unwrap_or_else(running);
            let now = in_one_line(&now);
            let _ = write!(anstream::stderr(), "{}/{} {now}", self.done, self.cases);
            let _ = anstream::stderr().flush();
        }
    }
}
