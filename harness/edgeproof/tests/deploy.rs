//! Deployments against the emulated APIs, over real sockets: what is made, what is undone, what is picked up.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

use std::path::Path;

use edgeproof_cloudflare::{
    client::{ApiError, Cloudflare, Management, Metadata, Secret, Upload, Waiting},
    deploy::{Action, DeployError, Deployer, DeploymentFile, Planned, Reason, Refusal, Stop},
    plane::{
        AccountSettings, ControlPlane, ErrorFault, PlaneFault, PlaneFaultKind, Record, State,
        Token, TokenOwner, TokenStatus, ZoneSettings, stable_id,
    },
};
use edgeproof_fingerprint::{
    self as fingerprint, Endpoint, ErrorResponse, Fingerprint, PlatformFault, PlatformFaultKind,
};
use edgeproof_ground::{tools, trace::Trace};
use rstest::rstest;

const FILE: &str = "
name: shop
zone: shop.example
identification_pages: [{ path: /signup, prefix: true }]
protected_apis: [POST shop.example/api/login*]
failure_mode: closed
ruleset: rs_1
";

/// How many requests to Cloudflare its creation makes, an edit of it, and its deletion.
const CREATION: usize = 12;
const EDIT: usize = 16;
const DELETION: usize = 12;

/// The routes of it: the API, the worker's own paths, the page.
const ROUTES: [&str; 3] = [
    "shop.example/api/login*",
    "shop.example/fp/*",
    "shop.example/signup*",
];

/// Both APIs, and a deployer that knows their addresses and keys.
struct World {
    plane: ControlPlane,
    platform: Fingerprint,
    deployer: Deployer,
    /// What reached Cloudflare.
    trace: Trace,
}

fn settings() -> AccountSettings {
    AccountSettings {
        zones: vec![ZoneSettings::proxied(
            "shop.example",
            &["shop.example", "www.shop.example"],
        )],
        ..AccountSettings::default()
    }
}

impl World {
    async fn new() -> Self {
        Self::with(settings(), Vec::new()).await
    }

    async fn with(settings: AccountSettings, faults: Vec<PlatformFault>) -> Self {
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
        let waiting = Waiting::On(platform.clock().clone());
        let token = Secret::new(plane.token().reveal());
        let key = Secret::new(platform.management_key());
        let management = format!("http://{}", platform.address());
        let deployer = Deployer {
            cloudflare: Cloudflare::new(&plane.base_url(), token, waiting.clone()).unwrap(),
            management: Some(Management::new(&management, key, waiting).unwrap()),
            account: None,
            worker: Some(tools::home().join("fixtures/workers/pass-through")),
        };
        Self {
            plane,
            platform,
            deployer,
            trace,
        }
    }

    fn fail(&self, fault: PlaneFault) {
        self.plane.set_fault(fault);
    }

    /// How many requests Cloudflare has got.
    fn requests(&self) -> usize {
        self.trace.exchanges().len()
    }

    fn fault_fired(&self) -> bool {
        let exchanges = self.trace.exchanges();
        exchanges.iter().any(|exchange| exchange.fault.is_some())
    }

    async fn plan(&self, file: &str) -> Result<Planned, DeployError> {
        self.deployer.plan(&read(file)).await
    }

    async fn apply(&self, file: &str) -> Result<Action, DeployError> {
        let planned = self.plan(file).await?;
        let stop = Stop::default();
        self.deployer.carry_out(&planned, &stop, |_| {}).await?;
        Ok(planned.plan().action)
    }

    async fn delete(&self) -> Result<(), DeployError> {
        let deletion = self.deployer.deletion("shop", Some("shop.example")).await?;
        let stop = Stop::default();
        self.deployer.delete(&deletion, &stop, |_| {}).await?;
        Ok(())
    }

    /// How many keys there are beside the workspace's own two.
    fn keys(&self) -> usize {
        self.platform.key_names().len() - 2
    }

    fn is_untouched(&self) -> bool {
        self.plane.state() == State::default() && self.keys() == 0
    }

