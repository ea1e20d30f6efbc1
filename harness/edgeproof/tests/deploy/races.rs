//! Two at once: another run of edgeproof, wrangler, somebody in the dashboard. Whoever loses changes nothing that it did not
//! make, so what stands in the end is what stands after one of the two, or after one and then the other.

use std::{collections::BTreeSet, sync::Arc};

use edgeproof_cloudflare::{
    client::{Cloudflare, Secret, Waiting},
    deploy::{DeployError, Deployer},
    plane::stable_id,
};
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use rstest::rstest;

use crate::{
    gate::Gate,
    world::{FILE, World, apply, delete, deployer, edited},
};

/// What is done to the deployment `shop`.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Act {
    Create,
    Edit,
    EditOtherwise,
    Delete,
    /// `wrangler deploy` of another worker of this name, with its one route.
    Wrangler,
    /// In the dashboard: another secret.
    PutSecret,
    /// In the dashboard: another worker gets a route that is the deployment's, or is to be.
    LeadElsewhere,
    /// In the dashboard: a route of the deployment goes.
    RemoveRoute,
    /// In the dashboard: the worker goes.
    DeleteWorker,
}

use Act::{
    Create, Delete, DeleteWorker, Edit, EditOtherwise, LeadElsewhere, PutSecret, RemoveRoute,
    Wrangler,
};

/// The other edit: other pages, other variables.
fn edited_otherwise() -> String {
    FILE.replace("path: /signup, ", "subdomain: www, path: /other, ")
        .replace("rs_1", "rs_2")
}

/// Whoever asks the API of the world without a client of ours.
struct Foreign {
    base: String,
    account: String,
    token: String,
}

impl Foreign {
    fn of(world: &World) -> Self {
        Self {
            base: world.plane.base_url(),
            account: world.plane.account_id().to_owned(),
            token: world.plane.token().reveal().to_owned(),
        }
    }

    async fn ask(&self, method: &str, path: &str, kind: &str, body: &str) -> bool {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header("authorization", format!("Bearer {}", self.token))
            .header("content-type", kind)
            .body(Full::new(bytes::Bytes::from(body.to_owned())))
            .unwrap();
        let client = Client::builder(TokioExecutor::new()).build_http();
        let response = client.request(request).await.unwrap();
        let is_success = response.status().is_success();
        response.into_body().collect().await.unwrap();
        is_success
    }

    async fn json(&self, method: &str, path: &str, body: &str) -> bool {
        self.ask(method, path, "application/json", body).await
    }

    fn script(&self) -> String {
        format!("/accounts/{}/workers/scripts/shop", self.account)
    }

    fn routes() -> String {
        format!(
            "/zones/{}/workers/routes",
            stable_id("zone", "shop.example")
        )
    }

    async fn upload(&self, script: &str) -> bool {
        let metadata = r#"{"main_module":"w.js","compatibility_date":"2026-01-01","bindings":[{"type":"plain_text","name":"WRANGLER","text":"1"}]}"#;
        let form = format!(
            "--B\r\nContent-Disposition: form-data; name=\"metadata\"\r\nContent-Type: application/json\r\n\r\n{metadata}\r\n\
             --B\r\nContent-Disposition: form-data; name=\"w.js\"; filename=\"w.js\"\r\nContent-Type: application/javascript+module\r\n\r\n\
             export default {{ fetch: () => new Response('wrangler') }}\r\n--B--\r\n"
        );
        let path = format!("/accounts/{}/workers/scripts/{script}", self.account);
        let kind = "multipart/form-data; boundary=B";
        self.ask("PUT", &path, kind, &form).await
    }

