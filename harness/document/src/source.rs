//! The files a scenario was read from, and places in them.

use std::path::{Path, PathBuf};

use edgeproof_ground::{redaction::Redactor, visible::visible};

/// The text of every file that was read. A [`Span`] is meaningful with the sources it came from.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    files: Vec<SourceFile>,
}

/// One file of the user's.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// Where it is, as the user wrote it.
    pub path: PathBuf,
    /// Its content.
    pub text: String,
}

/// A stretch of one file, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// Which file of the [`Sources`].
    pub file: u32,
    /// First byte.
    pub start: usize,
    /// Number of bytes.
    pub length: usize,
}

/// A place as people name it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

/// A few lines of a file with one stretch of them marked: enough to show a message without the file.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Excerpt {
    /// Where the stretch begins.
    pub place: Place,
    /// The number of the first line in `text`.
    pub first_line: usize,
    /// The lines.
    pub text: String,
    /// First marked byte in `text`.
    pub start: usize,
    /// Number of marked bytes.
    pub length: usize,
}

impl Sources {
    /// Keeps one more file and returns its number.
    pub fn add(&mut self, path: &Path, text: String) -> u32 {
        self.files.push(SourceFile {
            path: path.to_owned(),
            text,
        });
        // A scenario has a handful of files; the number of files on a disk fits as well.
        u32::try_from(self.files.len() - 1).unwrap_or(u32::MAX)
    }

    /// The file with this number.
    pub fn file(&self, number: u32) -> Option<&SourceFile> {
        self.files.get(number as usize)
    }

    /// Where the files are.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(|file| file.path.as_path())
    }

    /// The lines around a span, to be shown away from the file: with stars in place of what names say is secret.
    pub fn excerpt(&self, span: Span) -> Option<Excerpt> {
        let file = self.file(span.file)?;
        let place = self.place(span)?;
        let end = (span.start + span.length).min(file.text.len());
        let line_start = file.text[..span.start].rfind('\n').map_or(0, |at| at + 1);
        let first = file.text[..line_start.saturating_sub(1)]
            .rfind('\n')
            .map_or(0, |at| at + 1);
        let last = file
            .text
            .get(end..)?
            .find('\n')
            .map_or(file.text.len(), |at| end + at);
        // Lines end as they do in every other text, so that anyone who draws them counts them right.
        let lines = |from: usize, to: usize| file.text[from..to].replace("\r\n", "\n");
        let (before, marked) = (lines(first, span.start), lines(span.start, end));
        Some(Excerpt {
            first_line: place.line - before.matches('\n').count(),
            place,
            start: before.len(),
            length: marked.len(),
            text: Redactor::default()
                .starred(&(before + &marked + &lines(end, last)))
                .trim_end_matches('\r')
                .to_owned(),
        })
    }

    /// Where a span begins.
    pub fn place(&self, span: Span) -> Option<Place> {
        let file = self.file(span.file)?;
        let before = file.text.get(..span.start)?;
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Some(Place {
            file: file.path.clone(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        })
    }
}

impl Excerpt {
    /// The same with symbols in place of control characters, its mark around what it was around before.
    #[must_use]
    pub fn visible(&self) -> Self {
        let end = self.start + self.length;
        let (Some(before), Some(marked), Some(behind)) = (
            self.text.get(..self.start),
            self.text.get(self.start..end),
            self.text.get(end..),
        ) else {
            return Self {
                text: visible(&self.text),
                ..self.clone()
            };
        };
        // The last line has its end no more, but the first half of it.
        let behind = behind.strip_suffix('\r').unwrap_or(behind);
        let (before, marked, behind) = (visible(before), visible(marked), visible(behind));
        Self {
            start: before.len(),
            length: marked.len(),
            text: before + &marked + &behind,
            ..self.clone()
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.file.display(), self.line, self.column)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn an_excerpt_hides_what_names_say_is_secret_and_shows_control_characters() {
        let mut sources = Sources::default();
        let text = "token: 'ü1'\r\nbell: \u{7} x\r\n";
        let file = sources.add(Path::new("a.yaml"), text.to_owned());
        let span = Span {
            file,
            start: text.find('x').unwrap(),
            length: 1,
        };
        let excerpt = sources.excerpt(span).unwrap().visible();
        assert_eq!(excerpt.text.trim_end(), "token: '***'\nbell: ␇ x");
        assert_eq!(&excerpt.text[excerpt.start..][..excerpt.length], "x");
    }

    #[test]
    fn lines_that_end_as_on_windows_are_cut_out_and_counted_like_others() {
        let text = "a: 1\nb: 2\nc: 3\nd: [\n  e]\nf: 4\n";
        let excerpt = |text: &str, marked: &str| {
            let mut sources = Sources::default();
            let file = sources.add(Path::new("a.yaml"), text.to_owned());
            let start = text.find(marked).unwrap();
            let length = marked.len();
            sources
                .excerpt(Span {
                    file,
                    start,
                    length,
                })
                .unwrap()
        };
        let windows = text.replace('\n', "\r\n");
        for (marked, theirs) in [("c", "c"), ("[\n  e]", "[\r\n  e]")] {
            assert_eq!(excerpt(text, marked), excerpt(&windows, theirs));
        }
    }

    #[rstest]
    #[case(0, (1, 1))]
    #[case(3, (2, 1))]
    #[case(5, (2, 2))] // behind a character of two bytes
    fn a_place_counts_lines_and_characters_from_one(
        #[case] start: usize,
        #[case] expected: (usize, usize),
    ) {
        let mut sources = Sources::default();
        let file = sources.add(Path::new("a.yaml"), "ab\né: 1\n".to_owned());
        let span = Span {
            file,
            start,
            length: 1,
        };
        let place = sources.place(span).unwrap();
        assert_eq!((place.line, place.column), expected);
    }
}
