//! Which reports are asked for, and where they go: `junit=report.xml`, or `github`.

use std::{
    env,
    fs::OpenOptions,
    io::{self, Write},
    path::{Path, PathBuf},
    str::FromStr,
};

use edgeproof_ground::whole_file::write_whole;
use edgeproof_run::results::Results;
use jiff::{SignedDuration, Timestamp};

use super::{github, har, html, json, junit, tap};

/// A report and where it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReportTarget {
    /// A file.
    File {
        /// What stands in it.
        format: Format,
        /// Its path.
        file: PathBuf,
    },
    /// Annotations on standard output, and the summary of a step in the file that `GITHUB_STEP_SUMMARY` names.
    Github,
}

/// A format of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// JUnit XML.
    Junit,
    /// JSON, which can be merged.
    Json,
    /// A page.
    Html,
    /// The Test Anything Protocol.
    Tap,
    /// HAR 1.2.
    Har,
}

/// Why a report could not be asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a report; write junit=FILE, json=FILE, html=FILE, tap=FILE, har=FILE or github"
)]
pub struct ReportTargetError(String);

/// Why a report could not be written.
#[derive(Debug, thiserror::Error)]
#[error("the report `{}` could not be written", file.display())]
pub struct ReportError {
    file: PathBuf,
    source: io::Error,
}

impl ReportTarget {
    /// The file that is written, if it has one of its own.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File { file, .. } => Some(file),
            Self::Github => None,
        }
    }

    /// Whether it shows more than what came of each case.
    pub fn has_details(&self) -> bool {
        let Self::File { format, .. } = self else {
            return false;
        };
        matches!(format, Format::Html | Format::Json | Format::Har)
    }

    /// Whether what was sent and received is to be had from it again: then it shows that of every case.
    pub fn replays(&self) -> bool {
        let Self::File { format, .. } = self else {
            return false;
        };
        *format == Format::Har
    }

    /// Writes the report.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, results: &Results) -> Result<(), ReportError> {
        match self {
            Self::File { format, file } => put(file, format.text(results)),
            Self::Github => tell_github(results),
        }
    }
}

impl Format {
    fn text(self, results: &Results) -> io::Result<String> {
        match self {
            Self::Junit => junit::text(results).map_err(io::Error::other),
            Self::Json => json::text(results).map_err(io::Error::other),
            Self::Html => Ok(html::text(results)),
            Self::Tap => Ok(tap::text(results)),
            Self::Har => har::text(results, began(results)).map_err(io::Error::other),
        }
    }
}

/// When a run began; where it does not say, it has just ended.
fn began(results: &Results) -> Timestamp {
    if let Some(about) = &results.about {
        return about.started;
    }
    let now = Timestamp::now();
    let took = SignedDuration::try_from(results.summary.took());
    took.ok()
        .and_then(|took| now.checked_sub(took).ok())
        .unwrap_or(now)
}

/// GitHub reads annotations from what a step prints.
fn tell_github(results: &Results) -> Result<(), ReportError> {
    let failed = |file: PathBuf| move |source| ReportError { file, source };
    let mut out = anstream::stdout();
    match out.write_all(github::annotations(results).as_bytes()) {
        // Whoever read has gone; the summary is for others.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        written => written.map_err(failed(PathBuf::from("github")))?,
    }
    let Some(file) = env::var_os("GITHUB_STEP_SUMMARY").map(PathBuf::from) else {
        return Ok(());
    };
    let opened = OpenOptions::new().append(true).create(true).open(&file);
    opened
        .and_then(|mut opened| opened.write_all(github::summary(results).as_bytes()))
        .map_err(failed(file))
}

/// Writes all of them, whichever of them cannot be written.
///
/// # Errors
/// The first that could not.
pub fn write_all(reports: &[ReportTarget], results: &Results) -> Result<(), ReportError> {
    let written: Vec<_> = reports.iter().map(|report| report.write(results)).collect();
    written.into_iter().collect()
}

/// Writes a report that could be made, and the folder it goes to where that is missing.
///
/// # Errors
/// When it could not be made or written.
pub fn put(file: &Path, text: io::Result<String>) -> Result<(), ReportError> {
    text.and_then(|text| write_whole(file, text))
        .map_err(|source| ReportError {
            file: file.to_owned(),
            source,
        })
}

impl FromStr for ReportTarget {
    type Err = ReportTargetError;

    fn from_str(text: &str) -> Result<Self, ReportTargetError> {
        let wrong = || ReportTargetError(text.to_owned());
        if text == "github" {
            return Ok(Self::Github);
        }
        let (format, file) = text.split_once('=').ok_or_else(wrong)?;
        let format = match format {
            "junit" => Format::Junit,
            "json" => Format::Json,
            "html" => Format::Html,
            "tap" => Format::Tap,
            "har" => Format::Har,
            _ => return Err(wrong()),
        };
        if file.is_empty() {
            return Err(wrong());
        }
        Ok(Self::File {
            format,
            file: PathBuf::from(file),
        })
    }
}
