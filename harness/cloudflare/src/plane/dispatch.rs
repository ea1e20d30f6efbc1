//! Which endpoint a request is for.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::Method;
use serde_json::{Map, Value};

use super::{
    access::{self, Group, Level, Token, TokenOwner},
    account::Account,
    call::ApiCall,
    code::Validator,
    dns,
    envelope::PlaneResponse,
    error::ApiError,
    ids::is_id,
    routes, scripts, secrets, subdomain, tails, upload, versions, zones,
};

/// Namespaces on a page, of which there are none.
const NAMESPACES: usize = 1000;

type Outcome = Result<PlaneResponse, ApiError>;

/// Answers a request from what the account holds.
pub(super) async fn response(
    account: &Arc<Mutex<Account>>,
    validator: &Validator,
    address: &str,
    call: &ApiCall,
) -> Outcome {
    let token = access::identify(&lock(account), &call.headers)?;
    let segments = call.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    // These tell what is wrong with a token, so they take any.
    match (&call.method, segments.as_slice()) {
        (&Method::GET, ["user", "tokens", "verify"]) => {
            return access::verify(&lock(account), &token, TokenOwner::User);
        }
        (&Method::GET, ["accounts", id, "tokens", "verify"]) => {
            let account = lock(account);
            return if *id == account.id {
                access::verify(&account, &token, TokenOwner::Account)
            } else {
                Err(ApiError::no_such_object(&call.path))
            };
        }
        _ => access::require_active(&token)?,
    }
    match segments.as_slice() {
        ["zones", rest @ ..] => of_zones(&mut lock(account), call, &token, rest),
        [
            "accounts",
            id,
            "workers",
            "scripts",
            name,
            "tails",
            rest @ ..,
        ] => {
            let account = &mut lock(account);
            // Either permission will do.
            let may_edit = token.require(Group::WorkersScripts, Level::Edit).is_ok();
            let (group, level) = match may_edit {
                true => (Group::WorkersScripts, Level::Edit),
                false => (Group::WorkersTail, Level::Read),
            };
            call.enter_account(account, id, &token, group, level)?;
            tails::respond(account, call, address, name, rest)
        }
        ["accounts", id, "workers", "scripts", rest @ ..] => {
            enter_scripts(&lock(account), call, id, &token)?;
            of_scripts(account, validator, call, &token, rest).await
        }
        ["accounts", id, rest @ ..] => of_account(&mut lock(account), call, id, &token, rest),
        _ => of_user(&lock(account), call, &token, &segments),
    }
}

/// A panic elsewhere leaves the account whole: an endpoint checks before it changes.
pub(super) fn lock(account: &Mutex<Account>) -> MutexGuard<'_, Account> {
    account.lock().unwrap_or_else(PoisonError::into_inner)
}

fn unknown(call: &ApiCall) -> ApiError {
    ApiError::not_emulated(&format!("{} {}", call.method, call.path))
}

fn of_user(account: &Account, call: &ApiCall, token: &Token, segments: &[&str]) -> Outcome {
    match (&call.method, segments) {
        (&Method::GET, ["accounts"]) => zones::accounts(account, call, token),
        (&Method::GET, ["memberships"]) => zones::memberships(account, call, token),
        (&Method::GET, ["user"]) => zones::user(account, token),
        _ => Err(unknown(call)),
    }
}

fn of_zones(account: &mut Account, call: &ApiCall, token: &Token, rest: &[&str]) -> Outcome {
    if let [id, ..] = rest
        && !is_id(id)
    {
        return Err(ApiError::no_such_object(&call.path));
    }
    match (&call.method, rest) {
        (&Method::GET, []) => zones::list(account, call, token),
        (&Method::GET, [zone]) => zones::get(account, zone, token),
        (&Method::GET, [zone, "url_normalization"]) => {
            zones::url_normalization(account, zone, token)
        }
        (&Method::GET, [zone, "dns_records"]) => dns::list(account, call, zone, token),
        (&Method::GET, [zone, "dns_records", id]) => dns::get(account, zone, id, token),
        (&Method::GET, [zone, "workers", "routes"]) => routes::list(account, zone, token),
        (&Method::POST, [zone, "workers", "routes"]) => routes::create(account, call, zone, token),
        (&Method::GET, [zone, "workers", "routes", id]) => routes::get(account, zone, id, token),
        (&Method::PUT, [zone, "workers", "routes", id]) => {
            routes::replace(account, call, zone, id, token)
        }
        (&Method::DELETE, [zone, "workers", "routes", id]) => {
            routes::delete(account, zone, id, token)
        }
        _ => Err(unknown(call)),
    }
}

