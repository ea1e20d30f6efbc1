//! A fixture site: a folder with its pages and a `site.json` that says which request gets which response.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use edgeproof_ground::body::{self, Body, BodyError};
use http::{
    HeaderName, HeaderValue, Method, Response, StatusCode,
    header::{CONTENT_TYPE, ETAG},
};
use serde::Deserialize;

/// A site read from a folder.
#[derive(Debug)]
pub struct Site {
    routes: Vec<Route>,
    answered: AtomicU64,
}

/// Why a folder is not a site.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    /// A file is missing or unreadable.
    #[error("{} could not be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The description is not what is expected.
    #[error("{} is not a description of a site", path.display())]
    Description {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// A header that HTTP does not allow.
    #[error("{}: `{name}` cannot be sent as a header", path.display())]
    Header {
        /// The description.
        path: PathBuf,
        /// The header's name.
        name: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    routes: Vec<RouteDescription>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RouteDescription {
    method: String,
    /// Compared with the path alone; a trailing `*` stands for any rest.
    path: String,
    #[serde(default = "ok")]
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    file: Option<PathBuf>,
    json: Option<serde_json::Value>,
    text: Option<String>,
}

#[derive(Debug)]
struct Route {
    method: Method,
    path: String,
    status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
    content: Bytes,
}

impl Site {
    /// Reads the site in `directory`.
    ///
    /// # Errors
    /// When the description or a file cannot be read, or a header cannot be sent.
    pub fn read(directory: &Path) -> Result<Self, SiteError> {
        let path = directory.join("site.json");
        let text = read(&path)?;
        let description: Description =
            serde_json::from_slice(&text).map_err(|source| SiteError::Description {
                path: path.clone(),
                source,
            })?;
        let routes = description
            .routes
            .into_iter()
            .map(|route| Route::read(route, directory, &path))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            routes,
            answered: AtomicU64::new(0),
        })
    }

    /// The response to a request; the first route of the list wins.
    pub(super) fn response(&self, method: &Method, path: &str) -> Response<Body> {
        let mut response = match self.routes.iter().find(|route| route.takes(method, path)) {
            Some(route) => route.response(method),
            None => plain(StatusCode::NOT_FOUND, "no such page\n"),
        };
        // Tells responses apart: a cached one repeats the number of an earlier one.
        let number = self.answered.fetch_add(1, Ordering::Relaxed) + 1;
        response
            .headers_mut()
            .insert("x-origin-answer", HeaderValue::from(number));
        response
    }
}

impl Route {
    fn read(
        description: RouteDescription,
        directory: &Path,
        site: &Path,
    ) -> Result<Self, SiteError> {
        let header_error = |name: &str| SiteError::Header {
            path: site.to_owned(),
            name: name.to_owned(),
        };
        let (content, content_type) = match (description.file, description.json, description.text) {
            (Some(file), _, _) => (Bytes::from(read(&directory.join(&file))?), of_file(&file)),
            (None, Some(json), _) => (Bytes::from(json.to_string()), "application/json"),
            (None, None, Some(text)) => (Bytes::from(text), "text/plain; charset=utf-8"),
            (None, None, None) => (Bytes::new(), ""),
        };
        let mut headers = Vec::new();
        for (name, value) in &description.headers {
            headers.push((
                HeaderName::try_from(name).map_err(|_| header_error(name))?,
                HeaderValue::try_from(value).map_err(|_| header_error(name))?,
            ));
        }
        if !content_type.is_empty() && !headers.iter().any(|(name, _)| name == CONTENT_TYPE) {
            headers.push((CONTENT_TYPE, HeaderValue::from_static(content_type)));
        }
        if !content.is_empty() && !headers.iter().any(|(name, _)| name == ETAG) {
            let tag = format!("\"{}\"", &blake3::hash(&content).to_hex()[..16]);
            headers.push((
                ETAG,
                HeaderValue::try_from(tag).map_err(|_| header_error("etag"))?,
            ));
        }
        Ok(Self {
            method: Method::try_from(description.method.as_str())
                .map_err(|_| header_error(&description.method))?,
            path: description.path,
            status: StatusCode::from_u16(description.status).map_err(|_| header_error("status"))?,
            headers,
            content,
        })
    }

    fn takes(&self, method: &Method, path: &str) -> bool {
        let method_fits =
            self.method == method || (self.method == Method::GET && method == Method::HEAD);
        method_fits
            && match self.path.strip_suffix('*') {
                Some(start) => path.starts_with(start),
                None => self.path == path,
            }
    }

    fn response(&self, method: &Method) -> Response<Body> {
        let content = if method == Method::HEAD {
            body::empty()
        } else {
            body::full(self.content.clone())
        };
        let mut response = Response::new(content);
        *response.status_mut() = self.status;
        for (name, value) in &self.headers {
            response.headers_mut().append(name.clone(), value.clone());
        }
        response
    }
}

/// The response when a visitor's body broke off.
pub(super) fn broken_upload(error: &BodyError) -> Response<Body> {
    plain(
        StatusCode::BAD_REQUEST,
        format!("the body broke off: {error}\n"),
    )
}

/// A short response in plain text.
pub(super) fn plain(status: StatusCode, text: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(body::full(text));
    *response.status_mut() = status;
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}

fn read(path: &Path) -> Result<Vec<u8>, SiteError> {
    std::fs::read(path).map_err(|source| SiteError::Read {
        path: path.to_owned(),
        source,
    })
}

fn of_file(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

fn ok() -> u16 {
    200
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn site(description: &str) -> Result<Site, SiteError> {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("site.json"), description).unwrap();
        std::fs::write(directory.path().join("page.html"), "<p>page</p>").unwrap();
        Site::read(directory.path())
    }

    const ROUTES: &str = r#"{"routes": [
        {"method": "GET", "path": "/page", "file": "page.html"},
        {"method": "POST", "path": "/api/*", "status": 201, "json": {"ok": true}},
        {"method": "GET", "path": "/late", "text": "late", "headers": {"content-type": "text/x-late"}}
    ]}"#;

    #[rstest]
    #[case("GET", "/page", 200, "text/html; charset=utf-8")]
    #[case("HEAD", "/page", 200, "text/html; charset=utf-8")]
    #[case("POST", "/page", 404, "text/plain; charset=utf-8")]
    #[case("POST", "/api/a/b", 201, "application/json")]
    #[case("GET", "/late", 200, "text/x-late")]
    #[case("GET", "/none", 404, "text/plain; charset=utf-8")]
    fn a_route_answers_its_method_and_path(
        #[case] method: Method,
        #[case] path: &str,
        #[case] status: u16,
        #[case] content_type: &str,
    ) {
        let response = site(ROUTES).unwrap().response(&method, path);
        assert_eq!(response.status(), status);
        assert_eq!(response.headers()[CONTENT_TYPE], content_type);
    }

    #[rstest]
    #[case(
        r#"{"routes": [{"method": "GET", "path": "/", "file": "none.html"}]}"#,
        "none.html"
    )]
    #[case(
        r#"{"routes": [{"method": "GET", "path": "/", "fiel": "page.html"}]}"#,
        "site.json"
    )]
    #[case(
        r#"{"routes": [{"method": "GET", "path": "/", "headers": {"a b": "c"}}]}"#,
        "`a b`"
    )]
    fn a_faulty_description_is_refused_by_name(#[case] description: &str, #[case] named: &str) {
        let error = site(description).unwrap_err();
        assert!(error.to_string().contains(named), "{error}");
    }
}
