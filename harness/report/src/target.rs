//! Which reports are asked for, and where they go: `junit=report.xml`.

use std::{
    fs, io,
    path::{Path, PathBuf},
    str::FromStr,
};

use edgeproof_run::results::Results;

use super::{html, json, junit, tap};

/// A report and its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportTarget {
    format: Format,
    file: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Junit,
    Json,
    Html,
    Tap,
}

/// Why a report could not be asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a report; write junit=FILE, json=FILE, html=FILE or tap=FILE")]
pub struct ReportTargetError(String);

/// Why a report could not be written.
#[derive(Debug, thiserror::Error)]
#[error("the report `{}` could not be written", file.display())]
pub struct ReportError {
    file: PathBuf,
    source: io::Error,
}

impl ReportTarget {
    /// The file that is written.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Writes the report.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, results: &Results) -> Result<(), ReportError> {
        put(&self.file, self.text(results))
    }

    fn text(&self, results: &Results) -> io::Result<String> {
        match self.format {
            Format::Junit => junit::text(results).map_err(io::Error::other),
            Format::Json => json::text(results).map_err(io::Error::other),
            Format::Html => Ok(html::text(results)),
            Format::Tap => Ok(tap::text(results)),
        }
    }
}

/// Writes a report that could be made, and the folder it goes to where that is missing.
///
/// # Errors
/// When it could not be made or written.
pub fn put(file: &Path, text: io::Result<String>) -> Result<(), ReportError> {
    text.and_then(|text| {
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(file, text)
    })
    .map_err(|source| ReportError {
        file: file.to_owned(),
        source,
    })
}

impl FromStr for ReportTarget {
    type Err = ReportTargetError;

    fn from_str(text: &str) -> Result<Self, ReportTargetError> {
        let wrong = || ReportTargetError(text.to_owned());
        let (format, file) = text.split_once('=').ok_or_else(wrong)?;
        let format = match format {
            "junit" => Format::Junit,
            "json" => Format::Json,
            "html" => Format::Html,
            "tap" => Format::Tap,
            _ => return Err(wrong()),
        };
        if file.is_empty() {
            return Err(wrong());
        }
        Ok(Self {
            format,
            file: PathBuf::from(file),
        })
    }
}
