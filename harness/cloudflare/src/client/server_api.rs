//! The part of Fingerprint's Server API (v4) that looks identification events up: it reads, and changes nothing.

use http::Method;
use serde::Deserialize;
use serde_json::Value as Json;

use super::{
    Secret,
    error::ApiError,
    fingerprint,
    http::{ApiRequest, Http, Waiting},
    network::Network,
};

/// Pages of a hundred events after which a search is given up.
const MOST_PAGES: usize = 20;

/// A client of the Server API with one secret key.
#[derive(Clone, Debug)]
pub struct ServerApi {
    http: Http,
}

#[derive(Deserialize)]
struct Found {
    #[serde(default)]
    events: Vec<Json>,
    pagination_key: Option<String>,
}

impl ServerApi {
    /// A client of the API at `base`, such as `https://eu.api.fpjs.io`, over a machine's own way to the network.
    ///
    /// # Errors
    /// When that is no address of an API, or the way cannot be taken.
    pub fn over(
        base: &str,
        key: Secret,
        waiting: Waiting,
        network: &Network,
    ) -> Result<Self, ApiError> {
        Http::new(base, key, waiting, network).map(|http| Self { http })
    }

    /// The events since a time (Unix, in milliseconds), the oldest first.
    ///
    /// # Errors
    /// When the API refuses or does not answer.
    pub async fn events_since(&self, start: i64) -> Result<Vec<Json>, ApiError> {
        let mut all = Vec::new();
        let mut next = String::new();
        for _ in 0..MOST_PAGES {
            let path = format!("/v4/events?limit=100&reverse=true&start={start}{next}");
            let call = ApiRequest::new(Method::GET, path);
            let found: Found = fingerprint::ask(&self.http, &call).await?;
            all.extend(found.events);
            match found.pagination_key {
                Some(key) if !key.is_empty() => {
                    let key: String =
                        url::form_urlencoded::byte_serialize(key.as_bytes()).collect();
                    next = format!("&pagination_key={key}");
                }
                _ => return Ok(all),
            }
        }
        Err(ApiError::UnexpectedResponse {
            call: "GET /v4/events".to_owned(),
            reason: format!(
                "there are over {} events of these minutes",
                MOST_PAGES * 100
            ),
        })
    }
}
