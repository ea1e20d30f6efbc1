//! What an emulated workspace is made of.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use bytes::Bytes;
use edgeproof_ground::clock::Clock;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    agent_cost::AgentCost,
    event::Event,
    fault::PlatformFault,
    filtering::FilterRule,
    intelligence::Networks,
    keys::Region,
    response::{ApiError, Refused},
    rules::Ruleset,
    server_api::RateLimit,
    smart_signals::SmartSignal,
    stated::{Stated, StatedError},
    suspect,
};

/// A workspace of the platform, as the `given` part of a scenario states it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PlatformSettings {
    /// The bundle that the CDN serves.
    #[serde(skip)]
    pub agent_bundle: Bytes,
    /// What the agent costs a page.
    pub agent: AgentCost,
    /// The time of the rig.
    #[serde(skip)]
    pub clock: Clock,
    /// Where the workspace is.
    pub region: Region,
    /// The environments of the workspace beside `default`, by name.
    pub environments: Vec<String>,
    /// The rulesets, by a name of the user's choice.
    #[serde(skip)]
    pub rulesets: BTreeMap<String, Ruleset>,
    /// Fields of every event that the scenario sets, regardless of what was measured.
    pub signals: Stated,
    /// The same for the visits from one address; they win over those of every event.
    #[schemars(with = "BTreeMap<String, Stated>")]
    pub signals_of: BTreeMap<IpAddr, Stated>,
    /// Smart signals that are switched off.
    pub switched_off: BTreeSet<SmartSignal>,
    /// What is known about addresses, in addition to the built-in table.
    #[schemars(with = "BTreeMap<String, super::intelligence::Network>")]
    pub networks: Networks,
    /// Which identifications are refused; the first rule that matches decides.
    pub filters: Vec<FilterRule>,
    /// Responses that differ from the platform's.
    pub faults: Vec<PlatformFault>,
    /// How many requests a key may send to the Server API.
    pub rate_limit: RateLimit,
    /// How long a changed ruleset takes to become effective, in seconds: up to 60 in production, and 60 here. A new one
    /// is effective at once.
    pub ruleset_delay: u32,
}

impl Default for PlatformSettings {
    fn default() -> Self {
        Self {
            agent_bundle: Bytes::new(),
            agent: AgentCost::default(),
            clock: Clock::default(),
            region: Region::default(),
            environments: Vec::new(),
            rulesets: BTreeMap::new(),
            signals: Stated::default(),
            signals_of: BTreeMap::new(),
            switched_off: BTreeSet::new(),
            networks: Networks::new(),
            filters: Vec::new(),
            faults: Vec::new(),
            rate_limit: RateLimit::default(),
            ruleset_delay: 60,
        }
    }
}

impl PlatformSettings {
    /// The measured event with what the scenario states (`signals` of every event, as they are now), what is switched off, and the score of both.
    ///
    /// # Errors
    /// Stated fields that do not make an event with what was measured.
    pub(super) fn complete(
        &self,
        measured: Event,
        ip: IpAddr,
        signals: &Stated,
    ) -> Result<Event, Refused> {
        self.state(measured, ip, signals)
            .map(|event| self.switch_off(event))
            .map_err(|error| ApiError::FAILED.because(error.to_string()))
    }

    fn state(&self, measured: Event, ip: IpAddr, signals: &Stated) -> Result<Event, StatedError> {
        let event = signals.apply(measured)?;
        match self.signals_of.get(&ip) {
            Some(stated) => stated.apply(event),
            None => Ok(event),
        }
    }

    /// The event without what the workspace has switched off, and scored.
    pub(super) fn switch_off(&self, mut event: Event) -> Event {
        for signal in &self.switched_off {
            signal.switch_off(&mut event);
        }
        // A score that the scenario states is already there.
        if event.suspect_score.is_none() {
            event.suspect_score = Some(suspect::score(&event));
        }
        event
    }
}
