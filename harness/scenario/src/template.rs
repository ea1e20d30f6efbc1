//! `${name}` in texts: values of the matrix while reading, captured values while running.

/// Replaces every `${name}` for which `lookup` knows a value; others stay as they are.
pub fn fill(text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, name, after)) = next(rest) {
        filled.push_str(before);
        match lookup(name) {
            Some(value) => filled.push_str(&value),
            None => {
                filled.push_str("${");
                filled.push_str(name);
                filled.push('}');
            }
        }
        rest = after;
    }
    filled.push_str(rest);
    filled
}

/// The names that a text refers to.
pub fn names(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut rest = text;
    while let Some((_, name, after)) = next(rest) {
        names.push(name);
        rest = after;
    }
    names
}

/// The name, where the text is nothing but one `${name}`.
pub fn whole(text: &str) -> Option<&str> {
    match next(text) {
        Some(("", name, "")) => Some(name),
        _ => None,
    }
}

/// What stands before the first reference, its name, and what stands behind it.
fn next(text: &str) -> Option<(&str, &str, &str)> {
    let start = text.find("${")?;
    let inner = &text[start + 2..];
    let end = inner.find('}')?;
    Some((&text[..start], &inner[..end], &inner[end + 1..]))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("a ${x} b ${x}${y}", "a 1 b 12")]
    #[case("${unknown} ${x}", "${unknown} 1")]
    #[case("${x", "${x")]
    #[case("$x }", "$x }")]
    fn known_names_are_filled_in(#[case] text: &str, #[case] filled: &str) {
        let lookup = |name: &str| match name {
            "x" => Some("1".to_owned()),
            "y" => Some("2".to_owned()),
            _ => None,
        };
        assert_eq!(fill(text, &lookup), filled);
    }

    #[rstest]
    #[case("${x}", Some("x"))]
    #[case("a${x}", None)]
    #[case("${x}${y}", None)]
    fn a_text_may_be_one_reference_and_nothing_else(
        #[case] text: &str,
        #[case] name: Option<&str>,
    ) {
        assert_eq!(whole(text), name);
    }

    proptest::proptest! {
        #[test]
        fn filling_with_nothing_known_changes_nothing(text in ".{0,40}") {
            proptest::prop_assert_eq!(fill(&text, &|_| None), text);
        }
    }
}
