//! The state of the rig: what runs, what was changed, and which route wins.

use edgeproof_rig::Rig;
use http::Method;
use serde_json::{Value as Json, json};

use super::{super::route, World};

/// What the page shows beside the calls.
pub(super) async fn of(world: &World) -> Json {
    let (given, steps, title) = {
        let levers = world.levers.lock().await;
        let title = levers.case().scenario.title.clone();
        let taken = levers.taken().iter().map(|step| step.text.clone());
        (levers.given().clone(), taken.collect::<Vec<_>>(), title)
    };
    let attacks = world.rig.wallarm().attacks();
    let deployed = world.rig.deployed().borrow().clone();
    let routes = deployed
        .routes
        .iter()
        .map(|route| json!({ "pattern": route.pattern.to_string(), "worker": route.worker }));
    let routes: Vec<Json> = routes.collect();
    let visitors: Vec<String> = world.rig.description().visitors.into_keys().collect();
    world.redactor().json(json!({
        "title": title,
        "given": given,
        "steps": steps,
        "clock": { "now": world.clock.now(), "ahead": world.clock.ahead() },
        "deployed": { "workers": deployed.workers, "routes": routes },
        "attacks": attacks,
        "doors": world.doors,
        "visitors": visitors,
        "forgotten": world.rig.trace().forgotten(),
    }))
}

/// Which route wins for a URL, and why.
pub(super) fn route(rig: &Rig, url: &str, method: &str) -> Result<Json, String> {
    let method = match method {
        "" => Method::GET,
        word => word.parse().map_err(|_| format!("`{word}` is no method"))?,
    };
    let routes = rig.deployed().borrow().routes.clone();
    let explained = route::explained(&rig.description(), routes, url, &method);
    explained
        .map(|explained| json!(explained))
        .map_err(|error| error.to_string())
}
