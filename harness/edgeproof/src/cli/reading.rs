//! What the commands that read scenarios have in common: from where, and with which values.

use std::{
    io::{self, Read},
    path::{Path, PathBuf},
};

use edgeproof_document::LoadError;
use edgeproof_ground::shell;
use edgeproof_scenario::load::{self, Loaded, Outside, Variables, VariablesError};

use super::{CliError, program};

/// The path that means standard input, and what its scenario is called.
pub(super) const STANDARD_INPUT: &str = "-";
const NAME_OF_INPUT: &str = "stdin";

/// Bytes of the largest standard input.
const LARGEST: u64 = 4 << 20;

/// The options of commands that read scenarios.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct Reading {
    /// Reads variables for `${env.NAME}` from a file such as `.env`; those of the environment win. Can be given several
    /// times.
    #[arg(long = "env-file", value_name = "FILE")]
    env_files: Vec<PathBuf>,
    /// Allows scenarios to include and send files of a folder outside their own. Can be given several times.
    #[arg(long = "allow-path", value_name = "DIR")]
    allowed: Vec<PathBuf>,
    /// Runs workers without the bindings that are not emulated (KV, D1, queues, Durable Objects and so on); otherwise each
    /// is an error with its name.
    #[arg(long)]
    allow_missing_bindings: bool,
}

/// Why nothing was read.
#[derive(Debug, thiserror::Error)]
enum ReadingError {
    /// A file of variables cannot be read.
    #[error(transparent)]
    Variables(#[from] VariablesError),
    /// A folder that is allowed is none.
    #[error("`{}` is not a folder; `--allow-path` allows the files of a folder", .0.display())]
    Folder(PathBuf),
    /// What comes in is no scenario.
    #[error("standard input cannot be read: {0}")]
    Input(String),
}

impl From<ReadingError> for CliError {
    fn from(error: ReadingError) -> Self {
        Self::Usage(Box::new(error))
    }
}

impl Reading {
    /// The options that say this of bindings and nothing else.
    pub(super) fn allowing_missing_bindings(allow_missing_bindings: bool) -> Self {
        Self {
            allow_missing_bindings,
            ..Self::default()
        }
    }

    /// The command that does this with scenarios as it is done here, but for their files.
    pub(super) fn command(&self, does: &str, worker: Option<&Path>) -> String {
        let with =
            |name: &'static str| move |path: &Path| [name.to_owned(), path.display().to_string()];
        let env_files = self.env_files.iter().map(PathBuf::as_path);
        let allowed = self.allowed.iter().map(PathBuf::as_path);
        let mut words = vec![does.to_owned()];
        words.extend(worker.into_iter().flat_map(with("--worker")));
        words.extend(env_files.flat_map(with("--env-file")));
        words.extend(allowed.flat_map(with("--allow-path")));
        if self.allow_missing_bindings {
            words.push("--allow-missing-bindings".to_owned());
        }
        let words: Vec<String> = words.iter().map(|word| shell::quoted(word)).collect();
        format!("{} {}", program::name(), words.join(" "))
    }

    /// What `${env.NAME}` stands for.
    pub(super) fn variables(&self) -> Result<Variables, CliError> {
        Ok(self.filled_variables()?)
    }

    fn filled_variables(&self) -> Result<Variables, ReadingError> {
        let mut variables = Variables::of_process();
        for file in &self.env_files {
            variables.add_file(file)?;
        }
        Ok(variables)
    }

    /// What is outside of the files.
    fn outside(&self) -> Result<Outside, ReadingError> {
        let variables = self.filled_variables()?;
        if let Some(other) = self.allowed.iter().find(|folder| !folder.is_dir()) {
            return Err(ReadingError::Folder(other.clone()));
        }
        Ok(Outside {
            variables,
            folders: self.allowed.clone(),
            allow_missing_bindings: self.allow_missing_bindings,
            may_be_without_steps: false,
        })
    }

    /// Reads these files of variables too, after those that were given, which win.
    pub(super) fn add_env_files(&mut self, files: Vec<PathBuf>) {
        self.env_files.extend(files);
    }

    /// Whether workers may ask for bindings that are not emulated.
    pub(super) fn allows_missing_bindings(&self) -> bool {
        self.allow_missing_bindings
    }

    /// The files that variables come from.
    pub(super) fn env_files(&self) -> &[PathBuf] {
        &self.env_files
    }

    /// Reads the scenarios at or below the paths; `-` is the one that comes by standard input.
    pub(super) fn load(&self, paths: &[PathBuf]) -> Result<Loaded, CliError> {
        load_with(&self.outside()?, paths)
    }

    /// Reads what a scenario starts from, as if it stood in a file at `path`.
    pub(super) fn load_world(&self, path: &Path, text: &str) -> Result<load::Case, CliError> {
        let outside = Outside {
            may_be_without_steps: true,
            ..self.outside()?
        };
        let cases = outside.load_text(path, text);
        let cases = cases.map_err(|broken| LoadError::Mistakes(broken.mistakes))?;
        cases.into_iter().next().ok_or(CliError::NothingSelected)
    }

    /// Reads one file, or what comes by standard input; it may be without steps.
    pub(super) fn load_description(&self, path: &Path) -> Result<Vec<load::Case>, CliError> {
        let outside = Outside {
            may_be_without_steps: true,
            ..self.outside()?
        };
        let loaded = load_with(&outside, &[path.to_owned()])?;
        Ok(loaded.whole()?)
    }
}

fn load_with(outside: &Outside, paths: &[PathBuf]) -> Result<Loaded, CliError> {
    let (input, files): (Vec<&PathBuf>, Vec<&PathBuf>) = paths
        .iter()
        .partition(|path| path.as_os_str() == STANDARD_INPUT);
    let files: Vec<PathBuf> = files.into_iter().cloned().collect();
    let mut loaded = outside.load(&load::find(&files)?);
    if !input.is_empty() {
        match outside.load_text(Path::new(NAME_OF_INPUT), &standard_input()?) {
            Ok(cases) => loaded.cases.extend(cases),
            Err(broken) => loaded.broken.push(*broken),
        }
    }
    Ok(loaded)
}

fn standard_input() -> Result<String, ReadingError> {
    let wrong = |why: &str| ReadingError::Input(why.to_owned());
    let mut bytes = Vec::new();
    let read = io::stdin().lock().take(LARGEST + 1).read_to_end(&mut bytes);
    read.map_err(|error| ReadingError::Input(error.to_string()))?;
    if bytes.len() as u64 > LARGEST {
        return Err(wrong("it has more than 4 MB"));
    }
    String::from_utf8(bytes).map_err(|_| wrong("it is not UTF-8 text"))
}

/// The mistakes of files, as an error.
pub(super) fn mistakes(broken: Vec<load::Broken>) -> CliError {
    let all = broken.into_iter().flat_map(|broken| broken.mistakes);
    CliError::Load(LoadError::Mistakes(all.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_for_what_was_written_has_the_options_that_it_was_written_with() {
        let reading = Reading {
            env_files: vec![".env".into()],
            allowed: vec!["../my app".into()],
            allow_missing_bindings: true,
        };
        let command = reading.command("run", Some(Path::new("worker/dist")));
        let expected = "run --worker worker/dist --env-file .env --allow-path '../my app' --allow-missing-bindings";
        assert!(command.ends_with(expected), "{command}");
        assert!(
            Reading::default()
                .command("check", None)
                .ends_with(" check"),
            "no option was given"
        );
    }
}