    #[track_caller]
    fn assert_deployed(&self) {
        let state = self.plane.state();
        assert_eq!(sorted(state.routes_of("shop")), ROUTES);
        let script = &state.scripts["shop"];
        assert_eq!(script.variables["FP_RULESET_ID"], "rs_1");
        assert!(script.secrets.contains("FP_SECRET_KEY"));
        assert_eq!(self.keys(), 2);
    }
}

/// The same deployment with another page and another failure mode.
fn edited() -> String {
    FILE.replace("path: /signup, ", "subdomain: www, path: /join, ")
        .replace("closed", "open")
}

fn read(text: &str) -> DeploymentFile {
    DeploymentFile::load_text(Path::new("d.yaml"), text).unwrap()
}

fn sorted(mut patterns: Vec<&str>) -> Vec<&str> {
    patterns.sort_unstable();
    patterns
}

fn refused() -> PlaneFaultKind {
    PlaneFaultKind::Error(ErrorFault::status(400))
}

/// What an account holds, without what every version has anew.
fn shape(state: &State) -> String {
    let scripts = state
        .scripts
        .iter()
        .map(|(name, script)| format!("{name} {:?} {:?}", script.variables, script.etag));
    let scripts: Vec<String> = scripts.collect();
    format!("{scripts:?} {:?}", sorted(state.routes_of("shop")))
}

#[tokio::test]
async fn a_deployment_is_made_once_and_then_left_alone() {
    let world = World::new().await;
    assert_eq!(world.apply(FILE).await.unwrap(), Action::Create);
    world.assert_deployed();
    let before = world.plane.state();
    assert_eq!(world.apply(FILE).await.unwrap(), Action::Nothing);
    assert_eq!(world.plane.state(), before);
}

#[tokio::test]
async fn an_edit_changes_variables_and_routes_and_keeps_the_keys() {
    let world = World::new().await;
    world.apply(FILE).await.unwrap();
    let public = world.plane.state().scripts["shop"].variables["FP_PUBLIC_KEY"].clone();
    let edited = FILE.replace("path: /signup, ", "subdomain: www, path: /join, ");
    assert_eq!(world.apply(&edited).await.unwrap(), Action::Edit);
    let state = world.plane.state();
    assert_eq!(
        sorted(state.routes_of("shop")),
        [
            "shop.example/api/login*",
            "www.shop.example/fp/*",
            "www.shop.example/join*"
        ]
    );
    assert_eq!(state.scripts["shop"].variables["FP_PUBLIC_KEY"], public);
    assert!(state.scripts["shop"].secrets.contains("FP_SECRET_KEY"));
    assert_eq!(world.keys(), 2);
}

#[tokio::test]
async fn a_deletion_leaves_nothing_of_it() {
    let world = World::new().await;
    world.apply(FILE).await.unwrap();
    world.delete().await.unwrap();
    assert!(world.is_untouched());
    let again = world.delete().await.unwrap_err();
    assert_eq!(
        refusals(&again),
        ["there is no deployment `shop`; `edgeproof deploy list` shows all of them"]
    );
}

/// The tables below have one case for each request.
#[tokio::test]
async fn every_request_has_a_case_in_which_it_fails() {
    let world = World::new().await;
    world.apply(FILE).await.unwrap();
    let creation = world.requests();
    world.apply(&edited()).await.unwrap();
    let edit = world.requests() - creation;
    world.delete().await.unwrap();
    let deletion = world.requests() - creation - edit;
    assert_eq!((creation, edit, deletion), (CREATION, EDIT, DELETION));
}

#[rstest]
#[tokio::test]
async fn whichever_request_is_refused_a_creation_is_whole_or_undone(
    #[values(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)] n: u64,
) {
    let world = World::new().await;
    world.fail(PlaneFault::new(None, refused()).nth(n));
    match world.apply(FILE).await {
        Ok(_) => world.assert_deployed(),
        Err(error) => assert!(world.is_untouched(), "{error}"),
    }
    assert!(world.fault_fired());
}

