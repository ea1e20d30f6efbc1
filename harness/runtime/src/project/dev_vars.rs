//! `.dev.vars` and `.env`: secrets for development, in the form of dotenv. Which of the files count, wrangler 4.164 says
//! (`getVarsForDev`), but for the variables of the machine, which it takes when it is told to: a run is the same everywhere.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// How deep values may name others.
const DEPTH: usize = 8;

/// Bytes of a value in which others stand.
const VALUE: usize = 64 * 1024;

/// The files of a folder that count.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Files {
    /// One `.dev.vars`: that of the environment, or else the general one.
    DevVars(PathBuf),
    /// Without it, every `.env` that is there, the most specific last.
    Env(Vec<PathBuf>),
}

impl Files {
    pub(super) fn of(folder: &Path, environment: Option<&str>) -> Self {
        let is_there = |name: String| Some(folder.join(name)).filter(|path| path.is_file());
        let of_environment = |name: &str| Some(format!("{name}.{}", environment?));
        let dev_vars = [of_environment(".dev.vars"), Some(".dev.vars".to_owned())];
        if let Some(path) = dev_vars.into_iter().flatten().find_map(is_there) {
            return Self::DevVars(path);
        }
        let env = [Some(".env".to_owned()), Some(".env.local".to_owned())].into_iter();
        let specific =
            of_environment(".env").map(|name| [Some(name.clone()), Some(name + ".local")]);
        let env = env.chain(specific.into_iter().flatten());
        Self::Env(env.flatten().filter_map(is_there).collect())
    }

    pub(super) fn paths(&self) -> &[PathBuf] {
        match self {
            Self::DevVars(path) => std::slice::from_ref(path),
            Self::Env(paths) => paths,
        }
    }

    /// The values as they are meant: in `.env`, `${NAME}` stands for another.
    pub(super) fn meant(&self, values: BTreeMap<String, String>) -> BTreeMap<String, String> {
        match self {
            Self::DevVars(_) => values,
            Self::Env(_) => values
                .iter()
                .map(|(name, value)| (name.clone(), expanded(value, &values, DEPTH)))
                .collect(),
        }
    }
}

/// A value with what `$NAME`, `${NAME}` and `${NAME:-default}` stand for; `\\$` is a `$`.
fn expanded(value: &str, values: &BTreeMap<String, String>, depth: usize) -> String {
    let mut whole = String::new();
    let mut rest = value;
    while let Some((before, behind)) = rest.split_once('$') {
        if let Some(before) = before.strip_suffix('\\') {
            whole.push_str(before);
            whole.push('$');
            rest = behind;
            continue;
        }
        whole.push_str(before);
        let (name, default, further) = reference(behind);
        if name.is_empty() {
            whole.push('$');
        } else if depth > 0 && whole.len() < VALUE {
            let meant = values.get(name).map(String::as_str).unwrap_or_default();
            let meant = if meant.is_empty() { default } else { meant };
            whole.push_str(&expanded(meant, values, depth - 1));
        }
        rest = further;
    }
    whole.push_str(rest);
    whole
}

/// The name behind a `$`, what stands for it where it has no value, and what is behind both.
fn reference(text: &str) -> (&str, &str, &str) {
    let is_part = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let name_of = |text: &str| {
        text.find(|character| !is_part(character))
            .unwrap_or(text.len())
    };
    if let Some(braced) = text.strip_prefix('{')
        && let Some((inside, behind)) = braced.split_once('}')
    {
        let (name, default) = inside.split_once(":-").unwrap_or((inside, ""));
        if name_of(name) == name.len() {
            return (name, default, behind);
        }
    }
    let end = name_of(text);
    (&text[..end], "", &text[end..])
}

