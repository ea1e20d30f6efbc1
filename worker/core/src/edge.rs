//! The analysis of requests for pages: what `/v4/edge` is told and what it answers.

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

/// Whether a request for an identification page is analysed. Assets that a wildcard pattern catches are not: nobody
/// decides about them, and each would cost a call.
pub fn is_wanted(configuration: &Configuration, head: &RequestHead, pattern: &Pattern) -> bool {
    let is_asset = matches!(head.method.as_str(), "GET" | "HEAD")
        && head
            .headers
            .get("sec-fetch-dest")
            .is_some_and(audience::is_resource);
    configuration.edge_api && (!is_asset || pattern.is_own_path(&head.url))
}

/// The request for the analysis. Secrets of the visitor keep their names and lose their values, as the platform asks.
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
        body: serde_json::to_string(&body).map_err(|error| Failure::Answer(error.to_string()))?,
        signals_from: None,
    })
}

/// Reads the platform's answer: what the origin is told.
pub fn judge(status: u16, body: &[u8]) -> Result<Vec<HeaderEdit>, Failure> {
    let answer = identification::json(status, body)?;
    let known = Intelligence::read(identification::object(&answer)?)?;
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
            "cookie: session=1\nauthorization: Bearer x\naccept: */*\ncf-connecting-ip: {client}"
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

    #[rstest]
    #[case("sec-fetch-dest: document", "shop.example/*", true)]
    #[case("", "shop.example/*", true)]
    #[case("sec-fetch-dest: image", "shop.example/*", false)]
    #[case("sec-fetch-dest: script", "shop.example/a*", true)]
    fn assets_under_a_wildcard_are_not_analysed(
        #[case] headers: &str,
        #[case] pattern: &str,
        #[case] expected: bool,
    ) {
        let pattern = Pattern::parse(pattern).unwrap();
        assert_eq!(
            is_wanted(&configuration(), &head(headers), &pattern),
            expected
        );
    }

    #[test]
    fn an_answer_without_ip_info_is_refused() {
        assert!(judge(200, br#"{"ip_info": {}}"#).is_ok());
        assert!(judge(200, b"{}").is_err());
        assert_eq!(
            judge(429, br#"{"ip_info": {}}"#).err(),
            Some(Failure::Status(429))
        );
    }
}
