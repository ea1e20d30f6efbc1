//! What zones really have, read from the account: how they normalise URLs, their routes, and which names lead to an origin.

use std::collections::HashMap;

use edgeproof_cloudflare::client::{
    ApiError, Cloudflare, DnsRecord, NormalizationScope, UrlNormalization, WorkerRoute, ZoneFound,
};
use edgeproof_deployment::FailureMode;
use edgeproof_edge::{Normalization, NormalizationType, Route};
use edgeproof_ground::{causes::with_causes, pattern::Pattern};
use edgeproof_rig::{Description, Zone};

/// What is said of the zones where nobody asks the account.
pub(super) fn as_described(described: &Description) -> Vec<String> {
    let zones = described.zones.iter();
    zones
        .map(|(name, zone)| assumed(name, zone, "`--cloudflare` reads what it has"))
        .collect()
}

/// Makes the zones as the account has them. What cannot be read stays as it is described; the notes say which.
pub(super) async fn as_deployed(
    cloudflare: &Cloudflare,
    account: Option<&str>,
    described: &mut Description,
) -> Vec<String> {
    let (mut notes, mut routes) = (Vec::new(), Vec::new());
    let names: Vec<String> = described.zones.keys().cloned().collect();
    // Why the account cannot be read: silence is waited for once, and not for each zone.
    let mut unread: Option<String> = None;
    for name in names {
        let found = match &unread {
            None => found(cloudflare, account, &name).await,
            Some(why) => Err(why.clone()),
        };
        let why = match found {
            Ok(Some(zone)) => {
                let read = read(cloudflare, &zone, described, &mut notes).await;
                routes.extend(read.map(|read| (name, read)));
                continue;
            }
            Ok(None) => format!("the token sees no zone `{name}`"),
            Err(why) => unread.insert(why).clone(),
        };
        if let Some(zone) = described.zones.get(&name) {
            notes.push(assumed(&name, zone, &why));
        }
    }
    put_routes(described, routes, &mut notes);
    notes
}

async fn found(
    cloudflare: &Cloudflare,
    account: Option<&str>,
    name: &str,
) -> Result<Option<ZoneFound>, String> {
    let zones = cloudflare.zones(Some(name), account).await;
    let mut zones = zones.map_err(|error| with_causes(&error))?;
    zones.retain(|zone| zone.name == name);
    // An account may have a zone of the same name that was moved away.
    zones.sort_by_key(|zone| zone.status != "active");
    Ok(zones.into_iter().next())
}

/// Makes one zone as the account has it; returns its routes, where they can be read.
async fn read(
    cloudflare: &Cloudflare,
    found: &ZoneFound,
    described: &mut Description,
    notes: &mut Vec<String>,
) -> Option<Vec<WorkerRoute>> {
    let (normalization, routes, records) = tokio::join!(
        cloudflare.url_normalization(&found.id),
        cloudflare.routes(&found.id),
        cloudflare.all_dns_records(&found.id),
    );
    let unread = |what: &str, error: &ApiError| {
        let why = with_causes(error);
        format!(
            "the {what} of `{}` are those of the file: {why}",
            found.name
        )
    };
    let zone = described.zones.get_mut(&found.name)?;
    match normalization {
        Ok(read) => {
            zone.edge.normalization = of_zone(read, zone.edge.normalization);
            let said = said(zone.edge.normalization);
            notes.push(format!(
                "`{}` normalises URLs {said}, says the account",
                found.name
            ));
        }
        Err(error) => notes.push(assumed(&found.name, zone, &with_causes(&error))),
    }
    match records {
        Ok(records) => notes.extend(add_hosts(zone, &records)),
        Err(error) => notes.push(unread("DNS records", &error)),
    }
    routes
        .map_err(|error| notes.push(unread("routes", &error)))
        .ok()
}

fn of_zone(read: UrlNormalization, file: Normalization) -> Normalization {
    Normalization {
        kind: read.kind,
        incoming: read.scope != NormalizationScope::None,
        to_origin: read.scope == NormalizationScope::Both,
        ..file
    }
}