/// What may be repeated is: no creation fails for one lost response.
#[rstest]
#[tokio::test]
async fn whichever_response_is_lost_a_creation_is_whole(
    #[values(
        PlaneFaultKind::Error(ErrorFault::status(500)),
        PlaneFaultKind::Reset,
        PlaneFaultKind::ResetAfterwards
    )]
    kind: PlaneFaultKind,
    #[values(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)] n: u64,
) {
    let world = World::new().await;
    world.fail(PlaneFault::new(None, kind).nth(n));
    world.apply(FILE).await.unwrap();
    assert!(world.fault_fired());
    world.assert_deployed();
}

#[rstest]
#[tokio::test]
async fn whichever_request_is_refused_an_edit_is_whole_or_undone(
    #[values(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16)] n: u64,
) {
    let world = World::new().await;
    world.apply(FILE).await.unwrap();
    let before = shape(&world.plane.state());
    world.fail(PlaneFault::new(None, refused()).nth(n));
    let applied = world.apply(&edited()).await;
    assert!(world.fault_fired());
    world.plane.set_faults(Vec::new());
    if let Err(error) = applied {
        assert_eq!(shape(&world.plane.state()), before, "{error}");
        // Nothing of the attempt is in the way of the next one.
        assert_eq!(world.apply(FILE).await.unwrap(), Action::Nothing);
        assert_eq!(world.apply(&edited()).await.unwrap(), Action::Edit);
    }
    assert_ne!(shape(&world.plane.state()), before);
}

/// The connection is gone for good from the n-th request on, as after a crash: nothing can be undone.
#[rstest]
#[tokio::test]
async fn wherever_a_creation_broke_off_the_next_attempt_picks_up(
    #[values(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)] n: u64,
) {
    let world = World::new().await;
    world.fail(PlaneFault::new(None, PlaneFaultKind::ResetAfterwards).starting_at(n));
    let broke_off = world.apply(FILE).await;
    assert!(world.fault_fired());
    if let Err(DeployError::HalfMade { stands, .. }) = &broke_off {
        assert!(!stands.is_empty());
    }
    world.plane.set_faults(Vec::new());
    world.apply(FILE).await.unwrap();
    world.assert_deployed();
    assert_eq!(world.apply(FILE).await.unwrap(), Action::Nothing);
}

#[rstest]
#[tokio::test]
async fn wherever_a_deletion_broke_off_the_next_one_goes_on(
    #[values(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)] n: u64,
) {
    let world = World::new().await;
    world.apply(FILE).await.unwrap();
    world.fail(PlaneFault::new(None, PlaneFaultKind::ResetAfterwards).starting_at(n));
    let _ = world.delete().await;
    assert!(world.fault_fired());
    world.plane.set_faults(Vec::new());
    if let Err(error) = world.delete().await {
        // All of it had gone.
        assert!(refusals(&error)[0].contains("no deployment"), "{error}");
    }
    assert!(world.is_untouched());
}

/// Two requests look for keys; the two that make them are made good where only their responses are lost.
#[rstest]
#[tokio::test]
async fn whichever_request_for_keys_is_refused_nothing_half_made_stays(
    #[values(1, 2, 3, 4)] n: u64,
) {
    let refused = PlatformFaultKind::Error(ErrorResponse {
        status: 400,
        code: "bad".to_owned(),
        message: String::new(),
        retry_after: None,
    });
    let fault = PlatformFault::new(Endpoint::Management, refused).nth(n);
    let world = World::with(settings(), vec![fault]).await;
    let error = world.apply(FILE).await.unwrap_err();
    assert!(world.is_untouched(), "{error}");
}

#[rstest]
#[case(1, false)]
#[case(2, false)]
#[case(3, true)]
#[case(4, true)]
#[tokio::test]
async fn a_lost_response_about_keys_leaves_no_key_behind(#[case] n: u64, #[case] survives: bool) {
    let fault = PlatformFault::new(Endpoint::Management, PlatformFaultKind::InvalidJson).nth(n);
    let world = World::with(settings(), vec![fault]).await;
    match world.apply(FILE).await {
        Ok(_) => world.assert_deployed(),
        Err(error) => assert!(world.is_untouched(), "{error}"),
    }
    assert_eq!(world.keys() > 0, survives);
}