    /// False where it could not be done, and so changed nothing.
    async fn act(&self, act: Act, routes: &[(String, String)]) -> bool {
        let id_of = |pattern: &str| {
            let mut routes = routes.iter();
            let found = routes.find(|(own, _)| own == pattern);
            found.map(|(_, id)| format!("{}/{id}", Self::routes()))
        };
        match act {
            Wrangler => {
                // Its routes take the place of all others of the worker.
                self.upload("shop").await
                    && self
                        .json(
                            "PUT",
                            &format!("{}/routes", self.script()),
                            r#"[{"pattern":"shop.example/wrangler*","zone_name":"shop.example"}]"#,
                        )
                        .await
            }
            PutSecret => {
                let secret = r#"{"name":"MORE","text":"x","type":"secret_text"}"#;
                self.json("PUT", &format!("{}/secrets", self.script()), secret)
                    .await
            }
            LeadElsewhere => {
                let wanted = r#"{"pattern":"shop.example/signup*","script":"legacy"}"#;
                match id_of("shop.example/signup*") {
                    Some(id) => self.json("PUT", &id, wanted).await,
                    None => self.json("POST", &Self::routes(), wanted).await,
                }
            }
            RemoveRoute => match id_of("shop.example/api/login*") {
                Some(id) => self.json("DELETE", &id, "").await,
                None => false,
            },
            DeleteWorker => self.json("DELETE", &self.script(), "").await,
            Create | Edit | EditOtherwise | Delete => unreachable!(),
        }
    }
}

/// Whether it took effect.
async fn act(deployer: &Deployer, world: &World, act: Act) -> Result<(), Option<DeployError>> {
    let done = match act {
        Create => apply(deployer, FILE).await.map(drop),
        Edit => apply(deployer, &edited()).await.map(drop),
        EditOtherwise => apply(deployer, &edited_otherwise()).await.map(drop),
        Delete => delete(deployer).await,
        foreign => {
            let routes = world.plane.state().routes;
            let routes: Vec<_> = routes
                .into_iter()
                .filter(|route| route.script.as_deref() == Some("shop"))
                .map(|route| (route.pattern, route.id))
                .collect();
            return match Foreign::of(world).act(foreign, &routes).await {
                true => Ok(()),
                false => Err(None),
            };
        }
    };
    done.map_err(Some)
}

/// A world with what the act needs before it.
async fn world(begins_deployed: bool) -> Arc<World> {
    let world = World::new().await;
    assert!(Foreign::of(&world).upload("legacy").await);
    if begins_deployed {
        world.apply(FILE).await.unwrap();
    }
    Arc::new(world)
}

/// What stands.
#[derive(Clone, Debug, PartialEq)]
struct Stands {
    routes: BTreeSet<String>,
    /// What runs, and with what.
    runs: String,
    /// Whether its keys are live, and how many keys there are.
    keys: String,
}

impl Stands {
    async fn of(world: &World) -> Self {
        let state = world.plane.state();
        let routes = state
            .routes
            .iter()
            .map(|route| format!("{} {:?}", route.pattern, route.script));
        let live = world.platform.secrets();
        let running = world.plane.snapshot().workers;
        let worker = running.iter().find(|worker| worker.name == "shop");
        let mut variables = worker
            .map(|worker| worker.variables.clone())
            .unwrap_or_default();
        // The texts of keys are others in every world.
        let secret = variables.remove("FP_SECRET_KEY");
        let secret = secret.map(|secret| live.contains(&secret));
        let management = world.deployer.management.as_ref().unwrap();
        let known = management.keys().await.unwrap();
        let public = variables.remove("FP_PUBLIC_KEY").map(|public| {
            let mut tokens = known.iter().filter_map(|key| key.token.as_ref());
            tokens.any(|token| token.reveal() == public)
        });
        let etag = state.scripts.get("shop").map(|script| script.etag.clone());
        let keys = world.keys();
        Self {
            routes: routes.collect(),
            runs: format!("{variables:?} {etag:?}"),
            keys: format!("secret {secret:?} public {public:?} keys {keys}"),
        }
    }

    /// What stands after these, one after the other, each where the one before has left it.
    async fn after(begins_deployed: bool, acts: &[Act]) -> Self {
        let world = world(begins_deployed).await;
        for one in acts {
            let _ = act(&world.deployer, &world, *one).await;
        }
        Self::of(&world).await
    }
}

/// What may stand in the end.
struct Allowed {
    nothing: Stands,
    ours: Stands,
    theirs: Stands,
    both: [Stands; 2],
}

impl Allowed {
    async fn of(begins_deployed: bool, ours: Act, theirs: Act) -> Self {
        Self {
            nothing: Stands::after(begins_deployed, &[]).await,
            ours: Stands::after(begins_deployed, &[ours]).await,
            theirs: Stands::after(begins_deployed, &[theirs]).await,
            both: [
                Stands::after(begins_deployed, &[ours, theirs]).await,
                Stands::after(begins_deployed, &[theirs, ours]).await,
            ],
        }
    }

