//! The pages the edge makes itself, in the form the visitor's `Accept` asks for.
//!
//! Source: Cloudflare's changelog of 2026-03-11 and 2026-04-27 (RFC 9457 JSON and Markdown for error pages).

use edgeproof_ground::body::{self, Body};
use edgeproof_internet::Unreachable;
use http::{
    HeaderMap, HeaderValue, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER},
};
use serde_json::json;

use super::ray::Ray;

/// The header that only pages of the edge have: the error's number.
const CF_ERROR_TYPE: &str = "cf-error-type";

/// Whether a response with these headers is a page of the edge and not the response that was asked for.
pub(super) fn is_own(headers: &HeaderMap) -> bool {
    headers.contains_key(CF_ERROR_TYPE)
}

/// What went wrong, by Cloudflare's own number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    /// 1000: a header that only the edge may set, or two `X-Forwarded-For`.
    Prohibited,
    /// 1001: the name belongs to no zone of this edge.
    UnknownHost,
    /// 1019: a worker called itself too often.
    LoopLimit,
    /// 1027: the daily limit of the free plan, on a route that fails closed.
    DailyLimit,
    /// 1042: a worker on `workers.dev` fetched another worker there.
    SameZoneWorker,
    /// 1101: the worker threw, or will never answer.
    WorkerThrew,
    /// 1102: the worker went over its CPU time or memory.
    WorkerOverLimit,
    /// No response from where the request went.
    Unreachable(Unreachable),
    /// 502: the body is not in the content coding that its head names.
    BadCoding,
}

/// Who gets a page.
#[derive(Clone, Debug, Default)]
pub struct ErrorPageReader {
    /// The form that is asked for.
    pub accept: Option<HeaderValue>,
    /// The request's ray.
    pub ray: Option<Ray>,
}

/// Who is at fault, as the JSON form says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Category {
    Origin,
    Cloudflare,
    Ssl,
    Worker,
    Request,
}

/// Which form a page takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Html,
    /// With the content type that was asked for.
    Json(&'static str),
    Markdown,
}

impl ErrorCode {
    /// The number on the page.
    pub fn number(self) -> u16 {
        match self {
            Self::Prohibited => 1000,
            Self::UnknownHost => 1001,
            Self::LoopLimit => 1019,
            Self::DailyLimit => 1027,
            Self::SameZoneWorker => 1042,
            Self::WorkerThrew => 1101,
            Self::WorkerOverLimit => 1102,
            Self::Unreachable(unreachable) => unreachable.code(),
            Self::BadCoding => 502,
        }
    }

    /// The status of the page. Those of 1001, 1019 and 1027 are not confirmed by a published source; that of 1042 is the
    /// one users report.
    pub fn status(self) -> StatusCode {
        match self {
            Self::Prohibited => StatusCode::FORBIDDEN,
            Self::UnknownHost => StatusCode::CONFLICT,
            Self::DailyLimit => StatusCode::TOO_MANY_REQUESTS,
            Self::SameZoneWorker => StatusCode::NOT_FOUND,
            Self::LoopLimit | Self::WorkerThrew => StatusCode::INTERNAL_SERVER_ERROR,
            Self::WorkerOverLimit => StatusCode::SERVICE_UNAVAILABLE,
            Self::Unreachable(unreachable) => unreachable.status(),
            Self::BadCoding => StatusCode::BAD_GATEWAY,
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Prohibited => "DNS points to prohibited IP",
            Self::UnknownHost => "DNS resolution error",
            Self::LoopLimit => "Compute server error",
            Self::DailyLimit => "This website has been temporarily rate limited",
            Self::SameZoneWorker => "Worker tried to fetch a worker of its own zone",
            Self::WorkerThrew => "Worker threw exception",
            Self::WorkerOverLimit => "Worker exceeded resource limits",
            Self::Unreachable(Unreachable::NameUnknown) => "Origin DNS error",
            Self::Unreachable(Unreachable::Refused) => "Web server is down",
            Self::Unreachable(Unreachable::ConnectTimeout) => "Connection timed out",
            Self::Unreachable(Unreachable::NoRoute) => "Origin is unreachable",
            Self::Unreachable(Unreachable::ReadTimeout(_)) => "A timeout occurred",
            Self::Unreachable(Unreachable::Tls) => "SSL handshake failed",
            Self::Unreachable(Unreachable::Certificate) => "Invalid SSL certificate",
            Self::Unreachable(Unreachable::Reset) => "Web server is returning an unknown error",
            Self::BadCoding => "Bad gateway",
        }
    }

