//! Cloudflare's envelope: success, errors, result, pages.

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value as Json;

use super::{
    error::{ApiError, Said},
    http::{ApiRequest, ApiResponse, Http},
    page,
};

/// How many items of a list are asked for at a time.
const PER_PAGE: usize = 50;

/// Pages after which a list is taken for endless.
const MOST_PAGES: usize = 200;

#[derive(Deserialize)]
struct Envelope {
    success: bool,
    #[serde(default)]
    errors: Vec<WrittenError>,
    #[serde(default)]
    result: Json,
    result_info: Option<ResultInfo>,
}

#[derive(Deserialize)]
struct WrittenError {
    /// Some have none (terraform-provider-cloudflare#7228).
    #[serde(default)]
    code: Json,
    message: String,
}

#[derive(Clone, Copy, Deserialize)]
struct ResultInfo {
    #[serde(default)]
    page: usize,
    #[serde(default)]
    per_page: usize,
    #[serde(default)]
    total_count: usize,
}

/// Makes a call and reads its result.
pub(super) async fn result<T: DeserializeOwned>(
    http: &Http,
    call: &ApiRequest,
) -> Result<T, ApiError> {
    let response = http.send(call).await?;
    let (result, _) = open(http, call, &response)?;
    typed(call, result)
}

/// Reads all pages of a list.
pub(super) async fn pages<T: DeserializeOwned>(
    http: &Http,
    call: &ApiRequest,
) -> Result<Vec<T>, ApiError> {
    let joint = if call.path.contains('?') { '&' } else { '?' };
    let mut all = Vec::new();
    for page in 1..=MOST_PAGES {
        let call = ApiRequest {
            path: format!("{}{joint}page={page}&per_page={PER_PAGE}", call.path),
            ..call.clone()
        };
        let response = http.send(&call).await?;
        let (result, info) = open(http, &call, &response)?;
        let items: Vec<T> = typed(&call, result)?;
        let was_empty = items.is_empty();
        all.extend(items);
        let is_last = info.is_none_or(|info| info.page * info.per_page >= info.total_count);
        if is_last || was_empty {
            return Ok(all);
        }
    }
    Err(ApiError::UnexpectedResponse {
        call: call.name(),
        reason: format!("the list has over {MOST_PAGES} pages"),
    })
}

fn open(
    http: &Http,
    call: &ApiRequest,
    response: &ApiResponse,
) -> Result<(Json, Option<ResultInfo>), ApiError> {
    // 204 and 205 have no envelope and are a success.
    if response.status.is_success() && response.body.is_empty() {
        return Ok((Json::Null, None));
    }
    page::refuse(call, response)?;
    let envelope = serde_json::from_slice::<Envelope>(&response.body);
    match envelope {
        Ok(envelope) if envelope.success && response.status.is_success() => {
            Ok((envelope.result, envelope.result_info))
        }
        Ok(envelope) => Err(ApiError::Refused {
            call: call.name(),
            status: response.status.as_u16(),
            errors: envelope
                .errors
                .into_iter()
                .map(|error| Said {
                    code: match error.code {
                        Json::String(code) => code,
                        Json::Null => String::new(),
                        code => code.to_string(),
                    },
                    message: http.hide(&error.message),
                })
                .collect(),
        }),
        // Something between here and the API answered, such as a proxy.
        Err(_) if !response.status.is_success() => Err(ApiError::Refused {
            call: call.name(),
            status: response.status.as_u16(),
            errors: Vec::new(),
        }),
        Err(error) => Err(ApiError::UnexpectedResponse {
            call: call.name(),
            reason: http.hide(&error.to_string()),
        }),
    }
}

fn typed<T: DeserializeOwned>(call: &ApiRequest, result: Json) -> Result<T, ApiError> {
    serde_json::from_value(result).map_err(|error| ApiError::UnexpectedResponse {
        call: call.name(),
        reason: error.to_string(),
    })
}
