//! The API over real sockets.

mod access;
mod edge;
mod faults;
mod hostile;
mod routes;
mod scripts;
mod upload;
mod zones;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::{Value, json};

use super::*;

/// A client of a control plane with the zones `shop.example` and `blog.example`.
pub(super) struct Api {
    pub(super) plane: ControlPlane,
    operator: Operator,
}

/// Whoever deploys.
pub(super) struct Operator {
    pub(super) token: String,
    base_url: String,
    account: String,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl std::ops::Deref for Api {
    type Target = Operator;

    fn deref(&self) -> &Operator {
        &self.operator
    }
}

/// What came back: the status, and the envelope.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) status: u16,
    pub(super) body: Value,
}

impl Told {
    /// Status and first code of a refusal.
    pub(super) fn refusal(&self) -> (u16, u64) {
        assert_eq!(self.body["success"], false, "{self:?}");
        (
            self.status,
            self.body["errors"][0]["code"].as_u64().unwrap(),
        )
    }

    /// The result of a success.
    pub(super) fn result(&self) -> &Value {
        assert_eq!(
            (self.status, &self.body["success"]),
            (200, &json!(true)),
            "{self:?}"
        );
        &self.body["result"]
    }
}

pub(super) fn zones() -> Vec<ZoneSettings> {
    let mut shop = ZoneSettings::proxied("shop.example", &["shop.example", "api.shop.example"]);
    shop.records
        .push(Record::of_host("direct.shop.example", false));
    vec![
        shop,
        ZoneSettings::proxied("blog.example", &["blog.example"]),
    ]
}

impl Api {
    pub(super) async fn start() -> Self {
        Self::with(Settings::default()).await
    }

    pub(super) async fn with(settings: Settings) -> Self {
        let settings = Settings {
            zones: zones(),
            ..settings
        };
        let plane = ControlPlane::start(settings).await.unwrap();
        Self {
            operator: Operator::of(&plane),
            plane,
        }
    }
}

impl Operator {
    /// One with the account's first token.
    pub(super) fn of(plane: &ControlPlane) -> Self {
        Self {
            token: plane.token().reveal().to_owned(),
            base_url: plane.base_url(),
            account: plane.account_id().to_owned(),
            client: Client::builder(TokioExecutor::new()).build_http(),
        }
    }

    /// Asks; `{a}`, `{shop}` and `{blog}` in the path stand for the ids of the account and the zones.
    pub(super) async fn send(
        &self,
        method: &str,
        path: &str,
        content_type: &str,
        body: impl Into<Bytes>,
    ) -> Result<Response<Bytes>, hyper_util::client::legacy::Error> {
        let path = path
            .replace("{a}", &self.account)
            .replace("{shop}", &stable_id("zone", "shop.example"))
            .replace("{blog}", &stable_id("zone", "blog.example"));
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

    pub(super) async fn ask(&self, method: &str, path: &str, body: &Value) -> Told {
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let response = self.send(method, path, "application/json", body).await;
        told(&response.unwrap())
    }

    pub(super) async fn get(&self, path: &str) -> Told {
        self.ask("GET", path, &Value::Null).await
    }

    pub(super) async fn delete(&self, path: &str) -> Told {
        self.ask("DELETE", path, &Value::Null).await
    }

    /// Sends a form to upload a script.
    pub(super) async fn upload(&self, method: &str, path: &str, form: &Form) -> Told {
        let content_type = "multipart/form-data; boundary=limit";
        let response = self.send(method, path, content_type, form.bytes()).await;
        told(&response.unwrap())
    }

    /// Uploads a script that passes requests on.
    pub(super) async fn deploy(&self, name: &str) -> Told {
        let path = format!("/accounts/{{a}}/workers/scripts/{name}");
        self.upload("PUT", &path, &Form::module(&json!({}))).await
    }
}

pub(super) fn told(response: &Response<Bytes>) -> Told {
    let body = serde_json::from_slice(response.body());
    Told {
        status: response.status().as_u16(),
        body: body.unwrap_or_else(|_| panic!("no JSON: {response:?}")),
    }
}

/// The form in which scripts are uploaded: metadata, and parts of a name, a type and a content.
pub(super) struct Form {
    pub(super) metadata: Value,
    pub(super) parts: Vec<(&'static str, &'static str, Vec<u8>)>,
}

pub(super) const MODULE: &str = "application/javascript+module";

impl Form {
    /// An ES module `index.js` with further metadata.
    pub(super) fn module(further: &Value) -> Self {
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

    pub(super) fn bytes(&self) -> Vec<u8> {
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
