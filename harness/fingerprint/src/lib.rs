//! The Fingerprint platform, emulated: the CDN that serves the agent, the ingress that identifies, the rules engine.
//!
//! One plain HTTP server answers for all hosts of the platform; the internet routes them to it and keeps the `Host`
//! header. wiremock carries the responses, this room decides them, and its memory is its own, so that it can be read
//! back as values.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "a test that cannot go on has failed"
    )
)]

mod agent_cost;
mod attributes;
mod browser_cache;
mod edge_api;
pub mod event;
mod fault;
mod filtering;
mod identify;
mod ids;
mod intelligence;
mod keys;
mod management;
mod response;
pub mod rules;
mod send;
mod server;
mod server_api;
mod settings;
pub mod signals;
mod smart_signals;
mod stated;
mod store;
mod suspect;
#[cfg(test)]
mod tests;
mod user_agent;
mod velocity;
mod workspace_keys;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use edgeproof_ground::{clock::Clock, memory::Memory};
use http::{HeaderMap, Method, header};
use wiremock::{Request, ResponseTemplate};

pub use agent_cost::AgentCost;
pub use event::Event;
use fault::PlatformFaults;
pub use fault::{Endpoint, ErrorResponse, PlatformFault, PlatformFaultKind};
pub use filtering::{Condition, FilterRule};
pub use intelligence::{Network, Networks};
pub use keys::{CDN_HOST, Keys, Region};
pub use response::ApiError;
use response::Refused;
pub use rules::{Ruleset, ruleset_id};
use server::Server;
use server_api::Operation;
pub use server_api::RateLimit;
pub use settings::PlatformSettings;
pub use signals::Signals;
pub use smart_signals::SmartSignal;
pub use stated::{Stated, StatedError};
use store::Store;
pub use store::{Record, Refusal};
use workspace_keys::{KeyType, WorkspaceKey};

/// The largest request body that is looked at, in bytes; a real `/v4/send` has about 40,000.
const MAX_REQUEST: usize = 1024 * 1024;

/// How long a browser may keep the agent: what the worker's own limits leave whole (3600 s) and something more.
const AGENT_CACHE: &str = "public, max-age=3600, s-maxage=600";

/// A running workspace of the platform. It stops when it is dropped.
pub struct Fingerprint {
    server: Server,
    platform: Arc<Platform>,
}

/// Why the platform could not start.
#[derive(Debug, thiserror::Error)]
#[error("the emulated Fingerprint platform cannot listen on the loopback interface")]
pub struct StartError(#[source] std::io::Error);

/// Why a ruleset is not deleted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RulesetError {
    /// A deployment would be left without it.
    #[error(
        "the ruleset `{ruleset}` is used by the deployment `{worker}`; delete that first, or give it another one"
    )]
    InUse {
        /// The ruleset.
        ruleset: String,
        /// The first deployment that uses it.
        worker: String,
    },
    /// There is none.
    #[error("there is no ruleset `{0}`")]
    NotFound(String),
}

/// What the server's responses are made from.
struct Platform {
    settings: PlatformSettings,
    /// The stated signals of every event, as they are now.
    signals: Mutex<Stated>,
    keys: Keys,
    /// Authorises the Management API.
    management_key: String,
    faults: PlatformFaults,
    store: Mutex<Store>,
}

impl Fingerprint {
    /// Starts a workspace on a port of the kernel's choice.
    ///
    /// # Errors
    /// No port could be bound.
    pub async fn start(settings: PlatformSettings) -> Result<Self, StartError> {
        Self::start_keeping_in(settings, &Memory::default()).await
    }

    /// The same, whose records are a part of what this has room for.
    ///
    /// # Errors
    /// The same.
    pub async fn start_keeping_in(
        settings: PlatformSettings,
        memory: &Memory,
    ) -> Result<Self, StartError> {
        let mut store = Store::new(memory);
        for (name, ruleset) in &settings.rulesets {
            store.set_ruleset(
                name,
                ruleset.clone(),
                settings.clock.now(),
                settings.ruleset_delay,
            );
        }
        for environment in &settings.environments {
            store.keys.add_environment(environment);
        }
        let keys = store.keys.make_pair("default", settings.clock.now());
        let platform = Arc::new(Platform {
            signals: Mutex::new(settings.signals.clone()),
            faults: PlatformFaults::new(settings.faults.clone()),
            settings,
            keys,
            management_key: ids::random(32),
            store: Mutex::new(store),
        });
        let server = Server::start(Arc::clone(&platform)).await;
        let server = server.map_err(StartError)?;
        Ok(Self { server, platform })
    }

