//! The analysis of requests for pages: what `/v4/edge` is told and what it responds.

use std::net::IpAddr;

use serde::Serialize;

use crate::{
    audience,
    configuration::Configuration,
    edge_headers,
    event::Intelligence,
    headers::HeaderEdit,
    identification::{self, Failure, PlatformRequest, is_secret},
    pattern::Pattern,
    request::RequestHead,
};

#[derive(Serialize)]
struct EdgeBody<'a> {
    headers: Vec<Field<'a>>,
    url: &'a str,
    method: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ipv4_address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ipv6_address: Option<String>,
}

#[derive(Serialize)]
struct Field<'a> {
    name: &'a str,
    value: &'a str,
}

/// The ends of the names of what browsers load for a page.
const STATIC_EXTENSIONS: [&str; 28] = [
    "avif",
    "bmp",
    "css",
    "eot",
    "gif",
    "ico",
    "jpeg",
    "jpg",
    "js",
    "json",
    "m4a",
    "map",
    "mjs",
    "mp3",
    "mp4",
    "ogg",
    "otf",
    "png",
    "svg",
    "ttf",
    "vtt",
    "wasm",
    "wav",
    "webm",
    "webmanifest",
    "webp",
    "woff",
    "woff2",
];

/// Whether a request for an identification page is analysed. Assets that a wildcard pattern catches are not: nobody
/// decides about them, and each would cost a call. What a request says of itself is not enough, any client can say it:
/// the name must be an asset's too.
pub fn is_wanted(configuration: &Configuration, head: &RequestHead, pattern: &Pattern) -> bool {
    let is_asset = || {
        matches!(head.method.as_str(), "GET" | "HEAD")
            && head
                .headers
                .get("sec-fetch-dest")
                .is_some_and(audience::is_resource)
            && has_static_extension(head.url.path())
            && !pattern.is_own_path(&head.url)
    };
    configuration.edge_api && (configuration.edge_includes_static_assets || !is_asset())
}

fn has_static_extension(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.rsplit_once('.').is_some_and(|(_, end)| {
        let is_end = |extension: &&str| end.eq_ignore_ascii_case(extension);
        STATIC_EXTENSIONS.iter().any(is_end)
    })
}

/// The request for the analysis. Secrets of the visitor keep their names and lose their values, as the platform asks.
/// Signals are left out: nothing asked for them here, and no more than their start is known.
pub fn request(
    configuration: &Configuration,
    head: &RequestHead,
) -> Result<PlatformRequest, Failure> {
    let key = configuration
        .secret_key
        .as_ref()
        .ok_or(Failure::NotConfigured("FP_SECRET_KEY"))?;
    let address = head
        .addresses()
        .first()
        .map(IpAddr::to_canonical)
        .ok_or(Failure::MissingHeader("cf-connecting-ip"))?;
    let body = EdgeBody {
        headers: head
            .headers
            .iter()
            .filter(|(name, _)| *name != "fp-data")
            .map(|(name, value)| Field {
                name,
                value: if is_secret(name) { "" } else { value },
            })
            .collect(),
        url: head.url.as_str(),
        method: &head.method,
        ipv4_address: address.is_ipv4().then(|| address.to_string()),
        ipv6_address: address.is_ipv6().then(|| address.to_string()),
    };
    Ok(PlatformRequest {
        url: format!("{}/v4/edge", configuration.ingress),
        authorization: key.bearer(),
        body: serde_json::to_string(&body).map_err(|error| Failure::Response(error.to_string()))?,
        signals_from: None,
    })
}