fn of_account(
    account: &mut Account,
    call: &ApiCall,
    id: &str,
    token: &Token,
    rest: &[&str],
) -> Outcome {
    let group = match rest {
        [] => Group::AccountSettings,
        ["workers", "tails", ..] => Group::WorkersTail,
        ["storage", ..] => Group::WorkersKvStorage,
        _ => Group::WorkersScripts,
    };
    match (&call.method, rest) {
        // wrangler asks these on its way to delete a script: nothing is there.
        (&Method::GET, ["workers", "tails", "by-consumer", _]) => {
            call.enter_account(account, id, token, group, Level::Read)?;
            Ok(PlaneResponse::of(Value::Array(Vec::new())))
        }
        (&Method::GET, ["storage", "kv", "namespaces"])
        | (&Method::GET, ["workers", "durable_objects", "namespaces"]) => {
            call.enter_account(account, id, token, group, Level::Read)?;
            Ok(call.page(NAMESPACES, NAMESPACES)?.of(Vec::new()))
        }
        (&Method::GET, rest) => {
            call.enter_account(account, id, token, group, Level::Read)?;
            match rest {
                [] => Ok(zones::account(account)),
                ["workers", "subdomain"] => subdomain::of_account(account),
                ["workers", "services", name] => scripts::service(account, name),
                ["workers", "workers", name] => scripts::worker(account, name),
                ["workers", "domains"] => Ok(scripts::domains(account)),
                _ => Err(unknown(call)),
            }
        }
        (method, rest) => {
            call.enter_account(account, id, token, group, Level::Edit)?;
            match (method, rest) {
                (&Method::PUT, ["workers", "subdomain"]) => subdomain::name(account, call),
                (&Method::DELETE, ["workers", "services", name]) => scripts::delete(account, name),
                _ => Err(unknown(call)),
            }
        }
    }
}

fn enter_scripts(
    account: &Account,
    call: &ApiCall,
    id: &str,
    token: &Token,
) -> Result<(), ApiError> {
    let level = match call.method {
        Method::GET => Level::Read,
        _ => Level::Edit,
    };
    call.enter_account(account, id, token, Group::WorkersScripts, level)
}

async fn of_scripts(
    account: &Arc<Mutex<Account>>,
    validator: &Validator,
    call: &ApiCall,
    token: &Token,
    rest: &[&str],
) -> Outcome {
    // What is uploaded is read and tried before the account is changed, and without holding it.
    let plan = lock(account).plan;
    let read = || upload::read(&call.headers, call.body.clone(), plan);
    match (&call.method, rest) {
        (&Method::PUT, [name]) => {
            scripts::check_name(name)?;
            let upload = validator.accept(read().await?).await?;
            scripts::upload(&mut lock(account), call, name, upload)
        }
        (&Method::POST, [name, "versions"]) => {
            lock(account).script(name)?;
            let upload = validator.accept(read().await?).await?;
            versions::create(&mut lock(account), call, name, upload)
        }
        (&Method::PATCH, [name, "settings"]) => {
            let patch = settings_patch(call).await?;
            scripts::change_settings(&mut lock(account), call, name, &patch)
        }
        (&Method::GET, rest) => read_script(&lock(account), call, rest),
        _ => change_script(&mut lock(account), call, token, rest),
    }
}

fn read_script(account: &Account, call: &ApiCall, rest: &[&str]) -> Outcome {
    match rest {
        [] => Ok(scripts::list(account)),
        [name] | [name, "content", "v2"] => scripts::download(account, name),
        [name, "bindings"] => scripts::bindings(account, name),
        [name, "settings"] => scripts::settings(account, name),
        [name, "script-settings"] => scripts::script_settings(account, name),
        [name, "versions"] => versions::list(account, call, name),
        [name, "versions", id] => versions::get(account, name, id),
        [name, "deployments"] => versions::deployments(account, name),
        [name, "secrets"] => secrets::list(account, name),
        [name, "secrets", secret] => secrets::get(account, name, secret),
        [name, "subdomain"] => subdomain::of_script(account, name),
        [name, "routes"] => routes::of_script(account, name),
        [name, "references"] => scripts::references(account, name),
        _ => Err(unknown(call)),
    }
}

fn change_script(account: &mut Account, call: &ApiCall, token: &Token, rest: &[&str]) -> Outcome {
    match (&call.method, rest) {
        (&Method::DELETE, [name]) => scripts::delete(account, name),
        (&Method::PATCH, [name, "script-settings"]) => {
            scripts::change_script_settings(account, call, name)
        }
        (&Method::POST, [name, "deployments"]) => versions::deploy(account, call, name),
        (&Method::PUT, [name, "secrets"]) => secrets::put(account, call, name),
        (&Method::DELETE, [name, "secrets", secret]) => {
            secrets::delete(account, call, name, secret)
        }
        (&Method::PATCH, [name, "secrets-bulk"]) => secrets::patch(account, call, name),
        (&Method::POST, [name, "subdomain"]) => subdomain::enable(account, call, name),
        (&Method::DELETE, [name, "subdomain"]) => subdomain::disable(account, name),
        (&Method::PUT, [name, "routes"]) => routes::replace_of_script(account, call, name, token),
        _ => Err(unknown(call)),
    }
}

/// The settings of a PATCH: a form with the field `settings`, or JSON.
async fn settings_patch(call: &ApiCall) -> Result<Map<String, Value>, ApiError> {
    match upload::field(&call.headers, call.body.clone(), "settings").await? {
        Some(settings) => serde_json::from_slice(&settings).map_err(ApiError::unreadable),
        None => call.json(),
    }
}
