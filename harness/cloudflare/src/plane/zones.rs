//! `/zones`, `/accounts`, `/memberships` and `/user`: what the token can see.

use edgeproof_ground::international;
use serde_json::{Value, json};

use super::{
    access::Token,
    account::{Account, Zone},
    call::ApiCall,
    envelope::Answer,
    error::ApiError,
    ids::stable_id,
};

/// Zones on a page, and at most.
const USUAL: usize = 20;
const MOST: usize = 50;

fn shown(account: &Account, zone: &Zone) -> Value {
    json!({
        "id": zone.id,
        // Users of its API met international names in letters (wp-rocket#7012, nginx-ui#1914).
        "name": international::in_letters(&zone.name),
        "status": "active",
        "paused": false,
        "type": "full",
        "account": {"id": account.id, "name": account.name},
        "name_servers": ["a.ns.example", "b.ns.example"],
        "owner": {"id": account.id, "type": "organization", "name": account.name},
        "plan": {"id": "0feeeeeeeeeeeeeeeeeeeeeeeeeeeeee", "name": "Free Website"},
        "permissions": ["#zone:read"],
    })
}

/// `GET /zones?name=&account.id=&status=&page=&per_page=`.
pub(super) fn list(account: &Account, call: &ApiCall, token: &Token) -> Result<Answer, ApiError> {
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
    let wanted = |zone: &&Zone| {
        call.parameter("name")
            .is_none_or(|name| international::host_or_as_written(name) == zone.name)
            && call
                .parameter("account.id")
                .is_none_or(|id| id == account.id)
            && call
                .parameter("status")
                .is_none_or(|status| status == "active")
            && token.sees_zone(&zone.name)
    };
    let zones = account.zones.iter().filter(wanted);
    Ok(page.of(zones.map(|zone| shown(account, zone)).collect()))
}

/// `GET /zones/{zone}`.
pub(super) fn get(account: &Account, id: &str, token: &Token) -> Result<Answer, ApiError> {
    let zone = account.zone(id)?;
    if !token.sees_zone(&zone.name) {
        return Err(ApiError::unauthorized_resource());
    }
    Ok(Answer::of(shown(account, zone)))
}

fn shown_account(account: &Account) -> Value {
    json!({"id": account.id, "name": account.name, "type": "standard"})
}

/// `GET /accounts`.
pub(super) fn accounts(
    account: &Account,
    call: &ApiCall,
    token: &Token,
) -> Result<Answer, ApiError> {
    let page = call.page(USUAL, MOST)?;
    let seen = token.sees_account().then(|| shown_account(account));
    Ok(page.of(seen.into_iter().collect()))
}

/// `GET /accounts/{account}`.
pub(super) fn account(account: &Account) -> Answer {
    Answer::of(shown_account(account))
}

/// `GET /memberships`.
pub(super) fn memberships(
    account: &Account,
    call: &ApiCall,
    token: &Token,
) -> Result<Answer, ApiError> {
    token.require_memberships()?;
    let page = call.page(USUAL, MOST)?;
    Ok(page.of(vec![json!({
        "id": stable_id("membership", &account.name),
        "status": "accepted",
        "account": {"id": account.id, "name": account.name},
    })]))
}

/// `GET /user`.
pub(super) fn user(account: &Account, token: &Token) -> Result<Answer, ApiError> {
    token.require_user_details()?;
    Ok(Answer::of(json!({
        "id": stable_id("user", &account.name),
        "email": "deployer@account.example",
    })))
}