fn assumed(name: &str, zone: &Zone, why: &str) -> String {
    let own = zone.edge.normalization;
    let whose = match own == Normalization::default() {
        true => "Cloudflare's default",
        false => "as the file says",
    };
    format!(
        "`{name}` is taken to normalise URLs {}, {whose}: {why}",
        said(own)
    )
}

fn said(normalization: Normalization) -> String {
    let kind = match normalization.kind {
        NormalizationType::Rfc3986 => "by RFC 3986",
        NormalizationType::Cloudflare => "as type `cloudflare`",
    };
    match (normalization.incoming, normalization.to_origin) {
        (false, _) => "for nobody".to_owned(),
        (true, false) => format!("{kind} for routes and workers"),
        (true, true) => format!("{kind} for routes, workers and origins"),
    }
}

/// Adds the names whose records lead where a host of the file does: the same origin, by another way in. Says which.
fn add_hosts(zone: &mut Zone, records: &[DnsRecord]) -> Vec<String> {
    let leads = |record: &&DnsRecord| matches!(&*record.kind, "A" | "AAAA" | "CNAME");
    // The hosts of the file, by where they lead and by their names, which a CNAME may lead to.
    let mut described = HashMap::new();
    for record in records.iter().filter(leads) {
        if let Some(host) = zone.hosts.get(&record.name) {
            described.insert(record.content.as_str(), host.clone());
            described.insert(record.name.as_str(), host.clone());
        }
    }
    let mut notes = Vec::new();
    for record in records.iter().filter(leads) {
        if let Some(host) = zone.hosts.get_mut(&record.name) {
            host.proxied = record.proxied;
            continue;
        }
        if let Some(like) = described.get(record.content.as_str()) {
            let mut host = like.clone();
            host.proxied = record.proxied;
            let way = match record.proxied {
                true => "",
                false => ", DNS-only",
            };
            // Of the names that a star stands for one says as much as all.
            let name = record.name.replacen('*', "any", 1);
            let one = match name == record.name {
                true => String::new(),
                false => format!("; `{name}` stands for its names"),
            };
            notes.push(format!(
                "`{}` leads to the same origin{way}, says the account{one}",
                record.name
            ));
            zone.hosts.entry(name).or_insert(host);
        }
    }
    notes
}

/// Gives deployments the routes that their workers have in these zones, and the zones those of others.
fn put_routes(
    described: &mut Description,
    mut zones: Vec<(String, Vec<WorkerRoute>)>,
    notes: &mut Vec<String>,
) {
    for (_, routes) in &mut zones {
        routes.retain(|route| {
            let is_read = route.pattern.parse::<Pattern>().is_ok();
            if !is_read {
                notes.push(format!("the route `{}` cannot be read", route.pattern));
            }
            is_read
        });
    }
    // A worker may have routes in several zones: where those of one are not known, the file's stay.
    if zones.len() == described.zones.len() {
        own_routes(described, &zones, notes);
    }
    for (zone, routes) in &zones {
        let deployments = &described.deployments;
        if let Some(zone) = described.zones.get_mut(zone) {
            let is_own = |script: &String| deployments.contains_key(script);
            let others = routes
                .iter()
                .filter(|route| !route.script.as_ref().is_some_and(is_own));
            others.for_each(|route| put_other(zone, route, notes));
        }
    }
}

fn own_routes(
    described: &mut Description,
    zones: &[(String, Vec<WorkerRoute>)],
    notes: &mut Vec<String>,
) {
    for (name, deployment) in &mut described.deployments {
        let all = zones.iter().flat_map(|(_, routes)| routes);
        let own: Vec<String> = all
            .filter(|route| route.script.as_ref() == Some(name))
            .map(|route| route.pattern.clone())
            .collect();
        if own.is_empty() {
            notes.push(format!(
                "no route in the account runs `{name}`: it gets those of the file"
            ));
            continue;
        }
        let quoted: Vec<String> = own.iter().map(|route| format!("`{route}`")).collect();
        notes.push(format!(
            "`{name}` has the routes {}, says the account",
            quoted.join(", ")
        ));
        deployment.routes = Some(own);
    }
}