#[rstest]
#[tokio::test]
async fn ctrl_c_undoes_what_was_done_so_far(#[values(1, 2, 3, 4)] steps: usize) {
    let world = World::new().await;
    let planned = world.plan(FILE).await.unwrap();
    let stop = Stop::default();
    let mut reported = 0;
    let stopped = world
        .deployer
        .carry_out(&planned, &stop, |_| {
            reported += 1;
            if reported == steps {
                stop.now();
            }
        })
        .await;
    assert!(
        matches!(&stopped, Err(DeployError::Undone { reason: Reason::Interrupted, undone }) if !undone.is_empty()),
        "{stopped:?}"
    );
    assert!(world.is_untouched());
}

fn refusals(error: &DeployError) -> Vec<String> {
    match error {
        DeployError::Refused(refusals) => refusals.iter().map(Refusal::to_string).collect(),
        other => panic!("{other:?}"),
    }
}

fn token(permissions: &[&str]) -> Token {
    let permissions: Vec<_> = permissions
        .iter()
        .map(|text| text.parse().unwrap())
        .collect();
    Token::with("secret-token-value", &permissions)
}

#[rstest]
#[case::scripts(&["Workers Routes:Edit", "DNS:Read", "Zone:Read"], "Workers Scripts:Edit on the account")]
#[case::reads_scripts(&["Workers Scripts:Read", "Workers Routes:Edit", "DNS:Read"], "Workers Scripts:Edit on the account")]
#[case::routes(&["Workers Scripts:Edit", "Workers Routes:Read", "DNS:Read"], "Workers Routes:Edit on the zone `shop.example`")]
#[case::dns(&["Workers Scripts:Edit", "Workers Routes:Edit"], "DNS:Read on the zone `shop.example`")]
#[tokio::test]
async fn a_missing_permission_is_named(#[case] permissions: &[&str], #[case] expected: &str) {
    let mut settings = settings();
    settings.tokens.insert("ci".to_owned(), token(permissions));
    let world = World::with(settings, Vec::new()).await;
    let refused = world.apply(FILE).await.unwrap_err();
    let refusals = refusals(&refused);
    assert_eq!(refusals.len(), 1, "{refusals:?}");
    assert!(refusals[0].contains(expected), "{refusals:?}");
    assert!(world.is_untouched());
}

#[tokio::test]
async fn a_token_must_be_one_and_in_force() {
    for (status, expected) in [
        (TokenStatus::Disabled, "is disabled"),
        (TokenStatus::Expired, "is expired"),
    ] {
        let mut settings = settings();
        settings.tokens.insert(
            "ci".to_owned(),
            Token {
                status,
                ..Token::default()
            },
        );
        let world = World::with(settings, Vec::new()).await;
        let error = world.apply(FILE).await.unwrap_err();
        assert!(refusals(&error)[0].contains(expected), "{error}");
    }
    let mut world = World::new().await;
    let wrong = Secret::new("another-token");
    let waiting = Waiting::On(world.platform.clock().clone());
    world.deployer.cloudflare = Cloudflare::new(&world.plane.base_url(), wrong, waiting).unwrap();
    let error = world.apply(FILE).await.unwrap_err();
    assert_eq!(
        refusals(&error),
        ["Cloudflare does not know the token in CLOUDFLARE_API_TOKEN; create a new one"]
    );
}

#[tokio::test]
async fn an_accounts_own_token_will_do() {
    let mut settings = settings();
    let owner = TokenOwner::Account;
    settings.tokens.insert(
        "ci".to_owned(),
        Token {
            owner,
            ..Token::default()
        },
    );
    let world = World::with(settings, Vec::new()).await;
    world.apply(FILE).await.unwrap();
    world.assert_deployed();
}

