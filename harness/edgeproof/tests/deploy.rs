//! Deployments against the emulated APIs, over real sockets: what is made, what is undone, what is picked up.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

use edgeproof_cloudflare::{
    client::{ApiError, Cloudflare, Metadata, Secret, Upload, Waiting},
    deploy::{Action, DeployError, Deployer, Reason, Stop},
    plane::{
        AccountSettings, ErrorFault, PlaneFault, PlaneFaultKind, Record, Token, TokenOwner,
        TokenStatus, ZoneSettings, stable_id,
    },
};
use edgeproof_fingerprint::{Endpoint, ErrorResponse, PlatformFault, PlatformFaultKind};
use rstest::rstest;

#[path = "deploy/gate.rs"]
mod gate;
#[path = "deploy/kills.rs"]
mod kills;
#[path = "deploy/races.rs"]
mod races;
#[path = "deploy/walls.rs"]
mod walls;
#[path = "deploy/world.rs"]
mod world;

use world::{FILE, ROUTES, World, edited, refusals, refused, settings, shape, sorted};

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

/// How many requests to Cloudflare its creation makes, an edit of it, and its deletion.
async fn requests() -> (u64, u64, u64) {
    let world = World::new().await;
    world.apply(FILE).await.unwrap();
    let creation = world.requests();
    world.apply(&edited()).await.unwrap();
    let edit = world.requests() - creation;
    world.delete().await.unwrap();
    let deletion = world.requests() - creation - edit;
    (creation as u64, edit as u64, deletion as u64)
}

#[tokio::test]
async fn whichever_request_is_refused_a_creation_is_whole_or_undone() {
    for n in 1..=requests().await.0 {
        let world = World::new().await;
        world.fail(PlaneFault::new(None, refused()).nth(n));
        match world.apply(FILE).await {
            Ok(_) => world.assert_deployed(),
            Err(error) => assert!(world.is_untouched(), "{n}: {error}"),
        }
        assert!(world.fault_fired());
    }
}

/// What may be repeated is, and what may not is looked for: no creation fails for one lost response.
#[rstest]
#[case(PlaneFaultKind::Error(ErrorFault::status(500)))]
#[case(PlaneFaultKind::Reset)]
#[case(PlaneFaultKind::ResetAfterwards)]
#[tokio::test]
async fn whichever_response_is_lost_a_creation_and_an_edit_are_whole(#[case] kind: PlaneFaultKind) {
    let (creation, edit, _) = requests().await;
    for n in 1..=creation {
        let world = World::new().await;
        world.fail(PlaneFault::new(None, kind.clone()).nth(n));
        world.apply(FILE).await.unwrap();
        assert!(world.fault_fired());
        world.assert_deployed();
        assert_eq!(world.plane.state().scripts["shop"].versions, 1);
        assert_eq!(world.apply(FILE).await.unwrap(), Action::Nothing);
    }
    for n in 1..=edit {
        let world = World::new().await;
        world.apply(FILE).await.unwrap();
        world.fail(PlaneFault::new(None, kind.clone()).nth(n));
        world.apply(&edited()).await.unwrap();
        assert!(world.fault_fired());
        assert_eq!(world.plane.state().scripts["shop"].versions, 2);
        assert_eq!(world.apply(&edited()).await.unwrap(), Action::Nothing);
    }
}

#[tokio::test]
async fn whichever_request_is_refused_an_edit_is_whole_or_undone() {
    for n in 1..=requests().await.1 {
        let world = World::new().await;
        world.apply(FILE).await.unwrap();
        let before = shape(&world.plane.state());
        world.fail(PlaneFault::new(None, refused()).nth(n));
        let applied = world.apply(&edited()).await;
        assert!(world.fault_fired());
        world.plane.set_faults(Vec::new());
        if let Err(error) = applied {
            assert_eq!(shape(&world.plane.state()), before, "{n}: {error}");
            // Nothing of the attempt is in the way of the next one.
            assert_eq!(world.apply(FILE).await.unwrap(), Action::Nothing, "{n}");
            assert_eq!(world.apply(&edited()).await.unwrap(), Action::Edit, "{n}");
        }
        assert_ne!(shape(&world.plane.state()), before);
    }
}

/// The connection is gone for good from the n-th request on, as after a crash: nothing can be undone.
#[tokio::test]
async fn wherever_a_creation_broke_off_the_next_attempt_picks_up() {
    for n in 1..=requests().await.0 {
        let world = World::new().await;
        world.fail(PlaneFault::new(None, PlaneFaultKind::ResetAfterwards).starting_at(n));
        let broke_off = world.apply(FILE).await;
        assert!(world.fault_fired());
        if let Err(DeployError::HalfMade { stands, .. }) = &broke_off {
            assert!(!stands.is_empty());
        }
        world.plane.set_faults(Vec::new());
        world.take_over(FILE).await.unwrap();
        world.assert_deployed();
        assert_eq!(world.apply(FILE).await.unwrap(), Action::Nothing);
    }
}

#[tokio::test]
async fn wherever_a_deletion_broke_off_the_next_one_goes_on() {
    for n in 1..=requests().await.2 {
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
}

/// One request looks for keys; the two that make them are made good where only their responses are lost.
#[rstest]
#[tokio::test]
async fn whichever_request_for_keys_is_refused_nothing_half_made_stays(#[values(1, 2, 3)] n: u64) {
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
#[case(2, true)]
#[case(3, true)]
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
    for n in 1..=requests().await.0 {
        for kind in [
            refused(),
            PlaneFaultKind::Reset,
            PlaneFaultKind::ResetAfterwards,
        ] {
            let mut settings = settings();
            settings.tokens.insert(
                "ci".to_owned(),
                Token {
                    value: Some(Secret::new("secret-token-value")),
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
