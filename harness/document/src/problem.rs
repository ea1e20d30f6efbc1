//! A mistake in a user's file, and how it is shown: the file, the line, a caret and the way out.
//!
//! The same drawing serves a mistake in a file and an expectation that did not hold.

use edgeproof_ground::visible::visible;
use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError,
    MietteSpanContents, SourceCode, SourceSpan, SpanContents,
};

use super::source::{Excerpt, Sources, Span};

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
pub struct TextStyle {
    /// Whether colours are wanted.
    pub colour: bool,
    /// Columns of the page; lines are broken there.
    pub width: usize,
}

impl TextStyle {
    /// The look of files and of terminals that want no colour.
    pub const PLAIN: Self = Self {
        colour: false,
        width: 100,
    };
}

impl Problem {
    /// The problem as text: message, file, line, caret, help.
    pub fn render(&self, sources: &Sources, style: TextStyle) -> String {
        draw(
            &self.message,
            sources.excerpt(self.at).as_ref(),
            Some(&self.label),
            self.help.as_deref(),
            style,
        )
    }
}

/// Draws a message at a place; the place is underlined, with the label beside it.
pub fn draw(
    message: &str,
    excerpt: Option<&Excerpt>,
    label: Option<&str>,
    help: Option<&str>,
    style: TextStyle,
) -> String {
    let theme = if style.colour {
        GraphicalTheme::unicode()
    } else {
        GraphicalTheme::unicode_nocolor()
    };
    let excerpt = excerpt.map(Excerpt::visible);
    let (message, label, help) = (visible(message), label.map(visible), help.map(visible));
    let shown = Shown {
        message: &message,
        excerpt: excerpt.as_ref(),
        label: label.as_deref(),
        help: help.as_deref(),
    };
    let mut text = String::new();
    let drawn = GraphicalReportHandler::new_themed(theme)
        .with_width(style.width)
        .render_report(&mut text, &shown);
    match drawn {
        Ok(()) => text,
        // Only a span outside its text gets here; the sentence is still worth having.
        Err(_) => format!("{message}\n"),
    }
}

#[derive(Debug)]
struct Shown<'a> {
    message: &'a str,
    excerpt: Option<&'a Excerpt>,
    label: Option<&'a str>,
    help: Option<&'a str>,
}

impl std::fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.message)
    }
}

impl std::error::Error for Shown<'_> {}

impl Diagnostic for Shown<'_> {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.excerpt.map(|excerpt| excerpt as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let excerpt = self.excerpt?;
        Some(Box::new(std::iter::once(LabeledSpan::new(
            self.label.map(str::to_owned),
            excerpt.start,
            excerpt.length,
        ))))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        self.help
            .map(|help| Box::new(help) as Box<dyn std::fmt::Display>)
    }
}

impl SourceCode for Excerpt {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let contents = self.text.as_str().read_span(span, before, after)?;
        let line = contents.line() + self.first_line - 1;
        Ok(Box::new(MietteSpanContents::new_named(
            self.place.file.display().to_string(),
            contents.data(),
            *contents.span(),
            line,
            contents.column(),
            contents.line_count(),
        )))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_problem_shows_its_line_with_a_caret_and_the_way_out() {
        let mut sources = Sources::default();
        let text = "scenario: x\nsteps:\n  - visit: /\n    exepct: {}\n    more: 1\n";
        let file = sources.add(Path::new("a/b.yaml"), text.to_owned());
        let problem = Problem {
            message: "unknown key `exepct`".to_owned(),
            at: Span {
                file,
                start: text.find("exepct").unwrap(),
                length: 6,
            },
            label: "here".to_owned(),
            help: Some("did you mean `expect`?".to_owned()),
        };
        assert_eq!(
            problem.render(&sources, TextStyle::PLAIN),
            "
  × unknown key `exepct`
   ╭─[a/b.yaml:4:5]
 3 │   - visit: /
 4 │     exepct: {}
   ·     ───┬──
   ·        ╰── here
   ╰────
  help: did you mean `expect`?
"
            .trim_start_matches('\n')
        );
    }
}
