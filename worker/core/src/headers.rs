//! Header fields as the decisions see them, and the edits they ask for.

use std::ops::Range;

/// Header fields in the order they came. Names compare without case.
///
/// All of them stand in one text: a request has some twenty fields, and two allocations each would cost more than
/// everything that is decided by them.
#[derive(Clone, Debug, Default)]
pub struct Headers {
    text: String,
    fields: Vec<Field>,
}

/// Where a field stands in the text.
#[derive(Clone, Debug)]
struct Field {
    name: Range<usize>,
    value: Range<usize>,
}

impl Headers {
    /// Reads `name: value` lines, the form in which the shell hands headers over in one call. A field holds no line
    /// break, so lines cannot be confused; a line without a colon is left out.
    pub fn from_lines(lines: impl Into<String>) -> Self {
        let mut text: String = lines.into();
        let mut fields = Vec::with_capacity(24);
        let mut start = 0;
        for line in text.split('\n') {
            // A name holds no colon.
            if let Some((name, value)) = line.split_once(':') {
                let end = start + line.len();
                let value = value.strip_prefix(' ').unwrap_or(value);
                fields.push(Field {
                    name: start..start + name.len(),
                    value: end - value.len()..end,
                });
            }
            start += line.len() + 1;
        }
        for field in &fields {
            if let Some(name) = text.get_mut(field.name.clone()) {
                name.make_ascii_lowercase();
            }
        }
        Self { text, fields }
    }

    /// The first value of a field.
    pub fn get(&self, name: &str) -> Option<&str> {
        // A request is asked a hundred times: nearly every other name is told by its length.
        let fields = self.fields.iter();
        fields
            .filter(|field| field.name.len() == name.len())
            .find(|field| self.text[field.name.clone()].eq_ignore_ascii_case(name))
            .map(|field| &self.text[field.value.clone()])
    }

    /// Whether the field is there.
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Every field, the name in lower case.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().map(|field| {
            (
                &self.text[field.name.clone()],
                &self.text[field.value.clone()],
            )
        })
    }

    fn push(&mut self, name: &str, value: &str) {
        let start = self.text.len();
        self.text.push_str(name);
        self.text[start..].make_ascii_lowercase();
        let middle = self.text.len();
        self.text.push_str(value);
        self.fields.push(Field {
            name: start..middle,
            value: middle..self.text.len(),
        });
    }
}

impl PartialEq for Headers {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Headers {}

impl<Name: AsRef<str>, Value: AsRef<str>> FromIterator<(Name, Value)> for Headers {
    fn from_iter<Fields: IntoIterator<Item = (Name, Value)>>(fields: Fields) -> Self {
        let mut headers = Self::default();
        for (name, value) in fields {
            headers.push(name.as_ref(), value.as_ref());
        }
        headers
    }
}

/// One change to the header fields of a message that passes through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeaderEdit {
    /// Every value of the field goes.
    Remove(String),
    /// The field has this value and no other.
    Set(String, String),
    /// The value joins those the field has.
    Append(String, String),
}

impl HeaderEdit {
    /// An edit that removes a field.
    pub fn remove(name: impl Into<String>) -> Self {
        Self::Remove(name.into())
    }

    /// An edit that sets a field.
    pub fn set(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self::Set(name.into(), value.into())
    }

    /// An edit that appends to a field.
    pub fn append(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self::Append(name.into(), value.into())
    }

    /// Whether the runtime takes it: a name or value it refuses would be an exception in the middle of a response.
    pub fn is_legal(&self) -> bool {
        match self {
            Self::Remove(name) => is_name(name),
            Self::Set(name, value) | Self::Append(name, value) => is_name(name) && is_value(value),
        }
    }
}

/// Edits as lines, the form in which they cross to JavaScript: `-name`, `=name: value` and `+name: value`. What the runtime
/// would refuse is left out, so no value holds a line break.
pub fn lines(edits: &[HeaderEdit]) -> String {
    let mut lines = String::new();
    for edit in edits.iter().filter(|edit| edit.is_legal()) {
        if !lines.is_empty() {
            lines.push('\n');
        }
        match edit {
            HeaderEdit::Remove(name) => lines.extend(["-", name]),
            HeaderEdit::Set(name, value) => lines.extend(["=", name, ": ", value]),
            HeaderEdit::Append(name, value) => lines.extend(["+", name, ": ", value]),
        }
    }
    lines
}

/// The edits of such lines; what is none is left out.
pub fn edits(lines: &str) -> impl Iterator<Item = HeaderEdit> {
    lines.split('\n').filter_map(|line| {
        if let Some(name) = line.strip_prefix('-') {
            return Some(HeaderEdit::remove(name));
        }
        let (field, value) = line.split_once(": ")?;
        match (field.strip_prefix('='), field.strip_prefix('+')) {
            (Some(name), _) => Some(HeaderEdit::set(name, value)),
            (_, Some(name)) => Some(HeaderEdit::append(name, value)),
            _ => None,
        }
    })
}

/// Whether the text is a field name (RFC 9110 §5.1: a token).
pub fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// Whether the text can be a field value: no line break, no NUL, nothing outside Latin-1, which is what the Fetch
/// standard takes.
pub fn is_value(text: &str) -> bool {
    text.chars()
        .all(|character| !matches!(character, '\0' | '\r' | '\n') && u32::from(character) <= 0xff)
}

/// The members of a comma-separated list, trimmed, empty ones left out.
pub fn list(value: &str) -> impl Iterator<Item = &str> {
    value
        .split(',')
        .map(str::trim)
        .filter(|member| !member.is_empty())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn names_compare_without_case_and_values_keep_theirs() {
        let headers =
            Headers::from_lines("Content-Type: Text/HTML\nx-colon: a: b\nempty: \nbroken");
        assert_eq!(headers.get("content-TYPE"), Some("Text/HTML"));
        assert_eq!(headers.get("X-Colon"), Some("a: b"));
        assert_eq!(headers.get("empty"), Some(""));
        assert!(!headers.contains("broken"));
    }

    #[rstest]
    #[case(HeaderEdit::set("x-a", "b"), true)]
    #[case(HeaderEdit::set("x-a", "caf\u{e9}"), true)]
    #[case(HeaderEdit::set("x a", "b"), false)]
    #[case(HeaderEdit::set("", "b"), false)]
    #[case(HeaderEdit::append("x-a", "b\r\nset-cookie: c"), false)]
    #[case(HeaderEdit::append("x-a", "\u{20ac}"), false)]
    #[case(HeaderEdit::remove("x:a"), false)]
    fn an_edit_the_runtime_refuses_is_known_beforehand(
        #[case] edit: HeaderEdit,
        #[case] legal: bool,
    ) {
        assert_eq!(edit.is_legal(), legal);
    }

    #[test]
    fn a_list_has_no_empty_members() {
        assert_eq!(list(" a,, B ,c").collect::<Vec<_>>(), ["a", "B", "c"]);
    }

    #[test]
    fn edits_cross_as_lines_and_come_back() {
        let whole = [
            HeaderEdit::remove("x-a"),
            HeaderEdit::set("x-b", "c: d"),
            HeaderEdit::append("x-c", ""),
            HeaderEdit::set("x-d", "caf\u{e9}"),
        ];
        let refused = HeaderEdit::set("x-e", "a\n=x-f: b");
        let text = lines(&[&whole[..], &[refused]].concat());
        assert_eq!(edits(&text).collect::<Vec<_>>(), whole);
        assert_eq!(edits("").count(), 0);
        assert_eq!(edits("=x\nx: y\n").count(), 0);
    }
}
