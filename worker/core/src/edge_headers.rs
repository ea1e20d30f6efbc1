//! The `fp-*` request headers that tell an origin what the platform knows about a request.
//!
//! They belong to the worker: what a client sends under these names never reaches the origin, whether the edge API is on
//! or off. Values are structured fields (RFC 9651): words and numbers as strings, names as display strings, dates as
//! dates, and only the boolean that is true.

use std::fmt::Display;

use sfv::{Date, ItemSerializer, RefBareItem};

use crate::{
    event::{AddressInfo, Intelligence, ProxyDetails},
    headers::{HeaderEdit, Headers},
};

/// Every name of the set.
const NAMES: [&str; 43] = [
    "fp-ip-info-v4-address",
    "fp-ip-info-v4-geolocation-accuracy-radius",
    "fp-ip-info-v4-geolocation-latitude",
    "fp-ip-info-v4-geolocation-longitude",
    "fp-ip-info-v4-geolocation-postal-code",
    "fp-ip-info-v4-geolocation-timezone",
    "fp-ip-info-v4-geolocation-city-name",
    "fp-ip-info-v4-geolocation-country-code",
    "fp-ip-info-v4-geolocation-continent-code",
    "fp-ip-info-v4-asn-name",
    "fp-ip-info-v4-asn-network",
    "fp-ip-info-v4-asn-type",
    "fp-ip-info-v4-datacenter-name",
    "fp-ip-info-v6-address",
    "fp-ip-info-v6-geolocation-accuracy-radius",
    "fp-ip-info-v6-geolocation-latitude",
    "fp-ip-info-v6-geolocation-longitude",
    "fp-ip-info-v6-geolocation-postal-code",
    "fp-ip-info-v6-geolocation-timezone",
    "fp-ip-info-v6-geolocation-city-name",
    "fp-ip-info-v6-geolocation-country-code",
    "fp-ip-info-v6-geolocation-continent-code",
    "fp-ip-info-v6-asn-name",
    "fp-ip-info-v6-asn-network",
    "fp-ip-info-v6-asn-type",
    "fp-ip-info-v6-datacenter-name",
    "fp-bot-info-category",
    "fp-bot-info-provider",
    "fp-bot-info-name",
    "fp-bot-info-identity",
    "fp-proxy",
    "fp-proxy-confidence",
    "fp-proxy-details-proxy-type",
    "fp-proxy-details-last-seen-at",
    "fp-proxy-details-provider",
    "fp-vpn",
    "fp-vpn-confidence",
    "fp-vpn-methods-timezone-mismatch",
    "fp-vpn-methods-public-vpn",
    "fp-vpn-methods-auxiliary-mobile",
    "fp-vpn-methods-os-mismatch",
    "fp-vpn-methods-relay",
    "fp-ip-blocklist-tor-node",
];

/// The edits that take the names of the set away from what a client sent.
pub fn strip(sent: &Headers) -> Vec<HeaderEdit> {
    sent.iter()
        .filter(|(name, _)| name.starts_with("fp-") && NAMES.contains(name))
        .map(|(name, _)| HeaderEdit::remove(name))
        .collect()
}

/// The edits that state what the platform knows. They follow those of [`strip`].
pub(crate) fn state(known: &Intelligence<'_>) -> Vec<HeaderEdit> {
    let mut fields = Fields(Vec::new());
    fields.address("v4", known.v4.as_ref());
    fields.address("v6", known.v6.as_ref());
    if let Some(bot) = &known.bot_info {
        fields.word("fp-bot-info-category", Some(bot.category));
        fields.name("fp-bot-info-provider", Some(bot.provider));
        fields.name("fp-bot-info-name", Some(bot.name));
        fields.word("fp-bot-info-identity", Some(bot.identity.0));
    }
    fields.proxy(known);
    fields.vpn(known);
    fields.truth("fp-ip-blocklist-tor-node", known.tor_node);
    fields.0
}

struct Fields(Vec<HeaderEdit>);