/// Gives a zone a route to a worker that is not described.
fn put_other(zone: &mut Zone, route: &WorkerRoute, notes: &mut Vec<String>) {
    let Ok(pattern) = route.pattern.parse() else {
        return;
    };
    if let Some(script) = &route.script {
        notes.push(format!(
            "the route `{}` runs `{script}`, of which nothing is known: here it leads straight to the origin",
            route.pattern
        ));
    }
    zone.routes
        .retain(|known| known.pattern.as_str() != route.pattern);
    zone.routes.push(Route {
        pattern,
        worker: None,
        over_daily_limit: FailureMode::Closed,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: &str, name: &str, content: &str, proxied: bool) -> DnsRecord {
        DnsRecord {
            kind: kind.to_owned(),
            name: name.to_owned(),
            content: content.to_owned(),
            proxied,
        }
    }

    fn route(pattern: &str, script: &str) -> WorkerRoute {
        WorkerRoute {
            id: String::new(),
            pattern: pattern.to_owned(),
            script: Some(script.to_owned()),
            request_limit_fail_open: None,
        }
    }

    #[test]
    fn a_worker_has_the_routes_of_every_zone() {
        let text = "zones: { a.example: { hosts: {} }, b.example: { hosts: {} } }\ndeployments: { flow: {} }";
        let mut described: Description = serde_saphyr::from_str(text).unwrap();
        let zones = vec![
            (
                "a.example".to_owned(),
                vec![route("a.example/*", "flow"), route("", "flow")],
            ),
            (
                "b.example".to_owned(),
                vec![route("b.example/*", "flow"), route("b.example/x", "other")],
            ),
        ];
        let mut notes = Vec::new();
        put_routes(&mut described, zones, &mut notes);
        let own = described.deployments["flow"].routes.as_deref();
        assert_eq!(own.unwrap(), ["a.example/*", "b.example/*"]);
        assert_eq!(described.zones["b.example"].routes.len(), 1);
        assert_eq!(notes[0], "the route `` cannot be read");
    }

    #[test]
    fn where_not_every_zone_could_be_read_the_routes_of_the_file_stay() {
        let text = "zones: { a.example: { hosts: {} }, b.example: { hosts: {} } }\ndeployments: { flow: {} }";
        let mut described: Description = serde_saphyr::from_str(text).unwrap();
        let zones = vec![("a.example".to_owned(), vec![route("a.example/*", "flow")])];
        put_routes(&mut described, zones, &mut Vec::new());
        assert!(described.deployments["flow"].routes.is_none());
    }

    #[test]
    fn names_that_lead_to_the_same_origin_are_ways_in() {
        let mut zone: Zone =
            serde_saphyr::from_str("hosts: { shop.example: { site: signup } }").unwrap();
        let records = [
            record("A", "shop.example", "198.51.100.4", true),
            record("A", "origin.shop.example", "198.51.100.4", false),
            record("CNAME", "www.shop.example", "shop.example", true),
            record("A", "*.shop.example", "198.51.100.4", true),
            record("AAAA", "elsewhere.shop.example", "2001:db8::1", false),
            record("TXT", "text.shop.example", "198.51.100.4", false),
        ];
        let notes = add_hosts(&mut zone, &records);
        let hosts = zone.hosts.iter();
        let hosts: Vec<(&str, bool)> = hosts
            .map(|(name, host)| (name.as_str(), host.proxied))
            .collect();
        assert_eq!(
            hosts,
            [
                ("any.shop.example", true),
                ("origin.shop.example", false),
                ("shop.example", true),
                ("www.shop.example", true),
            ]
        );
        assert!(
            notes[2].ends_with("; `any.shop.example` stands for its names"),
            "{notes:#?}"
        );
    }
}