    async fn assert(&self, world: &World, told: &str, done: (Act, bool), theirs: (Act, bool)) {
        let stands = Stands::of(world).await;
        let allowed: &[&Stands] = match (done.1, theirs.1) {
            (false, false) => &[&self.nothing],
            (true, false) => &[&self.ours],
            (false, true) => &[&self.theirs],
            (true, true) => &[&self.both[0], &self.both[1]],
        };
        // A deletion that broke off is not undone: what it had removed of the deployment's own is gone.
        let deletes = [done, theirs].contains(&(Delete, false));
        // Who uploads to a worker that was just made keeps its secret, and the secret its key.
        let keeps_secret = done == (Create, false) && theirs == (Wrangler, true);
        let is_allowed = allowed.iter().any(|allowed| {
            stands.runs == allowed.runs
                && match deletes {
                    true => stands.routes.is_subset(&allowed.routes),
                    false => stands.routes == allowed.routes,
                }
                && match keeps_secret {
                    true => !stands.keys.contains("Some(false)"),
                    false => stands.keys == allowed.keys,
                }
        });
        assert!(
            is_allowed,
            "{told}: ours {}, theirs {}\nstands  {stands:#?}\nallowed {allowed:#?}",
            done.1, theirs.1
        );
    }
}

/// Ours, through a door, with theirs before its n-th request. Returns whether there was one.
async fn meet(begins_deployed: bool, ours: Act, theirs: Act, n: usize, allowed: &Allowed) -> bool {
    let world = world(begins_deployed).await;
    let gate = Gate::open();
    let base = gate.to(world.plane.address()).await;
    let management = gate.to(world.platform.address()).await;
    let through = deployer(
        &world.plane,
        &world.platform,
        &format!("http://{base}/client/v4"),
        &format!("http://{management}"),
    );
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let other = Arc::clone(&world);
    gate.before(n, async move {
        let _ = sender.send(act(&other.deployer, &other, theirs).await);
    });
    let done = act(&through, &world, ours).await;
    if gate.seen() < n {
        return false;
    }
    let their_done = receiver.await.unwrap().is_ok();
    let told = format!(
        "{theirs:?} before request {n} of {ours:?} ({:?})",
        done.as_ref().err()
    );
    // Between its last look at a route and its removal nothing helps: no request of the API has a condition.
    let is_last_moment = theirs == LeadElsewhere
        && gate
            .met()
            .is_some_and(|met| met.starts_with("DELETE") && met.contains("/routes/"));
    if is_last_moment {
        return true;
    }
    allowed
        .assert(&world, &told, (ours, done.is_ok()), (theirs, their_done))
        .await;
    true
}

#[rstest]
#[case::creations(false, Create, &[Create, Wrangler, LeadElsewhere])]
#[case::creation_of_what_is_changed(false, Create, &[RemoveRoute, DeleteWorker])]
#[case::edits(true, Edit, &[Edit, EditOtherwise, Delete])]
#[case::edit_beside_other_tools(true, Edit, &[Wrangler, LeadElsewhere, RemoveRoute, DeleteWorker])]
#[case::deletions(true, Delete, &[Delete, Edit])]
#[case::deletion_beside_other_tools(true, Delete, &[Wrangler, PutSecret, LeadElsewhere, RemoveRoute, DeleteWorker])]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_comes_before_any_request_the_loser_changes_nothing(
    #[case] begins_deployed: bool,
    #[case] ours: Act,
    #[case] theirs: &[Act],
) {
    for theirs in theirs {
        let allowed = Allowed::of(begins_deployed, ours, *theirs).await;
        let mut n = 1;
        while meet(begins_deployed, ours, *theirs, n, &allowed).await {
            n += 1;
        }
        assert!(n > 5, "{n}");
    }
}

