//! The request of a case, as the edge hands it to a worker: with what Cloudflare tells about the visitor.

use bytes::Bytes;
use edgeproof_edge::{Location, Protocol, blob, request_cf};
use edgeproof_ground::runtime_headers::{CF_BLOB_HEADER, FORWARDED_PROTO_HEADER};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header};
use http_body_util::Full;

use super::case::{Case, FORM, SIGNALS, SITE, Task};

/// The visitor's address (RFC 5737).
pub(super) const ADDRESS: &str = "203.0.113.7";

/// What every request carries: a browser's own headers are few here, those of the edge are all there, because each costs
/// the runtime something.
const HEADERS: [(&str, &str); 11] = [
    ("host", SITE),
    ("accept", "*/*"),
    ("accept-encoding", "gzip, br"),
    (
        "user-agent",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    ),
    ("cf-connecting-ip", ADDRESS),
    ("cf-ipcountry", "DE"),
    ("cf-ray", "0123456789abcdef-FRA"),
    ("cf-visitor", r#"{"scheme":"https"}"#),
    ("x-forwarded-proto", "https"),
    ("x-real-ip", ADDRESS),
    // What the runtime reads the scheme from: without it, a call over https would count as one from another origin.
    (FORWARDED_PROTO_HEADER, "https"),
];

/// A request that can be sent any number of times.
#[derive(Clone, Debug)]
pub(super) struct BenchRequest {
    method: Method,
    path: Uri,
    headers: HeaderMap,
    body: Bytes,
}

impl BenchRequest {
    /// The request of a case.
    pub(super) fn of(case: &Case) -> Self {
        let mut headers = HeaderMap::new();
        for (name, value) in HEADERS {
            headers.insert(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
        let location = Location {
            country: Some("DE".to_owned()),
            ..Location::default()
        };
        let protocol = Protocol {
            http: "HTTP/2",
            tls: "TLSv1.3",
            cipher: "AEAD-AES256-GCM-SHA384",
        };
        headers.insert(
            HeaderName::from_static(CF_BLOB_HEADER),
            blob(&request_cf(&location, &protocol, "FRA", None)),
        );
        let mut set = |name, value| headers.insert(name, value);
        let own_origin = HeaderValue::from_static("https://shop.example");
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        let (method, path, body) = match case.task {
            Task::Page(_) | Task::EarlyHead(_) => {
                navigates(&mut set);
                (Method::GET, "/page", Bytes::new())
            }
            Task::Call => {
                set(header::ORIGIN, own_origin);
                set(
                    header::CONTENT_TYPE,
                    HeaderValue::from_static("application/json"),
                );
                set(HeaderName::from_static("fp-data"), signals());
                (
                    Method::POST,
                    "/api/create",
                    Bytes::from_static(br#"{"email":"ann@shop.example"}"#),
                )
            }
            Task::Upload => {
                set(header::ORIGIN, own_origin);
                set(header::CONTENT_TYPE, form);
                (Method::POST, "/upload", filled_form())
            }
            Task::Everything => {
                navigates(&mut set);
                set(header::ORIGIN, own_origin);
                set(header::CONTENT_TYPE, form);
                set(HeaderName::from_static("fp-data"), signals());
                (Method::POST, "/api/create", filled_form())
            }
        };
        Self {
            method,
            path: Uri::from_static(path),
            headers,
            body,
        }
    }

    /// The request, ready to be sent.
    pub(super) fn request(&self) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(self.body.clone()));
        request.method_mut().clone_from(&self.method);
        request.uri_mut().clone_from(&self.path);
        request.headers_mut().clone_from(&self.headers);
        request
    }
}

fn navigates(set: &mut impl FnMut(HeaderName, HeaderValue) -> Option<HeaderValue>) {
    for (name, value) in [
        ("sec-fetch-dest", "document"),
        ("sec-fetch-mode", "navigate"),
    ] {
        set(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
}

/// As long as those of a real visit; what they say is for the platform.
fn signals() -> HeaderValue {
    HeaderValue::from_bytes(&[b'A'; SIGNALS]).unwrap_or(HeaderValue::from_static(""))
}

fn filled_form() -> Bytes {
    const START: &str = "email=ann%40shop.example&note=";
    let note = "Please+send+the+red+shoes+to+my+office.+".repeat(FORM / 40 + 1);
    let mut form = [START, &note].concat();
    form.truncate(FORM);
    form.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::CASES;

    #[test]
    fn a_protected_call_carries_its_signals_over_https_from_its_own_origin() {
        let case = CASES.iter().find(|case| case.task == Task::Call).unwrap();
        let request = BenchRequest::of(case).request();
        let headers = request.headers();
        assert_eq!(headers["fp-data"].len(), SIGNALS);
        assert_eq!(headers[FORWARDED_PROTO_HEADER], "https");
        assert_eq!(headers["origin"], format!("https://{SITE}"));
    }

    #[test]
    fn a_form_has_its_size() {
        assert_eq!(filled_form().len(), FORM);
    }
}
