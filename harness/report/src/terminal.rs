//! The report for people who watch: one line a case, everything about a failure right below it, a summary.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use edgeproof_document::problem::TextStyle;
use edgeproof_ground::{shell, time::shown, visible::in_one_line};
use edgeproof_run::{
    event::Event,
    failure_text as failure,
    record::{CaseRecord, Failure, Verdict},
    summary::Summary,
};

/// Writes the terminal report.
pub struct Terminal<W> {
    out: W,
    style: TextStyle,
    failed: Vec<String>,
    /// The command that runs one case again, without its filter.
    again: String,
    /// What a run says in which everything that was seen held.
    held: &'static str,
}

impl<W: Write> Terminal<W> {
    /// A report that is written to `out`.
    pub fn new(out: W, style: TextStyle) -> Self {
        Self {
            out,
            style,
            failed: Vec::new(),
            again: "edgeproof run".to_owned(),
            held: "The worker did what every scenario states, from the visitor to the origin.",
        }
    }

    /// The same for a run of this command, which a failed case is run again with.
    #[must_use]
    pub fn of_command(self, again: String) -> Self {
        Self { again, ..self }
    }

    /// The same for a run at a deployed site, of which only a part is seen.
    #[must_use]
    pub fn at_target(self) -> Self {
        let held = "What was seen at the target is as every scenario that ran there states.";
        Self { held, ..self }
    }

    /// Writes what an event reports.
    ///
    /// # Errors
    /// When `out` cannot be written to.
    pub fn report(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::Started { .. } | Event::Running { .. } | Event::Over { .. } => Ok(()),
            Event::Finished(record) => self.case(record),
            Event::Ended(summary) => self.summary(summary),
        }?;
        self.out.flush()
    }

    fn case(&mut self, record: &CaseRecord) -> io::Result<()> {
        let (sign, colour) = match record.verdict {
            Verdict::Passed => ("✓", AnsiColor::Green),
            Verdict::Failed(_) => ("✗", AnsiColor::Red),
            Verdict::Error(_) => ("!", AnsiColor::Magenta),
            Verdict::Skipped(_) => ("-", AnsiColor::Yellow),
            Verdict::Observed(_) | Verdict::KnownFailure { .. } => ("~", AnsiColor::Yellow),
        };
        let sign = self.paint(sign, colour.on_default().bold());
        let name = self.paint(&record.name, Style::new().dimmed());
        writeln!(
            self.out,
            "{sign} {}  {name}  {}",
            in_one_line(&record.title),
            shown(record.took())
        )?;
        match &record.verdict {
            Verdict::Passed if record.attempts > 1 => {
                writeln!(self.out, "  flaky: passed on attempt {}", record.attempts)?;
            }
            Verdict::Passed => {}
            Verdict::Observed(failures) => {
                self.failures(record, failures)?;
            }
            Verdict::KnownFailure { reason, link } => {
                writeln!(self.out, "  known failure: {reason} ({link})")?;
            }
            Verdict::Skipped(reason) => writeln!(self.out, "  skipped: {reason}")?,
            Verdict::Error(message) => {
                self.failed.push(record.name.clone());
                writeln!(self.out, "  error: {message}\n")?;
            }
            Verdict::Failed(failures) => {
                self.failed.push(record.name.clone());
                self.failures(record, failures)?;
            }
        }
        Ok(())
    }

    fn failures(&mut self, record: &CaseRecord, failures: &[Failure]) -> io::Result<()> {
        let texts = failure::texts(failures, self.style);
        for text in texts.iter().chain(&failure::printed(&record.apps)) {
            writeln!(self.out, "{text}")?;
        }
        Ok(())
    }

    fn summary(&mut self, summary: &Summary) -> io::Result<()> {
        let mut parts = Vec::new();
        let mut part = |count: usize, word: &str| {
            if count > 0 {
                parts.push(format!("{count} {word}"));
            }
        };
        part(summary.passed, "passed");
        part(summary.failed, "failed");
        part(
            summary.errors,
            if summary.errors == 1 {
                "error"
            } else {
                "errors"
            },
        );
        part(summary.skipped, "skipped");
        part(summary.observed, "not met but not required");
        part(
            summary.known_failures,
            if summary.known_failures == 1 {
                "known failure"
            } else {
                "known failures"
            },
        );
        let style = if self.failed.is_empty() {
            AnsiColor::Green.on_default().bold()
        } else {
            AnsiColor::Red.on_default().bold()
        };
        let scenarios = match summary.total() {
            1 => "1 scenario".to_owned(),
            more => format!("{more} scenarios"),
        };
        let line = match parts.is_empty() {
            // A shard may have none.
            true => format!("{scenarios}: there was nothing to do"),
            false => format!(
                "{scenarios}: {} in {}",
                parts.join(", "),
                shown(summary.took())
            ),
        };
        writeln!(self.out, "\n{}", self.paint(&line, style))?;
        if summary.total() > 0 && self.failed.is_empty() && summary.passed > 0 {
            writeln!(self.out, "{}", self.held)?;
        }
        if self.failed.len() > 1 {
            writeln!(self.out, "Not passed:")?;
            for name in &self.failed {
                writeln!(self.out, "  {name}")?;
            }
        }
        if let Some(first) = self.failed.first() {
            // The round of `--repeat` is no part of a name.
            let name = first.split('#').next().unwrap_or(first);
            let again = &self.again;
            writeln!(
                self.out,
                "Run one again: {again} --filter {}",
                shell::quoted(name)
            )?;
        }
        Ok(())
    }

    fn paint(&self, text: &str, style: Style) -> String {
        if self.style.colour {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }
}
