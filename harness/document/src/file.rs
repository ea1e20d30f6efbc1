//! One file that stands alone: read whole, with every mistake at its place.

use std::{fs, path::Path, sync::Arc};

use crate::{
    error::{LoadError, Mistake},
    node::YamlNode,
    problem::Problem,
    source::Sources,
    yaml,
};

/// Reads the file at `path`; `read` makes of its node what it says.
///
/// # Errors
/// When the file cannot be read, or every mistake in it, each with its line.
pub fn load<T>(
    path: &Path,
    read: impl FnOnce(&YamlNode) -> Result<T, Vec<Problem>>,
) -> Result<T, LoadError> {
    let text = fs::read_to_string(path).map_err(|source| LoadError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    load_text(path, &text, read)
}

/// Reads the text of a file that is, or is as if it were, at `path`.
///
/// # Errors
/// Every mistake in it, each with its line.
pub fn load_text<T>(
    path: &Path,
    text: &str,
    read: impl FnOnce(&YamlNode) -> Result<T, Vec<Problem>>,
) -> Result<T, LoadError> {
    let mut sources = Sources::default();
    let file = sources.add(path, text.to_owned());
    let read = yaml::parse(file, text)
        .map_err(|problem| vec![problem])
        .and_then(|node| read(&node));
    read.map_err(|problems| {
        let sources = Arc::new(sources);
        let mistake = |problem| Mistake {
            problem,
            sources: Arc::clone(&sources),
        };
        LoadError::Mistakes(problems.into_iter().map(mistake).collect())
    })
}
