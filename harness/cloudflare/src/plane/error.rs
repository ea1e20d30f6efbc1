//! What the API refuses: its codes, each with the HTTP status it comes with.
//!
//! Source: Cloudflare's documentation, Workers › Platform › Error codes, and what wrangler tells apart. Statuses that no
//! published text names are 400.

use edgeproof_edge::RouteError;
use http::StatusCode;
use serde_json::{Value, json};

/// Where Cloudflare explains a refusal for want of a permission (403s say so since 2026-08-21).
const PERMISSIONS: &str =
    "https://developers.cloudflare.com/fundamentals/api/reference/permissions/";

/// Why a request was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ApiError {
    status: StatusCode,
    errors: Vec<(u32, String)>,
    retry_after: Option<u64>,
}

impl ApiError {
    pub(super) fn new(status: StatusCode, code: u32, message: impl Into<String>) -> Self {
        Self {
            status,
            errors: vec![(code, message.into())],
            retry_after: None,
        }
    }

    fn bad(code: u32, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    fn missing(code: u32, message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, message)
    }

    /// A response that a fault gives.
    pub(super) fn fault(
        status: StatusCode,
        code: u32,
        message: &str,
        retry_after: Option<u64>,
    ) -> Self {
        Self {
            retry_after,
            ..Self::new(status, code, message)
        }
    }

    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    pub(super) fn retry_after(&self) -> Option<u64> {
        self.retry_after
    }

    /// The entries of `errors`.
    pub(super) fn items(&self) -> Vec<Value> {
        let item = |(code, message): &(u32, String)| match self.status {
            StatusCode::FORBIDDEN => {
                json!({"code": code, "message": message, "documentation_url": PERMISSIONS})
            }
            _ => json!({"code": code, "message": message}),
        };
        self.errors.iter().map(item).collect()
    }

    /// One line for the trace.
    pub(super) fn line(&self) -> String {
        let one = |(code, message): &(u32, String)| format!("{code} {message}");
        let all: Vec<String> = self.errors.iter().map(one).collect();
        format!("refused: {}", all.join("; "))
    }

    // Who asks.

