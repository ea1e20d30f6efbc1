//! Text from outside, as a terminal and a file of XML can take it.

/// The text with symbols in place of control characters: a terminal would obey them, XML forbids them. Ends of lines and
/// tabs stay.
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\r' if characters.peek() == Some(&'\n') => {}
            other => shown.push(symbol(other)),
        }
    }
    shown
}

/// The same in one line: ends of lines are symbols too.
pub fn in_one_line(text: &str) -> String {
    visible(text).replace('\n', "␊")
}

fn symbol(character: char) -> char {
    match character {
        '\t' | '\n' => character,
        '\u{0}'..='\u{1f}' => char::from_u32(0x2400 + u32::from(character)).unwrap_or('\u{fffd}'),
        '\u{7f}' => '\u{2421}',
        control if control.is_control() => '\u{fffd}',
        // They turn the direction of what follows, or end lines.
        '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        // No characters at all (Unicode, section 23.7).
        '\u{fdd0}'..='\u{fdef}' => '\u{fffd}',
        other if u32::from(other) & 0xfffe == 0xfffe => '\u{fffd}',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("\u{1b}[31mred\u{1b}[0m\u{7}", "␛[31mred␛[0m␇")]
    #[case("\u{9b}31m", "\u{fffd}31m")]
    #[case("a\r\nb\tc\rd\u{7f}", "a\nb\tc␍d␡")]
    #[case(
        "\u{fffe}hello \u{ffff}\u{1ffff}\u{fdd0}",
        "\u{fffd}hello \u{fffd}\u{fffd}\u{fffd}"
    )]
    #[case("\u{202e}txt.exe", "\u{fffd}txt.exe")]
    #[case("Zürich — 東京 👍", "Zürich — 東京 👍")]
    fn control_characters_are_symbols(#[case] text: &str, #[case] expected: &str) {
        let shown = visible(text);
        assert_eq!(shown, expected);
        assert_eq!(visible(&shown), shown);
    }

    #[test]
    fn one_line_stays_one_line() {
        assert_eq!(in_one_line("a\nb"), "a␊b");
    }
}
