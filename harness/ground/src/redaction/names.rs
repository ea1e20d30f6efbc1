//! Which names say that what stands behind them is secret: of headers, query parameters, form fields, JSON members.

/// Names longer than this are no names but text.
const LONGEST: usize = 128;

/// Words in a name, without what separates them (`api-key` and `apiKey` are the same).
const WORDS: [&str; 20] = [
    "token",
    "secret",
    "session",
    "csrf",
    "xsrf",
    "jwt",
    "assertion",
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "apikey",
    "accesskey",
    "privatekey",
    "signingkey",
    "signature",
    "credential",
    "cookie",
    // The signals of a visitor's browser, and what the platform says of them.
    "fpdata",
    "fpagentdata",
];

/// Names that are too short to be looked for in others.
const WHOLE: [&str; 5] = ["pass", "pw", "pwd", "sid", "sig"];

/// Further words in the names of environment variables, which are few and chosen with care.
const WORDS_OF_VARIABLES: [&str; 3] = ["key", "pass", "private"];

/// Whether the value of this header, parameter, field or member is secret.
pub fn is_secret(name: &str) -> bool {
    let Some(plain) = plain(name) else {
        return false;
    };
    WORDS.iter().any(|word| plain.contains(word))
        || WHOLE.contains(&plain.as_str())
        || authenticates(&plain)
}

/// Whether the value of this environment variable is secret.
pub fn is_secret_variable(name: &str) -> bool {
    is_secret(name)
        || plain(name)
            .is_some_and(|plain| WORDS_OF_VARIABLES.iter().any(|word| plain.contains(word)))
}

/// `auth` as in `x-auth` and `authorization`, other than in `author` and in `www-authenticate`, which asks for it.
fn authenticates(plain: &str) -> bool {
    plain.match_indices("auth").any(|(at, word)| {
        let rest = &plain[at + word.len()..];
        let is_other = rest.starts_with("or") && !rest.starts_with("ori")
            || rest.starts_with("ority")
            || rest.starts_with("ent");
        !is_other
    })
}

/// The name in small letters and digits; nothing where it cannot be a name.
fn plain(name: &str) -> Option<String> {
    (name.len() <= LONGEST).then(|| {
        name.chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|character| character.to_ascii_lowercase())
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("x-auth-token", true)]
    #[case("X-CSRF-Token", true)]
    #[case("cf-access-jwt-assertion", true)]
    #[case("apikey", true)]
    #[case("x-api-key", true)]
    #[case("apiKey", true)]
    #[case("AWSAccessKeyId", true)]
    #[case("X-Amz-Signature", true)]
    #[case("user[password]", true)]
    #[case("PHPSESSID", false)]
    #[case("sid", true)]
    #[case("pw", true)]
    #[case("pass", true)]
    #[case("passenger", false)]
    #[case("inside", false)]
    #[case("Authorization", true)]
    #[case("authentication", false)]
    #[case("oauth", true)]
    #[case("x-auth", true)]
    #[case("author", false)]
    #[case(":authority", false)]
    #[case("www-authenticate", false)]
    #[case("set-cookie", true)]
    #[case("fp-data", true)]
    #[case("fp-agent-data", true)]
    #[case("fp-event-id", false)]
    #[case("content-type", false)]
    #[case("key", false)]
    fn a_name_says_whether_its_value_is_secret(#[case] name: &str, #[case] expected: bool) {
        assert_eq!(is_secret(name), expected);
    }

    #[rstest]
    #[case("STRIPE_KEY", true)]
    #[case("DB_PASS", true)]
    #[case("NODE_ENV", false)]
    fn variables_have_further_words(#[case] name: &str, #[case] expected: bool) {
        assert_eq!(is_secret_variable(name), expected);
    }
}
