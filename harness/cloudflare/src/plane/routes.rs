//! `/zones/{zone}/workers/routes`, and all routes of one script at once.

use edgeproof_deployment::FailureMode;
use edgeproof_edge::RouteError;
use edgeproof_ground::international;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    access::{Group, Level, Token},
    account::{Account, Route, Zone},
    call::ApiCall,
    envelope::PlaneResponse,
    error::ApiError,
};

/// In how many zones a worker may have routes.
const ZONES_OF_A_SCRIPT: usize = 1000;

/// A route as it is asked for.
#[derive(Deserialize)]
struct Wanted {
    pattern: String,
    script: Option<String>,
    request_limit_fail_open: Option<bool>,
}

impl Wanted {
    fn over_daily_limit(&self) -> FailureMode {
        match self.request_limit_fail_open {
            Some(true) => FailureMode::Open,
            _ => FailureMode::Closed,
        }
    }

    /// The script it names; an empty name is none.
    fn script(&self) -> Option<String> {
        self.script.clone().filter(|script| !script.is_empty())
    }
}

/// A route of a script as it is asked for.
#[derive(Deserialize)]
struct WantedOfScript {
    pattern: String,
    zone_id: Option<String>,
    zone_name: Option<String>,
}

fn shown(route: &Route) -> Value {
    let mut shown = json!({
        "id": route.id,
        "pattern": route.pattern.as_str(),
        "request_limit_fail_open": route.over_daily_limit == FailureMode::Open,
    });
    if let Some(script) = &route.script {
        shown["script"] = json!(script);
    }
    shown
}

/// A route may name no script, or one that exists.
fn check_script(account: &Account, script: Option<&str>, pattern: &str) -> Result<(), ApiError> {
    match script {
        Some(script) if !account.scripts.contains_key(script) => {
            let workers: Vec<&str> = account.scripts.keys().map(String::as_str).collect();
            Err(RouteError::NoSuchWorker {
                name: pattern.to_owned(),
                worker: script.to_owned(),
                workers: workers.join(", "),
            }
            .into())
        }
        _ => Ok(()),
    }
}

/// A script may have routes in so many zones.
fn check_zones(account: &Account, script: Option<&str>, zone: &str) -> Result<(), ApiError> {
    let runs = |zone: &&Zone| {
        zone.routes
            .iter()
            .any(|route| route.script.as_deref() == script)
    };
    let zones = account
        .zones
        .iter()
        .filter(|other| other.id != zone)
        .filter(runs);
    let count = zones.count() + 1;
    match script {
        Some(script) if count > ZONES_OF_A_SCRIPT => Err(RouteError::TooManyZones {
            worker: script.to_owned(),
            zones: count,
        }
        .into()),
        _ => Ok(()),
    }
}

/// `GET /zones/{zone}/workers/routes`: all of them, unpaged.
pub(super) fn list(
    account: &Account,
    zone: &str,
    token: &Token,
) -> Result<PlaneResponse, ApiError> {
    let zone = account.zone(zone)?;
    token.require_in(&zone.name, Group::WorkersRoutes, Level::Read)?;
    Ok(PlaneResponse::of(zone.routes.iter().map(shown).collect()))
}

/// `GET /zones/{zone}/workers/routes/{route}`.
pub(super) fn get(
    account: &Account,
    zone: &str,
    id: &str,
    token: &Token,
) -> Result<PlaneResponse, ApiError> {
    let zone = account.zone(zone)?;
    token.require_in(&zone.name, Group::WorkersRoutes, Level::Read)?;
    let found = zone.routes.iter().find(|route| route.id == id);
    Ok(PlaneResponse::of(shown(
        found.ok_or_else(ApiError::no_such_route)?,
    )))
}

/// `POST /zones/{zone}/workers/routes`.
pub(super) fn create(
    account: &mut Account,
    call: &ApiCall,
    zone: &str,
    token: &Token,
) -> Result<PlaneResponse, ApiError> {
    put(account, call, zone, None, token)
}

/// `PUT /zones/{zone}/workers/routes/{route}`.
pub(super) fn replace(
    account: &mut Account,
    call: &ApiCall,
    zone: &str,
    id: &str,
    token: &Token,
) -> Result<PlaneResponse, ApiError> {
    put(account, call, zone, Some(id), token)
}

