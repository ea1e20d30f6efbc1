//! `GET /v4/events`: which events, in which order, and from where the next page goes on.

use std::{net::IpAddr, sync::Arc};

use ipnet::IpNet;
use jiff::Timestamp;
use serde_json::{Value as Json, json};
use wiremock::Request;

use super::{check_visitor_id, invalid};
use crate::{
    Platform,
    response::{self, ApiError, Refused},
    rules::fields::BOT_CATEGORIES,
    store::Record,
};

const DAY: i64 = 24 * 60 * 60 * 1000;

/// Filters that ask whether something was found, with the place of the response in the event. Events without an
/// response are left out either way.
const FLAGS: [(&str, &str); 22] = [
    ("suspect", "suspect"),
    ("vpn", "vpn"),
    ("virtual_machine", "virtual_machine"),
    ("tampering", "tampering"),
    (
        "anti_detect_browser",
        "tampering_details.anti_detect_browser",
    ),
    ("incognito", "incognito"),
    ("privacy_settings", "privacy_settings"),
    ("jailbroken", "jailbroken"),
    ("frida", "frida"),
    ("cloned_app", "cloned_app"),
    ("emulator", "emulator"),
    ("root_apps", "root_apps"),
    ("developer_tools", "developer_tools"),
    ("location_spoofing", "location_spoofing"),
    ("mitm_attack", "mitm_attack"),
    ("rare_device", "rare_device"),
    ("proxy", "proxy"),
    ("simulator", "simulator"),
    ("active_call", "active_call"),
    ("tor_node", "ip_blocklist.tor_node"),
    ("factory_reset", "factory_reset"),
    ("high_activity_device", "high_activity_device"),
];

/// Filters by a text, with its place in the event.
const TEXTS: [(&str, &str); 18] = [
    ("visitor_id", "identification.visitor_id"),
    ("high_recall_id", "supplementary_id_high_recall.visitor_id"),
    ("linked_id", "linked_id"),
    ("url", "url"),
    ("bundle_id", "bundle_id"),
    ("package_name", "package_name"),
    ("vpn_confidence", "vpn_confidence"),
    ("sdk_version", "sdk.version"),
    ("sdk_platform", "sdk.platform"),
    ("proximity_id", "proximity.id"),
    (
        "rare_device_percentile_bucket",
        "rare_device_percentile_bucket",
    ),
    (
        "incremental_identification_status",
        "incremental_identification_status",
    ),
    ("bot_info_category", "bot_info.category"),
    ("bot_info_identity", "bot_info.identity"),
    ("bot_info_confidence", "bot_info.confidence"),
    ("bot_info_provider", "bot_info.provider"),
    ("bot_info_name", "bot_info.name"),
    ("environment", "environment_id"),
];

/// Words that a filter takes.
const WORDS: [(&str, &[&str]); 6] = [
    ("vpn_confidence", &["low", "medium", "high"]),
    ("sdk_platform", &["js", "android", "ios"]),
    ("bot_info_category", BOT_CATEGORIES),
    (
        "bot_info_identity",
        &["verified", "signed", "spoofed", "unknown"],
    ),
    ("bot_info_confidence", &["low", "medium", "high"]),
    (
        "incremental_identification_status",
        &["partially_completed", "completed"],
    ),
];

