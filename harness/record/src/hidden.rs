//! Secrets of what was seen: none stands in what is written. In its place stands a variable of the environment,
//! `${env.PASSWORD}`, and anyone who runs the scenario sets it.

use edgeproof_ground::redaction::{
    REDACTED, Redactor, Telling, is_secret, is_secret_variable, secrets_in,
};
use indexmap::IndexMap;

/// The longest name of a variable.
const LONGEST: usize = 40;

/// The variables that stand in place of secrets, in the order they were found.
#[derive(Clone, Debug, Default)]
pub struct Hidden {
    /// Their values, by name.
    variables: IndexMap<String, String>,
    /// Values that are hidden wherever they occur, and the variable of each.
    telling: Vec<(String, String)>,
}

impl Hidden {
    /// The names of the variables that have to be set for the scenario to do what was seen.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.variables.keys().map(String::as_str)
    }

    /// The variables with their values, for anyone who runs the scenario right after it was recorded. They are secrets.
    pub fn values(&self) -> impl Iterator<Item = (&str, &str)> {
        let variables = self.variables.iter();
        variables.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// What stands for a secret: a variable that is called as the field or header was.
    pub(crate) fn secret(&mut self, called: &str, value: &str) -> String {
        if value.is_empty() {
            return String::new();
        }
        let wanted = variable(called);
        // Of those that were hidden before nobody knows whether they are the same.
        let is_same =
            |name: &str, known: &str| known == value && (value != REDACTED || name == wanted);
        let known = self
            .variables
            .iter()
            .find(|(name, known)| is_same(name, known));
        let name = match known {
            Some((name, _)) => name.clone(),
            None => self.add(wanted, value),
        };
        format!("${{env.{name}}}")
    }

    fn add(&mut self, wanted: String, value: &str) -> String {
        let mut names = std::iter::once(wanted.clone())
            .chain((2..).map(|number: u32| format!("{wanted}_{number}")));
        let name = names
            .find(|name| !self.variables.contains_key(name))
            .unwrap_or(wanted);
        self.variables.insert(name.clone(), value.to_owned());
        let mut telling = Telling::default();
        telling.found(value);
        if telling.texts().any(|text| text == value) {
            self.telling.push((value.to_owned(), name.clone()));
        }
        name
    }

    /// A text as it is written into a scenario: variables in place of the secrets in it, and nothing taken for a variable
    /// that is none.
    pub(crate) fn text(&mut self, text: &str) -> String {
        let start = text.as_ptr() as usize;
        let mut places: Vec<(usize, usize)> = secrets_in(text)
            // What stands there is a part of the text.
            .map(|secret| (secret.as_ptr() as usize - start, secret.len()))
            .collect();
        for (value, _) in &self.telling {
            places.extend(
                text.match_indices(value)
                    .map(|(at, value)| (at, value.len())),
            );
        }
        places.sort_unstable();
        let (mut written, mut end) = (String::new(), 0);
        for (mut at, length) in places {
            let close = at + length;
            if at < end {
                continue;
            }
            // A dollar before a variable would mean that it is none.
            while at > end && text[..at].ends_with('$') {
                at -= 1;
            }
            written += &escaped(&text[end..at]);
            written += &self.secret(called(&text[..at]), &text[at..close]);
            end = close;
        }
        written + &escaped(&text[end..])
    }

    /// Sees to it that a value is hidden wherever it occurs, where it is one of the name's kind.
    pub(crate) fn learn(&mut self, called: &str, value: &str) {
        if is_secret(called) {
            self.secret(called, value);
        }
    }

    /// What hides them in messages.
    pub fn redactor(&self) -> Redactor {
        Redactor::knowing(self.telling.iter().map(|(value, _)| value.as_str()))
    }
}

/// A text that nothing is filled into.
pub(crate) fn escaped(text: &str) -> String {
    text.replace("${", "$${")
}

/// The name before a value, as in `token=`, `"password": "` or `Bearer `.
fn called(before: &str) -> &str {
    let is_of_name = |character: char| character.is_alphanumeric() || "-_".contains(character);
    let before = before.trim_end_matches(|character: char| !is_of_name(character));
    let start = before.rfind(|character: char| !is_of_name(character));
    let start = start.map_or(0, |at| {
        at + before[at..].chars().next().map_or(1, char::len_utf8)
    });
    &before[start..]
}

/// The name of the variable for a secret of this name: one that is hidden from every output.
fn variable(called: &str) -> String {
    let mut name = String::new();
    for character in called.chars() {
        match character {
            'a'..='z' | 'A'..='Z' | '0'..='9' => name.push(character.to_ascii_uppercase()),
            _ if !name.is_empty() && !name.ends_with('_') => name.push('_'),
            _ => {}
        }
        if name.len() >= LONGEST {
            break;
        }
    }
    let name = name.trim_end_matches('_');
    let name = match name.starts_with(|first: char| first.is_ascii_alphabetic()) {
        true => name.to_owned(),
        false if name.is_empty() => "SECRET".to_owned(),
        false => format!("SECRET_{name}"),
    };
    // A second one has a number behind it. PWD, which every shell sets to something else, is not known with one either.
    match is_secret_variable(&format!("{name}_2")) {
        true => name,
        false => format!("{name}_SECRET"),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("password", "PASSWORD")]
    #[case("user[new-password]", "USER_NEW_PASSWORD")]
    #[case("cc-number", "CC_NUMBER_SECRET")]
    #[case("pwd", "PWD_SECRET")]
    #[case("pw", "PW_SECRET")]
    #[case("sid", "SID_SECRET")]
    #[case("", "SECRET")]
    #[case("1token", "SECRET_1TOKEN")]
    #[case("пароль", "SECRET")]
    fn a_variable_is_called_as_its_field_and_known_as_a_secret(
        #[case] called: &str,
        #[case] expected: &str,
    ) {
        assert_eq!(variable(called), expected);
        assert!(is_secret_variable(expected));
        assert!(is_secret_variable(&format!("{expected}_2")));
    }

    #[rstest]
    #[case(
        "https://a.example/?token=t-1234567",
        "https://a.example/?token=${env.TOKEN}"
    )]
    #[case(r#"{"password":"hunter-22"}"#, r#"{"password":"${env.PASSWORD}"}"#)]
    #[case("costs ${5}", "costs $${5}")]
    #[case("nothing", "nothing")]
    #[case("x correct horse y", "x ${env.PASSWORD} y")]
    #[case("x $correct horse y", "x ${env.X_SECRET} y")]
    fn variables_stand_in_place_of_secrets(#[case] text: &str, #[case] expected: &str) {
        let mut hidden = Hidden::default();
        if text.contains("horse") {
            hidden.secret("password", "correct horse");
        }
        assert_eq!(hidden.text(text), expected);
    }

    #[test]
    fn one_secret_is_one_variable_and_two_of_a_name_are_two() {
        let mut hidden = Hidden::default();
        assert_eq!(hidden.secret("password", "one-1-one"), "${env.PASSWORD}");
        assert_eq!(hidden.secret("again", "one-1-one"), "${env.PASSWORD}");
        assert_eq!(hidden.secret("password", "two-2-two"), "${env.PASSWORD_2}");
        assert_eq!(
            hidden.names().collect::<Vec<_>>(),
            ["PASSWORD", "PASSWORD_2"]
        );
    }
}
