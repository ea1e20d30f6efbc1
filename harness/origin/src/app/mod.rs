//! The user's own application behind the edge: where it listens, and how it is asked.

mod address;
mod client;
mod connect;
mod connections;
mod http2;
mod tls;
mod waiting;
mod written;

use std::fmt;

use edgeproof_document::schema;
use edgeproof_ground::international;
use http::uri::Authority;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor, value::MapAccessDeserializer},
};

pub use address::{Address, AddressError};
pub(super) use client::Client;

use super::launch::{Launch, LaunchMistake};
use written::Written;

/// An application.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub struct App {
    /// Where it listens, such as `http://127.0.0.1:3000` or `https://localhost:5173`. A path, as in
    /// `http://127.0.0.1:3000/shop`, goes before the path of every request.
    pub address: Address,
    /// The `Host` header that it gets, such as `localhost:5173`, for an application that insists on one. Default: the
    /// visitor's, as in production. With `https` it is the server name of the handshake too.
    pub host: Option<HostHeader>,
    /// Which certificates of an `https` address are taken.
    pub certificate: Certificate,
    /// The host of the address once more, where it is not on this machine: without it only loopback is connected to.
    pub allow: Option<String>,
    /// How it is started; it runs already where this is absent. The port in `address` is that of the process once it is
    /// started, see [`App::started`].
    pub launch: Option<Launch>,
}

/// Which certificates of an application are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Certificate {
    /// One that a public authority has signed for the requested host, as with Cloudflare's `Full (strict)`; with
    /// another one the response is error 526.
    #[default]
    Valid,
    /// Any, also one that the application has signed itself, as with Cloudflare's `Full`.
    Any,
}

/// The value of a `Host` header: a name or an address, and a port.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub struct HostHeader(pub Authority);

/// Why an application cannot be asked as it is described.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppError {
    /// Its address is none.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// It is not on this machine, and nobody has said that this is meant.
    #[error(
        "`{0}` is not on this machine; to use it all the same, write `app: {{ address: \"{0}\", allow: \"{1}\" }}`"
    )]
    NotAllowed(String, String),
    /// What is allowed is not what is asked.
    #[error("`allow: {0}` allows another host than the one of the address, which is `{1}`")]
    AllowsAnother(String, String),
    /// A certificate of an application that has none.
    #[error("`certificate` needs an https address, but `{0}` is not one")]
    NoCertificate(Address),
    /// It cannot be started as it is described.
    #[error(transparent)]
    Launch(#[from] LaunchMistake),
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
}

impl AppError {
    /// The key of an application at which the mistake stands.
    pub fn key(&self) -> &'static str {
        match self {
            Self::AllowsAnother(..) => "allow",
            Self::NoCertificate(_) => "certificate",
            _ => "address",
        }
    }
}

impl App {
    /// Whether it can be asked as it is described.
    ///
    /// # Errors
    /// Where it is on another machine that is not allowed by name, or its keys contradict one another.
    pub fn check(&self) -> Result<(), AppError> {
        let host = self.address.host();
        match &self.allow {
            Some(allowed)
                if !international::host_or_as_written(allowed).eq_ignore_ascii_case(host) =>
            {
                return Err(AppError::AllowsAnother(allowed.clone(), host.to_owned()));
            }
            None if !self.address.is_loopback() => {
                let launch = self.launch.as_ref();
                let address = launch.map_or(self.address.to_string(), |launch| {
                    launch.address.to_string()
                });
                return Err(AppError::NotAllowed(address, host.to_owned()));
            }
            _ => {}
        }
        if self.certificate == Certificate::Any && !self.address.is_https() {
            return Err(AppError::NoCertificate(self.address.clone()));
        }
        Ok(())
    }

    /// The application once it is started, with the port it was given.
    ///
    /// # Errors
    /// None for one that was read.
    pub fn started(&self, port: u16) -> Result<Self, AddressError> {
        let mut started = self.clone();
        if let Some(launch) = &self.launch {
            started.address = launch.address.at(port)?;
        }
        Ok(started)
    }

    /// Reads either form. Whether the keys of the long one go together is for [`App::check`] to say: its mistakes stand
    /// at one of them.
    pub fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = App;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "an address, such as `http://127.0.0.1:3000`, or a mapping with `address` or `run`",
                )
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<App, E> {
                let app = App::from(text.parse::<Address>().map_err(E::custom)?);
                app.check().map_err(E::custom)?;
                Ok(app)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<App, A::Error> {
                App::deserialize(MapAccessDeserializer::new(map))
            }
        }
        deserializer.deserialize_any(Either).map(Some)
    }

    /// The schema of either form.
    pub fn schema(generator: &mut SchemaGenerator) -> Schema {
        let short = json_schema!({ "type": "string", "examples": ["http://127.0.0.1:3000"] });
        schema::either(&short, &generator.subschema_for::<Written>())
    }
}

impl From<Address> for App {
    /// The short form.
    fn from(address: Address) -> Self {
        Self {
            address,
            host: None,
            certificate: Certificate::default(),
            allow: None,
            launch: None,
        }
    }
}

impl TryFrom<String> for HostHeader {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let authority = on_the_wire(&text).and_then(|host| host.parse::<Authority>().ok());
        let host = authority.filter(|authority| !authority.as_str().contains('@'));
        host.map(Self)
            .ok_or_else(|| format!("`{text}` is not a host, such as `localhost:5173`"))
    }
}

