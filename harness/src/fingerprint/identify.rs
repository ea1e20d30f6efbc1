//! Makes the event of an identification from the browser's signals and the connection.

use serde_json::{Map, Value as Json};

use super::{
    event::{
        AddressInfo, Bot, BotInfo, Confidence, Event, Flags, Identification, IpInfo, Level, Sdk,
        Source,
    },
    ids,
    send::Connection,
    signals::{Measurements, Signals},
    store::Visit,
    user_agent,
};

/// The event of these signals, without what rulesets and scenarios add. `replayed` says that they were sent before.
pub(super) fn event(
    signals: &Signals,
    connection: &Connection,
    visit: &Visit,
    replayed: bool,
) -> Event {
    let Measurements {
        sdk,
        fingerprint,
        bot,
        ..
    } = &signals.body;
    let browser = user_agent::read(&connection.user_agent);
    Event {
        event_id: ids::event(signals.head.timestamp),
        timestamp: signals.head.timestamp,
        source: Some(Source::Device),
        linked_id: signals.body.linked_id.clone(),
        sdk: Some(Sdk {
            platform: sdk.platform.clone(),
            version: sdk.version.clone(),
        }),
        replayed: Some(replayed),
        identification: Some(identification(visit, fingerprint.confidence.score)),
        supplementary_id_high_recall: by_device(&fingerprint.visitor_id, visit),
        tags: signals.body.tag.clone(),
        url: Some(signals.head.url.clone()),
        user_agent: Some(connection.user_agent.clone()),
        client_referrer: signals.body.referrer.clone(),
        ip_address: Some(connection.address.clone()),
        device: Some(browser.device.clone()),
        os: Some(browser.os.clone()),
        os_version: Some(browser.os_version.clone()),
        browser_details: Some(browser),
        bot: Some(if bot.bot { Bot::Bad } else { Bot::NotDetected }),
        bot_type: bot.bot_kind.clone().filter(|_| bot.bot),
        bot_info: bot.bot.then(|| bot_info(bot.bot_kind.as_deref())),
        ip_info: Some(ip_info(connection)),
        flags: flags(&signals.body),
        ..Event::default()
    }
}

fn identification(visit: &Visit, score: f64) -> Identification {
    Identification {
        visitor_id: visit.visitor_id.clone(),
        visitor_found: visit.found,
        confidence: Confidence {
            score,
            version: None,
        },
        first_seen_at: Some(visit.first_seen_at),
        last_seen_at: visit.last_seen_at,
    }
}

/// The visitor by its device alone; its score is 0 and its version "Not Supported", as published.
fn by_device(device: &str, visit: &Visit) -> Option<Identification> {
    (!device.is_empty()).then(|| Identification {
        visitor_id: ids::stable("device", device, 20),
        confidence: Confidence {
            score: 0.0,
            version: Some("Not Supported".to_owned()),
        },
        ..identification(visit, 0.0)
    })
}

/// BotD names the kind of automation and nothing more, so provider and name are that kind.
fn bot_info(kind: Option<&str>) -> BotInfo {
    let kind = kind.unwrap_or("unknown").to_owned();
    BotInfo {
        category: "browser_automation".to_owned(),
        provider: kind.clone(),
        provider_url: None,
        name: kind,
        identity: "unknown".to_owned(),
        confidence: Level::High,
    }
}

fn ip_info(connection: &Connection) -> IpInfo {
    let info = AddressInfo {
        address: connection.address.clone(),
        ..AddressInfo::default()
    };
    if connection.ip.is_ipv4() {
        IpInfo {
            v4: Some(info),
            v6: None,
        }
    } else {
        IpInfo {
            v4: None,
            v6: Some(info),
        }
    }
}

fn flags(signals: &Measurements) -> Flags {
    let measured = [
        ("incognito", Some(signals.incognito.is_private)),
        ("developer_tools", signals.developer_tools),
    ];
    measured
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
}

/// Components of FingerprintJS and the names the platform gives them.
const ATTRIBUTES: [(&str, &str); 24] = [
    ("fontPreferences", "font_preferences"),
    ("fonts", "fonts"),
    ("deviceMemory", "device_memory"),
    ("timezone", "timezone"),
    ("canvas", "canvas"),
    ("languages", "languages"),
    ("webGlExtensions", "webgl_extensions"),
    ("webGlBasics", "webgl_basics"),
    ("screenResolution", "screen_resolution"),
    ("touchSupport", "touch_support"),
    ("osCpu", "oscpu"),
    ("architecture", "architecture"),
    ("cookiesEnabled", "cookies_enabled"),
    ("hardwareConcurrency", "hardware_concurrency"),
    ("dateTimeLocale", "date_time_locale"),
    ("vendor", "vendor"),
    ("colorDepth", "color_depth"),
    ("platform", "platform"),
    ("sessionStorage", "session_storage"),
    ("localStorage", "local_storage"),
    ("audio", "audio"),
    ("plugins", "plugins"),
    ("indexedDB", "indexed_db"),
    ("math", "math"),
];

/// The components that were measured, by the platform's names. A component that failed is left out.
pub(super) fn raw_attributes(components: &Map<String, Json>) -> Map<String, Json> {
    ATTRIBUTES
        .into_iter()
        .filter_map(|(component, attribute)| {
            let value = components
                .get(component)?
                .get("value")
                .filter(|value| !value.is_null())?;
            // The platform gives a hash of the results, not the results.
            let value = match attribute {
                "math" => Json::from(ids::stable("math", &value.to_string(), 32)),
                _ => value.clone(),
            };
            Some((attribute.to_owned(), value))
        })
        .collect()
}
