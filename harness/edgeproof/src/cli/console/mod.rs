//! The console of a running rig: a page of this machine that shows each call while it happens, and what can be changed.

mod calls;
mod levers;
mod log;
mod save;
mod state;

use std::{collections::HashMap, net::IpAddr, sync::Arc, time::Instant};

use bytes::Bytes;
use edgeproof_ground::{body::Body, clock::Clock, visible::visible};
use edgeproof_report::html;
use edgeproof_rig::{Deployed, LogLine, LogSource, Rig};
use edgeproof_run::redact::{Redactor, Secrets};
use edgeproof_scenario::load::Case;
use http::{Method, Response, StatusCode};
use serde_json::{Value as Json, json};
use tokio::{sync::watch, task::JoinHandle};

use self::{levers::Levers, log::Log};
use super::{
    CliError,
    served::{self, Page, PageRequest, Server, answered},
};

/// An open console. Close it with [`Console::close`] before the rig is stopped.
pub(super) struct Console {
    world: Arc<World>,
    server: Server,
    /// Tells what is deployed.
    follower: JoinHandle<()>,
}

/// What every request of the page is answered from.
struct World {
    rig: Arc<Rig>,
    clock: Clock,
    /// What was described, with the steps that were taken since.
    levers: tokio::sync::Mutex<Levers>,
    /// How many steps were taken: whoever shows the state looks again when it changes.
    changes: watch::Sender<usize>,
    secrets: Secrets,
    log: Log,
    /// How to come in, for people.
    doors: String,
    /// The command that runs scenarios as this rig runs, but for the file.
    run: String,
}

impl Console {
    /// Opens a console for a rig that was started from this case.
    ///
    /// # Errors
    /// Where no port can be had, or the system has no random numbers.
    pub(super) async fn open(
        rig: Arc<Rig>,
        case: Case,
        doors: String,
        run: String,
    ) -> Result<Self, CliError> {
        rig.trace().keep_bodies();
        let mut secrets = Secrets::of_scenario(&case.node);
        secrets.add_declared(case.secrets.iter().cloned());
        let world = Arc::new(World {
            clock: rig.fingerprint().clock().clone(),
            levers: Levers::new(case).into(),
            changes: watch::Sender::default(),
            secrets,
            log: Log::default(),
            doors,
            run,
            rig,
        });
        let server = Server::open(Arc::clone(&world)).await?;
        let follower = tokio::spawn(follow(Arc::clone(&world)));
        Ok(Self {
            world,
            server,
            follower,
        })
    }

    /// Where it is, with its secret.
    pub(super) fn url(&self) -> &str {
        self.server.url()
    }

    /// Takes a line that a worker or its runtime has written.
    pub(super) fn tell(&self, line: &LogLine) {
        let kind = match line.source {
            LogSource::Console => "worker",
            LogSource::Exception => "exception",
            LogSource::Runtime => "runtime",
        };
        let at = self.world.rig.trace().at(line.at);
        let text = self.world.told(&line.message);
        self.world.log.add(at, kind, &text);
    }

    /// Closes it and every connection to it.
    pub(super) async fn close(self) {
        self.server.close().await;
        self.follower.abort();
        // It was told to end.
        let _ = self.follower.await;
    }
}

async fn follow(world: Arc<World>) {
    let mut deployed = world.rig.deployed();
    while deployed.changed().await.is_ok() {
        world.is_deployed(&deployed.borrow_and_update());
    }
}

impl Page for World {
    async fn respond(self: Arc<Self>, request: PageRequest) -> Response<Body> {
        match (&request.method, request.path.as_str()) {
            (&Method::GET, "") => served::document(html::live("rig")),
            (&Method::GET, "stream") => calls::stream(self),
            (&Method::GET, "call") => {
                let first = request.query("first").parse().unwrap_or(0);
                answered(Ok(calls::details(&self, request.query("id"), first).await))
            }
            (&Method::GET, "state") => answered(Ok(state::of(&self).await)),
            (&Method::GET, "route") => {
                let (url, method) = (request.query("url"), request.query("method"));
                answered(state::route(&self.rig, url, method))
            }
            (&Method::POST, "step") => answered(match request.body().await {
                Ok(body) => self.take(&body).await,
                Err(problem) => Err(problem),
            }),
            (&Method::POST, "save") => answered(match request.body().await {
                Ok(body) => self.save(&body).await,
                Err(problem) => Err(problem),
            }),
            _ => served::not_here(StatusCode::NOT_FOUND),
        }
    }
}

impl World {
    /// Takes the steps that are written here.
    async fn take(&self, body: &Bytes) -> Result<Json, String> {
        let text = std::str::from_utf8(body).map_err(|error| error.to_string())?;
        let mut levers = self.levers.lock().await;
        let said = levers.take(&self.rig, &self.clock, text).await;
        let at = self.rig.trace().at(Instant::now());
        let outcome = if said.is_ok() {
            "step"
        } else {
            "step, refused"
        };
        self.log.add(at, outcome, &self.told(text.trim()));
        self.changes.send_modify(|changes| *changes += 1);
        let said = said.map_err(|problem| self.told(&problem))?;
        Ok(json!({ "said": self.told(&said) }))
    }

    /// Saves the calls that are named here as a scenario.
    async fn save(&self, body: &Bytes) -> Result<Json, String> {
        let levers = self.levers.lock().await;
        let saved = save::save(self, levers.case(), levers.taken(), body);
        saved.map_err(|problem| self.told(&problem))
    }

    /// Something was deployed, by a step or on the account's API.
    fn is_deployed(&self, deployed: &Deployed) {
        let at = self.rig.trace().at(Instant::now());
        let routes = deployed.routes.len();
        let text = format!("{}; {routes} routes", deployed.workers.join(", "));
        self.log.add(at, "deployed", &self.told(&text));
        self.changes.send_modify(|changes| *changes += 1);
    }

    /// The names of visitors, by their addresses.
    fn visitors(&self) -> HashMap<IpAddr, String> {
        let names = self.rig.description().visitors.into_keys();
        let addressed = names.filter_map(|name| Some((self.rig.visitor(&name).ok()?.ip, name)));
        by_address(addressed)
    }

    /// What hides everything that is known to be secret.
    fn redactor(&self) -> Redactor {
        let mut secrets = self.secrets.clone();
        secrets.add_declared(edgeproof_run::execute::declared(&self.rig));
        secrets.redactor()
    }

    /// A text as the page may have it.
    fn told(&self, text: &str) -> String {
        visible(&self.redactor().text(text))
    }
}

/// Who has which address. Visitors that share one cannot be told apart, so each call there is said to be of any of them.
fn by_address(visitors: impl Iterator<Item = (IpAddr, String)>) -> HashMap<IpAddr, String> {
    let mut names: HashMap<IpAddr, String> = HashMap::new();
    for (address, name) in visitors {
        names
            .entry(address)
            .and_modify(|names| *names = format!("{names} or {name}"))
            .or_insert(name);
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_from_an_address_that_visitors_share_is_of_any_of_them() {
        let [shared, own] = [7, 8].map(|last| IpAddr::from([203, 0, 113, last]));
        let visitors = [(shared, "ann"), (own, "bob"), (shared, "eve")];
        let visitors = visitors.map(|(address, name)| (address, name.to_owned()));
        let names = by_address(visitors.into_iter());
        assert_eq!(names[&shared], "ann or eve");
        assert_eq!(names[&own], "bob");
    }
}
