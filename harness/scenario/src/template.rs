//! `${name}` in texts: values of the matrix and of the environment while reading, captured values while running.
//!
//! `$${` is a literal `${`. It stays as it is while values are filled in, and is written out last ([`finish`]).

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

/// The same, for the last time: what is written as `$${` is `${` from now on.
pub fn finish(text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> String {
    let mut finished = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, name, after)) = next(rest) {
        finished.push_str(&literal(before));
        match lookup(name) {
            Some(value) => finished.push_str(&value),
            None => {
                finished.push_str("${");
                finished.push_str(name);
                finished.push('}');
            }
        }
        rest = after;
    }
    finished.push_str(&literal(rest));
    finished
}

/// A value that is filled in and must stay what it is, whatever is filled in later.
pub fn escape(value: &str) -> String {
    value.replace("${", "$${")
}

fn literal(text: &str) -> String {
    text.replace("$${", "${")
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
    let mut from = 0;
    loop {
        let start = from + text[from..].find("${")?;
        if text[..start].ends_with('$') {
            from = start + 2;
            continue;
        }
        let inner = &text[start + 2..];
        let end = inner.find('}')?;
        return Some((&text[..start], &inner[..end], &inner[end + 1..]));
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn known(name: &str) -> Option<String> {
        match name {
            "x" => Some("1".to_owned()),
            "y" => Some("2".to_owned()),
            _ => None,
        }
    }

    #[rstest]
    #[case("a ${x} b ${x}${y}", "a 1 b 12")]
    #[case("${unknown} ${x}", "${unknown} 1")]
    #[case("${x", "${x")]
    #[case("$x }", "$x }")]
    #[case("$${x} ${x}", "$${x} 1")]
    fn known_names_are_filled_in(#[case] text: &str, #[case] filled: &str) {
        assert_eq!(fill(text, &known), filled);
    }

    #[rstest]
    #[case("$${jndi:ldap://a/${x}}", "${jndi:ldap://a/1}")]
    #[case("$${{7*7}} ${y}", "${{7*7}} 2")]
    #[case("$${x}$${x}", "${x}${x}")]
    #[case("$$ $x", "$$ $x")]
    fn a_doubled_dollar_writes_a_literal_reference(#[case] text: &str, #[case] finished: &str) {
        assert_eq!(finish(text, &known), finished);
    }

    #[rstest]
    #[case("${x}", Some("x"))]
    #[case("a${x}", None)]
    #[case("${x}${y}", None)]
    #[case("$${x}", None)]
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

        #[test]
        fn what_is_escaped_comes_out_as_it_was(text in "[a${}x]{0,20}") {
            // Dollars in front of a reference are the one thing that has no escape.
            proptest::prop_assume!(!text.contains("$${"));
            proptest::prop_assert_eq!(finish(&escape(&text), &known), text);
        }
    }
}