    /// Where it listens: plain HTTP/1.1.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// The hosts it answers for.
    pub fn hosts() -> impl Iterator<Item = &'static str> {
        [CDN_HOST].into_iter().chain(Region::ALL.map(Region::host))
    }

    /// The workspace's API keys.
    pub fn keys(&self) -> &Keys {
        &self.platform.keys
    }

    /// The platform's time: moved forward, a changed ruleset is in force and a limit is over in no time.
    pub fn clock(&self) -> &Clock {
        &self.platform.settings.clock
    }

    /// The identifications so far, the oldest first, as far as they are kept.
    pub fn events(&self) -> Vec<Arc<Record>> {
        self.platform.store().records.since(0)
    }

    /// How many of the oldest identifications are no longer kept.
    pub fn forgotten_events(&self) -> usize {
        self.platform.store().records.forgotten()
    }

    /// The requests that were refused so far, the oldest first, as far as they are kept.
    pub fn refusals(&self) -> Vec<Refusal> {
        self.platform.store().refusals.since(0)
    }

    /// A further pair of keys, of the environment of this name.
    pub fn make_keys(&self, environment: &str) -> Keys {
        let now = self.platform.settings.clock.now();
        self.platform.store().keys.make_pair(environment, now)
    }

    /// The key of the Management API, which has the same address; it must be in no log and no report.
    pub fn management_key(&self) -> &str {
        &self.platform.management_key
    }

    /// The names of the workspace's API keys, as often as there are keys of them.
    pub fn key_names(&self) -> Vec<String> {
        let store = self.platform.store();
        store
            .keys
            .all()
            .iter()
            .map(|key| key.name.clone())
            .collect()
    }

    /// The secret keys of the workspace: what no report may have.
    pub fn secrets(&self) -> Vec<String> {
        let store = self.platform.store();
        let secret = |key: &&WorkspaceKey| key.kind == KeyType::Secret;
        let keys = store.keys.all().iter().filter(secret);
        keys.map(|key| key.token.clone())
            .chain([self.platform.management_key.clone()])
            .collect()
    }

    /// States these signals of every event from now on, in place of those stated before.
    pub fn set_signals(&self, signals: Stated) {
        *self
            .platform
            .signals
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = signals;
    }

    /// Deletes a ruleset, which it refuses while deployments use it (Fingerprint's documentation of Flow deployments).
    ///
    /// # Errors
    /// When there is none of this name, or one of `used_by` is left without rules.
    pub fn delete_ruleset(&self, name: &str, used_by: &[String]) -> Result<(), RulesetError> {
        if let Some(worker) = used_by.first() {
            return Err(RulesetError::InUse {
                ruleset: name.to_owned(),
                worker: worker.clone(),
            });
        }
        if self.platform.store().delete_ruleset(&ruleset_id(name)) {
            Ok(())
        } else {
            Err(RulesetError::NotFound(name.to_owned()))
        }
    }

    /// Puts a ruleset in force: a new one at once, a changed one after [`PlatformSettings::ruleset_delay`]. Returns the id
    /// that deployments name it by.
    pub fn set_ruleset(&self, name: &str, ruleset: Ruleset) -> String {
        let PlatformSettings {
            clock,
            ruleset_delay,
            ..
        } = &self.platform.settings;
        self.platform
            .store()
            .set_ruleset(name, ruleset, clock.now(), *ruleset_delay)
    }
}

impl Platform {
    /// The response, and a note of it where it is a refusal.
    fn answer(&self, request: &Request) -> ResponseTemplate {
        self.response(request)
            .unwrap_or_else(|Refused { error, reason }| {
                let response = error.response();
                let request = format!("{} {}", request.method, request.url.path());
                self.store().refuse(Refusal {
                    request,
                    error,
                    reason,
                });
                response
            })
    }

