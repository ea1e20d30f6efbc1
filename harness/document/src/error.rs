//! Why files could not be read.

use std::{io, path::PathBuf, sync::Arc};

use crate::{
    problem::{Problem, TextStyle},
    source::Sources,
};

/// Why files could not be read.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A path that was asked for is not there, or cannot be read.
    #[error("`{path}` cannot be read")]
    Unreadable {
        /// The path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// One or more files have mistakes.
    #[error("{} in the files", counted(.0.len()))]
    Mistakes(Vec<Mistake>),
}

/// A mistake and the files it can be shown in.
#[derive(Debug)]
pub struct Mistake {
    /// What is wrong, and where.
    pub problem: Problem,
    /// The files.
    pub sources: Arc<Sources>,
}

impl Mistake {
    /// The mistake with its line and a caret.
    pub fn render(&self, style: TextStyle) -> String {
        self.problem.render(&self.sources, style)
    }
}

fn counted(mistakes: usize) -> String {
    match mistakes {
        1 => "1 mistake".to_owned(),
        more => format!("{more} mistakes"),
    }
}
