//! The call that is protected: what every shape is a shape of.

use edgeproof_deployment::ProtectedApi;
use http::Method;

/// A protected call as a visitor makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The method.
    pub method: Method,
    /// The name of the host.
    pub host: String,
    /// The path, without a query.
    pub path: String,
}

/// Why nothing is known of a call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// It has no host, or one that is not of the zone.
    #[error(
        "`{0}` is on no host of the zones; a call is a method, a host and a path, such as `POST shop.example/api/login`"
    )]
    Host(String),
}

impl Call {
    /// The plainest call of a protected API; `hosts` are those of the zones, the first of which fits a wildcard.
    ///
    /// # Errors
    /// Where none of the hosts is that of the API.
    pub fn of<'a>(
        api: &ProtectedApi,
        hosts: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, CallError> {
        let without_scheme = api
            .url
            .split_once("://")
            .map_or(&*api.url, |(_, rest)| rest);
        let (host, path) = match without_scheme.find(['/', '?']) {
            Some(at) => without_scheme.split_at(at),
            None => (without_scheme, "/"),
        };
        let fits = |name: &&str| match host.strip_prefix('*') {
            Some(end) => name.ends_with(end),
            None => name.eq_ignore_ascii_case(host),
        };
        let host = hosts.into_iter().find(fits);
        let path = path.trim_end_matches('*').split(['?', '#']).next();
        let path = path.filter(|path| !path.is_empty()).unwrap_or("/");
        Ok(Self {
            method: api.method.clone(),
            host: host
                .ok_or_else(|| CallError::Host(format!("{} {}", api.method, api.url)))?
                .to_owned(),
            path: path.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("POST shop.example/api/login", "shop.example", "/api/login")]
    #[case("POST https://shop.example/api/login*", "shop.example", "/api/login")]
    #[case("POST *.shop.example/api*", "api.shop.example", "/api")]
    #[case("POST SHOP.example", "shop.example", "/")]
    #[case("POST shop.example?*", "shop.example", "/")]
    fn a_call_is_the_plainest_one_of_its_pattern(
        #[case] api: &str,
        #[case] host: &str,
        #[case] path: &str,
    ) {
        let call = Call::of(&api.parse().unwrap(), ["shop.example", "api.shop.example"]).unwrap();
        assert_eq!((&*call.host, &*call.path), (host, path));
    }

    #[test]
    fn a_call_is_on_a_host_of_the_zones() {
        let api = "POST other.example/x".parse().unwrap();
        assert!(Call::of(&api, ["shop.example"]).is_err());
    }
}