    fn category(self) -> Category {
        match self {
            Self::Prohibited => Category::Request,
            Self::UnknownHost | Self::DailyLimit => Category::Cloudflare,
            Self::LoopLimit | Self::SameZoneWorker | Self::WorkerThrew | Self::WorkerOverLimit => {
                Category::Worker
            }
            Self::Unreachable(Unreachable::Tls | Unreachable::Certificate) => Category::Ssl,
            Self::Unreachable(_) | Self::BadCoding => Category::Origin,
        }
    }

    /// Seconds after which trying again makes sense; nothing where it does not.
    fn retry_after(self) -> Option<u16> {
        match self {
            Self::Prohibited | Self::UnknownHost => None,
            Self::LoopLimit | Self::SameZoneWorker | Self::WorkerThrew => None,
            Self::Unreachable(Unreachable::Tls | Unreachable::Certificate) => None,
            Self::DailyLimit => Some(3600),
            Self::WorkerOverLimit => Some(30),
            Self::Unreachable(_) | Self::BadCoding => Some(120),
        }
    }
}

/// The page for `code`, in the form that is asked for.
pub fn error(code: ErrorCode, reader: &ErrorPageReader) -> Response<Body> {
    let ray = reader.ray.as_ref().map_or("", Ray::id);
    let (content_type, text) = match form(reader.accept.as_ref()) {
        Form::Html => ("text/html; charset=UTF-8", html(code, ray)),
        Form::Json(content_type) => (content_type, json_problem(code, ray)),
        Form::Markdown => ("text/markdown; charset=utf-8", markdown(code, ray)),
    };
    let mut page = Response::new(body::full(text));
    *page.status_mut() = code.status();
    let headers = page.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(
        CACHE_CONTROL,
        HeaderValue::from_static("private, max-age=0, no-store"),
    );
    headers.insert(CF_ERROR_TYPE, HeaderValue::from(code.number()));
    headers.insert(
        "cf-error-origin",
        HeaderValue::from_static(code.category().as_str()),
    );
    if let Some(seconds) = code.retry_after() {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    page
}

/// The page for a request that the edge refuses by its form: 400, 413 for a body, 414.
pub fn refusal(status: StatusCode) -> Response<Body> {
    plain(status, &status.to_string())
}

/// The page for a request with too many bytes of headers. The status is 413, although HTTP has 431 for it.
pub fn headers_too_large() -> Response<Body> {
    plain(
        StatusCode::PAYLOAD_TOO_LARGE,
        "413 Request Header Fields Too Large",
    )
}

fn plain(status: StatusCode, title: &str) -> Response<Body> {
    let mut page = Response::new(body::full(format!(
        "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n\
         <hr><center>cloudflare</center>\r\n</body>\r\n</html>\r\n"
    )));
    *page.status_mut() = status;
    page.headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
    page
}

impl Category {
    fn as_str(self) -> &'static str {
        match self {
            Self::Origin => "origin",
            Self::Cloudflare => "cloudflare",
            Self::Ssl => "ssl",
            Self::Worker => "worker",
            Self::Request => "request",
        }
    }
}

/// The form that `Accept` wants most of those the edge has, the first of equals; HTML where there is none, also for
/// `*/*`.
fn form(accept: Option<&HeaderValue>) -> Form {
    let accept = accept.and_then(|accept| accept.to_str().ok());
    let mut best = (Form::Html, 0.0);
    for range in accept.unwrap_or_default().split(',') {
        let mut parameters = range.split(';').map(str::trim);
        let form = match parameters.next() {
            Some("application/json") => Form::Json("application/json; charset=utf-8"),
            Some("application/problem+json") => {
                Form::Json("application/problem+json; charset=utf-8")
            }
            Some("text/markdown") => Form::Markdown,
            Some("text/html" | "*/*") => Form::Html,
            _ => continue,
        };
        let weight = parameters.find_map(|parameter| parameter.strip_prefix("q="));
        let weight = weight.map_or(1.0, |weight| weight.parse::<f32>().unwrap_or(0.0));
        if weight > best.1 {
            best = (form, weight);
        }
    }
    best.0
}

fn html(code: ErrorCode, ray: &str) -> String {
    let (number, title) = (code.number(), code.title());
    format!(
        "<!DOCTYPE html>\n<html lang=\"en-US\">\n<head>\n<title>{title}</title>\n<meta charset=\"UTF-8\">\n\
         <meta name=\"robots\" content=\"noindex, nofollow\">\n</head>\n<body>\n<h1>Error <span>{number}</span></h1>\n\
         <h2>{title}</h2>\n<p>Ray ID: {ray}</p>\n</body>\n</html>\n"
    )
}

