//! Who may come in.

use http::{HeaderMap, Method, StatusCode, header, request::Parts};

use super::Address;

/// The address of a page, and the secret that stands in it.
pub(super) struct Entrance {
    pub(super) address: Address,
    pub(super) secret: String,
}

impl Entrance {
    /// What one types into a browser.
    pub(super) fn url(&self) -> String {
        format!("http://{}/{}/", self.address, self.secret)
    }

    /// The path below the secret, or why the request is refused.
    pub(super) fn admit(&self, head: &Parts) -> Result<String, StatusCode> {
        let is = |name: header::HeaderName, wanted: &str| text(&head.headers, name) == Some(wanted);
        // A site whose name leads here, as with DNS rebinding, is not this host.
        if !is(header::HOST, &self.address.to_string()) {
            return Err(StatusCode::MISDIRECTED_REQUEST);
        }
        let path = head.uri.path().strip_prefix('/').unwrap_or_default();
        let path = path
            .strip_prefix(&self.secret)
            .and_then(|path| path.strip_prefix('/'));
        let path = path.ok_or(StatusCode::NOT_FOUND)?;
        let is_own = is(header::ORIGIN, &format!("http://{}", self.address));
        match head.method {
            Method::GET => Ok(path.to_owned()),
            Method::POST if is_own && is(header::CONTENT_TYPE, "application/yaml") => {
                Ok(path.to_owned())
            }
            Method::POST => Err(StatusCode::FORBIDDEN),
            _ => Err(StatusCode::METHOD_NOT_ALLOWED),
        }
    }
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use http::Request;
    use rstest::rstest;

    use super::*;

    const HERE: &str = "127.0.0.1:4000";
    const OWN: &str = "http://127.0.0.1:4000";

    #[rstest]
    #[case::page("GET", "/s3cret/", HERE, "", "", Ok(""))]
    #[case::part("GET", "/s3cret/state", HERE, "", "", Ok("state"))]
    #[case::action("POST", "/s3cret/step", HERE, OWN, "application/yaml", Ok("step"))]
    #[case::no_secret("GET", "/", HERE, "", "", Err(404))]
    #[case::wrong_secret("GET", "/s3cre7/state", HERE, "", "", Err(404))]
    #[case::longer_secret("GET", "/s3cret2/", HERE, "", "", Err(404))]
    #[case::rebound_name("GET", "/s3cret/", "evil.example:4000", "", "", Err(421))]
    #[case::other_port("GET", "/s3cret/", "127.0.0.1:4001", "", "", Err(421))]
    #[case::other_site(
        "POST",
        "/s3cret/step",
        HERE,
        "https://evil.example",
        "application/yaml",
        Err(403)
    )]
    #[case::no_origin("POST", "/s3cret/step", HERE, "", "application/yaml", Err(403))]
    #[case::opaque_origin("POST", "/s3cret/step", HERE, "null", "application/yaml", Err(403))]
    #[case::form("POST", "/s3cret/step", HERE, OWN, "text/plain", Err(403))]
    #[case::other_method("PUT", "/s3cret/step", HERE, OWN, "application/yaml", Err(405))]
    fn only_its_own_page_comes_in(
        #[case] method: &str,
        #[case] path: &str,
        #[case] host: &str,
        #[case] origin: &str,
        #[case] kind: &str,
        #[case] expected: Result<&str, u16>,
    ) {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", host);
        for (name, value) in [("origin", origin), ("content-type", kind)] {
            if !value.is_empty() {
                request = request.header(name, value);
            }
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        let entrance = Entrance {
            address: HERE.parse().unwrap(),
            secret: "s3cret".to_owned(),
        };
        let admitted = entrance.admit(&head).map_err(|status| status.as_u16());
        assert_eq!(admitted.as_deref(), expected.as_ref().copied());
    }
}
