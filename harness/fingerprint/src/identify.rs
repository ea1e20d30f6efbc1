//! Makes the event of an identification from the browser's signals and the connection.

use super::{
    event::{
        Bot, BotInfo, Confidence, Event, Flags, Identification, Integration, Level, Sdk, Source,
        Subintegration, TamperingDetails, VpnMethods,
    },
    ids,
    intelligence::{self, Networks},
    send::Connection,
    signals::{self, Measurements, Signals},
    store::VisitorHistory,
    user_agent,
};

/// What is measured of a visit at this time: the event without what rulesets and scenarios add.
pub(super) fn event(
    signals: &Signals,
    connection: &Connection,
    visit: &VisitorHistory,
    networks: &Networks,
    at: i64,
) -> Event {
    let Measurements {
        sdk,
        fingerprint,
        bot,
        ..
    } = &signals.body;
    let browser = user_agent::read(&connection.user_agent);
    let mut event = Event {
        event_id: ids::event(at),
        timestamp: at,
        source: Some(Source::Device),
        environment_id: Some(connection.environment.clone()),
        linked_id: signals.body.linked_id.clone(),
        sdk: Some(agent(sdk)),
        replayed: Some(visit.replayed),
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
        velocity: Some(visit.velocity.clone()),
        flags: flags(&signals.body),
        ..Event::default()
    };
    tampering(&mut event, &signals.body, connection);
    address(&mut event, Some(&signals.body), connection, networks);
    event
}

/// The agent; what started it is written `name/version` and more.
fn agent(sdk: &signals::Sdk) -> Sdk {
    let integrations = sdk.integrations.iter().map(|text| {
        let mut parts = text.split('/').map(str::to_owned);
        Integration {
            name: parts.next().unwrap_or_default(),
            version: parts.next(),
            subintegration: parts.next().map(|name| Subintegration {
                name,
                version: parts.next(),
            }),
        }
    });
    Sdk {
        platform: sdk.platform.clone(),
        version: sdk.version.clone(),
        integrations: integrations.collect(),
    }
}

fn identification(visit: &VisitorHistory, score: f64) -> Identification {
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
fn by_device(device: &str, visit: &VisitorHistory) -> Option<Identification> {
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

/// What the browser says of itself against what the connection says: two user agents are a forgery.
///
/// Assumption: the platform's model is not published; this is the one anomaly that is measured here.
fn tampering(event: &mut Event, measured: &Measurements, connection: &Connection) {
    let Some(claimed) = &measured.user_agent else {
        return;
    };
    let differs = *claimed != connection.user_agent;
    event.flags.insert("tampering".to_owned(), differs);
    event.tampering_details = Some(TamperingDetails {
        anomaly_score: Some(if differs { 1.0 } else { 0.0 }),
        anti_detect_browser: None,
    });
}

/// What the address says, and how it fits the browser.
pub(super) fn address(
    event: &mut Event,
    measured: Option<&Measurements>,
    connection: &Connection,
    networks: &Networks,
) {
    let known = intelligence::look_up(networks, connection.ip);
    let claimed = measured.and_then(timezone);
    event.ip_info = Some(intelligence::ip_info(
        known,
        &connection.address,
        connection.ip,
        claimed,
    ));
    event.vpn_origin_timezone = claimed.map(str::to_owned);
    let Some((_, network)) = known else {
        return;
    };
    let here = network
        .info
        .geolocation
        .as_ref()
        .and_then(|place| place.timezone.as_deref())
        .filter(|_| !network.is_home);
    let methods = VpnMethods {
        timezone_mismatch: here.zip(claimed).map(|(here, there)| here != there),
        public_vpn: Some(network.public_vpn),
        relay: Some(network.relay),
        ..VpnMethods::default()
    };
    let vpn = [methods.timezone_mismatch, methods.public_vpn, methods.relay].contains(&Some(true));
    event.flags.insert("vpn".to_owned(), vpn);
    event.vpn_methods = Some(methods);
    event.vpn_confidence = network.vpn_confidence.filter(|_| vpn);
    event
        .flags
        .insert("proxy".to_owned(), network.proxy.is_some());
    event.proxy_details = network.proxy.clone();
    // That there is no proxy is always said with high confidence, as published.
    event.proxy_confidence = if network.proxy.is_some() {
        network.proxy_confidence
    } else {
        Some(Level::High)
    };
    event.ip_blocklist = Some(network.blocklist);
}

fn timezone(measured: &Measurements) -> Option<&str> {
    measured
        .fingerprint
        .components
        .get("timezone")?
        .get("value")?
        .as_str()
}

fn flags(measured: &Measurements) -> Flags {
    let found = [
        ("incognito", Some(measured.incognito.is_private)),
        ("developer_tools", measured.developer_tools),
    ];
    found
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
}
