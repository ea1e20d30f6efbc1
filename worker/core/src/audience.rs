//! Who reads the response to a request: whether it may be shown as a page.

use crate::{headers::HeaderEdit, request::RequestHead};

/// Who reads the response to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// A browser that shows it in a window or in a frame, now or after a prefetch.
    Navigation,
    /// A script of a page, or a program. It may make a page of a whole document, but not of less.
    Script,
    /// A page that loads it as a script, an image and the like. It never becomes a page.
    Resource,
}

/// What browsers load for a page and never show as one (values of `Sec-Fetch-Dest`).
pub(crate) const RESOURCES: [&str; 17] = [
    "script",
    "style",
    "image",
    "font",
    "audio",
    "video",
    "track",
    "manifest",
    "worker",
    "sharedworker",
    "serviceworker",
    "paintworklet",
    "audioworklet",
    "xslt",
    "report",
    "json",
    "speculationrules",
];

/// Fields that libraries set when a script asks for a part of a page. A web view sends `X-Requested-With` with its own
/// name.
const FRAGMENT_FIELDS: [(&str, Option<&str>); 4] = [
    ("x-requested-with", Some("xmlhttprequest")),
    ("hx-request", None),
    ("turbo-frame", None),
    ("x-pjax", None),
];

/// Extensions of addresses that are pages.
const PAGE_EXTENSIONS: [&str; 10] = [
    "html", "htm", "xhtml", "shtml", "php", "asp", "aspx", "jsp", "cgi", "do",
];

/// The fields by which a window's request differs from a script's.
const TOLD_BY: &str = "Sec-Fetch-Dest, Accept, X-Requested-With, HX-Request, Turbo-Frame, X-PJAX, Sec-Purpose, Purpose, X-Moz";

impl RequestHead {
    /// What tells a cache that the response is not for windows: the fields that said so (`Vary`).
    pub(crate) fn not_for_windows(&self) -> HeaderEdit {
        let told_by = match self.audience() {
            Audience::Resource => "Sec-Fetch-Dest",
            Audience::Script | Audience::Navigation => TOLD_BY,
        };
        HeaderEdit::append("vary", told_by)
    }

    /// Who reads the response.
    ///
    /// Browsers say so in `Sec-Fetch-Dest`, except Safari before 16.4 and every browser over `http`. There, `Accept` and the
    /// fields of the usual libraries tell.
    pub fn audience(&self) -> Audience {
        match self.headers.get("sec-fetch-dest") {
            Some("document" | "iframe" | "frame" | "fencedframe" | "embed" | "object") => {
                Audience::Navigation
            }
            Some(destination) if RESOURCES.contains(&destination) => Audience::Resource,
            Some(_) if self.is_prefetch() => Audience::Navigation,
            None if self.accepts_html() && !self.asks_for_fragment() => Audience::Navigation,
            _ => Audience::Script,
        }
    }

    /// Whether the browser will show the response as a document.
    pub fn is_document_navigation(&self) -> bool {
        self.audience() == Audience::Navigation
    }

    /// Whether the response may become a page, as far as the request tells. Requests of scripts that do not say that they
    /// want HTML are calls of APIs.
    pub fn may_become_page(&self) -> bool {
        match self.audience() {
            Audience::Navigation => true,
            Audience::Resource => false,
            Audience::Script => self.accepts_html() || self.says_nothing(),
        }
    }

    fn accepts_html(&self) -> bool {
        self.headers.get("accept").is_some_and(|accept| {
            accept.contains("text/html") || accept.contains("application/xhtml+xml")
        })
    }

    /// Whether neither the client nor the address says what is wanted.
    fn says_nothing(&self) -> bool {
        !self.headers.contains("sec-fetch-dest")
            && matches!(self.headers.get("accept"), None | Some("*/*"))
            && !self.asks_for_fragment()
            && !self.names_file()
    }

