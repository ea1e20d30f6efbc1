//! `/zones`, `/accounts`, `/memberships` and `/user`: what the token can see.

use edgeproof_edge::NormalizationType;
use edgeproof_ground::international;
use serde_json::{Value, json};

use super::{
    access::{Group, Level, Token},
    account::{Account, Zone},
    call::ApiCall,
    envelope::PlaneResponse,
    error::ApiError,
    ids::stable_id,
};

/// Zones on a page, and at most.
const USUAL: usize = 20;
const MOST: usize = 50;

/// A zone that a token can see, and whose it is.
struct Seen<'a> {
    id: String,
    name: &'a str,
    status: &'static str,
    account: (String, &'a str),
}

/// The zones of other accounts first: nothing says in which order zones of one name are listed.
fn all(account: &Account) -> impl Iterator<Item = Seen<'_>> {
    let others = account.others.iter().flat_map(|other| {
        other.zones.iter().map(|(name, status)| Seen {
            id: other.zone_id(name),
            name,
            status: status.as_str(),
            account: (other.id(), &other.name),
        })
    });
    others.chain(account.zones.iter().map(|zone| own(account, zone)))
}

fn own<'a>(account: &'a Account, zone: &'a Zone) -> Seen<'a> {
    Seen {
        id: zone.id.clone(),
        name: &zone.name,
        status: zone.status.as_str(),
        account: (account.id.clone(), &account.name),
    }
}

fn shown(zone: &Seen<'_>) -> Value {
    let (id, name) = &zone.account;
    json!({
        "id": zone.id,
        // Users of its API met international names in letters (wp-rocket#7012, nginx-ui#1914).
        "name": international::in_letters(zone.name),
        "status": zone.status,
        "paused": false,
        "type": "full",
        "account": {"id": id, "name": name},
        "name_servers": ["a.ns.example", "b.ns.example"],
        "owner": {"id": id, "type": "organization", "name": name},
        "plan": {"id": "0feeeeeeeeeeeeeeeeeeeeeeeeeeeeee", "name": "Free Website"},
        "permissions": ["#zone:read"],
    })
}

/// `GET /zones?name=&account.id=&status=&page=&per_page=`.
pub(super) fn list(
    account: &Account,
    call: &ApiCall,
    token: &Token,
) -> Result<PlaneResponse, ApiError> {
    for name in ["match", "order", "direction", "account.name", "type"] {
        if call.parameter(name).is_some() {
            return Err(ApiError::not_emulated(&format!(
                "`{name}` of the list of zones"
            )));
        }
    }
    if call
        .parameter("name")
        .is_some_and(|name| name.contains(':'))
    {
        return Err(ApiError::not_emulated("operators in the name of a zone"));
    }
    let page = call.page(USUAL, MOST)?;
    let wanted = |zone: &Seen<'_>| {
        call.parameter("name")
            .is_none_or(|name| international::host_or_as_written(name) == zone.name)
            && call
                .parameter("account.id")
                .is_none_or(|id| id == zone.account.0)
            && call
                .parameter("status")
                .is_none_or(|status| status == zone.status)
            && token.sees_zone(zone.name)
    };
    let zones = all(account).filter(wanted);
    Ok(page.of(zones.map(|zone| shown(&zone)).collect()))
}

/// `GET /zones/{zone}`.
pub(super) fn get(account: &Account, id: &str, token: &Token) -> Result<PlaneResponse, ApiError> {
    let zone = all(account).find(|zone| zone.id == id);
    let zone = zone.ok_or_else(|| ApiError::no_such_object(&format!("/zones/{id}")))?;
    if !token.sees_zone(zone.name) {
        return Err(ApiError::unauthorized_resource());
    }
    Ok(PlaneResponse::of(shown(&zone)))
}

/// `GET /zones/{zone}/url_normalization`.
pub(super) fn url_normalization(
    account: &Account,
    id: &str,
    token: &Token,
) -> Result<PlaneResponse, ApiError> {
    let zone = account.zone(id)?;
    token.require_in(&zone.name, Group::TransformRules, Level::Read)?;
    let normalization = zone.normalization;
    let scope = match (normalization.incoming, normalization.to_origin) {
        (false, _) => "none",
        (true, false) => "incoming",
        (true, true) => "both",
    };
    let kind = match normalization.kind {
        NormalizationType::Rfc3986 => "rfc3986",
        NormalizationType::Cloudflare => "cloudflare",
    };
    Ok(PlaneResponse::of(json!({ "scope": scope, "type": kind })))
}

/// Every account by id and name, the emulated one last.
fn accounts_of(account: &Account) -> impl Iterator<Item = (String, &str)> {
    let others = account.others.iter();
    let others = others.map(|other| (other.id(), other.name.as_str()));
    others.chain([(account.id.clone(), account.name.as_str())])
}

fn shown_account((id, name): (String, &str)) -> Value {
    json!({"id": id, "name": name, "type": "standard"})
}

/// `GET /accounts`.
pub(super) fn accounts(
    account: &Account,
    call: &ApiCall,
    token: &Token,
) -> Result<PlaneResponse, ApiError> {
    let page = call.page(USUAL, MOST)?;
    let seen = accounts_of(account).filter(|_| token.sees_account());
    Ok(page.of(seen.map(shown_account).collect()))
}

/// `GET /accounts/{account}`.
pub(super) fn account(account: &Account) -> PlaneResponse {
    PlaneResponse::of(shown_account((account.id.clone(), &account.name)))
}

/// `GET /memberships`.
pub(super) fn memberships(
    account: &Account,
    call: &ApiCall,
    token: &Token,
) -> Result<PlaneResponse, ApiError> {
    token.require_memberships()?;
    let page = call.page(USUAL, MOST)?;
    let shown = |(id, name): (String, &str)| {
        json!({
            "id": stable_id("membership", name),
            "status": "accepted",
            "account": {"id": id, "name": name},
        })
    };
    Ok(page.of(accounts_of(account).map(shown).collect()))
}

/// `GET /user`.
pub(super) fn user(account: &Account, token: &Token) -> Result<PlaneResponse, ApiError> {
    token.require_user_details()?;
    Ok(PlaneResponse::of(json!({
        "id": stable_id("user", &account.name),
        "email": "deployer@account.example",
    })))
}