impl Fields {
    fn address<Address: Display>(&mut self, family: &str, info: Option<&AddressInfo<'_, Address>>) {
        let Some(info) = info else { return };
        let name = |rest: &str| format!("fp-ip-info-{family}-{rest}");
        self.word(name("address"), Some(info.address.to_string()));
        if let Some(place) = &info.geolocation {
            self.word(
                name("geolocation-accuracy-radius"),
                place.accuracy_radius.map(|n| n.to_string()),
            );
            self.word(
                name("geolocation-latitude"),
                place.latitude.map(|n| n.to_string()),
            );
            self.word(
                name("geolocation-longitude"),
                place.longitude.map(|n| n.to_string()),
            );
            self.word(name("geolocation-postal-code"), place.postal_code);
            self.word(name("geolocation-timezone"), place.timezone);
            self.name(name("geolocation-city-name"), place.city_name);
            self.word(name("geolocation-country-code"), place.country_code);
            self.word(name("geolocation-continent-code"), place.continent_code);
        }
        self.name(name("asn-name"), info.asn_name);
        self.word(name("asn-network"), info.asn_network);
        self.word(name("asn-type"), info.asn_type);
        self.name(name("datacenter-name"), info.datacenter_name);
    }

    fn proxy(&mut self, known: &Intelligence<'_>) {
        if known.proxy != Some(true) {
            return;
        }
        self.truth("fp-proxy", known.proxy);
        self.word(
            "fp-proxy-confidence",
            known.proxy_confidence.as_ref().map(|c| c.0),
        );
        if let Some(ProxyDetails {
            proxy_type,
            last_seen_at,
            provider,
        }) = &known.proxy_details
        {
            self.word("fp-proxy-details-proxy-type", *proxy_type);
            self.date("fp-proxy-details-last-seen-at", *last_seen_at);
            self.name("fp-proxy-details-provider", *provider);
        }
    }

    fn vpn(&mut self, known: &Intelligence<'_>) {
        if known.vpn != Some(true) {
            return;
        }
        self.truth("fp-vpn", known.vpn);
        self.word(
            "fp-vpn-confidence",
            known.vpn_confidence.as_ref().map(|c| c.0),
        );
        let methods = &known.vpn_methods;
        self.truth(
            "fp-vpn-methods-timezone-mismatch",
            methods.timezone_mismatch,
        );
        self.truth("fp-vpn-methods-public-vpn", methods.public_vpn);
        self.truth("fp-vpn-methods-auxiliary-mobile", methods.auxiliary_mobile);
        self.truth("fp-vpn-methods-os-mismatch", methods.os_mismatch);
        self.truth("fp-vpn-methods-relay", methods.relay);
    }

    /// A string, for ASCII words and numbers; anything else is left out, as nothing can be said about it.
    fn word(&mut self, name: impl Into<String>, value: Option<impl AsRef<str>>) {
        if let Some(value) = value
            && let Ok(string) = sfv::StringRef::from_str(value.as_ref())
            && !value.as_ref().is_empty()
        {
            self.item(name, string);
        }
    }

    /// A display string, for names in any language.
    fn name(&mut self, name: impl Into<String>, value: Option<impl AsRef<str>>) {
        if let Some(value) = value
            && !value.as_ref().is_empty()
        {
            self.item(name, RefBareItem::DisplayString(value.as_ref()));
        }
    }

    fn truth(&mut self, name: &str, value: Option<bool>) {
        if value == Some(true) {
            self.item(name, true);
        }
    }

    /// A date in whole seconds, from milliseconds.
    fn date(&mut self, name: &str, milliseconds: Option<f64>) {
        #[expect(clippy::cast_possible_truncation, reason = "dates are whole seconds")]
        let seconds = milliseconds.map(|number| (number / 1000.0).floor() as i64);
        if let Some(date) = seconds.and_then(|seconds| sfv::Integer::try_from(seconds).ok()) {
            self.item(name, RefBareItem::Date(Date::from_unix_seconds(date)));
        }
    }

