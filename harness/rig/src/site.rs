//! A site that is deployed, as visitors see it: the same visitors as a rig's, with their real network.

use std::{collections::BTreeMap, sync::Arc};

use edgeproof_browser::{Engine, Gate, GatewayTarget, Pool, Profile, Reach, Trust};
use edgeproof_ground::tools;
use tokio_rustls::rustls::ClientConfig;

use super::{BrowserVisit, Client, Description, RigError, Visitor, presented};

/// The way to deployed sites: made once a run. Clones share its browsers.
#[derive(Clone)]
pub struct SiteWay {
    reach: Reach,
    trust: Arc<ClientConfig>,
    gate: Arc<Gate>,
    browsers: Pool,
    engine: Engine,
}

impl SiteWay {
    /// The way to the hosts of a reach, which must have certificates that `trust` takes; browsers trust `authority` beside
    /// the authorities they know. Visitors that name no engine come with `engine`.
    pub fn new(
        reach: Reach,
        trust: Arc<ClientConfig>,
        authority: Trust,
        gate: Gate,
        engine: Engine,
    ) -> Self {
        let profiles = tools::cache().join("profiles");
        Self {
            reach,
            trust,
            gate: Arc::new(gate),
            browsers: Pool::new(&profiles, authority).on_network(),
            engine,
        }
    }

    /// The same with browsers that show their windows.
    #[must_use]
    pub fn headed(mut self) -> Self {
        self.browsers = self.browsers.headed();
        self
    }

    /// The browser of visitors that name none.
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// The hosts it leads to, and those it does not.
    pub fn reach(&self) -> &Reach {
        &self.reach
    }
}

/// A deployed site with the visitors of a description.
pub struct Site {
    way: SiteWay,
    description: Description,
}

impl Site {
    /// The site at the end of a way; of the description the visitors count.
    pub fn new(way: SiteWay, description: Description) -> Self {
        Self { way, description }
    }

    /// The visitor of this name.
    ///
    /// # Errors
    /// When there is none.
    pub fn visitor(&self, name: &str) -> Result<&Visitor, RigError> {
        let visitors: &BTreeMap<String, Visitor> = &self.description.visitors;
        visitors
            .get(name)
            .ok_or_else(|| RigError::Visitor(name.to_owned()))
    }

    /// An HTTP client.
    pub fn client(&self) -> Client {
        let SiteWay {
            reach, trust, gate, ..
        } = &self.way;
        Client::of_network(reach.without_others(), Arc::clone(trust), Arc::clone(gate))
    }

    /// A browser for a visitor, with a blank page open.
    ///
    /// # Errors
    /// When no visitor has this name, its profile has no browser, or the browser is not installed or does not start.
    pub async fn browser(&self, name: &str) -> Result<BrowserVisit, RigError> {
        let visitor = self.visitor(name)?;
        if visitor.profile == Profile::Http {
            return Err(RigError::NoBrowser(name.to_owned()));
        }
        let way = &self.way;
        let engine = self.description.engine_of(visitor, way.engine);
        let target = GatewayTarget::Network(way.reach.clone());
        let gate = Some(Gate::clone(&way.gate));
        Ok(presented::browser(&way.browsers, engine, visitor, target, gate).await?)
    }
}
