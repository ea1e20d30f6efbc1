//! One HTTP call to an API: bearer token, time limit, and a second and third attempt where that is safe.

use std::time::Duration;

use bytes::Bytes;
use edgeproof_ground::{causes, clock::Clock};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use jiff::Timestamp;
use url::Url;

use super::{
    Secret,
    error::ApiError,
    network::{Connector, Network},
};

/// How often a call is made at most.
const ATTEMPTS: u32 = 3;

/// The longest wait that an API may ask for between two attempts.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// The wait before the second attempt where the API asks for none; it doubles before the third.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// How long one attempt may take; an upload of some megabytes is in it.
pub(super) const LIMIT: Duration = Duration::from_secs(60);

/// The largest response that is read, in bytes: pages of lists have some hundred kilobytes.
const MAX_RESPONSE: usize = 16 * 1024 * 1024;

/// How the time between two attempts passes.
#[derive(Clone, Debug)]
pub enum Waiting {
    /// As it does for people.
    Real,
    /// At once, on a rig's clock.
    On(Clock),
}

impl Waiting {
    fn now(&self) -> Timestamp {
        match self {
            Self::Real => Timestamp::now(),
            Self::On(clock) => Timestamp::from_millisecond(clock.now()).unwrap_or_default(),
        }
    }

    async fn wait(&self, time: Duration) {
        match self {
            Self::Real => tokio::time::sleep(time).await,
            Self::On(clock) => clock.advance(time),
        }
    }
}

/// Whether a call may be made twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeat {
    /// The second has no effect beside the first's.
    Safe,
    /// Only where the API said that it did not look at the first (429).
    IfUnseen,
}

/// What is asked.
#[derive(Clone, Debug)]
pub(super) struct ApiRequest {
    pub(super) method: Method,
    /// Below the base URL, with its query.
    pub(super) path: String,
    /// The content type and the body.
    pub(super) body: Option<(String, Bytes)>,
    pub(super) repeat: Repeat,
}

impl ApiRequest {
    /// A call without a body that may be repeated.
    pub(super) fn new(method: Method, path: String) -> Self {
        Self {
            method,
            path,
            body: None,
            repeat: Repeat::Safe,
        }
    }

    /// The same with JSON.
    pub(super) fn json(mut self, body: &serde_json::Value) -> Self {
        self.body = Some(("application/json".to_owned(), body.to_string().into()));
        self
    }

    /// Method and path as messages name them.
    pub(super) fn name(&self) -> String {
        let path = self.path.split('?').next().unwrap_or_default();
        format!("{} {path}", self.method)
    }
}

/// A response that was read to its end.
pub(super) struct ApiResponse {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
    headers: HeaderMap,
}

impl ApiResponse {
    /// The text of a header.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// How long the API asks to wait before the next attempt.
    fn retry_after(&self) -> Option<Duration> {
        let seconds = self.header("retry-after")?.trim().parse().ok()?;
        Some(Duration::from_secs(seconds))
    }
}

/// A connection to one API.
#[derive(Clone)]
pub(super) struct Http {
    connector: Connector,
    base: String,
    token: Secret,
    headers: Vec<(&'static str, &'static str)>,
    waiting: Waiting,
}

impl std::fmt::Debug for Http {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Http")
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

impl Http {
    /// A client of the API at `base`. Plain HTTP is spoken on this machine only: the token is not for the network.
    pub(super) fn new(
        base: &str,
        token: Secret,
        waiting: Waiting,
        network: &Network,
    ) -> Result<Self, ApiError> {
        let wrong = |reason| ApiError::Address {
            url: base.to_owned(),
            reason,
        };
        let url = Url::parse(base).map_err(|_| wrong("it is not a URL"))?;
        let local = match url.host() {
            Some(url::Host::Domain(name)) => name == "localhost",
            Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
            Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
            None => return Err(wrong("it has no host")),
        };
        if url.scheme() != "https" && !(url.scheme() == "http" && local) {
            return Err(wrong(
                "a token is sent over https only, except on this machine",
            ));
        }
        if HeaderValue::try_from(format!("Bearer {}", token.reveal())).is_err() {
            return Err(wrong("its token has characters that a token cannot have"));
        }
        let to = base.parse().map_err(|_| wrong("it is not a URL"))?;
        Ok(Self {
            connector: network.connector(&to, local)?,
            base: base.trim_end_matches('/').to_owned(),
            token,
            headers: Vec::new(),
            waiting,
        })
    }

    /// The same with a header on every call.
    pub(super) fn with_header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(super) fn now(&self) -> Timestamp {
        self.waiting.now()
    }

    /// Waits as between two attempts of one call.
    pub(super) async fn pause(&self, time: u32) {
        self.waiting.wait(FIRST_WAIT * time).await;
    }

    /// A text of the API without the token.
    pub(super) fn hide(&self, text: &str) -> String {
        self.token.hidden_in(text)
    }

