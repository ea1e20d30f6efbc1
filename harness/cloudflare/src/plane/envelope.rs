//! The frame of every response: `{success, errors, messages, result, result_info}`.

use edgeproof_ground::body::{self, Body};
use http::{Response, StatusCode, header};
use serde_json::{Map, Value, json};

use super::error::ApiError;

/// What an endpoint responds when it did what was asked.
#[derive(Debug)]
pub(super) struct PlaneResponse {
    result: Value,
    messages: Vec<Value>,
    info: Option<Value>,
    /// A body that stands in no envelope: the download of a script.
    raw: Option<(String, Vec<u8>)>,
}

impl PlaneResponse {
    /// This result.
    pub(super) fn of(result: Value) -> Self {
        Self {
            result,
            messages: Vec::new(),
            info: None,
            raw: None,
        }
    }

    /// A result of nothing.
    pub(super) fn null() -> Self {
        Self::of(Value::Null)
    }

    /// A body as it is.
    pub(super) fn raw(content_type: String, content: Vec<u8>) -> Self {
        Self {
            raw: Some((content_type, content)),
            ..Self::null()
        }
    }

    /// Sets one member of a result that is an object.
    pub(super) fn set(&mut self, key: &str, value: Value) {
        if let Value::Object(members) = &mut self.result {
            members.insert(key.to_owned(), value);
        }
    }

    /// The same with the result as the only member of an object.
    pub(super) fn named(mut self, key: &str) -> Self {
        self.result = json!({key: self.result});
        self
    }

    /// The same with a message beside the result.
    pub(super) fn with_message(mut self, code: u32, message: &str) -> Self {
        self.messages
            .push(json!({"code": code, "message": message}));
        self
    }

    /// The same with what edgeproof has to say of the request.
    pub(super) fn with_messages(self, messages: &[String]) -> Self {
        messages.iter().fold(self, |response, message| {
            response.with_message(ApiError::NOT_EMULATED, message)
        })
    }
}

/// Which part of a list is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Page {
    number: usize,
    size: usize,
}

impl Page {
    /// The page that `page` and `per_page` name: the first one, of `usual` items, where they are absent.
    ///
    /// # Errors
    /// Where they are not numbers from 1 on, or `per_page` is over `most`.
    pub(super) fn read(
        page: Option<&str>,
        per_page: Option<&str>,
        usual: usize,
        most: usize,
    ) -> Result<Self, ApiError> {
        let number = |name: &str, text: Option<&str>, usual: usize, most: usize| match text {
            None => Ok(usual),
            Some(text) => text
                .parse()
                .ok()
                .filter(|number| (1..=most).contains(number))
                .ok_or_else(|| ApiError::invalid_parameter(name, most)),
        };
        Ok(Self {
            number: number("page", page, 1, usize::MAX)?,
            size: number("per_page", per_page, usual, most)?,
        })
    }

    /// This part of `all`, with what tells the client how much there is.
    pub(super) fn of(self, all: Vec<Value>) -> PlaneResponse {
        let total = all.len();
        let before = (self.number - 1).saturating_mul(self.size);
        let page: Vec<Value> = all.into_iter().skip(before).take(self.size).collect();
        let info = json!({
            "page": self.number,
            "per_page": self.size,
            "count": page.len(),
            "total_count": total,
            "total_pages": total.div_ceil(self.size),
        });
        PlaneResponse {
            info: Some(info),
            ..PlaneResponse::of(Value::Array(page))
        }
    }
}

/// What a client gets.
pub(super) fn response(outcome: Result<PlaneResponse, ApiError>) -> Response<Body> {
    match outcome {
        Ok(PlaneResponse {
            raw: Some((content_type, content)),
            ..
        }) => {
            let mut response = Response::new(body::full(content));
            if let Ok(value) = content_type.parse() {
                response.headers_mut().insert(header::CONTENT_TYPE, value);
            }
            response
        }
        Ok(answer) => {
            let mut envelope = Map::new();
            envelope.insert("success".to_owned(), Value::Bool(true));
            envelope.insert("errors".to_owned(), json!([]));
            envelope.insert("messages".to_owned(), Value::Array(answer.messages));
            envelope.insert("result".to_owned(), answer.result);
            if let Some(info) = answer.info {
                envelope.insert("result_info".to_owned(), info);
            }
            json_response(StatusCode::OK, &Value::Object(envelope))
        }
        Err(error) => {
            let envelope = json!({
                "success": false,
                "errors": error.items(),
                "messages": [],
                "result": null,
            });
            let mut response = json_response(error.status(), &envelope);
            if let Some(seconds) = error.retry_after() {
                response
                    .headers_mut()
                    .insert(header::RETRY_AFTER, seconds.into());
            }
            response
        }
    }
}

fn json_response(status: StatusCode, value: &Value) -> Response<Body> {
    let mut response = Response::new(body::full(value.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        http::HeaderValue::from_static("application/json"),
    );
    response
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(None, None, &[0, 1], 3)]
    #[case(Some("2"), None, &[2, 3], 3)]
    #[case(Some("3"), Some("2"), &[4], 3)]
    #[case(Some("4"), None, &[], 3)]
    #[case(Some("18446744073709551615"), None, &[], 3)]
    #[case(None, Some("5"), &[0, 1, 2, 3, 4], 1)]
    fn a_page_is_a_part_of_the_list(
        #[case] page: Option<&str>,
        #[case] per_page: Option<&str>,
        #[case] expected: &[i32],
        #[case] pages: u64,
    ) {
        let page = Page::read(page, per_page, 2, 50).unwrap();
        let answer = page.of((0..5).map(Value::from).collect());
        assert_eq!(answer.result, json!(expected));
        let info = answer.info.unwrap();
        assert_eq!(info["total_count"], 5);
        assert_eq!(info["count"], expected.len());
        assert_eq!(info["total_pages"], pages);
    }

    #[rstest]
    #[case(Some("0"), None)]
    #[case(Some("x"), None)]
    #[case(None, Some("0"))]
    #[case(None, Some("51"))]
    fn no_page_is_refused(#[case] page: Option<&str>, #[case] per_page: Option<&str>) {
        assert_eq!(
            Page::read(page, per_page, 20, 50).unwrap_err().status(),
            StatusCode::BAD_REQUEST
        );
    }
}
