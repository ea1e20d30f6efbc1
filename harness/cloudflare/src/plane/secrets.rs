//! `…/scripts/{script}/secrets`: written and never read back.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Secret,
    account::{Account, Version},
    bindings::{self, Binding, BindingValue},
    call::ApiCall,
    envelope::PlaneResponse,
    error::ApiError,
    versions,
};

#[derive(Deserialize)]
struct Wanted {
    name: String,
    text: Secret,
    #[serde(rename = "type")]
    kind: String,
}

fn is_secret(binding: &&Binding) -> bool {
    matches!(binding.value, BindingValue::Secret(_))
}

/// `GET …/secrets`: names and types.
pub(super) fn list(account: &Account, script: &str) -> Result<PlaneResponse, ApiError> {
    let latest = account.script(script)?.latest();
    let bindings = latest.into_iter().flat_map(|version| &version.bindings);
    Ok(PlaneResponse::of(
        bindings.filter(is_secret).map(Binding::shown).collect(),
    ))
}

/// `GET …/secrets/{name}`.
pub(super) fn get(account: &Account, script: &str, name: &str) -> Result<PlaneResponse, ApiError> {
    let latest = account.script(script)?.latest();
    let mut bindings = latest.into_iter().flat_map(|version| &version.bindings);
    let found = bindings.find(|binding| is_secret(binding) && binding.name == name);
    let found = found.ok_or_else(|| ApiError::no_such_binding(name))?;
    Ok(PlaneResponse::of(found.shown()))
}

/// `PUT …/secrets`.
pub(super) fn put(
    account: &mut Account,
    call: &ApiCall,
    script: &str,
) -> Result<PlaneResponse, ApiError> {
    account.script(script)?;
    let Wanted { name, text, kind } = call.json()?;
    if kind != "secret_text" {
        return Err(ApiError::not_emulated(&format!("secrets of type {kind}")));
    }
    if name.is_empty() {
        return Err(ApiError::invalid_binding("it has no name"));
    }
    change(
        account,
        call,
        script,
        &BTreeMap::from([(name.clone(), Some(text))]),
    )?;
    Ok(PlaneResponse::of(json!({"name": name, "type": kind})))
}

/// `DELETE …/secrets/{name}`.
pub(super) fn delete(
    account: &mut Account,
    call: &ApiCall,
    script: &str,
    name: &str,
) -> Result<PlaneResponse, ApiError> {
    get(account, script, name)?;
    change(
        account,
        call,
        script,
        &BTreeMap::from([(name.to_owned(), None)]),
    )?;
    Ok(PlaneResponse::null())
}

/// `PATCH …/secrets-bulk`: a merge patch, in which null deletes.
pub(super) fn patch(
    account: &mut Account,
    call: &ApiCall,
    script: &str,
) -> Result<PlaneResponse, ApiError> {
    #[derive(Deserialize)]
    struct Bulk {
        secrets: BTreeMap<String, Option<Value>>,
    }
    account.script(script)?;
    let Bulk { secrets } = call.json()?;
    let secret = |(name, value): (String, Option<Value>)| match value {
        None => Ok((name, None)),
        Some(value) => {
            let wanted: Wanted = serde_json::from_value(value).map_err(ApiError::unreadable)?;
            Ok((name, Some(wanted.text)))
        }
    };
    let secrets = secrets
        .into_iter()
        .map(secret)
        .collect::<Result<_, ApiError>>()?;
    change(account, call, script, &secrets)?;
    list(account, script)
}

/// Makes a version with these secrets changed, and puts it in force, which is refused where the latest version is not.
fn change(
    account: &mut Account,
    call: &ApiCall,
    script: &str,
    secrets: &BTreeMap<String, Option<Secret>>,
) -> Result<(), ApiError> {
    let of = account.script(script)?;
    let latest = of.latest().ok_or_else(ApiError::no_such_script)?;
    if of
        .deployed()
        .is_none_or(|deployed| deployed.id != latest.id)
    {
        return Err(ApiError::latest_not_deployed());
    }
    let mut next: Version = versions::next(latest, account, call);
    next.bindings
        .retain(|binding| !secrets.contains_key(&binding.name));
    for (name, secret) in secrets {
        if let Some(secret) = secret {
            next.bindings.push(Binding::secret(name, secret.clone()));
        }
    }
    bindings::check(&next.bindings, account.plan)?;
    account.add_version(script, next, true);
    Ok(())
}
