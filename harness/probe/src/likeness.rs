//! Whether the origin ran a request as the protected call: its response, compared with those to the plain call and to
//! nonsense.

use std::collections::BTreeSet;

use http::{HeaderMap, StatusCode, header};

/// How much of the words of two bodies has to be the same.
const ALIKE: f64 = 0.8;

/// Bytes of a body that are compared.
const COMPARED: usize = 64 * 1024;

/// From here on a word is a token.
const LONGEST_WORD: usize = 24;

/// Headers that say nothing of what ran, and those of an edge.
const ABOUT_THE_MESSAGE: [&str; 12] = [
    "server",
    "cf-ray",
    "cf-cache-status",
    "date",
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "etag",
    "last-modified",
    "age",
    "vary",
];

/// What a response says of what ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    status: StatusCode,
    content_type: String,
    location: Vec<String>,
    headers: BTreeSet<String>,
    /// None for a response to HEAD.
    words: Option<BTreeSet<String>>,
}

/// What is known of whether the origin ran a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Likeness {
    /// Its response is that to the plain call.
    Plain,
    /// Its response is another one.
    Other,
    /// Its response is that to the plain call, but so is that to nonsense.
    Both,
}

impl Sample {
    /// Of a response to a request for `path`. What names the path says nothing, nor do numbers.
    pub fn of(status: StatusCode, headers: &HeaderMap, body: Option<&[u8]>, path: &str) -> Self {
        let text = |name| {
            headers
                .get(name)
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default()
        };
        let content_type = text(header::CONTENT_TYPE)
            .split(';')
            .next()
            .unwrap_or_default();
        let location = text(header::LOCATION);
        let location = location.split_once("://").map_or(location, |(_, rest)| {
            rest.find('/').map_or("/", |at| &rest[at..])
        });
        let names = headers.keys().map(header::HeaderName::as_str);
        Self {
            status,
            content_type: content_type.trim().to_ascii_lowercase(),
            location: words(location.split(['?', '#']).next().unwrap_or_default()).collect(),
            headers: names
                .filter(|name| !ABOUT_THE_MESSAGE.contains(name))
                .map(str::to_owned)
                .collect(),
            words: body.map(|body| {
                let body = String::from_utf8_lossy(&body[..body.len().min(COMPARED)]);
                words(&without_path(&body, path)).collect()
            }),
        }
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Whether it has a header.
    pub fn has(&self, name: &header::HeaderName) -> bool {
        self.headers.contains(name.as_str())
    }

    /// Whether two responses come from the same code.
    fn is_like(&self, other: &Self) -> bool {
        let bodies = match (&self.words, &other.words) {
            (Some(own), Some(others)) => {
                self.content_type == other.content_type && shared(own, others) >= ALIKE
            }
            // A response to HEAD has no body, and often no word of what it would be.
            _ => true,
        };
        self.status == other.status
            && self.location == other.location
            && bodies
            && shared(&self.headers, &other.headers) >= ALIKE / 2.0
    }
}

/// What a response is like.
pub fn likeness(sample: &Sample, plain: &[Sample], nonsense: &[Sample]) -> Likeness {
    let is_like = |others: &[Sample]| others.iter().any(|other| sample.is_like(other));
    match (is_like(plain), is_like(nonsense)) {
        (true, false) => Likeness::Plain,
        (true, true) => Likeness::Both,
        (false, _) => Likeness::Other,
    }
}

/// The words without ids, times and tokens, which differ from one response to the next: what has a digit anywhere, although
/// a piece of it may have none, and what is longer than words are.
fn words(text: &str) -> impl Iterator<Item = String> {
    let is_of_token = |letter: char| letter.is_alphanumeric() || "_-+/=.".contains(letter);
    text.split(move |letter: char| !is_of_token(letter))
        .filter(|token| !token.contains(|letter: char| letter.is_ascii_digit()))
        .flat_map(|token| token.split(|letter: char| !letter.is_alphanumeric()))
        .filter(|word| !word.is_empty() && word.len() < LONGEST_WORD)
        .map(str::to_lowercase)
}

/// Pages of errors repeat what was asked for.
fn without_path(body: &str, path: &str) -> String {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    match path.len() > 1 {
        true => body.replace(path, ""),
        false => body.to_owned(),
    }
}

/// The share that two sets have in common.
fn shared(own: &BTreeSet<String>, others: &BTreeSet<String>) -> f64 {
    let all = own.union(others).count();
    match all {
        0 => 1.0,
        all => own.intersection(others).count() as f64 / all as f64,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn sample(status: u16, head: &[(&'static str, &str)], body: Option<&str>) -> Sample {
        let mut headers = HeaderMap::new();
        for (name, value) in head {
            headers.append(*name, value.parse().unwrap());
        }
        let status = StatusCode::from_u16(status).unwrap();
        Sample::of(status, &headers, body.map(str::as_bytes), "/API/create")
    }

    const JSON: (&str, &str) = ("content-type", "application/json; charset=utf-8");

    #[rstest]
    #[case::the_same(sample(201, &[JSON], Some("{\"account\":\"a-7\"}")), Likeness::Plain)]
    #[case::another_id(sample(201, &[JSON, ("etag", "x")], Some("{\"account\":\"a-9000\"}")), Likeness::Plain)]
    #[case::the_second_time(sample(409, &[JSON], Some("{\"error\":\"taken\"}")), Likeness::Plain)]
    #[case::without_a_body(sample(201, &[JSON], None), Likeness::Plain)]
    #[case::another_status(sample(200, &[JSON], Some("{\"account\":\"a-7\"}")), Likeness::Other)]
    #[case::another_body(sample(201, &[JSON], Some("{\"list\":[],\"of\":\"things\"}")), Likeness::Other)]
    #[case::not_found(sample(404, &[("content-type", "text/html")], Some("Cannot POST /API/create")), Likeness::Other)]
    #[case::elsewhere(sample(303, &[("location", "/login")], Some("")), Likeness::Other)]
    fn a_response_tells_what_ran(#[case] sample: Sample, #[case] expected: Likeness) {
        let plain = [
            self::sample(201, &[JSON], Some("{\"account\":\"a-1\"}")),
            self::sample(409, &[JSON], Some("{\"error\":\"taken\"}")),
        ];
        let nonsense = [self::sample(
            404,
            &[("content-type", "text/html")],
            Some("Cannot POST /API/create"),
        )];
        assert_eq!(likeness(&sample, &plain, &nonsense), expected);
    }

    #[rstest]
    #[case::a_piece_without_a_digit("0.kzyptqcozn")]
    #[case::no_digit_at_all("QmFzZVNpeHRlbkxldHRlcnNPZkFU")]
    #[case::of_three_parts("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.abc-def_ghi")]
    fn a_token_says_nothing(#[case] token: &str) {
        let of = |token: &str| {
            sample(
                200,
                &[JSON],
                Some(&format!("{{\"token\":\"{token}\",\"n\":7}}")),
            )
        };
        let plain = [of("0.k7z")];
        assert_eq!(likeness(&of(token), &plain, &[]), Likeness::Plain);
    }

    #[test]
    fn an_origin_that_answers_everything_alike_tells_nothing() {
        let one = [sample(
            200,
            &[("content-type", "text/html")],
            Some("<p>the app</p>"),
        )];
        assert_eq!(likeness(&one[0], &one, &one), Likeness::Both);
    }
}
