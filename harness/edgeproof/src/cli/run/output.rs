//! What a run shows while it goes on, and the command that runs a case again.

use std::{
    ffi::OsString,
    io,
    sync::{Arc, Mutex},
};

use edgeproof_ground::shell;
use edgeproof_origin::launch;
use edgeproof_report::terminal::Terminal;
use edgeproof_run::{event::Event, record::CaseRecord, results::Results};

use super::options::Options;
use crate::cli::{
    Context, program,
    progress::{Progress, locked},
};

/// Writes the terminal's report and keeps the records for the others.
pub(super) struct RunOutput {
    terminal: Option<Terminal<anstream::AutoStream<io::Stdout>>>,
    progress: Arc<Mutex<Progress>>,
    records: Vec<CaseRecord>,
    written: io::Result<()>,
}

impl RunOutput {
    pub(super) fn new(context: &Context, options: &Options) -> Self {
        let out = anstream::stdout();
        let style = context.style(&out);
        Self {
            terminal: (!options.json)
                .then(|| Terminal::new(out, style).of_command(again(&context.arguments, None))),
            progress: Arc::new(Mutex::new(Progress::new(
                context.interactive,
                !options.json,
            ))),
            records: Vec::new(),
            written: Ok(()),
        }
    }

    /// The same for a run at a target.
    pub(super) fn at_target(mut self) -> Self {
        self.terminal = self.terminal.map(Terminal::at_target);
        self
    }

    pub(super) fn take(&mut self, event: &Event) {
        locked(&self.progress).clear();
        if let Some(terminal) = &mut self.terminal
            && self.written.is_ok()
        {
            self.written = terminal.report(event);
        }
        // Whoever read has gone; reports and the exit code are for others.
        if matches!(&self.written, Err(error) if error.kind() == io::ErrorKind::BrokenPipe) {
            self.terminal = None;
            self.written = Ok(());
        }
        if let Event::Finished(record) = event {
            self.records.push(record.as_ref().clone());
        }
        locked(&self.progress).take(event);
    }

    /// The apps, which tell the progress line when they are started.
    pub(super) fn told_by(&self, apps: &launch::Pool) -> launch::Pool {
        let progress = Arc::clone(&self.progress);
        apps.clone()
            .telling(move |stage| locked(&progress).stage(stage))
    }

    /// How far the run is, to be told of while it goes on.
    pub(super) fn progress(&self) -> Arc<Mutex<Progress>> {
        Arc::clone(&self.progress)
    }

    pub(super) fn results(self, took_ms: u64) -> io::Result<Results> {
        self.written?;
        Ok(Results::new(self.records, took_ms))
    }
}

/// Options of a run that are about all of its scenarios, or about what it writes, with and without a value.
const NOT_AGAIN: [&str; 11] = [
    "--filter",
    "--tag",
    "--shard",
    "--timings",
    "--jobs",
    "--repeat",
    "--retries",
    "--report",
    "--against",
    "--details",
    "--against-report",
];

const NOT_AGAIN_ALONE: [&str; 6] = [
    "--fail-fast",
    "--watch",
    "--ui",
    "--json",
    "--list",
    "--keep",
];

/// The command as it was given, without what chose its scenarios: with a filter it runs one of them again. `worker` takes the
/// place of the one that was given.
pub(super) fn again(arguments: &[OsString], worker: Option<&str>) -> String {
    let mut arguments = arguments.iter().map(|word| word.to_string_lossy());
    let first = arguments.next().unwrap_or_default();
    let mut words = vec![program::launched_as().unwrap_or_else(|| shell::quoted(&first))];
    while let Some(word) = arguments.next() {
        let name = word.split('=').next().unwrap_or_default();
        let is_replaced = worker.is_some() && name == "--worker";
        if NOT_AGAIN.contains(&name) || is_replaced {
            if name == word {
                arguments.next();
            }
        } else if !NOT_AGAIN_ALONE.contains(&name) {
            words.push(shell::quoted(&word));
        }
    }
    let worker = worker.map(|worker| ["--worker".to_owned(), shell::quoted(worker)]);
    words.extend(worker.into_iter().flatten());
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(&["edgeproof", "run"], None, "edgeproof run")]
    #[case(
        &["target/debug/edgeproof", "run", "my scenarios/", "--worker", "../it's", "--filter", "a", "--fail-fast", "--report=html=a.html", "--jobs", "1"],
        None,
        "target/debug/edgeproof run 'my scenarios/' --worker '../it'\\''s'"
    )]
    #[case(
        &["edgeproof", "run", "a.yaml", "--worker=one", "--against", "two", "--ui"],
        Some("two"),
        "edgeproof run a.yaml --worker two"
    )]
    fn a_command_is_given_again_without_its_choice(
        #[case] words: &[&str],
        #[case] worker: Option<&str>,
        #[case] expected: &str,
    ) {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        assert_eq!(again(&words, worker), expected);
    }
}
