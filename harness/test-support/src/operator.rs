//! A client of Cloudflare's API that sends whatever a test wants to see refused.

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::{Value, json};

/// Whoever deploys.
pub struct Operator {
    /// What it says it may do.
    pub token: String,
    base_url: String,
    ids: Vec<(&'static str, String)>,
    /// What sends its requests.
    pub client: Client<HttpConnector, Full<Bytes>>,
}

/// What came back: the status, and the envelope.
#[derive(Debug)]
pub struct ApiResponse {
    /// The status.
    pub status: u16,
    /// The envelope.
    pub body: Value,
}

impl ApiResponse {
    /// Status and first code of a refusal.
    pub fn refusal(&self) -> (u16, u64) {
        assert_eq!(self.body["success"], false, "{self:?}");
        (
            self.status,
            self.body["errors"][0]["code"].as_u64().unwrap(),
        )
    }

    /// The result of a success.
    pub fn result(&self) -> &Value {
        assert_eq!(
            (self.status, &self.body["success"]),
            (200, &json!(true)),
            "{self:?}"
        );
        &self.body["result"]
    }
}

impl Operator {
    /// One with this token. In paths each name, such as `{shop}`, stands for its id.
    pub fn new(
        base_url: String,
        token: String,
        ids: impl IntoIterator<Item = (&'static str, String)>,
    ) -> Self {
        Self {
            token,
            base_url,
            ids: ids.into_iter().collect(),
            client: Client::builder(TokioExecutor::new()).build_http(),
        }
    }

    /// Sends a request.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        content_type: &str,
        body: impl Into<Bytes>,
    ) -> Result<Response<Bytes>, hyper_util::client::legacy::Error> {
        let path = self
            .ids
            .iter()
            .fold(path.to_owned(), |path, (name, id)| path.replace(name, id));
        let request = Request::builder()
            .method(Method::from_bytes(method.as_bytes()).unwrap())
            .uri(format!("{}{path}", self.base_url))
            .header("authorization", format!("Bearer {}", self.token))
            .header("content-type", content_type)
            .body(Full::new(body.into()))
            .unwrap();
        let (parts, body) = self.client.request(request).await?.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Ok(Response::from_parts(parts, body))
    }

    /// Sends a request with this JSON; without a body where it is null.
    pub async fn ask(&self, method: &str, path: &str, body: &Value) -> ApiResponse {
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let response = self.send(method, path, "application/json", body).await;
        told(&response.unwrap())
    }

    /// Reads.
    pub async fn get(&self, path: &str) -> ApiResponse {
        self.ask("GET", path, &Value::Null).await
    }

    /// Deletes.
    pub async fn delete(&self, path: &str) -> ApiResponse {
        self.ask("DELETE", path, &Value::Null).await
    }

    /// Sends a form to upload a script.
    pub async fn upload(&self, method: &str, path: &str, form: &Form) -> ApiResponse {
        let content_type = "multipart/form-data; boundary=limit";
        let response = self.send(method, path, content_type, form.bytes()).await;
        told(&response.unwrap())
    }

    /// Uploads a script that passes requests on.
    pub async fn deploy(&self, name: &str) -> ApiResponse {
        let path = format!("/accounts/{{a}}/workers/scripts/{name}");
        self.upload("PUT", &path, &Form::module(&json!({}))).await
    }
}

/// What a response says.
pub fn told(response: &Response<Bytes>) -> ApiResponse {
    let body = serde_json::from_slice(response.body());
    ApiResponse {
        status: response.status().as_u16(),
        body: body.unwrap_or_else(|_| panic!("no JSON: {response:?}")),
    }
}

/// The form in which scripts are uploaded: metadata, and parts of a name, a type and a content.
pub struct Form {
    /// The part called `metadata`.
    pub metadata: Value,
    /// The other parts.
    pub parts: Vec<(&'static str, &'static str, Vec<u8>)>,
}

/// The type of an ES module.
pub const MODULE: &str = "application/javascript+module";

impl Form {
    /// An ES module `index.js` with further metadata.
    pub fn module(further: &Value) -> Self {
        let mut metadata = json!({"main_module": "index.js", "compatibility_date": "2026-11-01"});
        for (key, value) in further.as_object().unwrap() {
            metadata[key] = value.clone();
        }
        let code = b"export default { fetch(request) { return fetch(request); } };";
        Self {
            metadata,
            parts: vec![("index.js", MODULE, code.to_vec())],
        }
    }

    /// The form as it is sent; the boundary is `limit`.
    pub fn bytes(&self) -> Vec<u8> {
        let metadata = self.metadata.to_string().into_bytes();
        let metadata = ("metadata", "application/json", metadata);
        let mut form = Vec::new();
        for (name, content_type, content) in std::iter::once(&metadata).chain(&self.parts) {
            let head = format!(
                "--limit\r\ncontent-disposition: form-data; name=\"{name}\"; filename=\"{name}\"\r\n\
                 content-type: {content_type}\r\n\r\n"
            );
            form.extend_from_slice(head.as_bytes());
            form.extend_from_slice(content);
            form.extend_from_slice(b"\r\n");
        }
        form.extend_from_slice(b"--limit--\r\n");
        form
    }
}
