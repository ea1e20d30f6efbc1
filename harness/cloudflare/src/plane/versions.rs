//! `…/scripts/{script}/versions` and `…/deployments`: what could run, and what does.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    account::{Account, Deployment, Script, Version},
    bindings::{self, Binding},
    call::ApiCall,
    envelope::PlaneResponse,
    error::ApiError,
    ids::fresh_uuid,
    upload::Upload,
};

/// Versions on a page, and at most.
const USUAL: usize = 10;
const MOST: usize = 100;
/// How many of the latest deployments are told.
const DEPLOYMENTS: usize = 10;

/// Makes a version of what was uploaded. The bindings of the latest version stay where the upload says so.
pub(super) fn of_upload(
    account: &Account,
    call: &ApiCall,
    script: &str,
    upload: Upload,
) -> Result<Version, ApiError> {
    let metadata = upload.metadata;
    let versions = account.scripts.get(script);
    Ok(Version {
        id: fresh_uuid(),
        created_on: account.now(),
        source: call.source(),
        bindings: bindings::resolve(
            upload.bindings,
            versions.map_or(&[], |script| &script.versions),
            &metadata.kept(),
            account.plan,
        )?,
        code: upload.code.into(),
        options: metadata.options(),
        cpu_ms: metadata.limits.cpu_ms,
        cache: metadata.cache(),
        usage_model: metadata
            .usage_model
            .unwrap_or_else(|| "standard".to_owned()),
        annotations: metadata.annotations,
    })
}

/// The version after this one, with the same code and bindings.
pub(super) fn next(latest: &Version, account: &Account, call: &ApiCall) -> Version {
    Version {
        id: fresh_uuid(),
        created_on: account.now(),
        source: call.source(),
        annotations: Map::new(),
        ..latest.clone()
    }
}

/// What is told of a version wherever it is mentioned.
fn head(version: &Version, script: &Script) -> Value {
    json!({
        "id": version.id,
        "number": version.number(script),
        "metadata": {
            "created_on": version.created_on,
            "modified_on": version.created_on,
            "source": version.source,
            "author_id": "",
            "author_email": "",
            // Each is read by some wrangler.
            "hasPreview": false,
            "has_preview": false,
        },
        "annotations": version.annotations,
    })
}

fn shown(version: &Version, script: &Script) -> Value {
    let mut shown = head(version, script);
    let bindings: Vec<Value> = version.bindings.iter().map(Binding::shown).collect();
    shown["resources"] = json!({
        "script": {
            "etag": version.code.etag,
            "handlers": version.code.handlers(),
            "last_deployed_from": version.source,
        },
        "script_runtime": {
            "compatibility_date": version.options.compatibility_date,
            "compatibility_flags": version.options.compatibility_flags,
            "usage_model": version.usage_model,
            "limits": {"cpu_ms": version.cpu_ms},
        },
        "bindings": bindings,
    });
    shown
}

/// `POST …/versions`: code that does not run yet.
pub(super) fn create(
    account: &mut Account,
    call: &ApiCall,
    name: &str,
    upload: Upload,
) -> Result<PlaneResponse, ApiError> {
    account.script(name)?;
    let notes = notes(&upload);
    let version = of_upload(account, call, name, upload)?;
    let id = version.id.clone();
    account.add_version(name, version, false);
    let mut response = get(account, name, &id)?;
    response.set("startup_time_ms", json!(STARTUP_MS));
    Ok(response.with_messages(&notes))
}

/// What a client is told of members that have no effect.
pub(super) fn notes(upload: &Upload) -> Vec<String> {
    let members = upload.metadata.without_effect();
    members
        .map(|key| format!("edgeproof keeps `{key}`; it has no effect here"))
        .collect()
}

/// What is told as the time a script takes to start; nobody measures it.
pub(super) const STARTUP_MS: u32 = 1;

/// `GET …/versions`: the latest first.
pub(super) fn list(
    account: &Account,
    call: &ApiCall,
    name: &str,
) -> Result<PlaneResponse, ApiError> {
    let script = account.script(name)?;
    let page = call.page(USUAL, MOST)?;
    let versions = script.versions.iter().rev();
    let heads = versions.map(|version| head(version, script)).collect();
    Ok(page.of(heads).named("items"))
}

/// `GET …/versions/{version}`.
pub(super) fn get(account: &Account, name: &str, id: &str) -> Result<PlaneResponse, ApiError> {
    let script = account.script(name)?;
    let version = script.versions.iter().find(|version| version.id == id);
    let version = version.ok_or_else(ApiError::no_such_version)?;
    Ok(PlaneResponse::of(shown(version, script)))
}

fn shown_deployment(deployment: &Deployment) -> Value {
    json!({
        "id": deployment.id,
        "created_on": deployment.created_on,
        "source": deployment.source,
        "strategy": "percentage",
        "author_email": "",
        "annotations": deployment.annotations,
        "versions": [{"version_id": deployment.version, "percentage": 100}],
    })
}

/// `GET …/deployments`: the latest first.
pub(super) fn deployments(account: &Account, name: &str) -> Result<PlaneResponse, ApiError> {
    let deployments = account.script(name)?.deployments.iter().rev();
    let shown: Vec<Value> = deployments
        .take(DEPLOYMENTS)
        .map(shown_deployment)
        .collect();
    Ok(PlaneResponse::of(json!({"deployments": shown})))
}

/// `POST …/deployments`: from now on this version runs.
pub(super) fn deploy(
    account: &mut Account,
    call: &ApiCall,
    name: &str,
) -> Result<PlaneResponse, ApiError> {
    #[derive(Deserialize)]
    struct Share {
        version_id: String,
        percentage: f64,
    }
    #[derive(Deserialize)]
    struct Wanted {
        strategy: String,
        versions: Vec<Share>,
        #[serde(default)]
        annotations: Map<String, Value>,
    }
    account.script(name)?;
    let wanted: Wanted = call.json()?;
    let version = match wanted.versions.as_slice() {
        [only] if only.percentage == 100.0 && wanted.strategy == "percentage" => &only.version_id,
        _ => {
            return Err(ApiError::not_emulated(
                "deployments of anything but one version for 100 per cent of the requests",
            ));
        }
    };
    let (now, source) = (account.now(), call.source());
    let script = account.script_mut(name)?;
    if !script.versions.iter().any(|known| known.id == *version) {
        return Err(ApiError::no_such_version());
    }
    let deployment = Deployment {
        id: fresh_uuid(),
        created_on: now,
        source,
        version: version.clone(),
        annotations: wanted.annotations,
    };
    let response = PlaneResponse::of(shown_deployment(&deployment));
    script.deployments.push(deployment);
    Ok(response)
}