/// Reads `NAME=value` lines. A value in double quotes may span lines and has `\n` for a line break; one in single quotes or
/// backticks is as it stands; one without quotes ends before a `#`.
pub(super) fn read(text: &str) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (line, below) = rest.split_once('\n').unwrap_or((rest, ""));
        rest = below;
        let statement = line.trim_start();
        let statement = statement.strip_prefix("export ").unwrap_or(statement);
        let Some((name, value)) = statement.split_once('=') else {
            continue;
        };
        let name = name.trim();
        if name.is_empty() || name.starts_with('#') || name.contains(char::is_whitespace) {
            continue;
        }
        let value = value.trim_start();
        let quote = value
            .chars()
            .next()
            .filter(|first| matches!(first, '"' | '\'' | '`'));
        let value = match quote.and_then(|quote| quoted(quote, value, below)) {
            Some((value, left)) => {
                rest = left;
                value
            }
            None => value
                .split('#')
                .next()
                .unwrap_or_default()
                .trim()
                .to_owned(),
        };
        variables.insert(name.to_owned(), value);
    }
    variables
}

/// A value between quotes, which may go on below, and what is behind its line; nothing where the quote is never closed.
fn quoted<'a>(quote: char, line: &str, below: &'a str) -> Option<(String, &'a str)> {
    let opened = line.get(1..)?;
    let (mut value, rest) = match opened.split_once(quote) {
        Some((value, _)) => (value.to_owned(), below),
        None => {
            let (further, behind) = below.split_once(quote)?;
            let rest = behind.split_once('\n').map_or("", |(_, rest)| rest);
            (format!("{opened}\n{further}"), rest)
        }
    };
    if quote == '"' {
        value = value.replace("\\n", "\n").replace("\\r", "\r");
    }
    Some((value, rest))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::that_of_the_environment(&[".dev.vars", ".dev.vars.staging", ".env"], Some("staging"), &[".dev.vars.staging"])]
    #[case::the_general_one(&[".dev.vars", ".dev.vars.staging", ".env"], Some("beta"), &[".dev.vars"])]
    #[case::without_an_environment(&[".dev.vars.staging", ".env", ".env.staging"], None, &[".env"])]
    #[case::the_most_specific_last(
        &[".env", ".env.local", ".env.staging", ".env.staging.local"],
        Some("staging"),
        &[".env", ".env.local", ".env.staging", ".env.staging.local"]
    )]
    #[case::none(&[], Some("staging"), &[])]
    fn the_files_that_count_are_those_of_wrangler(
        #[case] there: &[&str],
        #[case] environment: Option<&str>,
        #[case] expected: &[&str],
    ) {
        let folder = tempfile::tempdir().unwrap();
        for name in there {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let files = Files::of(folder.path(), environment);
        let names = files.paths().iter();
        let names = names.map(|path| path.file_name().unwrap().to_str().unwrap());
        assert_eq!(names.collect::<Vec<_>>(), expected);
    }

    #[rstest]
    #[case("A=1\nKEY=${A}-$A-${B:-none}", "1-1-none")]
    #[case("KEY=\\$A $ 5 ${ x", "$A $ 5 ${ x")]
    #[case("A=$KEY.\nKEY=$A.", ".........")]
    fn a_value_names_others(#[case] text: &str, #[case] expected: &str) {
        let files = Files::Env(Vec::new());
        assert_eq!(files.meant(read(text))["KEY"], expected);
        let plain = Files::DevVars(PathBuf::new());
        assert_eq!(plain.meant(read(text)), read(text));
    }

    #[rstest]
    #[case("KEY=value", "value")]
    #[case("export KEY = value # a remark", "value")]
    #[case("# KEY=other\nKEY='a # b'\r\n", "a # b")]
    #[case("KEY=\"first\\nsecond\"", "first\nsecond")]
    #[case("KEY=\"first\nsecond\" # a remark\nOTHER=x", "first\nsecond")]
    #[case("KEY=it's $FINE", "it's $FINE")]
    #[case("KEY=\"never closed", "\"never closed")]
    #[case("KEY=", "")]
    fn values_are_read_as_dotenv_does(#[case] text: &str, #[case] value: &str) {
        assert_eq!(read(text)["KEY"], value);
    }

    #[test]
    fn what_is_no_variable_is_skipped() {
        assert_eq!(read("nothing\n=x\na b=c\n\n").len(), 0);
        assert_eq!(read("A=\"1\n2\"\nB=3").len(), 2);
    }
}
