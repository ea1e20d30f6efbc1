//! One line that says how far a run is, for somebody who watches.

use std::io::Write;

use crate::run::event::Event;

/// The line. It is on the error stream, so what is piped elsewhere never has it.
pub(super) struct Progress {
    shown: bool,
    cases: usize,
    done: usize,
    running: Vec<String>,
}

impl Progress {
    pub(super) fn new(shown: bool) -> Self {
        Self {
            shown,
            cases: 0,
            done: 0,
            running: Vec::new(),
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
        if self.shown {
            let now = self.running.last().map_or("", String::as_str);
            let _ = write!(anstream::stderr(), "{}/{} {now}", self.done, self.cases);
            let _ = anstream::stderr().flush();
        }
    }
}
