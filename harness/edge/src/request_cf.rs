//! The `request.cf` object: what the edge knows about a connection, as the worker reads it.
//!
//! Source: Cloudflare's documentation, Workers › Runtime APIs › Request.

use http::{HeaderValue, Version};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// What the edge knows about an address. Everything but the country may be unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Location {
    /// ISO 3166-1 alpha-2; `XX` where it is unknown, `T1` for Tor.
    pub country: Option<String>,
    /// The number of the network.
    pub asn: Option<u32>,
    /// Who runs the network.
    pub as_organization: Option<String>,
    /// Two letters, such as `EU`.
    pub continent: Option<String>,
    /// The city.
    pub city: Option<String>,
    /// The region's name.
    pub region: Option<String>,
    /// The region's ISO 3166-2 code without the country.
    pub region_code: Option<String>,
    /// The postal code.
    pub postal_code: Option<String>,
    /// The metro code (US).
    pub metro_code: Option<String>,
    /// Degrees, as text.
    pub latitude: Option<String>,
    /// Degrees, as text.
    pub longitude: Option<String>,
    /// IANA name, such as `Europe/Berlin`.
    pub timezone: Option<String>,
}

/// What the edge knows about a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protocol {
    /// `HTTP/1.0`, `HTTP/1.1` or `HTTP/2`.
    pub http: &'static str,
    /// `TLSv1.3`, `TLSv1.2`; empty for plain HTTP.
    pub tls: &'static str,
    /// The cipher suite as OpenSSL calls it; empty for plain HTTP.
    pub cipher: &'static str,
}

impl Protocol {
    /// The same connection, as a request of this version says it.
    pub(super) fn in_version(&self, version: Version) -> Self {
        let mut protocol = self.clone();
        if version == Version::HTTP_10 {
            protocol.http = "HTTP/1.0";
        }
        protocol
    }

    /// What a zone sees of a request that comes from a worker of another zone.
    pub(super) fn between_zones() -> Self {
        Self {
            http: "HTTP/1.1",
            tls: "TLSv1.3",
            cipher: "AEAD-AES128-GCM-SHA256",
        }
    }
}

/// The members of the European Union.
const UNION: [&str; 27] = [
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT",
    "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
];

/// The `cf` object of a request.
pub fn request_cf(
    location: &Location,
    protocol: &Protocol,
    colo: &str,
    accept_encoding: Option<&HeaderValue>,
) -> Value {
    let mut cf = Map::new();
    let mut set = |name: &str, value: Value| {
        cf.insert(name.to_owned(), value);
    };
    set("colo", json!(colo));
    set(
        "country",
        json!(location.country.as_deref().unwrap_or("XX")),
    );
    if let Some(country) = &location.country
        && UNION.contains(&country.as_str())
    {
        set("isEUCountry", json!("1"));
    }
    set("asn", json!(location.asn.unwrap_or(0)));
    let texts = [
        ("asOrganization", &location.as_organization),
        ("continent", &location.continent),
        ("city", &location.city),
        ("region", &location.region),
        ("regionCode", &location.region_code),
        ("postalCode", &location.postal_code),
        ("metroCode", &location.metro_code),
        ("latitude", &location.latitude),
        ("longitude", &location.longitude),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            set(name, json!(text));
        }
    }
    // worker-rs reads these four without asking whether they are there.
    set(
        "timezone",
        json!(location.timezone.as_deref().unwrap_or("UTC")),
    );
    set("httpProtocol", json!(protocol.http));
    set("tlsVersion", json!(protocol.tls));
    set("tlsCipher", json!(protocol.cipher));
    set("botManagement", Value::Null);
    set("clientTcpRtt", json!(0));
    set("edgeL4", json!({ "deliveryRate": 0 }));
    set("requestPriority", json!(""));
    set("tlsClientAuth", no_client_certificate());
    if let Some(sent) = accept_encoding.and_then(|sent| sent.to_str().ok()) {
        set("clientAcceptEncoding", json!(sent));
    }
    Value::Object(cf)
}

/// The object as a header value: JSON with everything outside ASCII escaped.
pub fn blob(cf: &Value) -> HeaderValue {
    let mut text = serde_json::to_string(cf).unwrap_or_default();
    if !text.is_ascii() {
        text = escaped(&text);
    }
    // serde_json escapes control characters, so what is left is printable ASCII.
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("{}"))
}

fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        if character.is_ascii() {
            escaped.push(character);
        } else {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                escaped.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    escaped
}

fn no_client_certificate() -> Value {
    json!({ "certPresented": "0", "certVerified": "NONE" })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROTOCOL: Protocol = Protocol {
        http: "HTTP/2",
        tls: "TLSv1.3",
        cipher: "AEAD-AES256-GCM-SHA384",
    };

    #[test]
    fn what_is_known_is_told_and_the_rest_is_absent() {
        let location = Location {
            country: Some("DE".to_owned()),
            asn: Some(64_496),
            city: Some("Köln".to_owned()),
            ..Location::default()
        };
        let cf = request_cf(&location, &PROTOCOL, "FRA", None);
        assert_eq!(cf["country"], "DE");
        assert_eq!(cf["isEUCountry"], "1");
        assert_eq!(cf["asn"], 64_496);
        assert_eq!(cf["city"], "Köln");
        assert_eq!(cf["httpProtocol"], "HTTP/2");
        assert!(cf.get("region").is_none());
        assert!(cf.get("clientAcceptEncoding").is_none());
    }

    #[test]
    fn a_country_outside_the_union_is_not_marked() {
        let location = Location {
            country: Some("US".to_owned()),
            ..Location::default()
        };
        let cf = request_cf(&location, &PROTOCOL, "FRA", None);
        assert!(cf.get("isEUCountry").is_none());
    }

    #[test]
    fn the_blob_is_ascii_and_reads_back_as_the_same_object() {
        let cf = json!({ "city": "Köln 😀\n\"", "asn": 1 });
        let blob = blob(&cf);
        assert!(blob.as_bytes().iter().all(|byte| (32..127).contains(byte)));
        assert_eq!(
            serde_json::from_slice::<Value>(blob.as_bytes()).unwrap(),
            cf
        );
    }
}
