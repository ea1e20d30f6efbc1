//! Paths in canonical form: what the servers behind the edge make of the many spellings of one path.
//!
//! Servers unescape once or twice, take `\` for `/`, drop parameters (`;…`), blanks and what nobody sees, merge slashes,
//! resolve dot segments before or after all that, and compare without case. No server does all of it and nobody knows which
//! one stands behind the worker, so a path has several canonical forms, and any of them can be the one that counts.
//!
//! The page's script does the same (`browser/src/canonical.ts`); `fixtures/near-misses.json` is the table both are tested
//! with.

use std::borrow::Cow;

use icu_normalizer::uts46::Uts46MapperBorrowed;
use serde::Serialize;

/// How often a path is unescaped at most.
const LEVELS: usize = 2;

/// Extensions of files that a server runs: without being asked for the extension, with any path behind them, and where they
/// are called `index` for their folder.
const SCRIPTS: [&str; 10] = [
    "php", "htm", "html", "shtml", "asp", "aspx", "jsp", "jspx", "cgi", "do",
];

/// The canonical forms of a path, as it came and unescaped, with dot segments and without. None ends with a slash; the
/// root is empty.
pub(crate) fn forms(path: &str) -> Vec<String> {
    let mut forms = Vec::with_capacity(1);
    let mut bytes = Cow::Borrowed(path.as_bytes());
    for level in 0..=LEVELS {
        let text = folded(&bytes);
        let form = joined(&text, false);
        if form.contains("/..") {
            forms.push(joined(&text, true));
        }
        forms.push(form);
        if level < LEVELS {
            match unescaped(&bytes) {
                Some(unescaped) => bytes = Cow::Owned(unescaped),
                None => break,
            }
        }
    }
    forms
}

/// The bytes with their escapes undone; none where there are none.
fn unescaped(bytes: &[u8]) -> Option<Vec<u8>> {
    let digit = |at: usize| char::from(*bytes.get(at)?).to_digit(16);
    let escape = |at: usize| u8::try_from(digit(at + 1)? * 16 + digit(at + 2)?).ok();
    let mut unescaped = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escaped = (byte == b'%').then(|| escape(at)).flatten();
        unescaped.push(escaped.unwrap_or(byte));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    (unescaped.len() < bytes.len()).then_some(unescaped)
}

/// The text of a path without case, without what is not seen, and without forms that only look different.
fn folded(bytes: &[u8]) -> String {
    if bytes.is_ascii() {
        return bytes
            .iter()
            .filter(|byte| byte.is_ascii_graphic())
            .map(|byte| char::from(byte.to_ascii_lowercase()))
            .collect();
    }
    folded_unicode(&String::from_utf8_lossy(bytes))
}

/// The same of a text that few paths are: no part of the function that every request runs.
#[inline(never)]
fn folded_unicode(text: &str) -> String {
    let seen = text.chars().filter(|&character| is_seen(character));
    // What browsers do to the names of hosts: compatibility forms are folded (NFKC), and so is case.
    let mapper = Uts46MapperBorrowed::new();
    let mapped = mapper.map_normalize(seen);
    mapped.filter(|&character| is_seen(character)).collect()
}

/// Whether a character is neither a blank, nor a control character, nor invisible (Unicode's `Default_Ignorable_Code_Point`).
fn is_seen(character: char) -> bool {
    let is_ignorable = matches!(character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}');
    // The replacement character stands for bytes that are no UTF-8.
    !(is_ignorable
        || character.is_control()
        || character.is_whitespace()
        || character == char::REPLACEMENT_CHARACTER)
}

/// The segments of a path, cleaned, behind a slash each.
fn joined(text: &str, resolves_dots: bool) -> String {
    let mut path = String::with_capacity(text.len());
    for segment in text.split(['/', '\\']) {
        let segment = segment.split(';').next().unwrap_or_default();
        let name = segment.trim_end_matches('.');
        match segment {
            ".." if resolves_dots => path.truncate(path.rfind('/').unwrap_or(0)),
            ".." => path.push_str("/.."),
            _ if name.is_empty() => {}
            _ => {
                path.push('/');
                path.push_str(name);
            }
        }
    }
    path
}

/// The path of a pattern in canonical form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Shape {
    path: String,
    /// The same path without a file name or an extension that many servers do not ask for.
    #[serde(skip_serializing_if = "Option::is_none")]
    bare: Option<String>,
    #[serde(skip)]
    is_prefix: bool,
}

/// Where a path lies, seen from a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// Behind the pattern's own path, where its wildcard stands.
    Below,
    /// It is the pattern's own path.
    Own,
}

