//! Everything the account holds.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use edgeproof_deployment::FailureMode;
use edgeproof_edge as edge;
use edgeproof_ground::{clock::Clock, pattern::Pattern};
use edgeproof_runtime::{ModuleKind, Syntax, WorkerOptions};
use indexmap::IndexMap;
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{
    access::Token,
    bindings::{Binding, BindingValue},
    error::ApiError,
    ids::{fresh_id, fresh_uuid, stable_id},
    limits::WorkersPlan,
    neighbours::{OtherAccount, ZoneStatus},
    settings::{AccountSettings, Record, ZoneSettings},
    tails::Tails,
};

/// The account, behind the lock of its control plane.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) plan: WorkersPlan,
    pub(super) subdomain: Option<String>,
    pub(super) tokens: IndexMap<String, Token>,
    pub(super) zones: Vec<Zone>,
    pub(super) others: Vec<OtherAccount>,
    pub(super) scripts: BTreeMap<String, Script>,
    pub(super) clock: Clock,
    pub(super) tails: Arc<Tails>,
}

/// A zone, its records and its routes.
#[derive(Debug)]
pub(super) struct Zone {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) status: ZoneStatus,
    pub(super) records: Vec<(String, Record)>,
    /// Custom domains: host names that a worker serves by itself, each with the worker.
    pub(super) custom_domains: BTreeMap<String, String>,
    pub(super) normalization: edge::Normalization,
    pub(super) routes: Vec<Route>,
}

/// A route; without a script it keeps wider routes away.
#[derive(Clone, Debug)]
pub(super) struct Route {
    pub(super) id: String,
    pub(super) pattern: Pattern,
    pub(super) script: Option<String>,
    pub(super) over_daily_limit: FailureMode,
}

/// A worker with its versions, the latest last.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) tag: String,
    pub(super) created_on: Timestamp,
    pub(super) versions: Vec<Version>,
    /// The latest last.
    pub(super) deployments: Vec<Deployment>,
    /// What `script-settings` says, and what holds for all versions: `logpush`, `observability`, `tags`, `tail_consumers`.
    pub(super) settings: Map<String, Value>,
    pub(super) on_workers_dev: bool,
    pub(super) previews: bool,
    /// Whether its invocations are followed: since its first tail, for what runs is started anew to do so.
    pub(super) is_tailed: bool,
}

/// Code with its bindings.
#[derive(Clone, Debug)]
pub(super) struct Version {
    pub(super) id: String,
    pub(super) created_on: Timestamp,
    /// `wrangler` or `api`.
    pub(super) source: &'static str,
    pub(super) code: Arc<Code>,
    pub(super) bindings: Vec<Binding>,
    pub(super) options: WorkerOptions,
    /// Milliseconds of processor time that one invocation may take.
    pub(super) cpu_ms: Option<u64>,
    pub(super) cache: Option<Cache>,
    pub(super) usage_model: String,
    pub(super) annotations: Map<String, Value>,
}

/// The cache in front of a version (Workers Cache).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cache {
    /// Whether its responses are those of every version that says so.
    pub(super) across_versions: bool,
}

/// What was uploaded to run.
#[derive(Debug)]
pub(super) struct Code {
    pub(super) syntax: Syntax,
    /// The main module first.
    pub(super) modules: Vec<Module>,
    /// Hash of names and contents.
    pub(super) etag: String,
}

/// One file of a script.
#[derive(Clone, Debug)]
pub(super) struct Module {
    pub(super) name: String,
    pub(super) kind: ModuleKind,
    pub(super) content_type: String,
    pub(super) content: Bytes,
    /// Where its code stands in the sources, as it was uploaded beside it.
    pub(super) source_map: Option<Bytes>,
}

/// Which version runs since when.
#[derive(Clone, Debug)]
pub(super) struct Deployment {
    pub(super) id: String,
    pub(super) created_on: Timestamp,
    pub(super) source: &'static str,
    pub(super) version: String,
    pub(super) annotations: Map<String, Value>,
}

impl Account {
    pub(super) fn new(settings: &AccountSettings) -> Self {
        let mut tokens = settings.tokens.clone();
        if tokens.is_empty() {
            tokens.insert(super::DEPLOYER.to_owned(), Token::default());
        }
        Self {
            id: settings.account.id(),
            name: settings.account.name.clone(),
            plan: settings.plan,
            subdomain: settings.subdomain.clone(),
            tokens,
            zones: settings
                .zones
                .iter()
                .map(|zone| {
                    let further = settings.records.get(&zone.name);
                    let records = zone.records.iter().chain(further.into_iter().flatten());
                    Zone {
                        status: settings
                            .zone_status
                            .get(&zone.name)
                            .copied()
                            .unwrap_or_default(),
                        ..Zone::new(zone, records)
                    }
                })
                .collect(),
            others: settings.other_accounts.clone(),
            scripts: BTreeMap::new(),
            clock: settings.clock.clone(),
            tails: Arc::default(),
        }
    }

    /// Every token, and every secret of every version.
    pub(super) fn secrets(&self) -> Vec<String> {
        let tokens = self.tokens.iter().map(|(name, token)| token.value(name));
        let versions = self.scripts.values().flat_map(|script| &script.versions);
        let bindings = versions.flat_map(|version| &version.bindings);
        let secrets = bindings.filter_map(|binding| match &binding.value {
            BindingValue::Secret(secret) => Some(secret.clone()),
            BindingValue::Text(_) | BindingValue::Json(_) => None,
        });
        let all = tokens.chain(secrets);
        all.map(|secret| secret.reveal().to_owned()).collect()
    }