#[rstest]
#[case::dns_only(Some(false), "DNS-only")]
#[case::missing(None, "has no A, AAAA or CNAME record")]
#[tokio::test]
async fn a_host_that_no_worker_sees_is_refused(
    #[case] proxied: Option<bool>,
    #[case] expected: &str,
) {
    let records = proxied.map(|proxied| Record::of_host("shop.example", proxied));
    let zones = vec![ZoneSettings {
        name: "shop.example".to_owned(),
        records: records.into_iter().collect(),
        ..ZoneSettings::default()
    }];
    let world = World::with(
        AccountSettings {
            zones,
            ..AccountSettings::default()
        },
        Vec::new(),
    )
    .await;
    let error = world.apply(FILE).await.unwrap_err();
    assert!(refusals(&error)[0].contains(expected), "{error}");
}

#[tokio::test]
async fn a_route_of_another_worker_fails_all_of_it_before_anything_changes() {
    let world = World::new().await;
    let other = FILE.replace("name: shop", "name: other");
    world.apply(&other).await.unwrap();
    let before = world.plane.state();
    let error = world.apply(FILE).await.unwrap_err();
    assert_eq!(
        refusals(&error),
        ROUTES.map(|route| format!("the route `{route}` is served by the worker `other`"))
    );
    assert_eq!(world.plane.state(), before);
}

#[tokio::test]
async fn other_keys_are_refused() {
    let world = World::new().await;
    world.apply(FILE).await.unwrap();
    let staging = format!("{FILE}environment: staging\n");
    let error = world.apply(&staging).await.unwrap_err();
    assert!(
        refusals(&error)[0].contains("delete the deployment and create it again"),
        "{error}"
    );
    let nowhere = format!("{FILE}environment: nowhere\n");
    let error = world.apply(&nowhere).await.unwrap_err();
    assert_eq!(
        refusals(&error),
        ["the Fingerprint workspace has no environment `nowhere`"]
    );
}

#[rstest]
#[case::waits(30, true)]
#[case::longest(60, true)]
#[case::too_long(61, false)]
#[tokio::test]
async fn retry_after_is_honoured_up_to_a_minute(#[case] seconds: u64, #[case] waits: bool) {
    let world = World::new().await;
    let mut busy = ErrorFault::status(429);
    busy.retry_after = Some(seconds);
    world
        .plane
        .set_fault(PlaneFault::new(None, PlaneFaultKind::Error(busy)).nth(1));
    let before = world.platform.clock().ahead();
    let planned = world.plan(FILE).await;
    let waited = world.platform.clock().ahead() - before;
    if waits {
        assert!(planned.is_ok());
        assert_eq!(waited, i64::try_from(seconds * 1000).unwrap());
    } else {
        assert!(
            matches!(planned, Err(DeployError::Api(ApiError::Later { .. }))),
            "{planned:?}"
        );
        assert_eq!(waited, 0);
    }
}

#[tokio::test]
async fn list_and_show_tell_every_flow_worker_and_its_drift() {
    let world = World::new().await;
    world.apply(FILE).await.unwrap();
    let monitoring = "
name: watch
zone: shop.example
identification_pages: [www.shop.example/]
protected_apis: [PUT www.shop.example/x*]
";
    world.apply(monitoring).await.unwrap();
    let all = world.deployer.list().await.unwrap();
    let seen: Vec<_> = all
        .iter()
        .map(|one| (one.worker.as_str(), one.ruleset.as_deref(), one.drift.len()))
        .collect();
    assert_eq!(seen, [("shop", Some("rs_1"), 0), ("watch", None, 0)]);
    let shown = world.deployer.show("shop").await.unwrap();
    assert_eq!(
        sorted(shown.routes.iter().map(String::as_str).collect()),
        ROUTES
    );
    assert_eq!(shown.protected_apis, ["POST shop.example/api/login*"]);
    assert_eq!(shown.failure_mode, Some("closed"));
    let missing = world.deployer.show("none").await.unwrap_err();
    assert_eq!(
        refusals(&missing),
        ["there is no deployment `none`; `edgeproof deploy list` shows all of them"]
    );
}