/// One condition on an event.
enum Filter {
    Flag(&'static str, bool),
    /// One of these texts; a filter that stands several times takes any of its values.
    Text(&'static str, Vec<String>),
    Bot(&'static [&'static str]),
    BotInfo(bool),
    Address(IpNet),
    System(String),
    Origin(String),
    ScoreAbove(f64),
}

/// What was asked for.
struct Search {
    filters: Vec<Filter>,
    limit: usize,
    /// The id of the last event of the page before.
    after: Option<String>,
    from: i64,
    to: i64,
    oldest_first: bool,
    /// Count at most so many.
    total: Option<usize>,
    edge: bool,
}

pub(super) fn response(platform: &Platform, request: &Request) -> Result<Vec<u8>, Refused> {
    let now = platform.settings.clock.now();
    let parameters: Vec<(String, String)> = request
        .url
        .query_pairs()
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    let search = read(&parameters, now)?;
    let store = platform.store();
    let asked = search.filters.iter().find_map(|filter| match filter {
        Filter::Text("identification.visitor_id", ids) => ids.first(),
        _ => None,
    });
    let known = |id: &String| {
        store.kept(now).any(|record| {
            record
                .event
                .identification
                .as_ref()
                .is_some_and(|found| found.visitor_id == *id)
        })
    };
    if asked.is_some_and(|id| !known(id)) {
        return Err(ApiError::VISITOR_NOT_FOUND.into());
    }
    let mut found: Vec<(Arc<Record>, Json)> = Vec::new();
    for record in store
        .kept(now)
        .filter(|record| search.takes_time_and_source(record))
    {
        let mut event = record.event.to_json().map_err(ApiError::failed)?;
        if search
            .filters
            .iter()
            .all(|filter| filter.holds(&record, &event))
        {
            // Only asked for with a ruleset, which a search cannot name.
            if let Some(members) = event.as_object_mut() {
                members.remove("rule_action");
            }
            found.push((record, event));
        }
    }
    found.sort_by_key(|(record, _)| record.event.timestamp);
    if !search.oldest_first {
        found.reverse();
    }
    page(&search, found)
}

/// Cuts one page out of what was found.
fn page(search: &Search, found: Vec<(Arc<Record>, Json)>) -> Result<Vec<u8>, Refused> {
    let total = found.len();
    let first = match &search.after {
        None => 0,
        Some(last) => {
            let place = found
                .iter()
                .position(|(record, _)| record.event.event_id == *last);
            place.ok_or_else(|| invalid("invalid pagination key"))? + 1
        }
    };
    let page: Vec<_> = found.into_iter().skip(first).take(search.limit).collect();
    let next = page
        .last()
        .filter(|_| first + page.len() < total)
        .map(|(record, _)| record.event.event_id.clone());
    let events: Vec<_> = page.into_iter().map(|(_, event)| event).collect();
    let mut body = json!({ "events": events });
    if let Some(next) = next {
        body["pagination_key"] = json!(next);
    }
    if let Some(most) = search.total {
        body["total_hits"] = json!(total.min(most));
    }
    response::body(&body)
}

/// Reads the query. Parameters that no filter knows are passed over: SDKs add their own.
fn read(parameters: &[(String, String)], now: i64) -> Result<Search, Refused> {
    let get = |name: &str| {
        parameters
            .iter()
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.as_str())
    };
    let all = |name: &str| -> Vec<String> {
        parameters
            .iter()
            .filter(|(found, _)| found == name)
            .map(|(_, value)| value.clone())
            .collect()
    };
    let mut filters = Vec::new();
    for (name, path) in FLAGS {
        if let Some(value) = get(name) {
            let value = value
                .parse()
                .map_err(|_| invalid(format!("invalid {name} param")))?;
            filters.push(Filter::Flag(path, value));
        }
    }
    for (name, path) in TEXTS {
        let values = all(name);
        if !values.is_empty() {
            check_words(name, &values)?;
            filters.push(Filter::Text(path, values));
        }
    }
    if let Some(id) = get("visitor_id") {
        check_visitor_id(id)?;
    }
    filters.extend(special(get)?);
    let limit = get("limit")
        .map_or(Ok(10), |text| number(text, 1, 100))
        .map_err(|()| invalid("invalid limit"))?;
    let total = get("total_hits")
        .map(|text| number(text, 1, 1000))
        .transpose()
        .map_err(|()| invalid("invalid total_hits param"))?;
    let time = |name, otherwise| get(name).map_or(Some(otherwise), moment);
    let source = all("source");
    if source.len() > 1 || source.first().is_some_and(|source| source != "edge") {
        return Err(invalid("invalid source param"));
    }
    Ok(Search {
        filters,
        limit,
        after: get("pagination_key").map(str::to_owned),
        from: time("start", now - 7 * DAY).ok_or_else(|| invalid("invalid start time"))?,
        to: time("end", now).ok_or_else(|| invalid("invalid end time"))?,
        oldest_first: get("reverse")
            .map_or(Ok(false), str::parse)
            .map_err(|_| invalid("invalid reverse param"))?,
        total,
        edge: !source.is_empty(),
    })
}