/// Reads the platform's response: what the origin is told.
pub fn judge(status: u16, body: &[u8]) -> Result<Vec<HeaderEdit>, Failure> {
    let response = identification::json(status, body)?;
    let known = Intelligence::read(identification::object(&response)?)?;
    Ok(edge_headers::state(&known))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;
    use crate::headers::Headers;

    fn configuration() -> Configuration {
        Configuration::read(|name| match name {
            "FP_SECRET_KEY" => Some("sk".to_owned()),
            "FP_EDGE_API" => Some("true".to_owned()),
            _ => None,
        })
    }

    fn head(headers: &str) -> RequestHead {
        RequestHead::new(
            "GET",
            "https://shop.example/a?b=c",
            Headers::from_lines(headers),
        )
        .unwrap()
    }

    #[rstest]
    #[case("203.0.113.7", "ipv4_address", "203.0.113.7")]
    #[case("2001:DB8::0:1", "ipv6_address", "2001:db8::1")]
    #[case("::ffff:203.0.113.7", "ipv4_address", "203.0.113.7")]
    fn the_analysis_gets_the_request_without_its_secrets(
        #[case] client: &str,
        #[case] field: &str,
        #[case] address: &str,
    ) {
        let head = head(&format!(
            "cookie: session=1\nauthorization: Bearer x\nfp-data: ab\naccept: */*\ncf-connecting-ip: {client}"
        ));
        let request = request(&configuration(), &head).unwrap();
        assert_eq!(request.url, "https://api.fpjs.io/v4/edge");
        let mut expected = json!({
            "headers": [
                {"name": "cookie", "value": ""},
                {"name": "authorization", "value": ""},
                {"name": "accept", "value": "*/*"},
                {"name": "cf-connecting-ip", "value": client},
            ],
            "url": "https://shop.example/a?b=c",
            "method": "GET",
        });
        expected[field] = json!(address);
        assert_eq!(
            serde_json::from_str::<Value>(&request.body).unwrap(),
            expected
        );
    }

    fn wanted(switch: &str, headers: &str, path: &str, pattern: &str) -> bool {
        let configuration = Configuration::read(|name| match name {
            "FP_EDGE_API" => Some("true".to_owned()),
            "FP_EDGE_INCLUDE_STATIC_ASSETS" => Some(switch.to_owned()),
            _ => None,
        });
        let url = format!("https://shop.example{path}");
        let head = RequestHead::new("GET", &url, Headers::from_lines(headers)).unwrap();
        is_wanted(&configuration, &head, &Pattern::parse(pattern).unwrap())
    }

    #[rstest]
    #[case("sec-fetch-dest: image", "/a/Logo.PNG", "shop.example/*", false)]
    #[case("sec-fetch-dest: script", "/app.js?v=1", "shop.example/*", false)]
    #[case::a_page("sec-fetch-dest: document", "/", "shop.example/*", true)]
    #[case::that_says_nothing("", "/logo.png", "shop.example/*", true)]
    #[case::of_its_own_pattern("sec-fetch-dest: script", "/a.js", "shop.example/a.js", true)]
    fn assets_under_a_wildcard_are_not_analysed(
        #[case] headers: &str,
        #[case] path: &str,
        #[case] pattern: &str,
        #[case] expected: bool,
    ) {
        assert_eq!(wanted("", headers, path, pattern), expected);
        assert!(wanted("true", headers, path, pattern));
        assert_eq!(wanted("yes", headers, path, pattern), expected);
    }

    #[rstest]
    fn a_page_that_says_it_is_an_asset_is_analysed(
        #[values(
            "/login",
            "/",
            "/a.b/login",
            "/login.html",
            "/login.php",
            "/login?x.png",
            "/login;x.png/",
            "/login.",
            "/login.png/"
        )]
        path: &str,
    ) {
        for destination in audience::RESOURCES {
            let headers = format!("sec-fetch-dest: {destination}");
            assert!(
                wanted("", &headers, path, "shop.example/*"),
                "{destination}"
            );
        }
    }

    #[test]
    fn an_response_without_ip_info_is_refused() {
        assert!(judge(200, br#"{"ip_info": {}}"#).is_ok());
        assert!(judge(200, b"{}").is_err());
        assert_eq!(
            judge(429, br#"{"ip_info": {}}"#).err(),
            Some(Failure::Status(429))
        );
    }
}
