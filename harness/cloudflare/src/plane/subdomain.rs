//! `…/subdomain`: workers.dev. Whether a script is there is remembered; nothing is served on it.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    account::{Account, Script},
    call::ApiCall,
    envelope::PlaneResponse,
    error::ApiError,
};

#[derive(Deserialize)]
struct Wanted {
    enabled: bool,
    previews_enabled: Option<bool>,
}

#[derive(Deserialize)]
struct WantedName {
    subdomain: String,
}

/// `GET /accounts/{account}/workers/subdomain`.
pub(super) fn of_account(account: &Account) -> Result<PlaneResponse, ApiError> {
    let name = account
        .subdomain
        .as_ref()
        .ok_or_else(ApiError::no_subdomain)?;
    Ok(PlaneResponse::of(json!({"subdomain": name})))
}

/// `PUT /accounts/{account}/workers/subdomain`.
pub(super) fn name(account: &mut Account, call: &ApiCall) -> Result<PlaneResponse, ApiError> {
    let WantedName { subdomain } = call.json()?;
    account.subdomain = Some(subdomain);
    of_account(account)
}

/// `GET …/scripts/{script}/subdomain`.
pub(super) fn of_script(account: &Account, script: &str) -> Result<PlaneResponse, ApiError> {
    Ok(PlaneResponse::of(shown(account.script(script)?)))
}

/// Whether a script is on workers.dev, wherever that is mentioned.
pub(super) fn shown(script: &Script) -> Value {
    json!({
        "enabled": script.on_workers_dev,
        "previews_enabled": script.previews,
    })
}

/// `POST …/scripts/{script}/subdomain`.
pub(super) fn enable(
    account: &mut Account,
    call: &ApiCall,
    script: &str,
) -> Result<PlaneResponse, ApiError> {
    let Wanted {
        enabled,
        previews_enabled,
    } = call.json()?;
    let of = account.script_mut(script)?;
    of.on_workers_dev = enabled;
    of.previews = previews_enabled.unwrap_or(enabled);
    of_script(account, script)
}

/// `DELETE …/scripts/{script}/subdomain`.
pub(super) fn disable(account: &mut Account, script: &str) -> Result<PlaneResponse, ApiError> {
    let of = account.script_mut(script)?;
    (of.on_workers_dev, of.previews) = (false, false);
    of_script(account, script)
}
