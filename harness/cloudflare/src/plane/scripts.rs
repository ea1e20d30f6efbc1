//! `/accounts/{account}/workers/scripts`: the scripts themselves.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::{
    account::{Account, Script, Version, Zone},
    bindings::{self, Binding},
    call::ApiCall,
    envelope::PlaneResponse,
    error::ApiError,
    ids::stable_id,
    limits::SCRIPT_NAME,
    subdomain,
    upload::Upload,
    versions,
};

/// Separates the modules of a download.
const BOUNDARY: &str = "----edgeproof-modules";

/// What is told of a script wherever it is mentioned.
fn shown(name: &str, script: &Script) -> Value {
    let latest = script.latest();
    let mut shown = json!({
        "id": name,
        "tag": script.tag,
        "etag": latest.map(|version| &version.code.etag),
        "handlers": latest.map(|version| version.code.handlers()),
        "created_on": script.created_on,
        "modified_on": script.modified_on(),
        "compatibility_date": latest.and_then(|version| version.options.compatibility_date.as_ref()),
        "compatibility_flags": latest.map(|version| &version.options.compatibility_flags),
        "usage_model": latest.map(|version| &version.usage_model),
        "last_deployed_from": latest.map(|version| version.source),
        "has_modules": latest.is_some_and(|version| version.code.syntax == edgeproof_runtime::Syntax::Module),
        "has_assets": false,
        "logpush": false,
        "placement_mode": null,
        "tail_consumers": null,
    });
    for (key, value) in &script.settings {
        shown[key] = value.clone();
    }
    shown
}

/// `GET …/scripts`: all of them.
pub(super) fn list(account: &Account) -> PlaneResponse {
    let scripts = account.scripts.iter();
    PlaneResponse::of(scripts.map(|(name, script)| shown(name, script)).collect())
}

/// Letters, digits, `-` and `_`: a script's name is a part of its workers.dev host.
pub(super) fn check_name(name: &str) -> Result<(), ApiError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if name.is_empty() || name.len() > SCRIPT_NAME || !name.bytes().all(allowed) {
        return Err(ApiError::script_name());
    }
    Ok(())
}

/// `PUT …/scripts/{script}`: a version that runs at once.
pub(super) fn upload(
    account: &mut Account,
    call: &ApiCall,
    name: &str,
    upload: Upload,
) -> Result<PlaneResponse, ApiError> {
    check_name(name)?;
    let most = account.plan.scripts();
    if !account.scripts.contains_key(name) && account.scripts.len() >= most {
        return Err(ApiError::too_many_scripts(most));
    }
    let settings = upload.metadata.script_settings();
    let notes = versions::notes(&upload);
    let version = versions::of_upload(account, call, name, upload)?;
    account.add_version(name, version, true);
    let script = account.script_mut(name)?;
    script.settings.extend(settings);
    let mut response = PlaneResponse::of(shown(name, script));
    response.set("startup_time_ms", json!(versions::STARTUP_MS));
    let deployment = script.deployments.last();
    response.set(
        "deployment_id",
        json!(deployment.map(|deployment| &deployment.id)),
    );
    Ok(response.with_messages(&notes))
}

/// `DELETE …/scripts/{script}` and `…/services/{script}`. Its tails end and its routes go with it: a route cannot name a script
/// that is not there. That is a decision; no published text says what happens to them.
pub(super) fn delete(account: &mut Account, name: &str) -> Result<PlaneResponse, ApiError> {
    account.script(name)?;
    let mut domains = account
        .zones
        .iter()
        .flat_map(|zone| zone.custom_domains.values());
    if domains.any(|script| script == name) {
        return Err(ApiError::not_emulated(
            "the deletion of a Worker that has custom domains",
        ));
    }
    account.scripts.remove(name);
    account.tails.close_of(name);
    for zone in &mut account.zones {
        zone.routes
            .retain(|route| route.script.as_deref() != Some(name));
    }
    Ok(PlaneResponse::null())
}

/// `GET …/scripts/{script}` and `…/content/v2`: the code that runs, as a form of its modules.
pub(super) fn download(account: &Account, name: &str) -> Result<PlaneResponse, ApiError> {
    let script = account.script(name)?;
    let version = script.deployed().ok_or_else(ApiError::no_such_version)?;
    let mut content = Vec::new();
    for module in &version.code.modules {
        let mut head = String::new();
        let quoted = module.name.replace('"', "%22");
        let _ = write!(
            head,
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{quoted}\"; filename=\"{quoted}\"\r\n\
             Content-Type: {}\r\n\r\n",
            module.content_type
        );
        content.extend_from_slice(head.as_bytes());
        content.extend_from_slice(&module.content);
        content.extend_from_slice(b"\r\n");
    }
    content.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    Ok(PlaneResponse::raw(content_type, content))
}

/// `GET …/scripts/{script}/bindings` and the service's.
pub(super) fn bindings(account: &Account, name: &str) -> Result<PlaneResponse, ApiError> {
    let latest = account.script(name)?.latest();
    let bindings = latest.into_iter().flat_map(|version| &version.bindings);
    Ok(PlaneResponse::of(bindings.map(Binding::shown).collect()))
}

