//! A mistake in a user's file, and how it is shown: the file, the line, a caret and the way out.

use std::path::Path;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode,
};

use super::source::{Sources, Span};

/// Something wrong at one place of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong, in one sentence.
    pub message: String,
    /// Where.
    pub at: Span,
    /// What stands beside the caret.
    pub label: String,
    /// The way out.
    pub help: Option<String>,
}

/// How problems and failures are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Whether colours are wanted.
    pub colour: bool,
    /// Columns of the page; lines are broken there.
    pub width: usize,
}

impl Look {
    /// The look of files and of terminals that want no colour.
    pub const PLAIN: Self = Self {
        colour: false,
        width: 100,
    };
}

impl Problem {
    /// The problem as text: message, file, line, caret, help.
    pub fn render(&self, sources: &Sources, look: Look) -> String {
        let theme = if look.colour {
            GraphicalTheme::unicode()
        } else {
            GraphicalTheme::unicode_nocolor()
        };
        let mut text = String::new();
        let shown = Shown {
            problem: self,
            source: sources
                .file(self.at.file)
                .map(|file| NamedSource::new(name(&file.path), file.text.clone())),
        };
        let drawn = GraphicalReportHandler::new_themed(theme)
            .with_width(look.width)
            .with_context_lines(1)
            .render_report(&mut text, &shown);
        match drawn {
            Ok(()) => text,
            // Only a span outside its file gets here; the sentence is still worth having.
            Err(_) => format!("{}\n", self.message),
        }
    }
}

fn name(path: &Path) -> String {
    path.display().to_string()
}

#[derive(Debug)]
struct Shown<'a> {
    problem: &'a Problem,
    source: Option<NamedSource<String>>,
}

impl std::fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.problem.message)
    }
}

impl std::error::Error for Shown<'_> {}

impl Diagnostic for Shown<'_> {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let Problem { at, label, .. } = self.problem;
        Some(Box::new(std::iter::once(LabeledSpan::new(
            Some(label.clone()),
            at.start,
            at.length,
        ))))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        self.problem
            .help
            .as_ref()
            .map(|help| Box::new(help) as Box<dyn std::fmt::Display>)
    }
}
