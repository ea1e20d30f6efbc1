//! A scenario that was made of what was seen, and how it gets into files.

use std::{
    io,
    path::{Path, PathBuf},
};

use edgeproof_document::yaml as document;
use edgeproof_ground::{redaction::is_secret, whole_file::write_whole};
use edgeproof_scenario::load;

use crate::{
    call::Call,
    hidden::Hidden,
    request,
    session::{self, Session},
    world::World,
    yaml::Node,
};

/// The name of the visitor that sends the requests of a recording.
const PROGRAM: &str = "program";

/// Bytes of the files that a recording has beside its scenario.
const MOST_BYTES: usize = 32 * 1024 * 1024;

/// A scenario, and the files it names.
#[derive(Clone, Debug)]
pub struct Recording {
    /// The text of the scenario.
    pub text: String,
    /// The files that it sends or uploads, by their paths relative to it.
    pub files: Vec<(PathBuf, Vec<u8>)>,
    /// The variables that stand in place of secrets.
    pub hidden: Hidden,
}

/// Why nothing was recorded.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// Nothing happened.
    #[error("nothing happened that a scenario could repeat")]
    Nothing,
    /// It cannot be read again.
    #[error(transparent)]
    Load(#[from] edgeproof_document::LoadError),
    /// A file cannot be written.
    #[error("`{}` cannot be written: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is there already; nothing is overwritten.
    #[error("`{}` already exists; choose another file", .0.display())]
    Exists(PathBuf),
}

/// The files beside a scenario, in a folder of its name.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    folder: String,
    files: Vec<(PathBuf, Vec<u8>)>,
    bytes: usize,
    /// Those that are empty as there are too many bytes, in sentences.
    lost: Vec<String>,
}

impl Files {
    pub(crate) fn of(scenario: &str) -> Self {
        Self {
            folder: format!("{scenario}.files"),
            files: Vec::new(),
            bytes: 0,
            lost: Vec::new(),
        }
    }

    /// Adds a file, called as somebody else calls it; one over the bound is empty, which is told.
    pub(crate) fn add(&mut self, name: &str, content: Vec<u8>) -> PathBuf {
        let is_harmless = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
        let name: String = name.chars().filter(|letter| is_harmless(*letter)).collect();
        let name = name.trim_start_matches('.');
        let name = &name[name.len().saturating_sub(60)..];
        let name = if name.is_empty() { "body" } else { name };
        let known = self.files.iter().find(|(path, known)| {
            *known == content && path.file_name().is_some_and(|known| known == name)
        });
        if let Some((path, _)) = known {
            return path.clone();
        }
        let folder = Path::new(&self.folder);
        let mut path = folder.join(name);
        let mut number = 2;
        while self.files.iter().any(|(known, _)| *known == path) {
            path = folder.join(format!("{number}-{name}"));
            number += 1;
        }
        self.bytes += content.len();
        let content = match self.bytes > MOST_BYTES {
            true => {
                self.lost.push(format!(
                    "The content of {} was not recorded: files of more than {} MB are too much; put the file there.",
                    path.display(),
                    MOST_BYTES >> 20
                ));
                Vec::new()
            }
            false => content,
        };
        self.files.push((path.clone(), content));
        path
    }

    pub(crate) fn into_files(self) -> Vec<(PathBuf, Vec<u8>)> {
        self.files
    }
}

/// A scenario that makes these calls again, one after the other: those that were picked in a console, or that a HAR file
/// tells. `name` is that of its file, without its ending, and `page` the one that signals come from where a call does not
/// say. `note` is a comment at its beginning.
///
/// # Errors
/// When there is no call.
pub fn of_calls(
    world: &World,
    name: &str,
    title: &str,
    page: &str,
    note: &[String],
    calls: &[Call],
) -> Result<Recording, RecordingError> {
    if calls.is_empty() {
        return Err(RecordingError::Nothing);
    }
    let world = world.clone().with_visitor(PROGRAM, "http");
    let (mut hidden, mut files) = (Hidden::default(), Files::of(name));
    let mut steps = Vec::new();
    for call in calls {
        for step in &call.before {
            steps.extend(taken(step, &mut hidden));
        }
        let step = request::step(call, Some(PROGRAM), page, &mut hidden, &mut files);
        steps.push(step);
    }
    let title = hidden.text(title);
    let note = [note, files.lost.as_slice()].concat();
    let text = text(&world, &title, &[], &note, steps, None);
    Ok(Recording {
        text,
        files: files.into_files(),
        hidden,
    })
}