/// Somebody who builds upon what an attempt has just made keeps it: it is left, told, and ended by the next attempt.
#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_put_into_what_is_being_made_stays(#[values(true, false)] begins_deployed: bool) {
    let ours = if begins_deployed { Edit } else { Create };
    for n in 1.. {
        let world = world(begins_deployed).await;
        let gate = Gate::open();
        let base = gate.to(world.plane.address()).await;
        let through = deployer(
            &world.plane,
            &world.platform,
            &format!("http://{base}/client/v4"),
            &format!("http://{}", world.platform.address()),
        );
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let other = Arc::clone(&world);
        gate.before(n, async move {
            let _ = sender.send(act(&other.deployer, &other, PutSecret).await.is_ok());
        });
        let done = act(&through, &world, ours).await;
        if gate.seen() < n {
            assert!(n > 10, "{n}");
            break;
        }
        let was_put = receiver.await.unwrap();
        let has_secret = |world: &World| {
            let state = world.plane.state();
            let shop = state.scripts.get("shop");
            shop.is_some_and(|shop| shop.secrets.contains("MORE"))
        };
        if done.is_err() {
            assert_eq!(has_secret(&world), was_put, "{n} {done:?}");
        }
        let file = if begins_deployed {
            edited()
        } else {
            FILE.to_owned()
        };
        world.take_over(&file).await.unwrap();
        assert!(!has_secret(&world), "{n}");
        assert_eq!(world.keys(), 2);
    }
}

/// Fifty pairs at once, each request of either after some others have had a turn.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_pairs_at_once_every_loser_changes_nothing() {
    let pairs = [
        (false, Create, Create),
        (true, Edit, EditOtherwise),
        (true, Edit, Edit),
        (true, Edit, Delete),
        (true, Delete, Delete),
    ];
    for (begins_deployed, ours, theirs) in pairs {
        let allowed = Allowed::of(begins_deployed, ours, theirs).await;
        for round in 0..10 {
            let world = world(begins_deployed).await;
            let gate = Gate::uneven();
            let base = gate.to(world.plane.address()).await;
            let management = gate.to(world.platform.address()).await;
            let (base, management) = (
                format!("http://{base}/client/v4"),
                format!("http://{management}"),
            );
            let one = deployer(&world.plane, &world.platform, &base, &management);
            let other = one.clone();
            let (one, other) = tokio::join!(act(&one, &world, ours), act(&other, &world, theirs));
            let told = format!("{ours:?} and {theirs:?}, round {round}: {one:?} {other:?}");
            allowed
                .assert(&world, &told, (ours, one.is_ok()), (theirs, other.is_ok()))
                .await;
            if ours == Create {
                assert!(one.is_ok() || other.is_ok(), "{told}");
            }
        }
    }
}

/// Cloudflare says so where the same thing is being changed at the same moment. That is a plain response: nothing is repeated.
#[tokio::test]
async fn a_conflict_that_the_api_tells_is_told() {
    use edgeproof_cloudflare::plane::{ErrorFault, PlaneFault, PlaneFaultKind};
    let world = world(true).await;
    let mut conflict = ErrorFault::status(409);
    conflict.code = 10035;
    let on = "POST */workers/scripts/shop/deployments".parse().unwrap();
    let fault = PlaneFault::new(Some(on), PlaneFaultKind::Error(conflict));
    world.fail(fault.nth(1));
    let before = Stands::of(&world).await;
    let error = world.apply(&edited()).await.unwrap_err();
    assert!(
        error.to_string().contains("10035") || format!("{error:?}").contains("10035"),
        "{error:?}"
    );
    assert_eq!(Stands::of(&world).await, before);
    world.apply(&edited()).await.unwrap();
}

#[tokio::test]
async fn a_run_that_is_under_way_is_not_joined() {
    let world = world(false).await;
    let waiting = Waiting::On(world.platform.clock().clone());
    let token = Secret::new(world.plane.token().reveal());
    let cloudflare = Cloudflare::new(&world.plane.base_url(), token, waiting).unwrap();
    world.apply(FILE).await.unwrap();
    // As if its run had not come to its end.
    let account = world.plane.account_id();
    cloudflare
        .set_tags(account, "shop", &["edgeproof".to_owned()])
        .await
        .unwrap();
    for refused in [world.apply(&edited()).await.map(drop), world.delete().await] {
        let refused = crate::world::refusals(&refused.unwrap_err());
        assert!(
            refused[0].starts_with("another run began to deploy `shop`"),
            "{refused:?}"
        );
    }
    world.take_over(&edited()).await.unwrap();
}
