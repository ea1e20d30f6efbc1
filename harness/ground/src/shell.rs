//! Words of a command line as a shell reads them.

/// The word so that a shell takes it for one word as it is.
pub fn quoted(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./:=,@%+".contains(&byte);
    if !word.is_empty() && word.bytes().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("flow::blocked", "flow::blocked")]
    #[case("a b", "'a b'")]
    #[case("it's $HOME", "'it'\\''s $HOME'")]
    #[case("a[b=*]", "'a[b=*]'")]
    #[case("", "''")]
    fn a_word_is_quoted_where_a_shell_would_change_it(#[case] word: &str, #[case] expected: &str) {
        assert_eq!(quoted(word), expected);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn a_shell_gives_the_word_back(word in "[ -~äü\n\t]{0,20}") {
            let printed = std::process::Command::new("sh")
                .args(["-c", &format!("printf %s {}", quoted(&word))])
                .output()
                .unwrap();
            prop_assert_eq!(String::from_utf8(printed.stdout).unwrap(), word);
        }
    }
}
