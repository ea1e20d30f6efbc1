//! The Fingerprint platform, emulated: the CDN that serves the agent, the ingress that identifies, the rules engine.
//!
//! One plain HTTP server answers for all hosts of the platform; the internet routes them to it and keeps the `Host`
//! header. wiremock carries the answers, this room decides them, and its memory is its own, so that it can be read
//! back as values.

mod answer;
pub mod event;
mod identify;
mod ids;
mod keys;
pub mod rules;
mod send;
mod settings;
pub mod signals;
mod stated;
mod store;
#[cfg(test)]
mod tests;
mod user_agent;

use std::{
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use http::{HeaderMap, Method, header};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate, matchers::any};

pub use answer::ApiError;
pub use event::Event;
pub use keys::{CDN_HOST, Keys, Region};
pub use rules::{Ruleset, ruleset_id};
use send::Refused;
pub use settings::Settings;
pub use signals::Signals;
pub use stated::{Stated, StatedError};
use store::Store;
pub use store::{Record, Refusal};

/// The largest request body that is looked at, in bytes; a real `/v4/send` has about 40,000.
const MAX_REQUEST: usize = 1024 * 1024;

/// How long a browser may keep the agent: what the worker's own limits leave whole (3600 s) and something more.
const AGENT_CACHE: &str = "public, max-age=3600, s-maxage=600";

/// A running workspace of the platform. It stops when it is dropped.
pub struct Fingerprint {
    /// Taken when it stops, and only then.
    server: Option<MockServer>,
    address: SocketAddr,
    platform: Arc<Platform>,
}

/// Why the platform could not start.
#[derive(Debug, thiserror::Error)]
#[error("the emulated Fingerprint platform cannot listen on the loopback interface")]
pub struct StartError(#[source] std::io::Error);

/// What the server's answers are made from.
struct Platform {
    settings: Settings,
    keys: Keys,
    store: Mutex<Store>,
}

impl Fingerprint {
    /// Starts a workspace on a port of the kernel's choice.
    ///
    /// # Errors
    /// No port could be bound.
    pub async fn start(settings: Settings) -> Result<Self, StartError> {
        let mut store = Store::default();
        for (name, ruleset) in &settings.rulesets {
            store.set_ruleset(name, ruleset.clone());
        }
        let platform = Arc::new(Platform {
            settings,
            keys: Keys::random(),
            store: Mutex::new(store),
        });
        // Not from wiremock's pool: a pooled server keeps its port and its answers after it was given back, and
        // keeps a copy of every request.
        let listener = TcpListener::bind("127.0.0.1:0").map_err(StartError)?;
        let server = MockServer::builder()
            .listener(listener)
            .disable_request_recording()
            .start()
            .await;
        Mock::given(any())
            .respond_with(Responder(Arc::clone(&platform)))
            .mount(&server)
            .await;
        Ok(Self {
            address: *server.address(),
            server: Some(server),
            platform,
        })
    }

    /// Where it listens: plain HTTP/1.1.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The hosts it answers for.
    pub fn hosts() -> impl Iterator<Item = &'static str> {
        [CDN_HOST].into_iter().chain(Region::ALL.map(Region::host))
    }

    /// The workspace's API keys.
    pub fn keys(&self) -> &Keys {
        &self.platform.keys
    }

    /// Every identification so far, the oldest first.
    pub fn events(&self) -> Vec<Record> {
        self.platform.store().records.clone()
    }

    /// Every request that was refused so far, the oldest first.
    pub fn refusals(&self) -> Vec<Refusal> {
        self.platform.store().refusals.clone()
    }

    /// Puts a ruleset in force, replacing one of the same name. Answers the id that deployments name it by.
    pub fn set_ruleset(&self, name: &str, ruleset: Ruleset) -> String {
        self.platform.store().set_ruleset(name, ruleset)
    }
}

impl Drop for Fingerprint {
    /// wiremock waits for a lock of tokio when it stops. In a task that has used up its budget of polls that wait
    /// never ends, so it happens on a thread that is no task.
    fn drop(&mut self) {
        let server = self.server.take();
        let stopped = std::thread::spawn(move || drop(server)).join();
        debug_assert!(
            stopped.is_ok(),
            "wiremock has no expectations here that could fail"
        );
    }
}

struct Responder(Arc<Platform>);

impl Respond for Responder {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        self.0
            .answer(request)
            .unwrap_or_else(|Refused { error, reason }| {
                let request = format!("{} {}", request.method, request.url.path());
                self.0.store().refusals.push(Refusal {
                    request,
                    error,
                    reason,
                });
                error.answer()
            })
    }
}

impl Platform {
    fn answer(&self, request: &Request) -> Result<ResponseTemplate, Refused> {
        match (&request.method, request.url.path()) {
            (&Method::POST, "/v4/send") => {
                self.authorise(request)?;
                send::answer(self, request)
            }
            (&Method::GET, path) => Ok(path
                .strip_prefix("/v4/")
                .map_or_else(|| ResponseTemplate::new(404), |key| self.agent(key))),
            _ => Ok(ResponseTemplate::new(404)),
        }
    }

    /// The agent, for the workspace's public key.
    fn agent(&self, key: &str) -> ResponseTemplate {
        if key != self.keys.public {
            return ResponseTemplate::new(404).set_body_string("unknown public API key");
        }
        ResponseTemplate::new(200)
            .set_body_raw(
                self.settings.agent.to_vec(),
                "text/javascript; charset=utf-8",
            )
            .insert_header("cache-control", AGENT_CACHE)
    }

    /// Lets in who has the secret key, at the workspace's region.
    fn authorise(&self, request: &Request) -> Result<(), Refused> {
        let refused = |error, reason: &str| {
            Err(Refused {
                error,
                reason: reason.to_owned(),
            })
        };
        let key = bearer(&request.headers).unwrap_or_default();
        if key.is_empty() {
            return refused(ApiError::KEY_REQUIRED, "no bearer token");
        }
        if key != self.keys.secret {
            return refused(ApiError::KEY_NOT_FOUND, "another bearer token");
        }
        let region = region(&request.headers).unwrap_or(self.settings.region);
        if region != self.settings.region {
            return refused(ApiError::WRONG_REGION, "the workspace is in another region");
        }
        if request.body.len() > MAX_REQUEST {
            return refused(ApiError::TOO_LARGE, "the body is too large");
        }
        Ok(())
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        // A panic elsewhere leaves the store whole: each change is one insertion.
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())
}

/// The region of the host that was asked; none where it was asked by address.
fn region(headers: &HeaderMap) -> Option<Region> {
    let host = headers.get(header::HOST)?.to_str().ok()?;
    let name = host.split_once(':').map_or(host, |(name, _)| name);
    Region::of_host(&name.to_ascii_lowercase())
}
