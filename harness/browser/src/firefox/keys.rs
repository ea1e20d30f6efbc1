//! Keys as WebDriver names them: characters, and code points of a private area for those that type nothing.

use serde_json::{Value, json};

use crate::input::KeyPress;

/// Keys with a name, and their code points (WebDriver, "Keyboard actions").
const NAMED: [(&str, char); 31] = [
    ("Enter", '\u{E006}'),
    ("Tab", '\u{E004}'),
    ("Escape", '\u{E00C}'),
    ("Backspace", '\u{E003}'),
    ("Delete", '\u{E017}'),
    ("Insert", '\u{E016}'),
    ("Space", ' '),
    ("ArrowLeft", '\u{E012}'),
    ("ArrowUp", '\u{E013}'),
    ("ArrowRight", '\u{E014}'),
    ("ArrowDown", '\u{E015}'),
    ("Home", '\u{E011}'),
    ("End", '\u{E010}'),
    ("PageUp", '\u{E00E}'),
    ("PageDown", '\u{E00F}'),
    ("Pause", '\u{E00B}'),
    ("Shift", '\u{E008}'),
    ("Control", '\u{E009}'),
    ("Alt", '\u{E00A}'),
    ("F1", '\u{E031}'),
    ("F2", '\u{E032}'),
    ("F3", '\u{E033}'),
    ("F4", '\u{E034}'),
    ("F5", '\u{E035}'),
    ("F6", '\u{E036}'),
    ("F7", '\u{E037}'),
    ("F8", '\u{E038}'),
    ("F9", '\u{E039}'),
    ("F10", '\u{E03A}'),
    ("F11", '\u{E03B}'),
    ("F12", '\u{E03C}'),
];

/// Keys that are held, by the bits that a key press has for them.
const HELD: [(u32, char); 4] = [
    (1, '\u{E00A}'),
    (2, '\u{E009}'),
    (4, '\u{E03D}'),
    (8, '\u{E008}'),
];

/// The actions that press a key, with those that are held meanwhile; nothing for a key that WebDriver has no name for.
pub(super) fn actions(key: &KeyPress) -> Option<Vec<Value>> {
    let named = NAMED.iter().find(|(name, _)| *name == key.code);
    let value = match named {
        Some((_, value)) => *value,
        None => single(&key.key)?,
    };
    let held = HELD.iter().filter(|(bit, _)| key.modifiers & bit != 0);
    let held: Vec<char> = held.map(|(_, value)| *value).collect();
    let action = |kind: &str, value: char| json!({ "type": kind, "value": value });
    let down = held.iter().chain([&value]);
    let up = [&value].into_iter().chain(held.iter().rev());
    let down = down.map(|value| action("keyDown", *value));
    let actions = down.chain(up.map(|value| action("keyUp", *value)));
    Some(actions.collect())
}

fn single(key: &str) -> Option<char> {
    let mut characters = key.chars();
    let first = characters.next()?;
    characters.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pressed(key: &str) -> Option<Vec<String>> {
        let actions = actions(&key.parse().unwrap())?.into_iter();
        let text = |action: Value| {
            let kind = action["type"].as_str().unwrap().to_owned();
            let value = action["value"].as_str().unwrap().chars().next().unwrap();
            format!("{kind} {}", value.escape_unicode())
        };
        Some(actions.map(text).collect())
    }

    #[test]
    fn a_key_is_pressed_while_others_are_held() {
        let down_and_up = ["keyDown \\u{61}", "keyUp \\u{61}"];
        assert_eq!(pressed("a").unwrap(), down_and_up);
        let expected = [
            "keyDown \\u{e009}",
            "keyDown \\u{e006}",
            "keyUp \\u{e006}",
            "keyUp \\u{e009}",
        ];
        assert_eq!(pressed("Control+Enter").unwrap(), expected);
    }

    #[test]
    fn a_key_without_a_name_in_web_driver_is_not_pressed() {
        assert_eq!(pressed("CapsLock"), None);
    }
}
