//! Where in a text a secret stands, by the name in front of it: JSON members, query parameters, form fields, header lines,
//! YAML, attributes of HTML; and secrets that are known by their form.
//!
//! One pass from left to right: what was looked at is not looked at again, but for the tag around a name.

use std::ops::Range;

use super::names::is_secret;

/// How far a tag, or the head of a part of a form, reaches to either side of a name in it.
const TAG: usize = 1024;

/// What stands around names and values: in text, in JSON inside JSON, in URLs, in HTML.
const QUOTES: [&str; 9] = [
    "\\\"", "\"", "'", "`", "%22", "%27", "&quot;", "&#34;", "&#39;",
];

/// Values that are no secret under any name.
const LITERALS: [&str; 4] = ["true", "false", "null", "undefined"];

/// Words before credentials (RFC 9110 §11).
const SCHEMES: [&str; 8] = [
    "bearer",
    "basic",
    "digest",
    "token",
    "apikey",
    "hawk",
    "negotiate",
    "aws4-hmac-sha256",
];

/// The places of secrets, in order, none in another.
pub(super) fn of(text: &str) -> Vec<Range<usize>> {
    let mut places = Vec::new();
    let mut at = 0;
    while at < text.len() {
        if !is_of_name(text.as_bytes()[at]) {
            at += 1;
            continue;
        }
        let end = name_end(text, at);
        let name = &text[at..end];
        at = end;
        let place = if is_jwt(name) {
            Some(end - name.len()..end)
        } else if let Some(credentials) = behind_scheme(text, name, end) {
            Some(credentials)
        } else if is_secret(name) {
            let around = tag(text, end);
            let value = value(text, end).or_else(|| part(text, end - name.len()..end));
            match value {
                Some(value) => Some(value),
                None => {
                    places.extend(around.into_iter().flat_map(|tag| values_in(text, tag)));
                    None
                }
            }
        } else {
            None
        };
        if let Some(place) = place {
            at = at.max(place.end);
            places.push(place);
        }
    }
    places.extend(passwords_of_urls(text));
    places.extend(private_keys(text));
    merged(places)
}

