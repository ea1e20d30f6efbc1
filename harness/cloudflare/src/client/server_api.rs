//! The part of Fingerprint's Server API (v4) that looks identification events up: it reads, and changes nothing.

use http::Method;
use serde::Deserialize;
use serde_json::Value as Json;

use super::{
    error::{ApiError, Said},
    http::{ApiRequest, Http, Waiting},
    network::Network,
    page,
    secret::Secret,
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

#[derive(Deserialize)]
struct Failure {
    error: FailureBody,
}

#[derive(Deserialize)]
struct FailureBody {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
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
            let found = self.search(&ApiRequest::new(Method::GET, path)).await?;
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

    async fn search(&self, call: &ApiRequest) -> Result<Found, ApiError> {
        let response = self.http.send(call).await?;
        page::refuse(call, &response)?;
        if response.status.is_success() {
            return serde_json::from_slice(&response.body).map_err(|error| {
                ApiError::UnexpectedResponse {
                    call: call.name(),
                    reason: self.http.hide(&error.to_string()),
                }
            });
        }
        let said = serde_json::from_slice::<Failure>(&response.body).ok();
        let said = said.map(|Failure { error }| Said {
            code: error.code,
            message: self.http.hide(&error.message),
        });
        Err(ApiError::Refused {
            call: call.name(),
            status: response.status.as_u16(),
            errors: said.into_iter().collect(),
        })
    }
}
