//! Where an application listens.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::Deserialize;
use url::{Host, Url};

/// The address of an application: `http` or `https`, a host, a port, and perhaps a path before all others.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub struct Address(Url);

/// Why a text is not the address of an application.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It is no URL with `http` or `https`.
    #[error("`{0}` is not the address of an application, such as `http://127.0.0.1:3000`")]
    Url(String),
    /// It has what belongs to a request or to a person.
    #[error("`{0}` has {1}, which the address of an application cannot have")]
    More(String, &'static str),
}

impl Address {
    /// The host: a name, or an IP address; one of version 6 without its brackets.
    pub fn host(&self) -> &str {
        let host = self.0.host_str().unwrap_or_default();
        host.trim_matches(['[', ']'])
    }

    /// The port, said or of the scheme.
    pub fn port(&self) -> u16 {
        self.0.port_or_known_default().unwrap_or(80)
    }

    /// Whether the application speaks TLS.
    pub fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// What goes before the path of every request, without a slash at its end; mostly nothing.
    pub fn base_path(&self) -> &str {
        self.0.path().trim_end_matches('/')
    }

    /// Whether it is on this machine by its name alone: a loopback address, or `localhost`, which is never asked of a
    /// name server (RFC 6761 §6.3).
    pub fn is_loopback(&self) -> bool {
        match self.0.host() {
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => ip.to_canonical().is_loopback(),
            Some(Host::Domain(_)) => self.is_localhost(),
            None => false,
        }
    }

    /// Whether it is the name `localhost`, or one below it.
    pub(super) fn is_localhost(&self) -> bool {
        let host = self.host().trim_end_matches('.');
        host == "localhost" || host.ends_with(".localhost")
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let url = Url::parse(text)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"))
            .ok_or_else(|| AddressError::Url(text.to_owned()))?;
        let has = |what| Err(AddressError::More(text.to_owned(), what));
        if !url.username().is_empty() || url.password().is_some() {
            // Without the text: it may hold a password.
            return Err(AddressError::More(
                format!("{}://…", url.scheme()),
                "a user's name or password",
            ));
        }
        if url.query().is_some() {
            return has("a query");
        }
        if url.fragment().is_some() {
            return has("a fragment");
        }
        if url.port() == Some(0) {
            return has("port 0");
        }
        Ok(Self(url))
    }
}

impl TryFrom<String> for Address {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        text.parse()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("http://127.0.0.1:3000", "127.0.0.1", 3000, "", true)]
    #[case("http://127.9.9.9", "127.9.9.9", 80, "", true)]
    #[case("https://LOCALHOST/", "localhost", 443, "", true)]
    #[case("http://shop.localhost:8080", "shop.localhost", 8080, "", true)]
    #[case("http://[::1]:3000/shop/", "::1", 3000, "/shop", true)]
    #[case("http://[::ffff:127.0.0.1]", "::ffff:7f00:1", 80, "", true)]
    #[case("http://0.0.0.0:3000", "0.0.0.0", 3000, "", false)]
    #[case("http://localhost.example:1", "localhost.example", 1, "", false)]
    #[case("http://app.internal/a/b", "app.internal", 80, "/a/b", false)]
    fn an_address_says_where_an_application_is(
        #[case] text: &str,
        #[case] host: &str,
        #[case] port: u16,
        #[case] base_path: &str,
        #[case] is_loopback: bool,
    ) {
        let address: Address = text.parse().unwrap();
        assert_eq!(
            (address.host(), address.port(), address.base_path()),
            (host, port, base_path)
        );
        assert_eq!(address.is_loopback(), is_loopback);
    }

    #[rstest]
    #[case("127.0.0.1:3000", "is not the address")]
    #[case("localhost:3000", "is not the address")]
    #[case("ftp://127.0.0.1", "is not the address")]
    #[case("http://", "is not the address")]
    #[case("http://127.0.0.1:99999", "is not the address")]
    #[case("http://127.0.0.1:0", "port 0")]
    #[case("http://127.0.0.1/?a=b", "a query")]
    #[case("http://127.0.0.1/#a", "a fragment")]
    #[case("http://me:secret@127.0.0.1", "a user's name or password")]
    fn what_is_no_address_is_told_why(#[case] text: &str, #[case] why: &str) {
        let error = text.parse::<Address>().unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }
}