/// `GET …/scripts/{script}/settings`: what the latest version is made of, but for its code.
pub(super) fn settings(account: &Account, name: &str) -> Result<PlaneResponse, ApiError> {
    let script = account.script(name)?;
    let version = script.latest().ok_or_else(ApiError::no_such_version)?;
    let bindings: Vec<Value> = version.bindings.iter().map(Binding::shown).collect();
    let mut response = PlaneResponse::of(json!({
        "bindings": bindings,
        "compatibility_date": version.options.compatibility_date,
        "compatibility_flags": version.options.compatibility_flags,
        "usage_model": version.usage_model,
        "placement": {},
        "tags": [],
        "tail_consumers": null,
        "logpush": false,
    }));
    for (key, value) in &script.settings {
        response.set(key, value.clone());
    }
    Ok(response)
}

/// `PATCH …/scripts/{script}/settings`: a version with other settings, which runs at once. What is not said stays.
pub(super) fn change_settings(
    account: &mut Account,
    call: &ApiCall,
    name: &str,
    patch: &Map<String, Value>,
) -> Result<PlaneResponse, ApiError> {
    let versions = &account.script(name)?.versions;
    let latest = versions.last().ok_or_else(ApiError::no_such_version)?;
    let mut next: Version = versions::next(latest, account, call);
    let mut of_script = Map::new();
    for (key, value) in patch {
        let wrong = || ApiError::unreadable(format!("`{key}` is not what it should be"));
        match key.as_str() {
            "bindings" => {
                let wanted = value.as_array().ok_or_else(wrong)?.iter();
                let wanted = wanted
                    .map(bindings::read_of_settings)
                    .collect::<Result<_, _>>()?;
                next.bindings = bindings::resolve(wanted, versions, &[], account.plan)?;
            }
            "compatibility_date" => {
                next.options.compatibility_date =
                    Some(value.as_str().ok_or_else(wrong)?.to_owned());
            }
            "compatibility_flags" => {
                next.options.compatibility_flags =
                    serde_json::from_value(value.clone()).map_err(|_| wrong())?;
            }
            "usage_model" => next.usage_model = value.as_str().ok_or_else(wrong)?.to_owned(),
            "logpush" | "observability" | "tags" => {
                of_script.insert(key.clone(), value.clone());
            }
            other => {
                return Err(ApiError::not_emulated(&format!(
                    "`{other}` in the settings of a script"
                )));
            }
        }
    }
    account.add_version(name, next, true);
    account.script_mut(name)?.settings.extend(of_script);
    settings(account, name)
}

/// `GET …/scripts/{script}/script-settings`: what holds for every version.
pub(super) fn script_settings(account: &Account, name: &str) -> Result<PlaneResponse, ApiError> {
    let script = account.script(name)?;
    let mut response =
        PlaneResponse::of(json!({"logpush": false, "tags": [], "tail_consumers": null}));
    for (key, value) in &script.settings {
        response.set(key, value.clone());
    }
    Ok(response)
}

/// `PATCH …/scripts/{script}/script-settings`.
pub(super) fn change_script_settings(
    account: &mut Account,
    call: &ApiCall,
    name: &str,
) -> Result<PlaneResponse, ApiError> {
    let patch: Map<String, Value> = call.json()?;
    account.script_mut(name)?.settings.extend(patch);
    script_settings(account, name)
}

/// `GET …/workers/services/{script}`: what wrangler asks first.
pub(super) fn service(account: &Account, name: &str) -> Result<PlaneResponse, ApiError> {
    let script = account
        .scripts
        .get(name)
        .ok_or_else(ApiError::no_such_service)?;
    Ok(PlaneResponse::of(json!({
        "id": name,
        "created_on": script.created_on,
        "modified_on": script.modified_on(),
        "usage_model": "standard",
        "environments": [{"environment": "production", "created_on": script.created_on, "modified_on": script.modified_on()}],
        "default_environment": {
            "environment": "production",
            "created_on": script.created_on,
            "modified_on": script.modified_on(),
            "script": shown(name, script),
        },
    })))
}

/// `GET …/workers/workers/{script}`: what wrangler asks since 4.136.1, before it writes a route.
pub(super) fn worker(account: &Account, name: &str) -> Result<PlaneResponse, ApiError> {
    let script = account.script(name)?;
    Ok(PlaneResponse::of(json!({
        "id": script.tag,
        "name": name,
        "created_on": script.created_on,
        "updated_on": script.modified_on(),
        "subdomain": subdomain::shown(script),
        "tags": script.settings.get("tags").cloned().unwrap_or_else(|| json!([])),
        "logpush": script.settings.get("logpush").cloned().unwrap_or_else(|| json!(false)),
        "references": {"domains": [], "durable_objects": [], "queues": [], "workers": [], "dispatch_namespace_outbounds": []},
    })))
}

/// `GET /accounts/{account}/workers/domains`: the custom domains.
pub(super) fn domains(account: &Account) -> PlaneResponse {
    let of_zone = |zone: &Zone| -> Vec<Value> {
        let domains = zone.custom_domains.iter();
        domains
            .map(|(host, script)| {
                json!({
                    "id": stable_id("domain", host),
                    "hostname": host,
                    "service": script,
                    "environment": "production",
                    "zone_id": zone.id,
                    "zone_name": zone.name,
                })
            })
            .collect()
    };
    PlaneResponse::of(account.zones.iter().flat_map(of_zone).collect())
}

/// `GET …/scripts/{script}/references`: nothing here refers to a script but its routes.
pub(super) fn references(account: &Account, name: &str) -> Result<PlaneResponse, ApiError> {
    account.script(name)?;
    Ok(PlaneResponse::of(json!({
        "services": {"incoming": [], "outgoing": []},
        "durable_objects": [],
        "dispatch_outbounds": [],
    })))
}