    fn item<'a>(&mut self, name: impl Into<String>, value: impl Into<RefBareItem<'a>>) {
        let text = ItemSerializer::new().bare_item(value).finish();
        self.0.push(HeaderEdit::set(name, text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Json, Object, Read};

    fn stated(json: &str) -> Vec<(String, String)> {
        let json = Json::parse(json).unwrap();
        state(&Intelligence::read(Object::read(&json).unwrap()).unwrap())
            .into_iter()
            .map(|edit| match edit {
                HeaderEdit::Set(name, value) => (name, value),
                other => panic!("{other:?}"),
            })
            .collect()
    }

    fn has(fields: &[(String, String)], name: &str) -> Option<String> {
        let field = fields.iter().find(|(field, _)| field == name);
        field.map(|(_, value)| value.clone())
    }

    #[test]
    fn everything_known_is_stated_as_structured_fields() {
        let address = r#"{"address":"ADDRESS","geolocation":{"accuracy_radius":20,"latitude":0,"longitude":-0.5,
            "postal_code":"10115","timezone":"Europe/Berlin","city_name":"K\u00f6ln \"%\"","country_code":"DE",
            "continent_code":"EU"},"asn_name":"Example","asn_network":"203.0.113.0/24","asn_type":"isp",
            "datacenter_name":"FRA"}"#;
        let fields = stated(&format!(
            r#"{{"ip_info":{{"v4":{},"v6":{}}},
            "bot_info":{{"category":"ai_agent","provider":"Example","name":"Agent","identity":"signed","confidence":"high"}},
            "proxy":true,"proxy_confidence":"high","proxy_details":{{"proxy_type":"residential","last_seen_at":1795000000999,
            "provider":"P"}},"vpn":true,"vpn_confidence":"low","vpn_methods":{{"timezone_mismatch":true,"public_vpn":true,
            "auxiliary_mobile":true,"os_mismatch":true,"relay":true}},"ip_blocklist":{{"tor_node":true}}}}"#,
            address.replace("ADDRESS", "203.0.113.7"),
            address.replace("ADDRESS", "2001:db8::7"),
        ));
        let mut stated: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
        let mut expected = NAMES;
        stated.sort_unstable();
        expected.sort_unstable();
        assert_eq!(stated, expected);
        for (name, value) in [
            ("fp-ip-info-v4-address", "\"203.0.113.7\""),
            ("fp-ip-info-v4-geolocation-latitude", "\"0\""),
            ("fp-ip-info-v4-geolocation-longitude", "\"-0.5\""),
            (
                "fp-ip-info-v4-geolocation-city-name",
                "%\"K%c3%b6ln %22%25%22\"",
            ),
            ("fp-ip-info-v6-address", "\"2001:db8::7\""),
            ("fp-proxy", "?1"),
            ("fp-proxy-details-last-seen-at", "@1795000000"),
            ("fp-bot-info-identity", "\"signed\""),
        ] {
            assert_eq!(has(&fields, name).as_deref(), Some(value), "{name}");
        }
    }

    #[test]
    fn nothing_known_states_nothing() {
        assert_eq!(stated(r#"{"ip_info":{}}"#), []);
    }

    #[test]
    fn details_of_a_proxy_that_is_none_are_left_out() {
        let fields = stated(
            r#"{"ip_info":{},"proxy":false,"proxy_confidence":"high","vpn":false,"vpn_methods":{"relay":true},
            "ip_blocklist":{"tor_node":false}}"#,
        );
        assert_eq!(fields, []);
    }

    #[test]
    fn what_a_client_sends_under_these_names_is_taken_away() {
        let sent =
            Headers::from_lines("fp-vpn: ?0\nFP-Bot-Info-Name: x\nfp-custom: keep\naccept: */*");
        assert_eq!(
            strip(&sent),
            [
                HeaderEdit::remove("fp-vpn"),
                HeaderEdit::remove("fp-bot-info-name")
            ]
        );
    }
}
