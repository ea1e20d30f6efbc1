//! The part of Cloudflare's REST API that deployments need.

use http::Method;
use jiff::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::{
    Secret, envelope,
    error::ApiError,
    http::{ApiRequest, Http, Repeat, Waiting},
    network::Network,
    resources::{
        Account, Deployments, DnsRecord, Past, Script, ScriptSettings, Share, TokenStatus,
        UrlNormalization, Version, VersionDetail, Versions, WorkerRoute, ZoneFound,
    },
    upload::{Metadata, Upload},
};

/// Codes that mean there is no such worker.
const NO_SCRIPT: [u32; 2] = [10007, 10090];

/// Codes that mean there is no such route.
const NO_ROUTE: [u32; 1] = [10009];

/// The code of a route to a worker that is not there.
const NO_SCRIPT_OF_ROUTE: [u32; 1] = [10019];

/// Codes that mean somebody else was there first.
const CONFLICT: [u32; 2] = [10020, 10035];

/// Codes by which the API says that the token may not do something.
const FORBIDDEN: [u32; 2] = [10000, 9109];

/// The code of a token that is none; of an account's own token too, where a user's is asked for.
const INVALID_TOKEN: [u32; 1] = [1000];

/// A client of the REST API with one token.
#[derive(Clone, Debug)]
pub struct Cloudflare {
    pub(super) http: Http,
}

impl Cloudflare {
    /// A client of the API at `base`.
    ///
    /// # Errors
    /// When that is no address of an API.
    pub fn new(base: &str, token: Secret, waiting: Waiting) -> Result<Self, ApiError> {
        Self::over(base, token, waiting, &Network::default())
    }

    /// The same over a machine's own way to the network.
    ///
    /// # Errors
    /// When that is no address of an API, or the way cannot be taken.
    pub fn over(
        base: &str,
        token: Secret,
        waiting: Waiting,
        network: &Network,
    ) -> Result<Self, ApiError> {
        Http::new(base, token, waiting, network).map(|http| Self { http })
    }

    /// The time, on the clock that waiting takes place on.
    pub(crate) fn now(&self) -> Timestamp {
        self.http.now()
    }

    /// Waits before a call is made another time.
    pub(crate) async fn pause(&self, time: u32) {
        self.http.pause(time).await;
    }

    /// Whether the token is in force. `account` helps where the token is the account's own.
    ///
    /// # Errors
    /// When there is no such token, or no response.
    pub async fn verify_token(&self, account: Option<&str>) -> Result<TokenStatus, ApiError> {
        let verified = self.get("/user/tokens/verify".to_owned()).await;
        match (verified, account) {
            (Err(error), Some(account)) if error.has_code(&INVALID_TOKEN) => {
                self.get(format!("/accounts/{}/tokens/verify", escaped(account)))
                    .await
            }
            (verified, _) => verified,
        }
    }

    /// The accounts that the token sees.
    ///
    /// # Errors
    /// When the API refuses or does not answer.
    pub async fn accounts(&self) -> Result<Vec<Account>, ApiError> {
        self.pages("/accounts".to_owned()).await
    }

    /// The zones that the token sees: those of a name, of an account, or all.
    ///
    /// # Errors
    /// When the API refuses or does not answer.
    pub async fn zones(
        &self,
        name: Option<&str>,
        account: Option<&str>,
    ) -> Result<Vec<ZoneFound>, ApiError> {
        let filters = [("name", name), ("account.id", account)];
        let query: Vec<String> = filters
            .iter()
            .filter_map(|(key, value)| Some(format!("{key}={}", escaped((*value)?))))
            .collect();
        let query = if query.is_empty() {
            String::new()
        } else {
            format!("?{}", query.join("&"))
        };
        self.pages(format!("/zones{query}")).await
    }

    /// The DNS records of a host.
    ///
    /// # Errors
    /// When the API refuses or does not answer.
    pub async fn dns_records(&self, zone: &str, host: &str) -> Result<Vec<DnsRecord>, ApiError> {
        self.pages(format!(
            "/zones/{}/dns_records?name={}",
            escaped(zone),
            escaped(host)
        ))
        .await
    }

    /// All DNS records of a zone.
    ///
    /// # Errors
    /// When the API refuses or does not answer.
    pub async fn all_dns_records(&self, zone: &str) -> Result<Vec<DnsRecord>, ApiError> {
        self.pages(format!("/zones/{}/dns_records", escaped(zone)))
            .await
    }

    /// How a zone normalises URLs.
    ///
    /// # Errors
    /// When the API refuses or does not answer.
    pub async fn url_normalization(&self, zone: &str) -> Result<UrlNormalization, ApiError> {
        self.get(format!("/zones/{}/url_normalization", escaped(zone)))
            .await
    }

