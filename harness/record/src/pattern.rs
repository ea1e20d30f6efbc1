//! Patterns of addresses that another run has too.

use url::Url;

/// An address without its fragment, which no server sees.
pub(crate) fn bare(url: &str) -> String {
    url.split('#').next().unwrap_or(url).to_owned()
}

/// A pattern of an address: with its host where that is not the one of the page, and stars where another run has other
/// values: ids in the path, and queries.
pub(crate) fn pattern(url: &str, page: &str) -> String {
    let Ok(parsed) = Url::parse(url) else {
        return url.to_owned();
    };
    let host = |url: &Url| url.host_str().unwrap_or_default().to_owned();
    let of_page = Url::parse(page).ok();
    let path = parsed
        .path()
        .split('/')
        .map(|segment| match is_id(segment) {
            true => "*",
            false => segment,
        });
    let path = path.collect::<Vec<_>>().join("/");
    let query = parsed.query().map_or("", |_| "*");
    match of_page {
        Some(page) if host(&page) != host(&parsed) => format!("{}{path}{query}", host(&parsed)),
        _ => format!("{path}{query}"),
    }
}

/// Whether a part of a path is likely to be another one in the next run.
pub(crate) fn is_id(segment: &str) -> bool {
    let digits = segment.bytes().filter(u8::is_ascii_digit).count();
    let is_number = segment.len() >= 3 && digits == segment.len();
    let is_hex = |byte: u8| byte.is_ascii_hexdigit() || byte == b'-';
    let is_hash = segment.len() >= 8 && digits >= 2 && segment.bytes().all(is_hex);
    let is_drawn = segment.len() >= 16
        && digits >= 2
        && segment
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        && segment.bytes().any(|byte| byte.is_ascii_uppercase());
    is_number || is_hash || is_drawn
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(
        "https://shop.example/api/login",
        "https://shop.example/login",
        "/api/login"
    )]
    #[case(
        "https://api.shop.example/login?a=b",
        "https://shop.example/",
        "api.shop.example/login*"
    )]
    #[case(
        "https://shop.example/orders/1024/pay",
        "https://shop.example/",
        "/orders/*/pay"
    )]
    #[case(
        "https://shop.example/o/3f2b8c1e-7d44-4c1b-9a55-0b1c2d3e4f50",
        "https://shop.example/",
        "/o/*"
    )]
    #[case(
        "https://shop.example/v1/create-account",
        "https://shop.example/",
        "/v1/create-account"
    )]
    #[case("https://shop.example/beefcafe", "https://shop.example/", "/beefcafe")]
    fn a_call_is_named_by_what_stays(
        #[case] url: &str,
        #[case] page: &str,
        #[case] expected: &str,
    ) {
        assert_eq!(pattern(url, page), expected);
    }
}
