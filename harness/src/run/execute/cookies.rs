//! The cookies of visitors without a browser.

use cookie_store::CookieStore;
use http::{HeaderMap, HeaderValue, header};
use url::Url;

/// What one visitor keeps.
#[derive(Debug, Default)]
pub(super) struct Jar(CookieStore);

impl Jar {
    /// Keeps the cookies of an answer that came from this URL.
    pub(super) fn keep(&mut self, headers: &HeaderMap, url: &str) {
        let Ok(url) = Url::parse(url) else {
            return;
        };
        for cookie in headers.get_all(header::SET_COOKIE) {
            if let Ok(cookie) = cookie.to_str() {
                // A cookie that its site may not set is not kept, as in a browser.
                let _ = self.0.parse(cookie, &url);
            }
        }
    }

    /// Adds the cookies that belong to this URL, unless the request states its own.
    pub(super) fn add_to(&self, headers: &mut HeaderMap, url: &str) {
        let Ok(url) = Url::parse(url) else {
            return;
        };
        let cookies: Vec<String> = self
            .0
            .get_request_values(&url)
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        if !cookies.is_empty()
            && !headers.contains_key(header::COOKIE)
            && let Ok(value) = HeaderValue::try_from(cookies.join("; "))
        {
            headers.insert(header::COOKIE, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(jar: &Jar, url: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        jar.add_to(&mut headers, url);
        let cookie = headers.get(header::COOKIE)?;
        Some(cookie.to_str().unwrap().to_owned())
    }

    #[test]
    fn a_cookie_goes_back_to_its_own_site_only() {
        let mut jar = Jar::default();
        let mut answer = HeaderMap::new();
        answer.append(
            header::SET_COOKIE,
            HeaderValue::from_static("a=1; Path=/; Secure"),
        );
        answer.append(
            header::SET_COOKIE,
            HeaderValue::from_static("b=2; Path=/api"),
        );
        jar.keep(&answer, "https://shop.example/");
        assert_eq!(sent(&jar, "https://shop.example/x").as_deref(), Some("a=1"));
        assert_eq!(sent(&jar, "http://shop.example/x"), None);
        assert_eq!(sent(&jar, "https://other.example/"), None);
        let mut both: Vec<String> = sent(&jar, "https://shop.example/api/x")
            .unwrap()
            .split("; ")
            .map(str::to_owned)
            .collect();
        both.sort();
        assert_eq!(both, ["a=1", "b=2"]);
    }

    #[test]
    fn a_request_that_states_its_cookies_keeps_them() {
        let mut jar = Jar::default();
        let answer = HeaderMap::from_iter([(header::SET_COOKIE, HeaderValue::from_static("a=1"))]);
        jar.keep(&answer, "https://shop.example/");
        let mut headers =
            HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_static("own=1"))]);
        jar.add_to(&mut headers, "https://shop.example/");
        assert_eq!(headers[header::COOKIE], "own=1");
    }
}