    /// Whether the token may change workers. A worker that nobody has is deleted: the API looks at the token first.
    ///
    /// # Errors
    /// When the API answers neither yes nor no.
    pub async fn may_edit_scripts(&self, account: &str) -> Result<bool, ApiError> {
        let nobody: String = std::iter::repeat_with(fastrand::lowercase)
            .take(16)
            .collect();
        let nobodys = format!("edgeproof-permission-check-{nobody}");
        permitted(self.delete_script(account, &nobodys).await)
    }

    /// Whether the token may change routes. A route that nobody has is deleted: the API looks at the token first.
    ///
    /// # Errors
    /// When the API answers neither yes nor no.
    pub async fn may_edit_routes(&self, zone: &str) -> Result<bool, ApiError> {
        let nobodys = format!("{:032x}", fastrand::u128(..));
        permitted(self.delete_route(zone, &nobodys).await)
    }

    /// The workers of an account.
    ///
    /// # Errors
    /// When the API refuses or does not answer.
    pub async fn scripts(&self, account: &str) -> Result<Vec<Script>, ApiError> {
        self.pages(format!("/accounts/{}/workers/scripts", escaped(account)))
            .await
    }

    /// What became of a worker, where there is one of this name.
    ///
    /// # Errors
    /// When the API refuses or does not answer.
    pub async fn past(&self, account: &str, script: &str) -> Result<Option<Past>, ApiError> {
        let of = of(account, script);
        let deployments = match self.get(format!("{of}/deployments")).await {
            Ok(Deployments { deployments }) => deployments,
            Err(error) if error.has_code(&NO_SCRIPT) => return Ok(None),
            Err(error) => return Err(error),
        };
        // Versions are read after deployments: each that was deployed is among them.
        let versions = match self.get(format!("{of}/versions?per_page=100")).await {
            Ok(Versions { items }) => items,
            Err(error) if error.has_code(&NO_SCRIPT) => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(Some(Past {
            deployments,
            versions,
        }))
    }

    /// What a version is made of.
    ///
    /// # Errors
    /// When the API refuses or does not answer.
    pub async fn version(
        &self,
        account: &str,
        script: &str,
        id: &str,
    ) -> Result<Version, ApiError> {
        let path = format!("{}/versions/{}", of(account, script), escaped(id));
        let detail: VersionDetail = self.get(path).await?;
        Ok(Version {
            id: detail.id,
            etag: detail.resources.script.etag,
            bindings: detail.resources.bindings,
        })
    }

    /// The words that mark a worker.
    ///
    /// # Errors
    /// When the API refuses or does not answer.
    pub async fn tags(&self, account: &str, script: &str) -> Result<Vec<String>, ApiError> {
        let settings: ScriptSettings = self
            .get(format!("{}/script-settings", of(account, script)))
            .await?;
        Ok(settings.tags.unwrap_or_default())
    }

    /// Marks a worker.
    ///
    /// # Errors
    /// When the API refuses or does not answer.
    pub async fn set_tags(
        &self,
        account: &str,
        script: &str,
        tags: &[String],
    ) -> Result<(), ApiError> {
        let path = format!("{}/script-settings", of(account, script));
        let call = ApiRequest::new(Method::PATCH, path).json(&json!({"tags": tags}));
        envelope::result::<Json>(&self.http, &call).await.map(drop)
    }

    /// Uploads a new worker and puts it in force. Nothing keeps the API from replacing one of the same name, and a second
    /// upload would be another version, so it is made once: where the response is lost, the versions tell what became of it.
    ///
    /// # Errors
    /// When the API refuses or does not answer.
    pub async fn upload(
        &self,
        account: &str,
        script: &str,
        upload: &Upload,
        metadata: &Metadata,
    ) -> Result<(), ApiError> {
        let path = format!(
            "{}?excludeScript=true&bindings_inherit=strict",
            of(account, script)
        );
        self.send_form(Method::PUT, path, upload, metadata).await
    }

    /// Uploads a version of a worker that is there; it does not run yet. Made once, as an upload is.
    ///
    /// # Errors
    /// When the API refuses or does not answer.
    pub async fn upload_version(
        &self,
        account: &str,
        script: &str,
        upload: &Upload,
        metadata: &Metadata,
    ) -> Result<(), ApiError> {
        let path = format!("{}/versions?bindings_inherit=strict", of(account, script));
        self.send_form(Method::POST, path, upload, metadata).await
    }

    async fn send_form(
        &self,
        method: Method,
        path: String,
        upload: &Upload,
        metadata: &Metadata,
    ) -> Result<(), ApiError> {
        let mut call = ApiRequest::new(method, path);
        call.body = Some(upload.form(metadata));
        call.repeat = Repeat::IfUnseen;
        envelope::result::<Json>(&self.http, &call).await.map(drop)
    }

    /// Puts versions in force. Made once: a second time might take back what somebody else did after the first.
    ///
    /// # Errors
    /// When the API refuses or does not answer.
    pub async fn put_in_force(
        &self,
        account: &str,
        script: &str,
        versions: &[Share],
        message: &str,
    ) -> Result<(), ApiError> {
        let path = format!("{}/deployments", of(account, script));
        let mut call = ApiRequest::new(Method::POST, path).json(&json!({
            "strategy": "percentage",
            "versions": versions,
            "annotations": {"workers/message": message},
        }));
        call.repeat = Repeat::IfUnseen;
        envelope::result::<Json>(&self.http, &call).await.map(drop)
    }

    /// Deletes a worker. False where there was none.
    ///
    /// # Errors
    /// When the API refuses or does not answer.
    pub async fn delete_script(&self, account: &str, script: &str) -> Result<bool, ApiError> {
        let call = ApiRequest::new(Method::DELETE, of(account, script));
        self.delete(&call, &NO_SCRIPT).await
    }

    /// The routes of a zone.
    ///
    /// # Errors
    /// When the API refuses or does not answer.
    pub async fn routes(&self, zone: &str) -> Result<Vec<WorkerRoute>, ApiError> {
        self.get(format!("/zones/{}/workers/routes", escaped(zone)))
            .await
    }

    /// Makes a route, and returns its id. Made once: where the response is lost, the zone's routes tell what became of it.
    ///
    /// # Errors
    /// When the API refuses or does not answer.
    pub async fn create_route(
        &self,
        zone: &str,
        pattern: &str,
        script: &str,
        request_limit_fail_open: Option<bool>,
    ) -> Result<String, ApiError> {
        #[derive(Deserialize)]
        struct Made {
            id: String,
        }
        let path = format!("/zones/{}/workers/routes", escaped(zone));
        let mut route = json!({"pattern": pattern, "script": script});
        if let Some(open) = request_limit_fail_open {
            route["request_limit_fail_open"] = open.into();
        }
        let mut call = ApiRequest::new(Method::POST, path).json(&route);
        call.repeat = Repeat::IfUnseen;
        let made: Made = envelope::result(&self.http, &call).await?;
        Ok(made.id)
    }

    /// Deletes a route. False where there was none.
    ///
    /// # Errors
    /// When the API refuses or does not answer.
    pub async fn delete_route(&self, zone: &str, route: &str) -> Result<bool, ApiError> {
        let path = format!("/zones/{}/workers/routes/{}", escaped(zone), escaped(route));
        let call = ApiRequest::new(Method::DELETE, path);
        self.delete(&call, &NO_ROUTE).await
    }

    /// A second attempt may find that the first one did it.
    async fn delete(&self, call: &ApiRequest, not_there: &[u32]) -> Result<bool, ApiError> {
        match envelope::result::<Json>(&self.http, call).await {
            Ok(_) => Ok(true),
            Err(error) if error.has_code(not_there) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn get<T: serde::de::DeserializeOwned>(&self, path: String) -> Result<T, ApiError> {
        envelope::result(&self.http, &ApiRequest::new(Method::GET, path)).await
    }

    async fn pages<T: serde::de::DeserializeOwned>(
        &self,
        path: String,
    ) -> Result<Vec<T>, ApiError> {
        envelope::pages(&self.http, &ApiRequest::new(Method::GET, path)).await
    }
}

impl ApiError {
    /// Whether the API says that somebody else was there first: another route has the pattern, or the same thing is being
    /// changed at this moment.
    pub fn is_conflict(&self) -> bool {
        self.has_code(&CONFLICT) || self.status() == Some(409)
    }

    /// Whether the API says that there is no such worker.
    pub fn is_no_script(&self) -> bool {
        self.has_code(&NO_SCRIPT) || self.has_code(&NO_SCRIPT_OF_ROUTE)
    }

    /// Whether the API says that the token may not do this.
    pub fn is_forbidden(&self) -> bool {
        self.has_code(&FORBIDDEN) || self.status() == Some(403)
    }

    /// Whether the API says that it does not know the token.
    pub fn is_unknown_token(&self) -> bool {
        self.has_code(&INVALID_TOKEN) || self.status() == Some(401)
    }
}

fn permitted(deleted: Result<bool, ApiError>) -> Result<bool, ApiError> {
    match deleted {
        Ok(_) => Ok(true),
        Err(error) if error.is_forbidden() => Ok(false),
        Err(error) => Err(error),
    }
}

/// The path of a worker.
pub(super) fn of(account: &str, script: &str) -> String {
    format!(
        "/accounts/{}/workers/scripts/{}",
        escaped(account),
        escaped(script)
    )
}

/// A name in a path or a query. Dots, dashes and underscores are left for people's eyes.
fn escaped(text: &str) -> String {
    const KEPT: &percent_encoding::AsciiSet =
        &NON_ALPHANUMERIC.remove(b'.').remove(b'-').remove(b'_');
    utf8_percent_encode(text, KEPT).to_string()
}