/// The same places, those that touch or overlap as one.
pub(super) fn merged(mut places: Vec<Range<usize>>) -> Vec<Range<usize>> {
    places.retain(|place| !place.is_empty());
    places.sort_by_key(|place| place.start);
    let mut merged: Vec<Range<usize>> = Vec::with_capacity(places.len());
    for place in places {
        match merged.last_mut() {
            Some(last) if place.start <= last.end => last.end = last.end.max(place.end),
            _ => merged.push(place),
        }
    }
    merged
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

fn name_end(text: &str, start: usize) -> usize {
    let rest = text.as_bytes()[start..].iter();
    start + rest.take_while(|byte| is_of_name(**byte)).count()
}

/// Three parts in base64url, of which the first begins an object of JSON.
fn is_jwt(name: &str) -> bool {
    name.starts_with("eyJ") && name.matches('.').count() == 2 && name.len() > 20
}

/// The credentials behind a scheme, as in `Bearer abc`.
fn behind_scheme(text: &str, scheme: &str, end: usize) -> Option<Range<usize>> {
    let is_meant = ["bearer", "basic"]
        .iter()
        .any(|known| scheme.eq_ignore_ascii_case(known));
    let rest = text[end..].strip_prefix(' ').filter(|_| is_meant)?;
    let length = rest
        .bytes()
        .take_while(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(byte))
        .count();
    // Shorter ones are words of a sentence.
    (length >= 8).then_some(end + 1..end + 1 + length)
}

/// The value of the name that ends here.
fn value(text: &str, name_end: usize) -> Option<Range<usize>> {
    let at = skip_closers(text, name_end);
    let at = skip_spaces(text, at);
    let at = separator(text, at)?;
    let start = skip_spaces(text, at);
    let rest = &text[start..];
    if let Some(quote) = QUOTES.iter().find(|quote| rest.starts_with(**quote)) {
        let start = start + quote.len();
        return Some(start..closing(text, start, quote));
    }
    if rest.starts_with(['{', '[']) {
        let end = group_end(text, start);
        return (!is_condition(&text[start..end])).then_some(start..end);
    }
    let end = start + unquoted(rest);
    let word = &text[start..end];
    if word.is_empty() || LITERALS.contains(&word) {
        return None;
    }
    if SCHEMES
        .iter()
        .any(|scheme| word.eq_ignore_ascii_case(scheme))
        || ends_pair(&text[end..])
    {
        let line = text[end..].find(['\n', '"', '\'', '`', '}']);
        return Some(start..line.map_or(text.len(), |line| end + line));
    }
    Some(start..end)
}

/// The content of the part of a form whose name stands here (RFC 7578 §4.2).
fn part(text: &str, name: Range<usize>) -> Option<Range<usize>> {
    let from = text.floor_char_boundary(name.start.saturating_sub(TAG));
    let to = text.floor_char_boundary((name.end + TAG).min(text.len()));
    let before = &text[from..name.start];
    let line = before.rsplit('\n').next().unwrap_or(before);
    let (head, outer) = line.rsplit_once("name=\"")?;
    let field = "content-disposition:";
    let is_meant = head
        .get(..field.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(field));
    // A file is called as it likes.
    if !is_meant || head.ends_with("file") || outer.contains('"') {
        return None;
    }
    let behind = |sign: &str| Some(name.end + text[name.end..to].find(sign)? + sign.len());
    let ends = ["\r\n\r\n", "\n\n"].map(behind);
    let start = ends.into_iter().flatten().min()?;
    let end = text[start..]
        .find("\n--")
        .map_or(text.len(), |at| start + at);
    Some(start..start + text[start..end].trim_end_matches('\r').len())
}

/// Whether a mapping only says whether something is there: `{ present: false }`.
fn is_condition(group: &str) -> bool {
    let inside = group
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'));
    let pair = inside.and_then(|inside| inside.split_once(':'));
    pair.is_some_and(|(_, value)| LITERALS.contains(&value.trim()))
}

/// Whether more of a list of cookies follows: `a=1; b=2`.
fn ends_pair(rest: &str) -> bool {
    rest.strip_prefix("; ").is_some_and(|rest| {
        rest.split([';', '\n', ' '])
            .next()
            .is_some_and(|pair| pair.contains('='))
    })
}

fn skip_closers(text: &str, mut at: usize) -> usize {
    // Names in brackets and quotes, as in `$['a']` and `user[password]`.
    for _ in 0..4 {
        let rest = &text[at..];
        let closers = QUOTES.iter().chain(&["]", "%5D"]);
        match closers
            .into_iter()
            .find(|closer| rest.starts_with(**closer))
        {
            Some(closer) => at += closer.len(),
            None => break,
        }
    }
    at
}

fn skip_spaces(text: &str, at: usize) -> usize {
    let spaces = text[at..].bytes();
    at + spaces
        .take_while(|byte| matches!(byte, b' ' | b'\t'))
        .count()
}

/// Behind the sign that says that a value follows.
fn separator(text: &str, at: usize) -> Option<usize> {
    let rest = &text[at..];
    let separators = ["=>", ":", "=", "%3D", "%3d", "%3A", "%3a"];
    let found = separators.iter().find(|sign| rest.starts_with(**sign))?;
    let behind = &rest[found.len()..];
    // `==` compares, `://` is of a URL.
    (!behind.starts_with('=') && !behind.starts_with("//")).then_some(at + found.len())
}

/// Where the quote closes; the end of the text where it does not.
fn closing(text: &str, start: usize, quote: &str) -> usize {
    let mut at = start;
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with(quote) {
            return at;
        }
        let character = rest.chars().next().map_or(1, char::len_utf8);
        // What is escaped closes nothing, unless the quote itself is the escape of another one.
        at += match rest.as_bytes() {
            [b'\\', b'\\', b'\\', ..] if quote == "\\\"" => 3,
            [b'\\', _, ..] if quote == "\"" || quote == "'" => {
                1 + rest[1..].chars().next().map_or(1, char::len_utf8)
            }
            _ => character,
        };
    }
    text.len()
}