/// Filters that are neither a flag nor a text of the event.
fn special<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Result<Vec<Filter>, Refused> {
    let mut filters = Vec::new();
    if let Some(bot) = get("bot") {
        filters.push(Filter::Bot(match bot {
            "all" => &["good", "bad"],
            "good" => &["good"],
            "bad" => &["bad"],
            "none" => &["not_detected"],
            _ => return Err(invalid("invalid bot type")),
        }));
    }
    if let Some(bot) = get("bot_info") {
        filters.push(Filter::BotInfo(match bot {
            "all" => true,
            "none" => false,
            _ => return Err(invalid("invalid bot_info param")),
        }));
    }
    if let Some(address) = get("ip_address") {
        let range = address
            .parse::<IpNet>()
            .or_else(|_| address.parse::<IpAddr>().map(IpNet::from));
        filters.push(Filter::Address(
            range.map_err(|_| Refused::from(ApiError::INVALID_ADDRESS))?,
        ));
    }
    if let Some(system) = get("asn") {
        filters.push(Filter::System(system.to_owned()));
    }
    if let Some(origin) = get("origin") {
        filters.push(Filter::Origin(origin.to_owned()));
    }
    if let Some(score) = get("min_suspect_score") {
        let score = score
            .parse()
            .map_err(|_| invalid("invalid min_suspect_score param"))?;
        filters.push(Filter::ScoreAbove(score));
    }
    Ok(filters)
}

fn check_words(name: &str, values: &[String]) -> Result<(), Refused> {
    let words = WORDS.into_iter().find(|(known, _)| *known == name);
    match words {
        Some((_, words)) if !values.iter().all(|value| words.contains(&value.as_str())) => {
            Err(invalid(format!("invalid {name} param")))
        }
        _ => Ok(()),
    }
}

fn number(text: &str, least: usize, most: usize) -> Result<usize, ()> {
    text.parse()
        .ok()
        .filter(|number| (least..=most).contains(number))
        .ok_or(())
}

/// Milliseconds since 1970, from that number or from an RFC 3339 time.
fn moment(text: &str) -> Option<i64> {
    text.parse().ok().or_else(|| {
        text.parse::<Timestamp>()
            .ok()
            .map(Timestamp::as_millisecond)
    })
}

impl Search {
    fn takes_time_and_source(&self, record: &Record) -> bool {
        (self.from..=self.to).contains(&record.event.timestamp) && record.is_edge() == self.edge
    }
}

impl Filter {
    fn holds(&self, record: &Record, event: &Json) -> bool {
        match self {
            Self::Flag(path, value) => at(event, path).and_then(Json::as_bool) == Some(*value),
            Self::Text(path, values) => at(event, path)
                .and_then(Json::as_str)
                .is_some_and(|text| values.iter().any(|value| value == text)),
            Self::Bot(words) => at(event, "bot")
                .and_then(Json::as_str)
                .is_some_and(|bot| words.contains(&bot)),
            Self::BotInfo(present) => record.event.bot_info.is_some() == *present,
            Self::Address(range) => record
                .event
                .ip_address
                .as_deref()
                .and_then(|address| address.parse::<IpAddr>().ok())
                .is_some_and(|address| range.contains(&address)),
            Self::System(system) => ["ip_info.v4.asn", "ip_info.v6.asn"]
                .into_iter()
                .any(|path| at(event, path).and_then(Json::as_str) == Some(system)),
            Self::Origin(origin) => record
                .event
                .url
                .as_deref()
                .and_then(|url| url::Url::parse(url).ok())
                .is_some_and(|url| url.origin().ascii_serialization() == *origin),
            Self::ScoreAbove(score) => record
                .event
                .suspect_score
                .is_some_and(|found| f64::from(found) > *score),
        }
    }
}

fn at<'a>(event: &'a Json, path: &str) -> Option<&'a Json> {
    path.split('.').try_fold(event, |value, key| value.get(key))
}