/// Steps as they were taken, without their secrets. They were read before they were taken.
fn taken(step: &str, hidden: &mut Hidden) -> Vec<Node> {
    let Ok(node) = document::parse(0, step) else {
        return Vec::new();
    };
    let node = hide(Node::of(&node), "", hidden);
    match node {
        Node::List(steps) => steps,
        step => vec![step],
    }
}

/// The same value, with variables in place of what its names say is secret.
fn hide(node: Node, called: &str, hidden: &mut Hidden) -> Node {
    match node {
        Node::Text(text) if is_secret(called) && !text.contains("${") => {
            Node::Text(hidden.secret(called, &text))
        }
        Node::List(items) => {
            let items = items.into_iter();
            Node::List(items.map(|item| hide(item, called, hidden)).collect())
        }
        Node::Map(entries) => {
            let entries = entries.into_iter().map(|(key, node)| {
                let node = hide(node, &key, hidden);
                (key, node)
            });
            Node::Map(entries.collect())
        }
        plain => plain,
    }
}

/// A scenario that does again what somebody did in a browser.
///
/// # Errors
/// When nothing was done.
pub fn of_session(
    world: &World,
    name: &str,
    title: &str,
    session: &Session,
) -> Result<Recording, RecordingError> {
    let (mut hidden, mut files) = (Hidden::default(), Files::of(name));
    let done = session::steps(session, &mut hidden, &mut files);
    if done.steps.is_empty() {
        return Err(RecordingError::Nothing);
    }
    let title = hidden.text(title);
    let note = [done.lost, files.lost.clone()].concat();
    let text = text(world, &title, &["browser"], &note, done.steps, done.end);
    Ok(Recording {
        text,
        files: files.into_files(),
        hidden,
    })
}

fn text(
    world: &World,
    title: &str,
    tags: &[&str],
    note: &[String],
    steps: Vec<Node>,
    end: Option<Node>,
) -> String {
    let mut file = vec![("scenario".to_owned(), Node::text(title))];
    if !tags.is_empty() {
        let tags = tags.iter().copied().map(Node::text).collect();
        file.push(("tags".to_owned(), Node::List(tags)));
    }
    if let Node::Map(keys) = &world.keys {
        file.extend(keys.clone());
    }
    file.push(("steps".to_owned(), Node::List(steps)));
    file.extend(end.map(|end| ("expect".to_owned(), end)));
    let mut text = "# yaml-language-server: $schema=schema.json\n".to_owned();
    for line in note {
        let line: String = line.chars().filter(|letter| !letter.is_control()).collect();
        text += &format!("# {line}\n");
    }
    text + &Node::Map(file).document()
}

impl Recording {
    /// Writes the scenario, and the files beside it, once it is seen that it can be read again.
    ///
    /// # Errors
    /// When it cannot be read, or written, or is there already.
    pub fn write(&self, path: &Path) -> Result<(), RecordingError> {
        if path.exists() {
            return Err(RecordingError::Exists(path.to_owned()));
        }
        let folder = path.parent().unwrap_or(Path::new(""));
        for (file, content) in &self.files {
            put(&folder.join(file), content)?;
        }
        put(path, self.text.as_bytes())?;
        Ok(())
    }

    /// Reads the scenario as `run` will, with the variables that are to be set for it.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn check(&self, path: &Path) -> Result<(), RecordingError> {
        let mut variables = load::Variables::of_process();
        for (name, value) in self.hidden.values() {
            variables.set(name, value);
        }
        let outside = load::Outside {
            variables,
            ..load::Outside::default()
        };
        let read = outside.load_text(path, &self.text);
        read.map(drop)
            .map_err(|broken| edgeproof_document::LoadError::Mistakes(broken.mistakes).into())
    }
}

fn put(path: &Path, content: &[u8]) -> Result<(), RecordingError> {
    write_whole(path, content).map_err(|source| RecordingError::Write {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_too_large_is_told_and_not_empty_in_silence() {
        let mut files = Files::of("sign_up");
        files.add("plan.pdf", vec![0; MOST_BYTES]);
        assert!(files.lost.is_empty());
        files.add("more.pdf", vec![0; 1]);
        assert_eq!(
            files.files[1],
            ("sign_up.files/more.pdf".into(), Vec::new())
        );
        assert_eq!(
            files.lost,
            [
                "The content of sign_up.files/more.pdf was not recorded: files of more than 32 MB are too much; put the file there."
            ]
        );
    }
}
