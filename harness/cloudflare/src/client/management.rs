//! The part of Fingerprint's Management API that deployments need: API keys and environments.

use http::Method;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value as Json, json};

use super::{
    Secret,
    error::ApiError,
    fingerprint,
    http::{ApiRequest, Http, Repeat, Waiting},
    network::Network,
};

/// The version of the API that is spoken.
const VERSION: &str = "2025-11-20";

/// Pages after which a list is taken for endless.
const MOST_PAGES: usize = 200;

/// A client of the Management API with one key.
#[derive(Clone, Debug)]
pub struct Management {
    http: Http,
}

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyType {
    /// In pages.
    Public,
    /// For servers.
    Secret,
    /// For proxies; deployments have none.
    Proxy,
}

/// A key of the workspace.
#[derive(Clone, Debug, Deserialize)]
pub struct ApiKey {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it is for.
    #[serde(rename = "type")]
    pub kind: KeyType,
    /// The environment it belongs to, by id; the workspace's own where it is absent.
    #[serde(default)]
    pub environment: Option<String>,
    /// The key itself. A secret one is told once, when it is made.
    #[serde(default, deserialize_with = "secret")]
    pub token: Option<Secret>,
}

#[derive(Deserialize)]
struct Environment {
    id: String,
    name: String,
}

#[derive(Default, Deserialize)]
struct Page {
    data: Json,
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Default, Deserialize)]
struct Metadata {
    #[serde(default)]
    pagination: Pagination,
}

#[derive(Default, Deserialize)]
struct Pagination {
    next_cursor: Option<String>,
}

impl Management {
    /// A client of the API at `base`.
    ///
    /// # Errors
    /// When that is no address of an API.
    pub fn new(base: &str, key: Secret, waiting: Waiting) -> Result<Self, ApiError> {
        Self::over(base, key, waiting, &Network::default())
    }

    /// The same over a machine's own way to the network.
    ///
    /// # Errors
    /// When that is no address of an API, or the way cannot be taken.
    pub fn over(
        base: &str,
        key: Secret,
        waiting: Waiting,
        network: &Network,
    ) -> Result<Self, ApiError> {
        let http = Http::new(base, key, waiting, network)?;
        let http = http.with_header("x-api-version", VERSION);
        Ok(Self { http })
    }

    /// The id of an environment, where there is one of this name.
    ///
    /// # Errors
    /// When the API refuses or does not answer.
    pub async fn environment(&self, name: &str) -> Result<Option<String>, ApiError> {
        let all: Vec<Environment> = self.list("/environments").await?;
        let found = all.into_iter().find(|environment| environment.name == name);
        Ok(found.map(|environment| environment.id))
    }

    /// All keys of the workspace.
    ///
    /// # Errors
    /// When the API refuses or does not answer.
    pub async fn keys(&self) -> Result<Vec<ApiKey>, ApiError> {
        self.list("/api-keys").await
    }

    /// Makes a key. It is made once: where the response is lost, so is the key, and the one who asked looks for it by name.
    ///
    /// # Errors
    /// When the API refuses or does not answer.
    pub async fn create_key(
        &self,
        name: &str,
        kind: KeyType,
        environment: Option<&str>,
    ) -> Result<ApiKey, ApiError> {
        let kind = match kind {
            KeyType::Public => "public",
            KeyType::Secret => "secret",
            KeyType::Proxy => "proxy",
        };
        let mut body = json!({
            "type": kind,
            "name": name,
            "description": "made by edgeproof for a deployment",
        });
        if let Some(environment) = environment {
            body["environment"] = environment.into();
        }
        let mut call = ApiRequest::new(Method::POST, "/api-keys".to_owned()).json(&body);
        call.repeat = Repeat::IfUnseen;
        let page = self.open(&call).await?;
        typed(&call, page.data)
    }

    /// Deletes a key. False where there was none.
    ///
    /// # Errors
    /// When the API refuses or does not answer.
    pub async fn delete_key(&self, id: &str) -> Result<bool, ApiError> {
        let call = ApiRequest::new(Method::DELETE, format!("/api-keys/{id}"));
        match self.open(&call).await {
            Ok(_) => Ok(true),
            // A second attempt may find that the first one did it.
            Err(error) if error.status() == Some(404) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn list<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, ApiError> {
        let mut all = Vec::new();
        let mut cursor = String::new();
        for _ in 0..MOST_PAGES {
            let call = ApiRequest::new(Method::GET, format!("{path}?limit=100{cursor}"));
            let page = self.open(&call).await?;
            let items: Vec<T> = typed(&call, page.data)?;
            all.extend(items);
            match page.metadata.pagination.next_cursor {
                Some(next) if !next.is_empty() => {
                    let next: String =
                        url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
                    cursor = format!("&cursor={next}");
                }
                _ => return Ok(all),
            }
        }
        Err(ApiError::UnexpectedResponse {
            call: format!("GET {path}"),
            reason: format!("the list has over {MOST_PAGES} pages"),
        })
    }

    async fn open(&self, call: &ApiRequest) -> Result<Page, ApiError> {
        let page: Option<Page> = fingerprint::ask(&self.http, call).await?;
        Ok(page.unwrap_or_default())
    }
}

fn typed<T: DeserializeOwned>(call: &ApiRequest, data: Json) -> Result<T, ApiError> {
    // serde's own words may quote the value, and that may be a key.
    serde_json::from_value(data).map_err(|_| ApiError::UnexpectedResponse {
        call: call.name(),
        reason: "its data has an unexpected form".to_owned(),
    })
}

fn secret<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.filter(|text| !text.is_empty()).map(Secret::new))
}