/// Where a list or mapping ends; the end of the text where it does not.
fn group_end(text: &str, start: usize) -> usize {
    let mut depth = 0_usize;
    let mut in_quotes = false;
    let mut is_escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(start) {
        if std::mem::take(&mut is_escaped) {
            continue;
        }
        match byte {
            b'\\' => is_escaped = true,
            b'"' => in_quotes = !in_quotes,
            b'{' | b'[' if !in_quotes => depth += 1,
            b'}' | b']' if !in_quotes => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    text.len()
}

/// How long a value without quotes is.
fn unquoted(rest: &str) -> usize {
    let end = rest.find(|character: char| {
        character.is_whitespace() || character.is_control() || ",;&}])\"'`<>".contains(character)
    });
    let rest = &rest[..end.unwrap_or(rest.len())];
    let encoded = ["%26", "%22", "%27", "%2C", "%7D", "%20"];
    let end = rest
        .match_indices('%')
        .find(|(at, _)| encoded.iter().any(|sign| rest[*at..].starts_with(sign)));
    end.map_or(rest.len(), |(at, _)| at)
}

/// The tag of HTML or XML that has this place in it, or ends with it.
fn tag(text: &str, at: usize) -> Option<Range<usize>> {
    let from = text.floor_char_boundary(at.saturating_sub(TAG));
    let to = text.floor_char_boundary((at + TAG).min(text.len()));
    let start = from + text[from..at].rfind(['<', '>'])?;
    text[start..].starts_with('<').then(|| {
        let end = text[at..to].find(['<', '>']).map_or(to, |end| at + end);
        start..end
    })
}

/// What a tag that names a secret holds: the values of an input or a meta element, or the text behind `<token>`.
fn values_in(text: &str, tag: Range<usize>) -> Vec<Range<usize>> {
    let inside = &text[tag.clone()];
    let mut values: Vec<Range<usize>> = Vec::new();
    for attribute in ["value", "content"] {
        for (at, name) in inside.match_indices(attribute) {
            values.extend(value(text, tag.start + at + name.len()));
        }
    }
    let behind = tag.end + 1;
    let name = inside.strip_prefix('<').unwrap_or_default();
    let element = name
        .split([' ', '\n', '\t', '/'])
        .next()
        .unwrap_or_default();
    if is_secret(element) && !name.starts_with('/') && behind <= text.len() {
        let end = text.get(behind..).and_then(|rest| rest.find('<'));
        values.extend(end.map(|end| behind..behind + end));
    }
    values
}

/// The passwords in `https://user:password@host`.
fn passwords_of_urls(text: &str) -> Vec<Range<usize>> {
    let mut passwords = Vec::new();
    for (at, scheme) in text.match_indices("://") {
        let start = at + scheme.len();
        let rest = &text[start..];
        let end = rest
            .find(|character: char| character.is_whitespace() || "/?#\"'`<>\\".contains(character));
        let authority = &rest[..end.unwrap_or(rest.len())];
        if let Some(host) = authority.rfind('@')
            && let Some(colon) = authority[..host].find(':')
        {
            passwords.push(start + colon + 1..start + host);
        }
    }
    passwords
}

/// What stands between the lines that begin and end a private key.
fn private_keys(text: &str) -> Vec<Range<usize>> {
    let mut keys = Vec::new();
    for (at, begins) in text.match_indices("PRIVATE KEY-----") {
        let start = at + begins.len();
        if text[..at].ends_with("END ") || text[..at].ends_with("END RSA ") {
            continue;
        }
        let end = text[start..].find("-----END");
        keys.push(start..end.map_or(text.len(), |end| start + end));
    }
    keys
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::json(r#"{"access_token":"tok-1","e":"x"}"#, &["tok-1"])]
    #[case::json_with_an_escape(r#"{"password":"a\"b","e":1}"#, &[r#"a\"b"#])]
    #[case::json_in_json(r#""{\"token\":\"tok-1\",\"a\":1}""#, &["tok-1"])]
    #[case::a_number(r#"{"token": 1234, "session": true}"#, &["1234"])]
    #[case::a_list(r#"{"tokens": ["a", "b]"], "c": 1}"#, &[r#"["a", "b]"]"#])]
    #[case::a_condition("{ fp-data: { present: false }, token: { is: t1 } }", &["{ is: t1 }"])]
    #[case::cut(r#"{"token":"tok-1"#, &["tok-1"])]
    #[case::query("https://a.example/x?api_key=k1&page=2&token=t1", &["k1", "t1"])]
    #[case::query_in_a_query("https://a.example/?back=%2Fcb%3Ftoken%3Dt1%26page%3D2", &["t1"])]
    #[case::json_in_a_query("/?q=%7B%22token%22%3A%22t1%22%7D", &["t1"])]
    #[case::form("user[password]=p1&name=n", &["p1"])]
    #[case::header("x-csrf-token: c1", &["c1"])]
    #[case::authorization("authorization: Bearer abc def\nhost: a", &["Bearer abc def"])]
    #[case::authorization_in_json(r#"{"authorization":"Bearer abc"}"#, &["Bearer abc"])]
    #[case::cookies("cookie: a=1; sid=2\nx: y", &["a=1; sid=2"])]
    #[case::yaml("headers: { x-auth-token: h1, authorization: \"Bearer b1\" }", &["h1", "Bearer b1"])]
    #[case::scheme("sent Bearer abcdefgh123 to it", &["abcdefgh123"])]
    #[case::a_sentence("Bearer tokens and basic access are refused", &[])]
    #[case::input(r#"<input type="hidden" name="csrf_token" value="c1">"#, &["c1"])]
    #[case::input_the_other_way(r#"<input value="c1" name="csrf_token">"#, &["c1"])]
    #[case::meta("<meta name=csrf-token content=c1>", &["c1"])]
    #[case::element("<a><Token>t1</Token></a>", &["t1"])]
    #[case::part_of_a_form(
        "--b\r\nContent-Disposition: form-data; name=\"user[password]\"\r\n\r\nhunter2\r\n--b\r\ncontent-disposition: form-data; name=\"a\"\r\n\r\nb\r\n--b--",
        &["hunter2"]
    )]
    #[case::part_with_a_type(
        "content-disposition: form-data; name=\"token\"\nContent-Type: text/plain\n\nt1\nt2\n--b",
        &["t1\nt2"]
    )]
    #[case::part_that_is_cut("Content-Disposition: form-data; name=\"token\"\r\n\r\nt1", &["t1"])]
    #[case::part_with_a_file(
        "Content-Disposition: form-data; name=\"logo\"; filename=\"token\"\r\n\r\nt1\r\n--b",
        &[]
    )]
    #[case::jwt("see eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc_def", &["eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc_def"])]
    #[case::url("postgres://shop:hunter2@db/shop", &["hunter2"])]
    #[case::pem("-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----", &["\nabc\n"])]
    #[case::again("token=[redacted]&x=1", &["[redacted]"])]
    #[case::comparison("if (token == other)", &[])]
    #[case::a_header_that_is_spoken_of("expected the header `x-auth-token` to be there", &[])]
    #[case::nothing("content-type: text/html", &[])]
    #[case::umlauts("tökén=ä password=ü;x", &["ü"])]
    fn secrets_are_found_by_the_name_in_front(#[case] text: &str, #[case] expected: &[&str]) {
        let found: Vec<&str> = of(text).into_iter().map(|place| &text[place]).collect();
        assert_eq!(found, expected);
    }

    proptest! {
        #[test]
        fn every_text_has_places_in_order_at_its_characters(
            text in r#"(token|=|:|"|'|\\|%22|%3D|\{|\[|\]|\}|<|>|value|://|@|ü| |\n|PRIVATE KEY-----|eyJ|\.|;|a){0,40}"#
        ) {
            let mut last = 0;
            for place in of(&text) {
                prop_assert!(place.start >= last && place.end > place.start);
                prop_assert!(text.get(place.clone()).is_some());
                last = place.end;
            }
        }
    }
}
