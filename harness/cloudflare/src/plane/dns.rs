//! `/zones/{zone}/dns_records`: which names the zone has, and whether they go through the edge.

use edgeproof_ground::international;
use serde_json::{Value, json};

use super::{
    access::{Group, Level, Token},
    account::{Account, Zone},
    call::ApiCall,
    envelope::PlaneResponse,
    error::ApiError,
    settings::Record,
};

/// Records on a page, and at most.
const USUAL: usize = 100;
const MOST: usize = 5000;

fn shown(id: &str, record: &Record) -> Value {
    json!({
        "id": id,
        "name": record.name,
        "type": record.kind,
        "content": record.content,
        "proxiable": matches!(record.kind.as_str(), "A" | "AAAA" | "CNAME"),
        "proxied": record.proxied,
        // 1 is "automatic".
        "ttl": 1,
        "comment": null,
        "tags": [],
        "settings": {},
    })
}

fn enter<'a>(account: &'a Account, id: &str, token: &Token) -> Result<&'a Zone, ApiError> {
    let zone = account.zone(id)?;
    token.require_in(&zone.name, Group::Dns, Level::Read)?;
    Ok(zone)
}

/// `GET /zones/{zone}/dns_records?type=&name=&content=&proxied=&page=&per_page=`.
pub(super) fn list(
    account: &Account,
    call: &ApiCall,
    zone: &str,
    token: &Token,
) -> Result<PlaneResponse, ApiError> {
    let zone = enter(account, zone, token)?;
    let known = [
        "type",
        "name",
        "name.exact",
        "content",
        "content.exact",
        "proxied",
        "page",
        "per_page",
    ];
    if let Some(other) = call.query.keys().find(|key| !known.contains(&key.as_str())) {
        return Err(ApiError::not_emulated(&format!(
            "`{other}` of the list of DNS records"
        )));
    }
    let page = call.page(USUAL, MOST)?;
    let is = |value: &str, names: [&str; 2]| {
        names
            .into_iter()
            .filter_map(|name| call.parameter(name))
            .all(|wanted| value.eq_ignore_ascii_case(wanted))
    };
    let proxied = match call.parameter("proxied") {
        None => None,
        Some("true") => Some(true),
        Some("false") => Some(false),
        Some(_) => {
            return Err(ApiError::not_emulated(
                "other values of `proxied` than true and false",
            ));
        }
    };
    let wanted = |(_, record): &&(String, Record)| {
        is(&record.kind, ["type", "type"])
            && ["name", "name.exact"]
                .into_iter()
                .filter_map(|name| call.parameter(name))
                .all(|wanted| international::host_or_as_written(wanted) == record.name)
            && is(&record.content, ["content", "content.exact"])
            && proxied.is_none_or(|wanted| wanted == record.proxied)
    };
    let records = zone.records.iter().filter(wanted);
    Ok(page.of(records.map(|(id, record)| shown(id, record)).collect()))
}

/// `GET /zones/{zone}/dns_records/{record}`.
pub(super) fn get(
    account: &Account,
    zone: &str,
    id: &str,
    token: &Token,
) -> Result<PlaneResponse, ApiError> {
    let zone = enter(account, zone, token)?;
    let found = zone.records.iter().find(|(known, _)| known == id);
    let (id, record) = found.ok_or_else(|| {
        ApiError::new(http::StatusCode::NOT_FOUND, 81044, "Record does not exist.")
    })?;
    Ok(PlaneResponse::of(shown(id, record)))
}