fn json_problem(code: ErrorCode, ray: &str) -> String {
    let retry_after = code.retry_after();
    let mut problem = json!({
        "type": documentation(code),
        "title": format!("Error {}: {}", code.number(), code.title()),
        "status": code.status().as_u16(),
        "detail": code.title(),
        "instance": ray,
        "error_code": code.number(),
        "error_category": code.category().as_str(),
        "ray_id": ray,
        "cloudflare_error": true,
        "retryable": retry_after.is_some(),
    });
    if let (Some(problem), Some(seconds)) = (problem.as_object_mut(), retry_after) {
        problem.insert("retry_after".to_owned(), json!(seconds));
    }
    problem.to_string()
}

fn markdown(code: ErrorCode, ray: &str) -> String {
    let (number, title, status) = (code.number(), code.title(), code.status().as_u16());
    let (category, retryable) = (code.category().as_str(), code.retry_after().is_some());
    format!(
        "---\nerror_code: {number}\nerror_category: {category}\nstatus: {status}\nray_id: {ray}\n\
         retryable: {retryable}\n---\n\n# Error {number}: {title}\n"
    )
}

fn documentation(code: ErrorCode) -> String {
    let number = code.number();
    let family = if number < 1000 { "5xx" } else { "1xxx" };
    format!(
        "https://developers.cloudflare.com/support/troubleshooting/http-status-codes/cloudflare-{family}-errors/error-{number}/"
    )
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use rstest::rstest;

    use super::*;

    fn asking(accept: &str) -> ErrorPageReader {
        ErrorPageReader {
            accept: Some(accept.parse().unwrap()),
            ray: Some(Ray::from("0123456789abcdef-FRA".to_owned())),
        }
    }

    #[rstest]
    #[case("*/*", "text/html; charset=UTF-8")]
    #[case("text/html,application/json", "text/html; charset=UTF-8")]
    #[case("application/json", "application/json; charset=utf-8")]
    #[case(
        "image/png, application/problem+json;q=0.9",
        "application/problem+json; charset=utf-8"
    )]
    #[case("text/markdown", "text/markdown; charset=utf-8")]
    #[case("image/png", "text/html; charset=UTF-8")]
    #[case("application/json;q=0.5, text/html", "text/html; charset=UTF-8")]
    #[case(
        "application/json; q=0.5, text/markdown;q=0.6",
        "text/markdown; charset=utf-8"
    )]
    #[case("application/json;q=0", "text/html; charset=UTF-8")]
    fn the_form_follows_accept(#[case] accept: &str, #[case] expected: &str) {
        let page = error(ErrorCode::WorkerThrew, &asking(accept));
        assert_eq!(page.headers()[CONTENT_TYPE], expected);
    }

    // Facts: error pages of the documentation, with the statuses named there.
    #[rstest]
    #[case(ErrorCode::Prohibited, 403, 1000)]
    #[case(ErrorCode::WorkerThrew, 500, 1101)]
    #[case(ErrorCode::WorkerOverLimit, 503, 1102)]
    #[case(ErrorCode::Unreachable(Unreachable::NameUnknown), 530, 1016)]
    #[case(ErrorCode::Unreachable(Unreachable::Refused), 521, 521)]
    #[case(ErrorCode::Unreachable(Unreachable::Reset), 520, 520)]
    #[case(ErrorCode::Unreachable(Unreachable::Tls), 525, 525)]
    #[tokio::test]
    async fn the_json_form_says_what_the_status_says(
        #[case] code: ErrorCode,
        #[case] status: u16,
        #[case] number: u16,
    ) {
        let page = error(code, &asking("application/json"));
        assert_eq!(page.status().as_u16(), status);
        let bytes = page.into_body().collect().await.unwrap().to_bytes();
        let problem: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(problem["status"], status);
        assert_eq!(problem["error_code"], number);
        assert_eq!(problem["instance"], "0123456789abcdef");
    }

    #[rstest]
    #[case(Unreachable::Refused, true)]
    #[case(Unreachable::Tls, false)]
    #[case(Unreachable::Certificate, false)]
    fn only_what_may_pass_is_worth_another_try(
        #[case] unreachable: Unreachable,
        #[case] expected: bool,
    ) {
        let page = error(
            ErrorCode::Unreachable(unreachable),
            &ErrorPageReader::default(),
        );
        assert_eq!(page.headers().contains_key(RETRY_AFTER), expected);
    }
}
