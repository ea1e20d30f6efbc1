//! The Management API: API keys and environments of the workspace.
//!
//! Published are the host, the header `X-API-Version`, the bearer token, the `{data}` and `{error}` envelopes, and the
//! fields of keys and environments. Not published, and decided here: the ids' shape, the codes of errors, and that a
//! page has at most 100 items.

use http::Method;
use serde::Deserialize;
use serde_json::{Value as Json, json};
use wiremock::Request;

use super::{
    Platform, bearer,
    fault::Endpoint,
    response::{self, ApiError, Refused},
    workspace_keys::{KeyType, WorkspaceKey, environment_id},
};

/// The version that is spoken.
const VERSION: &str = "2025-11-20";

/// Items on a page where the caller does not say.
const LIMIT: usize = 10;

/// Items on a page at most.
const MOST: usize = 100;

/// What a client may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Environments,
    Keys,
    CreateKey,
    DeleteKey(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewKey {
    #[serde(rename = "type")]
    kind: String,
    name: String,
    #[serde(default)]
    #[expect(dead_code, reason = "it is taken and has no effect here")]
    description: Option<String>,
    environment: Option<String>,
}

impl Operation {
    /// What the request asks, where it is one of the Management API.
    pub(super) fn of(request: &Request) -> Option<Self> {
        let path = request.url.path();
        let id = path.strip_prefix("/api-keys/");
        match (&request.method, path, id) {
            (&Method::GET, "/environments", _) => Some(Self::Environments),
            (&Method::GET, "/api-keys", _) => Some(Self::Keys),
            (&Method::POST, "/api-keys", _) => Some(Self::CreateKey),
            (&Method::DELETE, _, Some(id)) => Some(Self::DeleteKey(id.to_owned())),
            _ => None,
        }
    }

    /// Answers it.
    pub(super) fn response(
        &self,
        platform: &Platform,
        request: &Request,
    ) -> Result<wiremock::ResponseTemplate, Refused> {
        platform.respond(Endpoint::Management, || {
            authorise(platform, request)?;
            let body = match self {
                Self::Environments => platform.environments(request),
                Self::Keys => platform.keys_page(request),
                Self::CreateKey => platform.create_key(&request.body)?,
                Self::DeleteKey(id) => platform.delete_key(id)?,
            };
            response::body(&body)
        })
    }
}

/// Lets in who has the workspace's Management key and speaks the version.
fn authorise(platform: &Platform, request: &Request) -> Result<(), Refused> {
    if bearer(&request.headers) != Some(platform.management_key.as_str()) {
        return Err(ApiError::MANAGEMENT_KEY.because("another bearer token, or none"));
    }
    let version = request.headers.get("x-api-version");
    if version.is_none_or(|version| version != VERSION) {
        return Err(ApiError::API_VERSION.because("another X-API-Version, or none"));
    }
    Ok(())
}

impl Platform {
    fn environments(&self, request: &Request) -> Json {
        let store = self.store();
        let all = store.keys.environments().iter();
        let all = all.map(|name| json!({"id": environment_id(name), "name": name}));
        page(request, &all.collect::<Vec<_>>())
    }

    fn keys_page(&self, request: &Request) -> Json {
        let store = self.store();
        let all = store.keys.all().iter().map(|key| shown(key, false));
        page(request, &all.collect::<Vec<_>>())
    }

    fn create_key(&self, body: &[u8]) -> Result<Json, Refused> {
        let new: NewKey = serde_json::from_slice(body)
            .map_err(|error| ApiError::INVALID_BODY.because(error.to_string()))?;
        let kind = match new.kind.as_str() {
            "public" => KeyType::Public,
            "secret" => KeyType::Secret,
            _ => return Err(ApiError::INVALID_BODY.because("no type of key")),
        };
        if !(3..=255).contains(&new.name.chars().count()) {
            return Err(ApiError::INVALID_BODY.because("a name has 3 to 255 characters"));
        }
        let now = self.settings.clock.now();
        let mut store = self.store();
        if let Some(environment) = &new.environment
            && !store.keys.has_environment(environment)
        {
            return Err(ApiError::ENVIRONMENT_NOT_FOUND.into());
        }
        let key = store.keys.make(&new.name, kind, new.environment, now);
        Ok(json!({"data": shown(&key, true)}))
    }

    fn delete_key(&self, id: &str) -> Result<Json, Refused> {
        if self.store().keys.delete(id) {
            Ok(json!({"data": {"id": id}}))
        } else {
            Err(ApiError::KEY_ID_NOT_FOUND.into())
        }
    }
}

/// A key as it is told: the secret one's text only when it is made.
fn shown(key: &WorkspaceKey, is_new: bool) -> Json {
    let tells = is_new || key.kind == KeyType::Public;
    json!({
        "id": key.id,
        "name": key.name,
        "description": "",
        "status": "enabled",
        "environment": key.environment,
        "type": key.kind.as_str(),
        "token": if tells { key.token.as_str() } else { "" },
        "rate_limit": 5,
        "created_at": jiff::Timestamp::from_millisecond(key.created_at).unwrap_or_default().to_string(),
        "disabled_at": null,
    })
}

/// The page that the request asks for; its cursor is the place of the first item.
fn page(request: &Request, all: &[Json]) -> Json {
    let asked = |name: &str| {
        let mut pairs = request.url.query_pairs();
        let (_, value) = pairs.find(|(key, _)| key == name)?;
        value.parse::<usize>().ok()
    };
    let limit = asked("limit").unwrap_or(LIMIT).clamp(1, MOST);
    let start = asked("cursor").unwrap_or(0).min(all.len());
    let end = (start + limit).min(all.len());
    let next = (end < all.len()).then(|| end.to_string());
    json!({
        "data": all[start..end],
        "metadata": {"pagination": {"next_cursor": next, "prev_cursor": null}},
    })
}
