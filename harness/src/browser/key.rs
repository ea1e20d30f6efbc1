//! The keys a visitor can press.

use headless_chrome::protocol::cdp::Input;

/// A key as the browser is told of it.
pub(super) struct Key {
    name: String,
    code: String,
    /// What it types, where it types something.
    text: Option<String>,
    /// The number of the key on a Windows keyboard.
    number: u32,
}

impl Key {
    /// The key of this name, or the one that types this character.
    pub(super) fn named(name: &str) -> Option<Self> {
        let (code, text, number) = match name {
            "Enter" => ("Enter", Some("\r"), 13),
            "Tab" => ("Tab", None, 9),
            "Escape" => ("Escape", None, 27),
            "Space" => ("Space", Some(" "), 32),
            _ => {
                let mut characters = name.chars();
                let character = characters.next().filter(|_| characters.next().is_none())?;
                return Some(Self {
                    name: name.to_owned(),
                    code: String::new(),
                    text: Some(name.to_owned()),
                    number: character.to_ascii_uppercase().into(),
                });
            }
        };
        Some(Self {
            name: text.filter(|text| *text == " ").unwrap_or(name).to_owned(),
            code: code.to_owned(),
            text: text.map(str::to_owned),
            number,
        })
    }

    pub(super) fn event(&self, kind: Input::DispatchKeyEventTypeOption) -> Input::DispatchKeyEvent {
        Input::DispatchKeyEvent {
            Type: kind,
            key: Some(self.name.clone()),
            text: self.text.clone(),
            code: Some(self.code.clone()),
            windows_virtual_key_code: Some(self.number),
            native_virtual_key_code: Some(self.number),
            modifiers: None,
            timestamp: None,
            unmodified_text: None,
            key_identifier: None,
            auto_repeat: None,
            is_keypad: None,
            is_system_key: None,
            location: None,
            commands: None,
        }
    }
}