fn put(
    account: &mut Account,
    call: &ApiCall,
    zone: &str,
    replaced: Option<&str>,
    token: &Token,
) -> Result<PlaneResponse, ApiError> {
    let of = account.zone(zone)?;
    token.require_in(&of.name, Group::WorkersRoutes, Level::Edit)?;
    let there = |id: &str| of.routes.iter().any(|route| route.id == id);
    if replaced.is_some_and(|id| !there(id)) {
        return Err(ApiError::no_such_route());
    }
    let wanted: Wanted = call.json()?;
    let script = wanted.script();
    let pattern = of.check_pattern(&wanted.pattern, replaced)?;
    check_script(account, script.as_deref(), &wanted.pattern)?;
    check_zones(account, script.as_deref(), zone)?;
    let mut route = Route::new(pattern, script, wanted.over_daily_limit());
    let routes = &mut account.zone_mut(zone)?.routes;
    let shown_route;
    match replaced.and_then(|id| routes.iter_mut().find(|route| route.id == id)) {
        Some(old) => {
            route.id.clone_from(&old.id);
            shown_route = shown(&route);
            *old = route;
        }
        None => {
            shown_route = shown(&route);
            routes.push(route);
        }
    }
    Ok(PlaneResponse::of(shown_route))
}

/// `DELETE /zones/{zone}/workers/routes/{route}`.
pub(super) fn delete(
    account: &mut Account,
    zone: &str,
    id: &str,
    token: &Token,
) -> Result<PlaneResponse, ApiError> {
    let zone = account.zone_mut(zone)?;
    token.require_in(&zone.name, Group::WorkersRoutes, Level::Edit)?;
    let before = zone.routes.len();
    zone.routes.retain(|route| route.id != id);
    if zone.routes.len() == before {
        return Err(ApiError::no_such_route());
    }
    Ok(PlaneResponse::of(json!({"id": id})))
}

/// `GET /accounts/{account}/workers/scripts/{script}/routes`, and the same of the service.
pub(super) fn of_script(account: &Account, script: &str) -> Result<PlaneResponse, ApiError> {
    account.script(script)?;
    let of_zone = |zone: &Zone| -> Vec<Value> {
        let runs = zone
            .routes
            .iter()
            .filter(|route| route.script.as_deref() == Some(script));
        runs.map(|route| {
            let mut shown = shown(route);
            shown["zone_id"] = json!(zone.id);
            shown["zone_name"] = json!(zone.name);
            shown
        })
        .collect()
    };
    Ok(PlaneResponse::of(
        account.zones.iter().flat_map(of_zone).collect(),
    ))
}

/// `PUT /accounts/{account}/workers/scripts/{script}/routes`: exactly these, in whatever zones. Nothing changes where one of them
/// cannot be.
pub(super) fn replace_of_script(
    account: &mut Account,
    call: &ApiCall,
    script: &str,
    token: &Token,
) -> Result<PlaneResponse, ApiError> {
    token.require_in_all_zones()?;
    account.script(script)?;
    let wanted: Vec<WantedOfScript> = call.json()?;
    let before: Vec<Vec<Route>> = account
        .zones
        .iter()
        .map(|zone| zone.routes.clone())
        .collect();
    for zone in &mut account.zones {
        zone.routes
            .retain(|route| route.script.as_deref() != Some(script));
    }
    let made: Result<Vec<Value>, ApiError> = wanted
        .into_iter()
        .map(|wanted| add_of_script(account, script, &wanted))
        .collect();
    if made.is_err() {
        for (zone, routes) in account.zones.iter_mut().zip(before) {
            zone.routes = routes;
        }
    }
    Ok(PlaneResponse::of(Value::Array(made?)))
}

fn add_of_script(
    account: &mut Account,
    script: &str,
    wanted: &WantedOfScript,
) -> Result<Value, ApiError> {
    let host = wanted
        .pattern
        .parse()
        .map(|pattern: edgeproof_ground::pattern::Pattern| {
            pattern.host().trim_start_matches('.').to_owned()
        });
    let host = host.map_err(RouteError::Invalid)?;
    let zone = account
        .zones
        .iter()
        .filter(|zone| match (&wanted.zone_id, &wanted.zone_name) {
            (Some(id), _) => zone.id == *id,
            (None, Some(name)) => international::host_or_as_written(name) == zone.name,
            (None, None) => host == zone.name || host.ends_with(&format!(".{}", zone.name)),
        })
        .max_by_key(|zone| zone.name.len());
    let Some(zone) = zone else {
        let zones: Vec<&str> = account
            .zones
            .iter()
            .map(|zone| zone.name.as_str())
            .collect();
        let pattern = wanted.pattern.parse().map_err(RouteError::Invalid)?;
        let zones = zones.join(", ");
        return Err(RouteError::OutsideZones { pattern, zones }.into());
    };
    let pattern = zone.check_pattern(&wanted.pattern, None)?;
    let id = zone.id.clone();
    check_zones(account, Some(script), &id)?;
    let route = Route::new(pattern, Some(script.to_owned()), FailureMode::Closed);
    let shown = shown(&route);
    account.zone_mut(&id)?.routes.push(route);
    Ok(shown)
}
