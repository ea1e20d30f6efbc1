//! Templates of rows: `{name}` stands for a part of the call.

/// Why a text is no template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{{{0}}}` stands for nothing here")]
pub(super) struct UnknownName(pub(super) String);

/// The text with every `{name}` filled in, once: what was filled in is not read again. A brace that names nothing, as in
/// `{}`, is itself.
pub(super) fn fill<'a>(
    text: &str,
    named: impl Fn(&str) -> Option<std::borrow::Cow<'a, str>>,
) -> Result<String, UnknownName> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('{') {
        filled.push_str(before);
        let end = behind.find(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'));
        match end {
            Some(end) if end > 0 && behind[end..].starts_with('}') => {
                let name = &behind[..end];
                let value = named(name).ok_or_else(|| UnknownName(name.to_owned()))?;
                filled.push_str(&value);
                rest = &behind[end + 1..];
            }
            _ => {
                filled.push('{');
                rest = behind;
            }
        }
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("{a}{b}", Ok("1{a}".to_owned()))]
    #[case("x{}y{", Ok("x{}y{".to_owned()))]
    #[case("{\"a\":1}", Ok("{\"a\":1}".to_owned()))]
    #[case("{c}", Err(UnknownName("c".to_owned())))]
    fn names_are_filled_in_once(#[case] text: &str, #[case] expected: Result<String, UnknownName>) {
        let named = |name: &str| match name {
            "a" => Some("1".into()),
            "b" => Some("{a}".into()),
            _ => None,
        };
        assert_eq!(fill(text, named), expected);
    }
}