/// A host with or without a port, its name as it is on the wire.
fn on_the_wire(text: &str) -> Option<String> {
    if text.is_ascii() {
        return Some(text.to_owned());
    }
    match text.rsplit_once(':') {
        Some((name, port)) => Some(format!("{}:{port}", international::host(name).ok()?)),
        None => international::host(text).ok(),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn read(yaml: &str) -> Result<App, String> {
        #[derive(Deserialize)]
        struct Written {
            #[serde(deserialize_with = "App::read")]
            app: Option<App>,
        }
        let written: Result<Written, _> = serde_saphyr::from_str(&format!("app: {yaml}"));
        match written {
            Ok(written) => {
                let app = written.app.unwrap();
                app.check().map_err(|error| error.to_string())?;
                Ok(app)
            }
            Err(error) => Err(error.to_string()),
        }
    }

    #[rstest]
    #[case("müller.example", "xn--mller-kva.example")]
    #[case("müller.example:5173", "xn--mller-kva.example:5173")]
    #[case("LOCALHOST:5173", "LOCALHOST:5173")]
    #[case("[::1]:5173", "[::1]:5173")]
    fn a_host_is_a_name_on_the_wire(#[case] written: &str, #[case] host: &str) {
        let read = HostHeader::try_from(written.to_owned()).unwrap();
        assert_eq!(read.0.as_str(), host);
    }

    #[test]
    fn what_is_proposed_keeps_the_port() {
        let error = read("{ run: a, address: 'http://10.0.0.1:$PORT/shop' }").unwrap_err();
        let proposed =
            "write `app: { address: \"http://10.0.0.1:$PORT/shop\", allow: \"10.0.0.1\" }`";
        assert!(error.contains(proposed), "{error}");
    }

    #[rstest]
    #[case::short("http://127.0.0.1:3000")]
    #[case::long("{ address: 'http://127.0.0.1:3000' }")]
    fn an_application_is_an_address_or_a_mapping(#[case] yaml: &str) {
        let short = App::from("http://127.0.0.1:3000".parse::<Address>().unwrap());
        assert_eq!(read(yaml), Ok(short));
    }

    #[rstest]
    #[case::all_keys(
        "{ address: 'https://localhost:5173/', host: 'localhost:5173', certificate: any }",
        None
    )]
    #[case::allowed("{ address: 'http://app.internal', allow: App.internal }", None)]
    #[case::allowed_as_it_is_said(
        "{ address: 'http://xn--mller-kva.example', allow: müller.example }",
        None
    )]
    #[case::no_host(
        "{ address: 'http://127.0.0.1', host: 'me@mü' }",
        Some("is not a host")
    )]
    #[case::no_command("{ run: ' ' }", Some("without a command"))]
    #[case::nul("{ run: \"a\\0b\" }", Some("NUL"))]
    #[case::port(
        "{ run: a, env: { PORT: '3000' } }",
        Some("`PORT` is set by edgeproof")
    )]
    #[case::no_name("{ run: a, env: { '': b } }", Some("is no name"))]
    #[case::no_name("{ run: a, env: { 'A=B': b } }", Some("is no name"))]
    #[case::nul("{ run: a, env: { A: \"a\\0b\" } }", Some("NUL"))]
    #[case::at_once("{ run: a, ready_within: 0s }", Some("leaves no time"))]
    #[case::elsewhere("http://app.internal:3000", Some("is not on this machine"))]
    #[case::unspecified("http://0.0.0.0:3000", Some("is not on this machine"))]
    #[case::another(
        "{ address: 'http://app.internal', allow: other.internal }",
        Some("allows another host")
    )]
    #[case::another(
        "{ address: 'http://127.0.0.1', allow: app.internal }",
        Some("allows another host")
    )]
    #[case::plain(
        "{ address: 'http://127.0.0.1', certificate: any }",
        Some("needs an https address")
    )]
    #[case::no_host("{ address: 'http://127.0.0.1', host: 'a b' }", Some("is not a host"))]
    #[case::credentials("{ address: 'http://127.0.0.1', host: 'me@a' }", Some("is not a host"))]
    #[case::unknown("{ address: 'http://127.0.0.1', hsot: a }", Some("hsot"))]
    #[case::no_address("{ host: a }", Some("needs `address`"))]
    #[case::started("{ run: npm start, address: 'http://localhost:$PORT/shop' }", None)]
    #[case::no_port("{ address: 'http://localhost:$PORT' }", Some("needs `run`"))]
    #[case::not_started(
        "{ address: 'http://localhost', env: { A: b } }",
        Some("`env` needs `run`")
    )]
    #[case::not_ready("{ run: a, ready: 'https://localhost/' }", Some("cannot show"))]
    #[case::no_word("{ run: a, start: twice }", Some("twice"))]
    #[case::no_time("{ run: a, ready_within: soon }", Some("not a duration"))]
    #[case::query("'http://127.0.0.1/?a'", Some("query"))]
    fn what_cannot_be_asked_is_found_by_reading(#[case] yaml: &str, #[case] mistake: Option<&str>) {
        match (read(yaml), mistake) {
            (Ok(_), None) => {}
            (Err(error), Some(mistake)) => assert!(error.contains(mistake), "{error}"),
            (read, _) => panic!("{read:?}"),
        }
    }
}