    fn asks_for_fragment(&self) -> bool {
        FRAGMENT_FIELDS.iter().any(|(name, expected)| {
            self.headers
                .get(name)
                .is_some_and(|value| expected.is_none_or(|text| value.eq_ignore_ascii_case(text)))
        })
    }

    fn is_prefetch(&self) -> bool {
        ["sec-purpose", "purpose", "x-moz"].iter().any(|name| {
            self.headers
                .get(name)
                .is_some_and(|purpose| purpose.contains("prefetch"))
        })
    }

    /// Whether the path ends with an extension, and with none of a page's.
    fn names_file(&self) -> bool {
        let name = self.url.path().rsplit('/').next().unwrap_or_default();
        name.rsplit_once('.').is_some_and(|(_, extension)| {
            !PAGE_EXTENSIONS
                .iter()
                .any(|page| extension.eq_ignore_ascii_case(page))
        })
    }
}

/// Whether a browser loads this destination for a page and never shows it as one.
pub(crate) fn is_resource(destination: &str) -> bool {
    RESOURCES.contains(&destination)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::headers::Headers;

    fn head(path: &str, lines: &str) -> RequestHead {
        let url = format!("https://shop.example{path}");
        RequestHead::new("GET", &url, Headers::from_lines(lines)).unwrap()
    }

    const SAFARI: &str = "accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

    #[rstest]
    #[case("sec-fetch-dest: document", Audience::Navigation)]
    #[case("sec-fetch-dest: iframe", Audience::Navigation)]
    #[case("sec-fetch-dest: embed", Audience::Navigation)]
    #[case("sec-fetch-dest: object", Audience::Navigation)]
    #[case("sec-fetch-dest: empty\naccept: text/html", Audience::Script)]
    #[case("sec-fetch-dest: empty\nsec-purpose: prefetch", Audience::Navigation)]
    #[case(
        "sec-fetch-dest: document\nsec-purpose: prefetch;prerender",
        Audience::Navigation
    )]
    #[case("sec-fetch-dest: empty\nx-moz: prefetch", Audience::Navigation)]
    #[case("sec-fetch-dest: image\nsec-purpose: prefetch", Audience::Resource)]
    #[case("sec-fetch-dest: script", Audience::Resource)]
    #[case("sec-fetch-dest: newer", Audience::Script)]
    #[case(SAFARI, Audience::Navigation)]
    #[case("accept: */*", Audience::Script)]
    #[case("", Audience::Script)]
    #[case(
        "accept: text/html, */*; q=0.01\nx-requested-with: XMLHttpRequest",
        Audience::Script
    )]
    #[case(
        "accept: text/html\nx-requested-with: com.example.app",
        Audience::Navigation
    )]
    #[case("accept: text/html\nhx-request: true", Audience::Script)]
    #[case("accept: text/html\nturbo-frame: cart", Audience::Script)]
    #[case("accept: text/html\nx-pjax: true", Audience::Script)]
    fn who_reads_the_response_is_known_from_the_request(
        #[case] lines: &str,
        #[case] expected: Audience,
    ) {
        assert_eq!(head("/", lines).audience(), expected);
    }

    #[rstest]
    #[case("/", "sec-fetch-dest: document", true)]
    #[case("/", "sec-fetch-dest: empty\naccept: */*", false)]
    #[case(
        "/",
        "sec-fetch-dest: empty\naccept: text/html, application/xhtml+xml",
        true
    )]
    #[case("/app.js", "sec-fetch-dest: script\naccept: */*", false)]
    #[case("/", "accept: */*", true)]
    #[case("/", "", true)]
    #[case("/index.PHP", "accept: */*", true)]
    #[case("/a.b/", "accept: */*", true)]
    #[case("/app.js", "accept: */*", false)]
    #[case("/", "accept: application/json", false)]
    #[case("/app.css", SAFARI, true)]
    fn a_response_may_become_a_page_unless_the_request_says_otherwise(
        #[case] path: &str,
        #[case] lines: &str,
        #[case] expected: bool,
    ) {
        assert_eq!(head(path, lines).may_become_page(), expected);
    }
}