    pub(super) fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.clock.now()).unwrap_or_default()
    }

    /// The zone with this id.
    ///
    /// # Errors
    /// 7003 where there is none.
    pub(super) fn zone(&self, id: &str) -> Result<&Zone, ApiError> {
        self.zones
            .iter()
            .find(|zone| zone.id == id)
            .ok_or_else(|| self.no_such_zone(id))
    }

    /// Where a zone is another account's, its contents are not emulated.
    fn no_such_zone(&self, id: &str) -> ApiError {
        let is_others = self.others.iter().any(|other| {
            let mut zones = other.zones.keys();
            zones.any(|zone| other.zone_id(zone) == id)
        });
        match is_others {
            true => ApiError::not_emulated("what is in a zone of another account"),
            false => ApiError::no_such_object(&format!("/zones/{id}")),
        }
    }

    pub(super) fn zone_mut(&mut self, id: &str) -> Result<&mut Zone, ApiError> {
        let index = self.zones.iter().position(|zone| zone.id == id);
        match index {
            Some(index) => Ok(&mut self.zones[index]),
            None => Err(self.no_such_zone(id)),
        }
    }

    /// The script of this name.
    ///
    /// # Errors
    /// 10007 where there is none.
    pub(super) fn script(&self, name: &str) -> Result<&Script, ApiError> {
        self.scripts.get(name).ok_or_else(ApiError::no_such_script)
    }

    pub(super) fn script_mut(&mut self, name: &str) -> Result<&mut Script, ApiError> {
        self.scripts
            .get_mut(name)
            .ok_or_else(ApiError::no_such_script)
    }

    /// Adds a version of the script, which is made where there is none; puts it in force where that is asked.
    pub(super) fn add_version(&mut self, name: &str, version: Version, deploy: bool) {
        let now = self.now();
        let script = self
            .scripts
            .entry(name.to_owned())
            .or_insert_with(|| Script::new(now));
        if deploy {
            script.deploy(&version, now);
        }
        script.versions.push(version);
    }
}

impl Zone {
    fn new<'a>(zone: &ZoneSettings, records: impl Iterator<Item = &'a Record>) -> Self {
        let name = &zone.name;
        let id = stable_id("zone", name);
        Self {
            records: records
                .enumerate()
                .map(|(number, record)| {
                    let id = stable_id("record", &format!("{name} {number}"));
                    (id, record.clone())
                })
                .collect(),
            id,
            name: name.clone(),
            status: ZoneStatus::default(),
            custom_domains: zone.custom_domains.clone(),
            normalization: zone.normalization,
            routes: Vec::new(),
        }
    }

    /// Lets pass a pattern that a route of this zone can have; `but` is the route that is being replaced.
    ///
    /// # Errors
    /// 10020, 10022 and 10073.
    pub(super) fn check_pattern(
        &self,
        pattern: &str,
        but: Option<&str>,
    ) -> Result<Pattern, ApiError> {
        let pattern: Pattern = pattern.parse().map_err(edge::RouteError::Invalid)?;
        let others = self
            .routes
            .iter()
            .filter(|route| but != Some(route.id.as_str()));
        let mut patterns: Vec<edge::Route> = others
            .map(|route| edge::Route {
                pattern: route.pattern.clone(),
                worker: None,
                over_daily_limit: FailureMode::Closed,
            })
            .collect();
        patterns.push(edge::Route {
            pattern: pattern.clone(),
            worker: None,
            over_daily_limit: FailureMode::Closed,
        });
        let zone = edge::Zone {
            name: self.name.clone(),
            ..edge::Zone::default()
        };
        edge::check(&[zone], &patterns, &Default::default())?;
        Ok(pattern)
    }
}

impl Route {
    pub(super) fn new(
        pattern: Pattern,
        script: Option<String>,
        over_daily_limit: FailureMode,
    ) -> Self {
        Self {
            id: fresh_id(),
            pattern,
            script,
            over_daily_limit,
        }
    }
}

impl Script {
    fn new(now: Timestamp) -> Self {
        Self {
            tag: fresh_id(),
            created_on: now,
            versions: Vec::new(),
            deployments: Vec::new(),
            settings: Map::new(),
            on_workers_dev: false,
            previews: false,
            is_tailed: false,
        }
    }

    /// Puts this version in force.
    pub(super) fn deploy(&mut self, version: &Version, now: Timestamp) {
        self.deployments.push(Deployment {
            id: fresh_uuid(),
            created_on: now,
            source: version.source,
            version: version.id.clone(),
            annotations: version.annotations.clone(),
        });
    }

    pub(super) fn latest(&self) -> Option<&Version> {
        self.versions.last()
    }

    /// The version that runs.
    pub(super) fn deployed(&self) -> Option<&Version> {
        let deployment = self.deployments.last()?;
        self.versions
            .iter()
            .find(|version| version.id == deployment.version)
    }

    /// When it last changed.
    pub(super) fn modified_on(&self) -> Timestamp {
        let last = self.deployments.last();
        last.map_or(self.created_on, |deployment| deployment.created_on)
    }
}

impl Version {
    /// The number people see: 1 for the first.
    pub(super) fn number(&self, script: &Script) -> usize {
        let before = script
            .versions
            .iter()
            .take_while(|other| other.id != self.id);
        before.count() + 1
    }
}

impl Code {
    pub(super) fn new(syntax: Syntax, modules: Vec<Module>) -> Self {
        let mut hasher = blake3::Hasher::new();
        for module in &modules {
            for part in [module.name.as_bytes(), &module.content] {
                hasher.update(&part.len().to_le_bytes());
                hasher.update(part);
            }
        }
        Self {
            syntax,
            modules,
            etag: hasher.finalize().to_hex().to_string(),
        }
    }

    /// What the main module listens to. An emulated account knows one handler.
    pub(super) fn handlers(&self) -> [&'static str; 1] {
        ["fetch"]
    }
}
