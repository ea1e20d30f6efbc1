//! What is there without anybody having uploaded it: the workers that a scenario gives.

use std::collections::BTreeMap;

use bytes::Bytes;
use edgeproof_edge as edge;
use edgeproof_runtime::{
    self as runtime, Bundle, BundleError, ModuleKind, Project, ProjectError, Syntax, WorkerOptions,
};
use serde_json::{Map, Value};

use super::{
    Secret,
    account::{Account, Cache, Code, Module, Route, Version},
    bindings::Binding,
    ids::fresh_uuid,
};

/// What a given worker without code of its own runs: it asks the origin.
const PASSES_ON: &str = "export default { fetch(request) { return fetch(request); } };\n";

/// Why something that is given cannot be in the account.
#[derive(Debug, thiserror::Error)]
pub enum GivenError {
    /// A module cannot be read.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// There is no worker at its path.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// A pattern is not one, or belongs to no zone or to another route.
    #[error(transparent)]
    Route(#[from] edge::RouteError),
}

/// A worker as it is put into the account.
#[derive(Clone, Debug, Default)]
pub struct Placed {
    /// Its code; none runs `PASSES_ON`.
    pub bundle: Option<Bundle>,
    /// Its variables that are texts.
    pub variables: BTreeMap<String, String>,
    /// Its variables that are JSON.
    pub json: BTreeMap<String, Value>,
    /// Its secrets.
    pub secrets: BTreeMap<String, Secret>,
    /// The date whose runtime behaviour it wants.
    pub compatibility_date: Option<String>,
    /// Single changes of the runtime that it wants.
    pub compatibility_flags: Vec<String>,
    /// Milliseconds of processor time that one invocation may take.
    pub cpu_ms: Option<u64>,
    /// Whether Workers Cache is in front of it.
    pub cache: bool,
}

impl Placed {
    /// A worker with what its project says.
    pub fn of(project: Project) -> Self {
        let Project {
            bundle,
            variables,
            secrets,
            options,
            cpu_ms,
            cache,
            ..
        } = project;
        let json = options.json_variables.into_iter();
        let json = json.filter_map(|(name, text)| Some((name, serde_json::from_str(&text).ok()?)));
        let (secret, variables) = variables
            .into_iter()
            .partition::<BTreeMap<_, _>, _>(|(name, _)| secrets.contains(name));
        let secret = secret.into_iter();
        Self {
            bundle: Some(bundle),
            variables,
            json: json.collect(),
            secrets: secret
                .map(|(name, value)| (name, Secret::new(value)))
                .collect(),
            compatibility_date: options.compatibility_date,
            compatibility_flags: options.compatibility_flags,
            cpu_ms,
            cache,
        }
    }

    fn code(&self) -> Result<Code, BundleError> {
        let Some(bundle) = &self.bundle else {
            let main = Module {
                name: "index.js".to_owned(),
                kind: ModuleKind::EsModule,
                content_type: content_type(ModuleKind::EsModule, Syntax::Module).to_owned(),
                content: Bytes::from_static(PASSES_ON.as_bytes()),
                source_map: None,
            };
            return Ok(Code::new(Syntax::Module, vec![main]));
        };
        let read = |module: &runtime::Module| {
            Ok(Module {
                name: module.name.clone(),
                kind: module.kind,
                content_type: content_type(module.kind, bundle.syntax).to_owned(),
                content: std::fs::read(&module.path)
                    .map_err(|source| BundleError::Read {
                        path: module.path.clone(),
                        source,
                    })?
                    .into(),
                source_map: None,
            })
        };
        let modules = bundle.modules.iter().map(read);
        Ok(Code::new(
            bundle.syntax,
            modules.collect::<Result<_, BundleError>>()?,
        ))
    }
}

fn content_type(kind: ModuleKind, syntax: Syntax) -> &'static str {
    match (kind, syntax) {
        (ModuleKind::EsModule, Syntax::Module) => "application/javascript+module",
        (ModuleKind::EsModule, Syntax::ServiceWorker) => "application/javascript",
        (ModuleKind::Wasm, _) => "application/wasm",
        (ModuleKind::Text, _) => "text/plain",
        (ModuleKind::Data, _) => "application/octet-stream",
        (ModuleKind::CommonJs, _) => "application/javascript",
        (ModuleKind::Json, _) => "application/json",
    }
}

impl Account {
    /// Puts a worker in force under this name, whatever was there.
    pub(super) fn place(&mut self, name: &str, placed: &Placed) -> Result<(), GivenError> {
        let variables = placed.variables.iter();
        let variables = variables.map(|(name, text)| Binding::text(name, text));
        let json = placed.json.iter();
        let json = json.map(|(name, value)| Binding::json(name, value));
        let secrets = placed.secrets.iter();
        let secrets = secrets.map(|(name, secret)| Binding::secret(name, secret.clone()));
        let version = Version {
            cpu_ms: placed.cpu_ms,
            cache: placed.cache.then_some(Cache {
                across_versions: false,
            }),
            id: fresh_uuid(),
            created_on: self.now(),
            source: "api",
            code: placed.code()?.into(),
            bindings: variables.chain(json).chain(secrets).collect(),
            options: WorkerOptions {
                compatibility_date: placed.compatibility_date.clone(),
                compatibility_flags: placed.compatibility_flags.clone(),
                ..WorkerOptions::default()
            },
            usage_model: "standard".to_owned(),
            annotations: Map::new(),
        };
        self.add_version(name, version, true);
        Ok(())
    }

    /// Gives these routes to the zones they are of. One with the same pattern gives way.
    pub(super) fn place_routes(&mut self, routes: Vec<edge::Route>) -> Result<(), GivenError> {
        for route in routes {
            let host = route.pattern.host().trim_start_matches('.').to_owned();
            let zones: Vec<String> = self.zones.iter().map(|zone| zone.name.clone()).collect();
            let zone = self
                .zones
                .iter_mut()
                .filter(|zone| {
                    host.is_empty()
                        || host == zone.name
                        || host.ends_with(&format!(".{}", zone.name))
                })
                .max_by_key(|zone| zone.name.len())
                .ok_or_else(|| edge::RouteError::OutsideZones {
                    pattern: route.pattern.clone(),
                    zones: zones.join(", "),
                })?;
            zone.routes.retain(|old| old.pattern != route.pattern);
            zone.routes.push(Route::new(
                route.pattern,
                route.worker,
                route.over_daily_limit,
            ));
        }
        Ok(())
    }
}