#[tokio::test]
async fn changes_by_hand_are_told_and_overwritten() {
    let world = World::new().await;
    world.apply(FILE).await.unwrap();
    let Deployer { cloudflare, .. } = &world.deployer;
    let account = world.plane.account_id();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("index.js"), "export default {}").unwrap();
    let metadata = Metadata {
        variables: [("FP_REGION".to_owned(), "ap".to_owned())].into(),
        kept_secrets: vec!["FP_SECRET_KEY".to_owned()],
        tags: cloudflare.tags(account, "shop").await.unwrap(),
        ..Metadata::default()
    };
    let other = Upload::read(folder.path()).unwrap();
    cloudflare
        .upload(account, "shop", &other, &metadata)
        .await
        .unwrap();
    let zone = stable_id("zone", "shop.example");
    let routes = cloudflare.routes(&zone).await.unwrap();
    let page = routes
        .iter()
        .find(|route| route.pattern == ROUTES[2])
        .unwrap();
    cloudflare.delete_route(&zone, &page.id).await.unwrap();

    let drift = world.deployer.show("shop").await.unwrap().drift;
    assert!(
        drift.contains(&"the script was changed by hand".to_owned()),
        "{drift:?}"
    );
    assert!(
        drift.contains(&"variables were changed by hand".to_owned()),
        "{drift:?}"
    );
    let planned = world.plan(FILE).await.unwrap();
    let text = planned.plan().to_string();
    for told in [
        "~ FP_REGION\n      - ap\n      + us",
        "+ route shop.example/signup*",
        "! the script was changed by hand since it was deployed; that is overwritten",
    ] {
        assert!(text.contains(told), "{text}");
    }
    assert_eq!(world.apply(FILE).await.unwrap(), Action::Edit);
    world.assert_deployed();
    assert_eq!(world.deployer.show("shop").await.unwrap().drift, [""; 0]);
    let routes = cloudflare.routes(&zone).await.unwrap();
    let page = routes
        .iter()
        .find(|route| route.pattern == ROUTES[2])
        .unwrap();
    cloudflare.delete_route(&zone, &page.id).await.unwrap();
    assert_eq!(
        world.deployer.list().await.unwrap()[0].drift,
        ["the route shop.example/signup* was removed by hand"]
    );
}

/// Everything that is said on every path, and everything that can be printed of what says it.
#[tokio::test]
async fn no_secret_is_in_anything_that_is_said() {
    let mut said = String::new();
    let mut secrets = Vec::new();
    for n in 1..=CREATION as u64 {
        for kind in [
            refused(),
            PlaneFaultKind::Reset,
            PlaneFaultKind::ResetAfterwards,
        ] {
            let mut settings = settings();
            settings.tokens.insert(
                "ci".to_owned(),
                Token {
                    value: Some(edgeproof_cloudflare::plane::Secret::new(
                        "secret-token-value",
                    )),
                    ..Token::default()
                },
            );
            let world = World::with(settings, Vec::new()).await;
            world.fail(PlaneFault::new(None, kind).starting_at(n));
            match world.plan(FILE).await {
                Ok(planned) => {
                    said.push_str(&format!("{planned:?}{}", planned.plan()));
                    let done = world
                        .deployer
                        .carry_out(&planned, &Stop::default(), |step| said.push_str(step))
                        .await;
                    if let Err(error) = done {
                        said.push_str(&format!("{error}{error:?}"));
                    }
                }
                Err(error) => said.push_str(&format!("{error}{error:?}")),
            }
            said.push_str(&format!(
                "{:?}{:?}",
                world.deployer,
                world.platform.key_names()
            ));
            secrets.extend(world.platform.secrets());
        }
    }
    secrets.push("secret-token-value".to_owned());
    assert!(said.len() > 10_000);
    for secret in secrets {
        assert!(!said.contains(&secret));
    }
}
