//! The URLs whose requests the node sees.

use std::iter;

use crate::{
    canonical::Shape,
    guard::{Forms, other_paths},
    pattern::Pattern,
    request::RequestHead,
};

/// Patterns of URLs, each with its path in canonical form: whoever spells a URL so that no pattern matches would otherwise
/// choose not to be inspected.
#[derive(Clone, Debug)]
pub struct Routes(Vec<(Pattern, Shape)>);

impl Routes {
    pub(super) fn new(patterns: Vec<Pattern>) -> Self {
        let shaped = patterns.into_iter().map(|pattern| {
            let (path, is_prefix) = pattern.path();
            let shape = Shape::new(path, is_prefix, true);
            (pattern, shape)
        });
        Self(shaped.collect())
    }

    /// Whether one of them names the URL of a request, or one that the origin may take it for.
    pub(super) fn matches(&self, head: &RequestHead) -> bool {
        let mut patterns = self.0.iter();
        patterns.any(|(pattern, _)| pattern.matches(&head.url)) || self.is_near(head)
    }

    fn is_near(&self, head: &RequestHead) -> bool {
        iter::once(&head.url).chain(&other_paths(head)).any(|url| {
            let mut forms = Forms::new(url);
            let mut patterns = self.0.iter();
            patterns.any(|(pattern, shape)| forms.place(pattern, shape).is_some())
        })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::headers::Headers;

    #[rstest]
    #[case("https://shop.example/api/x", "", true)]
    #[case("https://shop.example/API/x", "", true)]
    #[case("https://shop.example//api//x", "", true)]
    #[case("https://shop.example/%61pi/x", "", true)]
    #[case("https://shop.example/static/..%2fapi/x", "", true)]
    #[case("https://shop.example/login?next=/", "", true)]
    #[case("https://shop.example/login.php/x", "", true)]
    #[case("https://shop.example./login/", "", true)]
    #[case("https://shop.example/", "x-original-url: /api/x", true)]
    #[case("https://shop.example/apis", "", false)]
    #[case("https://shop.example/login-help", "", false)]
    #[case("https://shop.example/static/api/x", "", false)]
    #[case("https://other.example/api/x", "", false)]
    #[case("https://shop.example/", "x-original-url: /about", false)]
    fn a_url_is_routed_however_it_is_spelled(
        #[case] url: &str,
        #[case] lines: &str,
        #[case] expected: bool,
    ) {
        let patterns = ["shop.example/api/*", "shop.example/login.php"];
        let patterns = patterns.map(|pattern| Pattern::parse(pattern).unwrap());
        let head = RequestHead::new("GET", url, Headers::from_lines(lines)).unwrap();
        assert_eq!(Routes::new(patterns.to_vec()).matches(&head), expected);
    }
}
