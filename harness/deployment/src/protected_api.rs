//! The APIs that are protected.

use std::str::FromStr;

use http::Method;
use schemars::JsonSchema;
use serde::Deserialize;

/// An API whose calls must carry signals.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub struct ProtectedApi {
    /// The method that is protected.
    pub method: Method,
    /// The URL pattern, as in a Cloudflare route.
    pub url: String,
}

impl TryFrom<String> for ProtectedApi {
    type Error = ProtectedApiError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl FromStr for ProtectedApi {
    type Err = ProtectedApiError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (method, url) = text
            .split_once(' ')
            .ok_or_else(|| ProtectedApiError::Form(text.to_owned()))?;
        match method {
            "GET" | "POST" | "PUT" | "PATCH" | "DELETE" => Ok(Self {
                method: Method::from_str(method)
                    .map_err(|_| ProtectedApiError::Method(method.to_owned()))?,
                url: url.trim().to_owned(),
            }),
            other => Err(ProtectedApiError::Method(other.to_owned())),
        }
    }
}

/// Why the text of a protected API could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtectedApiError {
    /// It is not a method and a pattern.
    #[error("`{0}` is not a method and a URL pattern, such as `POST shop.example/api/login*`")]
    Form(String),
    /// The method is not one the product protects (the Flow worker knows five methods).
    #[error("`{0}` cannot be protected; the methods are GET, POST, PUT, PATCH and DELETE")]
    Method(String),
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("POST shop.example/api*", Ok((Method::POST, "shop.example/api*")))]
    #[case("GET  a.example/x", Ok((Method::GET, "a.example/x")))]
    #[case("HEAD a.example/x", Err(ProtectedApiError::Method("HEAD".to_owned())))]
    #[case("post a.example/x", Err(ProtectedApiError::Method("post".to_owned())))]
    #[case("a.example/x", Err(ProtectedApiError::Form("a.example/x".to_owned())))]
    fn a_protected_api_is_a_method_and_a_pattern(
        #[case] text: &str,
        #[case] expected: Result<(Method, &str), ProtectedApiError>,
    ) {
        let read = text.parse::<ProtectedApi>();
        assert_eq!(
            read.as_ref()
                .map(|api| (api.method.clone(), api.url.as_str())),
            expected
                .as_ref()
                .map(|(method, url)| (method.clone(), *url))
        );
    }
}
