//! Both APIs, emulated, and a deployer that knows their addresses and keys.

use std::path::Path;

use edgeproof_cloudflare::{
    client::{Cloudflare, Management, Secret, Waiting},
    deploy::{Action, DeployError, Deployer, DeploymentFile, Planned, Refusal, Stop},
    plane::{
        AccountSettings, ControlPlane, ErrorFault, PlaneFault, PlaneFaultKind, State, ZoneSettings,
    },
};
use edgeproof_fingerprint::{self as fingerprint, Fingerprint, PlatformFault};
use edgeproof_ground::{tools, trace::Trace};

pub(crate) const FILE: &str = "
name: shop
zone: shop.example
identification_pages: [{ path: /signup, prefix: true }]
protected_apis: [POST shop.example/api/login*]
failure_mode: closed
ruleset: rs_1
";

/// The routes of it: the API, the worker's own paths, the page.
pub(crate) const ROUTES: [&str; 3] = [
    "shop.example/api/login*",
    "shop.example/fp/*",
    "shop.example/signup*",
];

/// Both APIs, and a deployer that knows their addresses and keys.
pub(crate) struct World {
    pub(crate) plane: ControlPlane,
    pub(crate) platform: Fingerprint,
    pub(crate) deployer: Deployer,
    /// What reached Cloudflare.
    pub(crate) trace: Trace,
}

pub(crate) fn settings() -> AccountSettings {
    AccountSettings {
        zones: vec![ZoneSettings::proxied(
            "shop.example",
            &["shop.example", "www.shop.example"],
        )],
        ..AccountSettings::default()
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(settings(), Vec::new()).await
    }

    pub(crate) async fn with(settings: AccountSettings, faults: Vec<PlatformFault>) -> Self {
        let trace = Trace::new();
        let settings = AccountSettings {
            trace: trace.clone(),
            ..settings
        };
        let platform = Fingerprint::start(fingerprint::PlatformSettings {
            faults,
            environments: vec!["staging".to_owned()],
            ..fingerprint::PlatformSettings::default()
        })
        .await
        .unwrap();
        let plane = ControlPlane::start(settings).await.unwrap();
        let deployer = deployer(
            &plane,
            &platform,
            &plane.base_url(),
            &format!("http://{}", platform.address()),
        );
        Self {
            plane,
            platform,
            deployer,
            trace,
        }
    }

    pub(crate) fn fail(&self, fault: PlaneFault) {
        self.plane.set_fault(fault);
    }

    /// How many requests Cloudflare has got.
    pub(crate) fn requests(&self) -> usize {
        self.trace.exchanges().len()
    }

    pub(crate) fn fault_fired(&self) -> bool {
        let exchanges = self.trace.exchanges();
        exchanges.iter().any(|exchange| exchange.fault.is_some())
    }

    pub(crate) async fn plan(&self, file: &str) -> Result<Planned, DeployError> {
        self.deployer.plan(&read(file)).await
    }

    pub(crate) async fn apply(&self, file: &str) -> Result<Action, DeployError> {
        apply(&self.deployer, file).await
    }

    /// Takes whatever began before for killed.
    pub(crate) async fn take_over(&self, file: &str) -> Result<Action, DeployError> {
        let deployer = Deployer {
            take_over: true,
            ..self.deployer.clone()
        };
        apply(&deployer, file).await
    }

    pub(crate) async fn delete(&self) -> Result<(), DeployError> {
        delete(&self.deployer).await
    }

    /// How many keys there are beside the workspace's own two.
    pub(crate) fn keys(&self) -> usize {
        self.platform.key_names().len() - 2
    }

    pub(crate) fn is_untouched(&self) -> bool {
        self.plane.state() == State::default() && self.keys() == 0
    }

    #[track_caller]
    pub(crate) fn assert_deployed(&self) {
        let state = self.plane.state();
        assert_eq!(sorted(state.routes_of("shop")), ROUTES);
        let script = &state.scripts["shop"];
        assert_eq!(script.variables["FP_RULESET_ID"], "rs_1");
        assert!(script.secrets.contains("FP_SECRET_KEY"));
        assert_eq!(self.keys(), 2);
    }
}

/// The same deployment with another page and another failure mode.
pub(crate) fn edited() -> String {
    FILE.replace("path: /signup, ", "subdomain: www, path: /join, ")
        .replace("closed", "open")
}

pub(crate) fn read(text: &str) -> DeploymentFile {
    DeploymentFile::load_text(Path::new("d.yaml"), text).unwrap()
}

pub(crate) fn sorted(mut patterns: Vec<&str>) -> Vec<&str> {
    patterns.sort_unstable();
    patterns
}

pub(crate) fn refused() -> PlaneFaultKind {
    PlaneFaultKind::Error(ErrorFault::status(400))
}

/// What an account holds, without what every version has anew.
pub(crate) fn shape(state: &State) -> String {
    let scripts = state
        .scripts
        .iter()
        .map(|(name, script)| format!("{name} {:?} {:?}", script.variables, script.etag));
    let scripts: Vec<String> = scripts.collect();
    format!("{scripts:?} {:?}", sorted(state.routes_of("shop")))
}

/// A deployer that reaches the APIs at these addresses.
pub(crate) fn deployer(
    plane: &ControlPlane,
    platform: &Fingerprint,
    base: &str,
    management: &str,
) -> Deployer {
    let waiting = Waiting::On(platform.clock().clone());
    let token = Secret::new(plane.token().reveal());
    let key = Secret::new(platform.management_key());
    Deployer {
        cloudflare: Cloudflare::new(base, token, waiting.clone()).unwrap(),
        management: Some(Management::new(management, key, waiting).unwrap()),
        account: None,
        worker: Some(tools::home().join("fixtures/workers/pass-through")),
        take_over: false,
    }
}

pub(crate) async fn apply(deployer: &Deployer, file: &str) -> Result<Action, DeployError> {
    let planned = deployer.plan(&read(file)).await?;
    let stop = Stop::default();
    deployer.carry_out(&planned, &stop, |_| {}).await?;
    Ok(planned.plan().action)
}

pub(crate) async fn delete(deployer: &Deployer) -> Result<(), DeployError> {
    let deletion = deployer.deletion("shop", Some("shop.example")).await?;
    let stop = Stop::default();
    deployer.delete(&deletion, &stop, |_| {}).await?;
    Ok(())
}

pub(crate) fn refusals(error: &DeployError) -> Vec<String> {
    match error {
        DeployError::Refused(refusals) => refusals.iter().map(Refusal::to_string).collect(),
        other => panic!("{other:?}"),
    }
}