    fn response(&self, request: &Request) -> Result<ResponseTemplate, Refused> {
        let path = request.url.path();
        let host = host(&request.headers);
        if request.method == Method::POST && path == "/v4/send" {
            return self.respond(Endpoint::Send, || {
                let environment = self.authorise(request)?;
                send::response(self, &request.body, &environment)
            });
        }
        if request.method == Method::POST && path == "/v4/edge" {
            return self.respond(Endpoint::Edge, || {
                let environment = self.authorise(request)?;
                edge_api::response(self, &request.body, &environment)
            });
        }
        if host.as_deref().and_then(Region::of_host).is_none()
            && host.as_deref() != Some(CDN_HOST)
            && let Some(operation) = management::Operation::of(request)
        {
            return operation.response(self, request);
        }
        if host.as_deref() != Some(CDN_HOST)
            && let Some(operation) = Operation::of(request)
        {
            return self.respond(Endpoint::ServerApi, || {
                self.authorise(request)?;
                let key = bearer(&request.headers).unwrap_or_default();
                operation.response(self, request, key)
            });
        }
        let of_ingress = host.as_deref().and_then(Region::of_host).is_some();
        Ok(match (&request.method, path.strip_prefix("/v4/")) {
            (&Method::GET, Some(key)) if !of_ingress => self.agent(key),
            (&Method::GET, _) if host.as_deref() != Some(CDN_HOST) => browser_cache::response(path),
            _ => ResponseTemplate::new(404),
        })
    }

    /// The response, or what a fault made of it.
    fn respond(
        &self,
        endpoint: Endpoint,
        response: impl FnOnce() -> Result<Vec<u8>, Refused>,
    ) -> Result<ResponseTemplate, Refused> {
        // The first of several decides.
        let met = self.faults.meet(|on| *on == endpoint);
        let Some(fault) = met.first() else {
            return response().map(|body| response::raw(200, body));
        };
        // The platform that fails this way has not looked at the request.
        if let Some(error) = fault.error() {
            return Ok(error.response());
        }
        let body = serde_json::from_slice(&response()?).map_err(ApiError::failed)?;
        Ok(fault.apply(body))
    }

    /// The agent, for one of the workspace's public keys.
    fn agent(&self, key: &str) -> ResponseTemplate {
        if !self.store().keys.knows_public(key) {
            return ResponseTemplate::new(404).set_body_string("unknown public API key");
        }
        ResponseTemplate::new(200)
            .set_body_raw(
                self.settings
                    .agent
                    .agent(&String::from_utf8_lossy(&self.settings.agent_bundle)),
                "text/javascript; charset=utf-8",
            )
            .insert_header("cache-control", AGENT_CACHE)
    }

    /// Lets in who has a secret key, at the workspace's region. Returns the key's environment.
    fn authorise(&self, request: &Request) -> Result<String, Refused> {
        let key = bearer(&request.headers).unwrap_or_default();
        if key.is_empty() {
            return Err(ApiError::KEY_REQUIRED.because("no bearer token"));
        }
        let environment = self.store().keys.environment_of(key);
        let environment =
            environment.ok_or_else(|| ApiError::KEY_NOT_FOUND.because("another bearer token"))?;
        let region = host(&request.headers).and_then(|host| Region::of_host(&host));
        if region.is_some_and(|region| region != self.settings.region) {
            return Err(ApiError::WRONG_REGION.because("the workspace is in another region"));
        }
        if request.body.len() > MAX_REQUEST {
            return Err(ApiError::TOO_LARGE.because("the body is too large"));
        }
        Ok(environment)
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        // A panic elsewhere leaves the store whole: each change is one insertion.
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn signals(&self) -> Stated {
        self.signals
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())
}

/// The host that was asked, without its port.
fn host(headers: &HeaderMap) -> Option<String> {
    let host = headers.get(header::HOST)?.to_str().ok()?;
    let name = host.split_once(':').map_or(host, |(name, _)| name);
    Some(name.to_ascii_lowercase())
}
