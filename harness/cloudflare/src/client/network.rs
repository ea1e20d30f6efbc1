//! The way from this machine to an API: straight, or through a company's proxy, with the certificates that the machine trusts.

use std::{path::PathBuf, sync::Arc};

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::{
        legacy::{
            Client, Error,
            connect::{HttpConnector, proxy::Tunnel},
        },
        proxy::matcher::{Intercept, Matcher},
    },
    rt::TokioExecutor,
};
use rustls_platform_verifier::Verifier;
use tokio_rustls::rustls::{
    ClientConfig,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};

use super::error::ApiError;

/// The variables that name the proxy for https, the first one that is set wins; as curl reads them.
const PROXY: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// The variables with the hosts that are asked without the proxy.
const NO_PROXY: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// The variable with the file of certificates to trust.
const CERTIFICATES: &str = "SSL_CERT_FILE";

/// What the machine's environment says of the way to the network. Default: straight, with the system's trust store.
#[derive(Clone, Debug, Default)]
pub struct Network {
    /// The variable and its value.
    proxy: Option<(&'static str, String)>,
    no_proxy: String,
    certificates: Option<PathBuf>,
}

/// TLS over what a connector connects.
type TlsClient<Inner> = Box<Client<HttpsConnector<Inner>, Full<Bytes>>>;

/// Something that sends requests, along the way that its API takes.
#[derive(Clone)]
pub(super) enum Connector {
    Straight(TlsClient<HttpConnector>),
    /// Through the proxy that a variable names.
    Proxy {
        client: TlsClient<Tunnel<HttpsConnector<HttpConnector>>>,
        variable: &'static str,
    },
}

impl Network {
    /// Reads the environment; `variable` returns the value of a name.
    pub fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let value = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let proxy = PROXY.iter().find_map(|name| Some((*name, value(name)?)));
        Self {
            proxy,
            no_proxy: NO_PROXY
                .iter()
                .find_map(|name| value(name))
                .unwrap_or_default(),
            certificates: value(CERTIFICATES).map(PathBuf::from),
        }
    }

    /// The way to an address. To this machine it is straight always.
    pub(super) fn connector(&self, to: &Uri, is_local: bool) -> Result<Connector, ApiError> {
        let builder = || {
            let builder = match is_local {
                // Plain HTTP, or a certificate that nobody vouches for: the machine's store need not be read.
                true => HttpsConnectorBuilder::new()
                    .with_provider_and_webpki_roots(ring::default_provider())
                    .map_err(|_| unusable("TLS could not be set up"))?,
                false => HttpsConnectorBuilder::new().with_tls_config(self.trust()?),
            };
            Ok::<_, ApiError>(builder.https_or_http().enable_http1())
        };
        let proxy = if is_local { None } else { self.proxy(to)? };
        let Some((variable, proxy)) = proxy else {
            let client = Client::builder(TokioExecutor::new()).build(builder()?.build());
            return Ok(Connector::Straight(Box::new(client)));
        };
        let mut tunnel = Tunnel::new(proxy.uri().clone(), builder()?.build());
        if let Some(authorization) = proxy.basic_auth() {
            tunnel = tunnel.with_auth(authorization.clone());
        }
        let connector = builder()?.wrap_connector(tunnel);
        Ok(Connector::Proxy {
            client: Box::new(Client::builder(TokioExecutor::new()).build(connector)),
            variable,
        })
    }

    /// The proxy on the way to an address, and the variable that names it.
    fn proxy(&self, to: &Uri) -> Result<Option<(&'static str, Intercept)>, ApiError> {
        let Some((variable, value)) = &self.proxy else {
            return Ok(None);
        };
        let matcher = |no_proxy: &str| {
            let matcher = Matcher::builder().https(value.trim()).no(no_proxy);
            matcher.build().intercept(to)
        };
        let Some(proxy) = matcher("") else {
            return Err(unusable(format!(
                "{variable} is not the address of a proxy, such as http://proxy.example:3128"
            )));
        };
        if !matches!(proxy.uri().scheme_str(), Some("http" | "https")) {
            return Err(unusable(format!(
                "{variable} names a proxy of the kind `{}`; edgeproof goes through those of http:// and https://",
                proxy.uri().scheme_str().unwrap_or_default()
            )));
        }
        Ok(matcher(&self.no_proxy).map(|proxy| (*variable, proxy)))
    }

    /// What is trusted: the system's store, and the certificates in `SSL_CERT_FILE`. A machine without a store, as small
    /// containers are, trusts what browsers do.
    ///
    /// # Errors
    /// When `SSL_CERT_FILE` names no file of certificates.
    pub fn trust(&self) -> Result<ClientConfig, ApiError> {
        let provider = Arc::new(ring::default_provider());
        let mut own = Vec::new();
        if let Some(path) = &self.certificates {
            let unreadable = |why: String| {
                let path = path.display();
                unusable(format!(
                    "{CERTIFICATES} names `{path}`, which is not a file of certificates in PEM: {why}"
                ))
            };
            let certificates = CertificateDer::pem_file_iter(path);
            let certificates = certificates.and_then(Iterator::collect::<Result<Vec<_>, _>>);
            own = certificates.map_err(|error| unreadable(error.to_string()))?;
            if own.is_empty() {
                return Err(unreadable("it has none".to_owned()));
            }
        }
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|_| unusable("TLS could not be set up"))?;
        let verifier = match Verifier::new_with_extra_roots(own, provider) {
            Ok(verifier) => verifier,
            Err(_) => {
                use hyper_rustls::ConfigBuilderExt;
                return Ok(builder.with_webpki_roots().with_no_client_auth());
            }
        };
        Ok(builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth())
    }
}

impl Connector {
    /// Sends a request along it.
    pub(super) async fn request(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, Error> {
        match self {
            Self::Straight(client) => client.request(request).await,
            Self::Proxy { client, .. } => client.request(request).await,
        }
    }

    /// What is to be said of a request that failed, besides why: what stands in the way, and what helps.
    pub(super) fn hint(&self, why: &str) -> String {
        let mut hint = String::new();
        if let Self::Proxy { variable, .. } = self {
            hint.push_str(&format!(
                "; it went through the proxy that {variable} names"
            ));
        }
        if why.contains("UnknownIssuer") {
            hint.push_str(&format!(
                "; where a proxy or a virus scanner signs certificates, let {CERTIFICATES} name a file with its own"
            ));
        }
        hint
    }
}

fn unusable(reason: impl Into<String>) -> ApiError {
    ApiError::Network {
        reason: reason.into(),
    }
}
