//! What a blocked visitor gets.

use super::{BlockPage, Connector};
use crate::{request::RequestHead, response::OwnResponse};

impl Connector {
    /// The response to a blocked request.
    pub(super) fn block_response(&self, head: &RequestHead, now: &str) -> OwnResponse {
        let mut response = OwnResponse::text(403, "Request blocked.");
        if self.block_page == BlockPage::Page {
            response.headers = vec![(
                "content-type".to_owned(),
                "text/html;charset=UTF-8".to_owned(),
            )];
            response.body = Some(page(head, now));
        }
        // It is about this request, and names its visitor.
        response
            .headers
            .push(("cache-control".to_owned(), "no-store".to_owned()));
        response
    }
}

fn page(head: &RequestHead, now: &str) -> String {
    let address = head.addresses().first().map(ToString::to_string);
    let id = escaped(head.ray().unwrap_or("unknown"));
    let now = escaped(now);
    let address = escaped(address.as_deref().unwrap_or("unknown"));
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>Request blocked</title></head>\
         <body><h1>Request blocked</h1><p>This request looks like an attack. If it is none, tell the owner of the site \
         the following.</p><dl><dt>Request</dt><dd>{id}</dd><dt>Time</dt><dd>{now}</dd>\
         <dt>Your address</dt><dd>{address}</dd></dl></body></html>\n"
    )
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::{configuration::Configuration, headers::Headers};

    fn response(block_page: &str, headers: &str) -> OwnResponse {
        let configuration = Configuration::read(|name| match name {
            "WALLARM_NODE" => Some("https://node.example".to_owned()),
            "WALLARM_BLOCK_PAGE" => Some(block_page.to_owned()),
            _ => None,
        });
        let headers = Headers::from_lines(headers);
        let head = RequestHead::new("GET", "https://shop.example/", headers).unwrap();
        let connector = configuration.wallarm.unwrap();
        connector.block_response(&head, "2026-11-21T20:16:27.250Z")
    }

    const HEADERS: &str = "cf-ray: 8f00-FRA\ncf-connecting-ip: 203.0.113.7";

    #[test]
    fn by_default_it_is_a_plain_text() {
        let response = response("text", HEADERS);
        assert_eq!(response.status, 403);
        assert_eq!(response.body.as_deref(), Some("Request blocked."));
    }

    #[rstest]
    #[case("<dd>8f00-FRA</dd>")]
    #[case("<dd>2026-11-21T20:16:27.250Z</dd>")]
    #[case("<dd>203.0.113.7</dd>")]
    fn a_page_names_what_the_owner_needs(#[case] part: &str) {
        let response = response("page", HEADERS);
        assert_eq!(response.status, 403);
        assert!(
            response
                .headers
                .iter()
                .any(|(_, value)| value == "text/html;charset=UTF-8")
        );
        assert!(response.body.unwrap().contains(part));
    }

    #[test]
    fn what_a_visitor_sends_is_no_markup() {
        let response = response("page", "cf-ray: <script>'&\"\ncf-connecting-ip: <b>");
        let body = response.body.unwrap();
        assert!(body.contains("<dd>&lt;script&gt;&#39;&amp;&quot;</dd>"));
        assert!(body.contains("<dt>Your address</dt><dd>unknown</dd>"));
    }

    proptest! {
        #[test]
        fn no_text_opens_an_element(text in ".{0,40}") {
            prop_assert!(!escaped(&text).contains(['<', '>', '"', '\'']));
        }
    }
}
