//! The routes under the worker's own prefix.

use edgeproof_worker_core::{
    identification::Failure,
    log::{LogEntry, LogLevel},
    matching::Script,
    response::OwnResponse,
    script,
};
use wasm_bindgen::JsValue;

use crate::{
    incoming::Incoming,
    runtime::{self, Response},
};

const INSTRUMENTOR: &str = include_str!(concat!(env!("OUT_DIR"), "/instrumentor.js"));
const AGENT_PROCESSOR: &str = include_str!(concat!(env!("OUT_DIR"), "/agent-processor.js"));

/// How long the runtime keeps the agent's loader, in seconds.
const LOADER_CACHE: u32 = 60;

impl Incoming {
    pub(crate) async fn script(&self, script: Script) -> Result<Response, JsValue> {
        match script {
            Script::Loader => self.loader().await,
            own => self.own_script(own),
        }
    }

    fn own_script(&self, script: Script) -> Result<Response, JsValue> {
        runtime::respond(&OwnResponse {
            status: 200,
            headers: script::HEADERS
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .to_vec(),
            body: Some(self.source(script)),
        })
    }

    /// The source of a script of the worker's own; nothing of the loader, which comes from the CDN.
    pub(crate) fn source(&self, script: Script) -> String {
        let bundled = match script {
            Script::Instrumentor => INSTRUMENTOR,
            Script::AgentProcessor => AGENT_PROCESSOR,
            Script::Loader => "",
        };
        let prefix = self.configuration.route_prefix.as_deref();
        script::source(
            &self.configuration,
            prefix.unwrap_or_default(),
            script,
            bundled,
        )
    }

    async fn loader(&self) -> Result<Response, JsValue> {
        match self.fetch_loader(self.head.url.query()).await {
            Ok(response) => {
                let headers = runtime::response_headers(&response);
                let edits: Vec<_> = script::loader_cache_control(response.status(), &headers)
                    .into_iter()
                    .collect();
                runtime::changed(&response, &edits)
            }
            Err(failure) => self.unavailable("the agent", &failure),
        }
    }

    /// The agent's loader, from the CDN.
    pub(crate) async fn fetch_loader(&self, query: Option<&str>) -> Result<Response, Failure> {
        let configuration = &self.configuration;
        let key = configuration.public_key.as_ref();
        let key = key.ok_or(Failure::NotConfigured("FP_PUBLIC_KEY"))?;
        let url = script::loader_url(configuration, key, query);
        runtime::get(&url, self.deadline(), LOADER_CACHE).await
    }

    pub(crate) async fn browser_cache(&self, path: &str) -> Result<Response, JsValue> {
        let Some(url) = script::browser_cache_url(&self.configuration, path) else {
            return runtime::respond(&OwnResponse::text(400, "Bad Request"));
        };
        let edits = script::platform_edits();
        match runtime::ask(&url, &self.request, &edits, self.deadline()).await {
            Ok(response) => Ok(response),
            Err(failure) => self.unavailable("the browser cache", &failure),
        }
    }

    /// The response where the platform has none. The page goes on without it.
    fn unavailable(&self, what: &str, failure: &Failure) -> Result<Response, JsValue> {
        self.log(&LogEntry::new(
            LogLevel::Error,
            "unavailable",
            format!("{what}: {failure}"),
        ));
        let status = if *failure == Failure::Deadline {
            504
        } else {
            502
        };
        runtime::respond(&OwnResponse::text(status, failure.to_string()))
    }
}