    /// Makes the call, up to three times where it may be repeated, and returns the last response.
    pub(super) async fn send(&self, call: &ApiRequest) -> Result<ApiResponse, ApiError> {
        let mut wait = FIRST_WAIT;
        let mut attempt = 1;
        loop {
            let response = self.once(call).await;
            let again = match &response {
                Ok(response) if response.status == StatusCode::TOO_MANY_REQUESTS => true,
                Ok(response) => response.status.is_server_error() && call.repeat == Repeat::Safe,
                Err(_) => call.repeat == Repeat::Safe,
            };
            if !again || attempt == ATTEMPTS {
                return response;
            }
            if let Ok(response) = &response
                && let Some(asked) = response.retry_after()
            {
                if asked > LONGEST_WAIT {
                    return Err(ApiError::Later {
                        call: call.name(),
                        wait: asked,
                    });
                }
                self.waiting.wait(asked).await;
            } else {
                self.waiting.wait(wait).await;
            }
            wait *= 2;
            attempt += 1;
        }
    }

    async fn once(&self, call: &ApiRequest) -> Result<ApiResponse, ApiError> {
        let made = tokio::time::timeout(LIMIT, self.exchange(call)).await;
        made.unwrap_or_else(|_| {
            Err(self.unanswered(call, &format!("nothing came within {} s", LIMIT.as_secs())))
        })
    }

    async fn exchange(&self, call: &ApiRequest) -> Result<ApiResponse, ApiError> {
        let response = self
            .connector
            .request(self.request(call)?)
            .await
            // hyper's own text says little.
            .map_err(|error| {
                let why = causes::with_causes(&error);
                self.unanswered(call, &format!("{why}{}", self.connector.hint(&why)))
            })?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, MAX_RESPONSE)
            .collect()
            .await
            .map_err(|error| self.unanswered(call, &error.to_string()))?
            .to_bytes();
        Ok(ApiResponse {
            status: head.status,
            body,
            headers: head.headers,
        })
    }

    fn request(&self, call: &ApiRequest) -> Result<Request<Full<Bytes>>, ApiError> {
        let mut authorization = HeaderValue::try_from(format!("Bearer {}", self.token.reveal()))
            .map_err(|error| self.unanswered(call, &error.to_string()))?;
        authorization.set_sensitive(true);
        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(format!("{}{}", self.base, call.path))
            .header(header::AUTHORIZATION, authorization)
            .header(header::ACCEPT, "application/json")
            .header(
                header::USER_AGENT,
                concat!("edgeproof/", env!("CARGO_PKG_VERSION")),
            );
        for (name, value) in &self.headers {
            request = request.header(*name, *value);
        }
        let mut body = Bytes::new();
        if let Some((content_type, content)) = &call.body {
            request = request.header(header::CONTENT_TYPE, content_type);
            body = content.clone();
        }
        request
            .body(Full::new(body))
            .map_err(|error| self.unanswered(call, &error.to_string()))
    }

    fn unanswered(&self, call: &ApiRequest, reason: &str) -> ApiError {
        ApiError::Unanswered {
            call: call.name(),
            reason: self.hide(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rstest::rstest;
    use tokio::{io::AsyncReadExt, net::TcpListener};
    use tokio_rustls::{
        TlsAcceptor,
        rustls::{
            ServerConfig,
            crypto::ring,
            pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
        },
    };

    use super::*;

    fn http(base: &str, token: &str) -> Result<Http, ApiError> {
        let waiting = Waiting::On(Clock::default());
        Http::new(base, Secret::new(token), waiting, &Network::default())
    }

    #[rstest]
    #[case("https://api.cloudflare.com/client/v4", "token", None)]
    #[case("http://127.0.0.1:8080/client/v4", "token", None)]
    #[case("http://[::1]:8080", "token", None)]
    #[case("http://localhost:8080", "token", None)]
    #[case(
        "http://api.cloudflare.com/client/v4",
        "token",
        Some("over https only")
    )]
    #[case("http://127.0.0.1.example/", "token", Some("over https only"))]
    #[case("ftp://127.0.0.1/", "token", Some("over https only"))]
    #[case("api.cloudflare.com", "token", Some("not a URL"))]
    #[case("https://api.cloudflare.com", "to\nken", Some("characters"))]
    fn a_token_goes_over_https_or_stays_on_this_machine(
        #[case] base: &str,
        #[case] token: &str,
        #[case] refused: Option<&str>,
    ) {
        let error = http(base, token).err().map(|error| error.to_string());
        assert_eq!(error.is_some(), refused.is_some(), "{error:?}");
        assert!(
            error
                .unwrap_or_default()
                .contains(refused.unwrap_or_default())
        );
    }

    #[tokio::test]
    async fn a_server_that_nobody_vouches_for_gets_no_token() {
        let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certified.cert.der().clone()],
                PrivateKeyDer::Pkcs8(key),
            )
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!(
            "https://localhost:{}",
            listener.local_addr().unwrap().port()
        );
        let server = tokio::spawn(async move {
            let mut received = Vec::new();
            // As many connections as there are attempts.
            for _ in 0..ATTEMPTS {
                let (stream, _) = listener.accept().await.unwrap();
                let acceptor = TlsAcceptor::from(Arc::new(config.clone()));
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    let _ = stream.read_to_end(&mut received).await;
                }
            }
            received
        });
        let client = http(&base, "token").unwrap();
        let call = ApiRequest::new(Method::GET, "/zones".to_owned());
        let error = client.send(&call).await.err().unwrap().to_string();
        assert!(error.contains("certificate"), "{error}");
        assert_eq!(server.await.unwrap(), b"");
    }
}