    /// 1000: nobody has this token.
    pub(super) fn invalid_token() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, 1000, "Invalid API Token")
    }

    /// 6003: the header cannot be read.
    pub(super) fn malformed_authorization() -> Self {
        Self::bad(
            6003,
            "Invalid request headers: Authorization is `Bearer` and a token",
        )
    }

    /// 9106: no credentials, or such as this endpoint does not take.
    pub(super) fn authentication_failed(why: &str) -> Self {
        Self::bad(9106, format!("Authentication failed: {why}"))
    }

    /// 10000: the token is not valid now, or lacks what it takes.
    pub(super) fn forbidden(why: &str) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            10000,
            format!("Authentication error: {why}"),
        )
    }

    /// 9109: the resource exists for others.
    pub(super) fn unauthorized_resource() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            9109,
            "Unauthorized to access requested resource",
        )
    }

    // What is asked.

    /// 7003 and 7000: the path names no object.
    pub(super) fn no_such_object(path: &str) -> Self {
        Self {
            errors: vec![
                (
                    7003,
                    format!(
                        "Could not route to {path}, perhaps your object identifier is invalid?"
                    ),
                ),
                (7000, "No route for that URI".to_owned()),
            ],
            ..Self::bad(7003, "")
        }
    }

    /// The code of what the emulation does not know.
    pub(super) const NOT_EMULATED: u32 = 7000;

    /// 7000 in words of our own: Cloudflare may know this, the emulation does not.
    pub(super) fn not_emulated(what: &str) -> Self {
        Self::bad(
            Self::NOT_EMULATED,
            format!("edgeproof does not emulate {what}"),
        )
    }

    /// 1004: a query parameter that cannot be used.
    pub(super) fn invalid_parameter(name: &str, most: usize) -> Self {
        Self::bad(
            1004,
            format!("Invalid query parameter `{name}`: a number from 1 to {most} is expected"),
        )
    }

    /// 10006: the body cannot be read.
    pub(super) fn unreadable(why: impl std::fmt::Display) -> Self {
        Self::bad(10006, format!("Could not parse the request body: {why}"))
    }

    /// 413: the body is larger than anything that could be meant.
    pub(super) fn body_too_large() -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            10027,
            "The request body is too large",
        )
    }

    // Scripts.

    /// 10007: no script has the name.
    pub(super) fn no_such_script() -> Self {
        Self::missing(10007, "This Worker does not exist on your account.")
    }

    /// 10090: the same, asked as a service.
    pub(super) fn no_such_service() -> Self {
        Self::missing(10090, "This Worker does not exist on your account.")
    }

    /// 10016: a name that a script cannot have.
    pub(super) fn script_name() -> Self {
        Self::bad(
            10016,
            "Invalid Worker name: letters, digits, `-` and `_` are possible, at most 63 of them",
        )
    }

    /// 10021: the script is not valid.
    pub(super) fn invalid_script(why: impl std::fmt::Display) -> Self {
        Self::bad(10021, why.to_string())
    }

    /// 10027: the script is too large.
    pub(super) fn script_too_large(why: impl std::fmt::Display) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            10027,
            format!("Your Worker exceeded the size limit of {why}."),
        )
    }

    /// 10037: the account has as many scripts as it may.
    pub(super) fn too_many_scripts(most: usize) -> Self {
        Self::bad(
            10037,
            format!("You have exceeded the limit of {most} Workers on your account."),
        )
    }

    /// 10206: more processor time than an invocation may have.
    pub(super) fn large_cpu_limit(most: u64) -> Self {
        Self::bad(10206, format!("limits.cpu_ms must be at most {most}."))
    }

    /// 100328: a limit of its own on the free plan.
    pub(super) fn limit_on_free_plan() -> Self {
        Self::bad(100_328, "CPU limits are not supported for the Free plan.")
    }

    /// 10052: a binding that is none.
    pub(super) fn invalid_binding(why: impl std::fmt::Display) -> Self {
        Self::bad(10052, format!("Invalid binding: {why}"))
    }

    /// 10053: two bindings of one name.
    pub(super) fn duplicate_binding(name: &str) -> Self {
        Self::bad(10053, format!("Binding name '{name}' already in use."))
    }

    /// 10054: the value of a variable or secret is too large.
    pub(super) fn large_variable(name: &str, most: usize) -> Self {
        Self::bad(
            10054,
            format!("The value of '{name}' exceeds the limit of {most} bytes."),
        )
    }

    /// 10055: too many variables and secrets.
    pub(super) fn too_many_variables(most: usize) -> Self {
        Self::bad(
            10055,
            format!("The limit of {most} text bindings per Worker is exceeded."),
        )
    }

    /// 10056: no binding has the name.
    pub(super) fn no_such_binding(name: &str) -> Self {
        Self::missing(10056, format!("Binding '{name}' not found."))
    }

    /// 10057: an inherited binding that there was not.
    pub(super) fn nothing_to_inherit(name: &str) -> Self {
        Self::bad(
            10057,
            format!("Binding '{name}' cannot be inherited: the previous version has none."),
        )
    }

    /// 10063: no workers.dev subdomain yet. 10007 where it is read.
    pub(super) fn no_subdomain() -> Self {
        Self::missing(10007, "There is no workers.dev subdomain for your account.")
    }

    /// 10100: the name of a binding is too long.
    pub(super) fn long_binding_name(most: usize) -> Self {
        Self::bad(
            10100,
            format!("The name of a binding exceeds the limit of {most} characters."),
        )
    }

    /// 10215: a secret cannot be changed while the latest version is not deployed.
    pub(super) fn latest_not_deployed() -> Self {
        Self::bad(
            10215,
            "Secret edit failed. The latest version of this Worker isn't currently deployed.",
        )
    }

    /// No version has the id.
    pub(super) fn no_such_version() -> Self {
        Self::missing(10007, "This version does not exist on your Worker.")
    }

    /// 10057: no more may read the worker. No published text has the code of it; that of a tail that has expired is 10058.
    pub(super) fn too_many_tails(most: usize) -> Self {
        Self::bad(
            10057,
            format!("A maximum of {most} clients can view a Worker's logs at one time."),
        )
    }

    /// 10058: no tail of the worker has the id, or it has expired.
    pub(super) fn no_such_tail() -> Self {
        Self::missing(10058, "This tail does not exist, or it has expired.")
    }

    // Routes.

    /// 10009: no route has the id.
    pub(super) fn no_such_route() -> Self {
        Self::missing(10009, "No route has this id.")
    }
}

impl From<RouteError> for ApiError {
    fn from(error: RouteError) -> Self {
        let status = match error {
            RouteError::Duplicate(_) => StatusCode::CONFLICT,
            _ => StatusCode::BAD_REQUEST,
        };
        Self::new(status, error.code(), error.to_string())
    }
}
