//! Keys by the names that UI Events gives them: `Enter`, `Control+a`.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::Deserialize;

/// Keys with a name: the name, the code of Windows for it, and what it types.
const NAMED: [(&str, u32, Option<&str>); 33] = [
    ("Enter", 13, Some("\r")),
    ("Tab", 9, None),
    ("Escape", 27, None),
    ("Backspace", 8, None),
    ("Delete", 46, None),
    ("Insert", 45, None),
    ("Space", 32, Some(" ")),
    ("ArrowLeft", 37, None),
    ("ArrowUp", 38, None),
    ("ArrowRight", 39, None),
    ("ArrowDown", 40, None),
    ("Home", 36, None),
    ("End", 35, None),
    ("PageUp", 33, None),
    ("PageDown", 34, None),
    ("ContextMenu", 93, None),
    ("Pause", 19, None),
    ("CapsLock", 20, None),
    ("Shift", 16, None),
    ("Control", 17, None),
    ("Alt", 18, None),
    ("F1", 112, None),
    ("F2", 113, None),
    ("F3", 114, None),
    ("F4", 115, None),
    ("F5", 116, None),
    ("F6", 117, None),
    ("F7", 118, None),
    ("F8", 119, None),
    ("F9", 120, None),
    ("F10", 121, None),
    ("F11", 122, None),
    ("F12", 123, None),
];

/// Keys that are held while another one is pressed, with their bit in the DevTools protocol.
const MODIFIERS: [(&str, u32); 4] = [("Alt", 1), ("Control", 2), ("Meta", 4), ("Shift", 8)];

/// A key, and those that are held meanwhile: `Enter`, `a`, `Shift+Tab`, `Control+a`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub struct KeyPress {
    /// As it was written.
    written: String,
    /// What `KeyboardEvent.key` says.
    pub(crate) key: String,
    /// What `KeyboardEvent.code` says.
    pub(crate) code: String,
    /// What `KeyboardEvent.keyCode` says.
    pub(crate) key_code: u32,
    /// What it types, if it types anything.
    pub(crate) text: Option<String>,
    /// The held keys, as bits.
    pub(crate) modifiers: u32,
}

/// Why a key could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a key; write a character or a name such as `Enter`, `Tab`, `Escape`, `ArrowDown` or `F5`, with `Control+`, `Shift+`, `Alt+` or `Meta+` before it if that is held"
)]
pub struct KeyPressError(String);

impl KeyPress {
    /// The key that removes what is selected.
    pub(crate) fn delete() -> Self {
        Self {
            written: "Delete".to_owned(),
            key: "Delete".to_owned(),
            code: "Delete".to_owned(),
            key_code: 46,
            text: None,
            modifiers: 0,
        }
    }
}

impl FromStr for KeyPress {
    type Err = KeyPressError;

    fn from_str(written: &str) -> Result<Self, KeyPressError> {
        let wrong = || KeyPressError(written.to_owned());
        // The key itself may be `+`.
        let split = written
            .char_indices()
            .rev()
            .skip(1)
            .find(|(_, c)| *c == '+');
        let (held, name) = match split {
            Some((at, _)) => (Some(&written[..at]), &written[at + 1..]),
            None => (None, written),
        };
        let mut modifiers = 0;
        for word in held.into_iter().flat_map(|held| held.split('+')) {
            let modifier = MODIFIERS.iter().find(|(name, _)| *name == word);
            modifiers |= modifier.ok_or_else(wrong)?.1;
        }
        let types = modifiers & !MODIFIERS[3].1 == 0;
        let of_name = NAMED.iter().find(|(known, ..)| *known == name);
        let mut characters = name.chars();
        let (key, code, key_code, text) = match (of_name, characters.next(), characters.next()) {
            (Some(&(name, key_code, text)), ..) => {
                let key = if name == "Space" { " " } else { name };
                (
                    key.to_owned(),
                    name.to_owned(),
                    key_code,
                    text.map(str::to_owned),
                )
            }
            (None, Some(character), None) => of_character(character),
            _ => return Err(wrong()),
        };
        Ok(Self {
            written: written.to_owned(),
            key,
            code,
            key_code,
            text: text.filter(|_| types),
            modifiers,
        })
    }
}

/// The key that a character stands on, on a keyboard of the United States where it is a letter or a digit.
fn of_character(character: char) -> (String, String, u32, Option<String>) {
    let upper = character.to_ascii_uppercase();
    let code = match upper {
        'A'..='Z' => format!("Key{upper}"),
        '0'..='9' => format!("Digit{upper}"),
        _ => String::new(),
    };
    let key_code = if code.is_empty() { 0 } else { u32::from(upper) };
    let text = character.to_string();
    (text.clone(), code, key_code, Some(text))
}

impl TryFrom<String> for KeyPress {
    type Error = KeyPressError;

    fn try_from(text: String) -> Result<Self, KeyPressError> {
        text.parse()
    }
}

impl fmt::Display for KeyPress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("Enter", "Enter", "Enter", 13, Some("\r"), 0)]
    #[case("Space", " ", "Space", 32, Some(" "), 0)]
    #[case("a", "a", "KeyA", 65, Some("a"), 0)]
    #[case("7", "7", "Digit7", 55, Some("7"), 0)]
    #[case("é", "é", "", 0, Some("é"), 0)]
    #[case("+", "+", "", 0, Some("+"), 0)]
    #[case::nothing_is_typed_while_control_is_held("Control+a", "a", "KeyA", 65, None, 2)]
    #[case("Control++", "+", "", 0, None, 2)]
    #[case("Shift+Tab", "Tab", "Tab", 9, None, 8)]
    #[case("Control+Shift+K", "K", "KeyK", 75, None, 10)]
    fn a_key_is_read(
        #[case] written: &str,
        #[case] key: &str,
        #[case] code: &str,
        #[case] key_code: u32,
        #[case] text: Option<&str>,
        #[case] modifiers: u32,
    ) {
        let press: KeyPress = written.parse().unwrap();
        assert_eq!(
            (press.key.as_str(), press.code.as_str(), press.key_code),
            (key, code, key_code)
        );
        assert_eq!((press.text.as_deref(), press.modifiers), (text, modifiers));
    }

    #[rstest]
    #[case("")]
    #[case("Entr")]
    #[case("Ctrl+a")]
    #[case("Control+")]
    #[case("+Enter")]
    fn what_is_no_key_is_a_mistake(#[case] written: &str) {
        let read = written.parse::<KeyPress>();
        assert_eq!(read, Err(KeyPressError(written.to_owned())));
    }
}