impl Shape {
    /// The shape of a pattern's path. `drops_extension`: a call without its extension is the same call, whatever that is.
    pub(crate) fn new(path: &str, is_prefix: bool, drops_extension: bool) -> Self {
        // The wildcard stays while the path is brought into its form: `/.*` has no dot segment.
        let star = if is_prefix { "*" } else { "" };
        let mut path = forms(&format!("{path}{star}")).pop().unwrap_or_default();
        if is_prefix {
            // Where the wildcard stood among parameters it is gone with them.
            path = path
                .strip_suffix('*')
                .map_or(format!("{path}/"), str::to_owned);
        }
        let own = path.trim_end_matches('/');
        let (folder, name) = own.rsplit_once('/').unwrap_or(("", own));
        let bare = match name.split_once('.') {
            Some(_) if is_index(name) => Some(folder.to_owned()),
            Some((stem, extension))
                if SCRIPTS.contains(&extension)
                    || drops_extension && starts_with_letter(extension) =>
            {
                Some(format!("{folder}/{stem}"))
            }
            _ => None,
        };
        Self {
            bare,
            path,
            is_prefix,
        }
    }

    /// The place of a path, given in its canonical forms.
    pub(crate) fn place(&self, forms: &[String]) -> Option<Place> {
        forms.iter().filter_map(|form| self.place_of(form)).max()
    }

    fn place_of(&self, form: &str) -> Option<Place> {
        if self.bare.as_deref() == Some(form) {
            return Some(Place::Own);
        }
        let own = self.path.trim_end_matches('/');
        let rest = form.strip_prefix(own)?;
        let is_behind_script = self.bare.is_some() && rest.starts_with('/');
        if is_behind_script || means_nothing(rest) {
            return Some(Place::Own);
        }
        let is_below = self.is_prefix && (own == self.path || rest.starts_with('/'));
        is_below.then_some(Place::Below)
    }
}

/// Whether servers run the same call when this stands behind its path: nothing, the file for a folder, an extension, what
/// would be a query or a fragment, or mere punctuation.
fn means_nothing(rest: &str) -> bool {
    let mut characters = rest.chars();
    match characters.next() {
        None | Some('?' | '#') => true,
        Some('/') => is_index(characters.as_str()),
        Some('.') => starts_with_letter(characters.as_str()) || !rest.contains('/'),
        Some(_) => !rest
            .chars()
            .any(|character| matches!(character, '/' | '-' | '_') || character.is_alphanumeric()),
    }
}

fn starts_with_letter(text: &str) -> bool {
    text.starts_with(|character: char| character.is_ascii_alphabetic())
}

/// Whether a file of this name is run for its folder, whatever path stands behind it.
fn is_index(path: &str) -> bool {
    let name = path.split('/').next().unwrap_or_default();
    name.strip_prefix("index.")
        .is_some_and(|extension| SCRIPTS.contains(&extension))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;
    use url::Url;

    use super::*;
    use crate::pattern::Pattern;

    const TABLE: &str = include_str!("../../../fixtures/near-misses.json");

    fn path(written: &str) -> String {
        let url = Url::parse(&format!("https://shop.example{written}")).unwrap();
        url.path().to_owned()
    }

    #[test]
    fn the_table_of_near_misses_holds() {
        let table: Value = serde_json::from_str(TABLE).unwrap();
        for row in table["patterns"].as_array().unwrap() {
            let name = row["pattern"].as_str().unwrap();
            let pattern = Pattern::parse(name).unwrap();
            let (own, is_prefix) = pattern.path();
            let shape = Shape::new(own, is_prefix, row["method"] != "GET");
            assert_eq!(
                serde_json::to_value(&shape).unwrap(),
                row["shape"],
                "{name}"
            );
            for (column, expected) in [
                ("own", Some(Place::Own)),
                ("below", Some(Place::Below)),
                ("neither", None),
            ] {
                for case in row[column].as_array().unwrap() {
                    let written = case["path"].as_str().unwrap();
                    let found = shape.place(&forms(&path(written)));
                    assert_eq!(found, expected, "{name}: {written} ({})", case["why"]);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn a_path_is_a_near_miss_of_itself(written in "(/[a-zA-Z0-9._~%;\\\\@:+-]{0,8}){1,4}") {
            let path = path(&written);
            // Where the wildcard stands behind a dot, the dot is no part of the name.
            for is_prefix in [false, !path.ends_with('.')] {
                prop_assert!(Shape::new(&path, is_prefix, true).place(&forms(&path)).is_some(), "{}", path);
            }
        }

        #[test]
        fn one_more_escape_changes_nothing(written in "(/[a-z0-9-]{1,6}){1,3}", seed: u64) {
            let escaped: String = written.bytes().enumerate().map(|(at, byte)| {
                if byte != b'/' && seed >> (at % 64) & 1 == 1 { format!("%{byte:02x}") } else { char::from(byte).to_string() }
            }).collect();
            let shape = Shape::new(&written, false, true);
            prop_assert_eq!(shape.place(&forms(&escaped)), Some(Place::Own));
            prop_assert_eq!(shape.place(&forms(&escaped.replace('%', "%25"))), Some(Place::Own));
        }

        #[test]
        fn no_path_makes_it_fail(written in ".{0,40}") {
            for form in forms(&written) {
                prop_assert!(!form.ends_with('/'));
            }
        }

        #[test]
        fn a_longer_word_is_another_path(word in "[a-z]{1,8}", more in "[a-z0-9_-]{1,8}") {
            let shape = Shape::new(&format!("/api/{word}"), false, true);
            prop_assert_eq!(shape.place(&forms(&format!("/api/{word}{more}"))), None);
        }
    }
}
