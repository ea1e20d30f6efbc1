//! `.dev.vars`: secrets for development, in the form of dotenv.

use std::collections::BTreeMap;

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
